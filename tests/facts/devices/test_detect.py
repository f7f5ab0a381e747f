from __future__ import annotations

from weighbridge.core.units import GIB
from weighbridge.facts.devices.catalogue import find
from weighbridge.facts.devices.detect import assembled, detect, guarded
from weighbridge.facts.devices.found import Found, Gap, Probe

HOST = Probe((Found("Frob", 1, 64 * GIB, "", None),), (Gap("How fast memory is.", "--probe"),))


def found(name: str, count: int = 1) -> Found:
    device = find(name).device
    return Found(name, count, device.memory_bytes, "driver", device)


def test_the_machine_is_the_devices_with_most_memory() -> None:
    machine = assembled(Probe((found("T4"), found("RTX 3090", 2))), HOST).machine
    assert machine is not None
    assert machine.label == "2 × RTX 3090"
    assert machine.detected
    assert machine.host_memory_bytes == 64 * GIB
    assert machine.host_bandwidth_bytes_per_s is None


def test_without_accelerators_it_is_the_processor() -> None:
    host = Probe((found("EPYC 9654"),))
    machine = assembled(Probe(), host).machine
    assert machine is not None
    assert machine.device.kind == "cpu"
    assert assembled(Probe(), HOST).machine is None


def test_a_gpu_that_is_not_known_is_not_replaced_by_the_processor() -> None:
    unknown = Found("RTX 4090 Laptop", 1, 16 * GIB, "NVIDIA", None)
    host = Probe((found("EPYC 9654"),))
    assert assembled(Probe((unknown,)), host).machine is None
    assert assembled(Probe(gaps=(Gap("nvidia-smi failed.", "x"),)), host).machine is None


def test_shared_memory_needs_no_second_bandwidth() -> None:
    detection = assembled(Probe((found("Strix Halo"),)), HOST)
    assert detection.gaps == ()
    assert detection.machine is not None
    assert detection.machine.host_bandwidth_bytes_per_s == 256e9


def test_a_probe_that_trips_is_a_gap() -> None:
    def trip() -> Probe:
        raise PermissionError(13, "Permission denied", "/sys/class")

    (gap,) = guarded("the kernel", trip).gaps
    assert "Permission denied" in gap.what
    assert guarded("x", Probe) == Probe()


def test_this_machine_is_detected_without_an_error() -> None:
    detection = detect()
    assert detection.processor.name
    for gap in detection.gaps:
        assert gap.what.endswith(".")
        assert gap.fix.endswith(".")

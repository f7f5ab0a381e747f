"""``weigh doctor``: what this machine is, what is installed, and what could not be found out."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weighbridge import __version__
from weighbridge.core.effects import Clock
from weighbridge.core.errors import SandboxError
from weighbridge.core.machine import Device, Link, Machine
from weighbridge.facts.devices.bandwidth import copy_bytes_per_s
from weighbridge.facts.devices.commands import located
from weighbridge.facts.devices.detect import Detection, detect
from weighbridge.facts.devices.found import Found, Gap
from weighbridge.facts.host import host_line
from weighbridge.facts.software import Installed, installed, package_version
from weighbridge.measure.sandbox.sandbox import Sandbox
from weighbridge.measure.sandbox.self_test import Tried, tried_sandbox

_EMBEDDED = "xllamacpp"
_SANDBOX = "bwrap"
_NO_ACCELERATOR = Gap(
    "Whether there is a GPU: no driver of NVIDIA, AMD, Intel or Apple shows one.",
    "Plan for another machine with `--device '2x RTX 4090'`; pass the GPU into the container.",
)
_NO_ENGINE = Gap(
    "Which engine would serve: no vllm, sglang, llama-server, ollama, trtllm-serve is on the PATH.",
    "Activate the environment that has it; `weigh bench` can also measure a server elsewhere.",
)
_NO_EMBEDDED = Gap(
    "How small models run in the embedded engine: it is not installed.",
    "Install it with: pip install 'weighbridge[demo]'.",
)
_NO_SANDBOX = Gap(
    "How well models write code: without bubblewrap, code is not run.",
    "Install it: `apt install bubblewrap`, or the package of that name of your system.",
)


@dataclass(frozen=True, slots=True)
class Checkup:
    """What ``weigh doctor`` found.

    Attributes:
        host: the machine in one line.
        detection: devices and processor.
        engines: engines on the PATH.
        embedded: version of the embedded engine, or None.
        workspace: the folder that keeps the measurements.
        writable: whether it can be written, or made.
        sandbox: where bubblewrap is, or None.
        tried: the sandbox's limits, each tried since the machine started.
        trouble: why the sandbox cannot be used, where there is bubblewrap.
        measured_bytes_per_s: memory bandwidth of the host, where it was measured.
        date: when all this was.
    """

    host: str
    detection: Detection
    engines: tuple[Installed, ...]
    embedded: str | None
    workspace: Path
    writable: bool
    sandbox: str | None
    tried: tuple[Tried, ...]
    trouble: Gap | None
    measured_bytes_per_s: float | None
    date: str

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What could not be found out or is missing, the machine first."""
        denied = Gap(
            f"Where measurements go: the workspace {self.workspace} cannot be written.",
            "Give another folder with --workspace.",
        )
        missing = (
            (not self.detection.accelerators and not self.detection.gaps_on_gpus, _NO_ACCELERATOR),
            (not self.engines, _NO_ENGINE),
            (self.embedded is None, _NO_EMBEDDED),
            (self.sandbox is None, _NO_SANDBOX),
            (not self.writable, denied),
        )
        trouble = (self.trouble,) if self.trouble else ()
        return self.detection.gaps + tuple(gap for lacks, gap in missing if lacks) + trouble


def check(
    workspace: Path,
    clock: Clock,
    *,
    probe: bool = False,
    path: str | None = None,
    look: Callable[..., Detection] = detect,
) -> Checkup:
    """Look at everything that later verbs depend on. Takes no more than seconds.

    Starts nothing but the sandbox, whose limits are tried once after each start of the machine.

    Args:
        workspace: the folder of measurements; it is not made.
        clock: says the date that is noted.
        probe: whether to measure the memory's bandwidth, which takes two seconds, and to try the
            sandbox anew.
        path: where to look for programs instead of PATH.
        look: finds the devices.
    """
    date = clock.now_iso()
    measured = copy_bytes_per_s() if probe else None
    sandbox = located(_SANDBOX, path)
    tried, trouble = _try_sandbox(sandbox, anew=probe) if sandbox else ((), None)
    return Checkup(
        host=host_line(),
        detection=look(measured_bytes_per_s=measured, date=date, path=path),
        engines=installed(path=path),
        embedded=package_version(_EMBEDDED),
        workspace=workspace,
        writable=_writable(workspace),
        sandbox=sandbox,
        tried=tried,
        trouble=trouble,
        measured_bytes_per_s=measured,
        date=date,
    )


def _try_sandbox(bwrap: str, *, anew: bool) -> tuple[tuple[Tried, ...], Gap | None]:
    try:
        tried = tried_sandbox(Sandbox(2, bwrap=bwrap), anew=anew)
    except SandboxError as error:
        return (), Gap(f"How well models write code: {error.message}", error.fix)
    broken = [one for one in tried if one.broke]
    if not broken:
        return tried, None
    names = ", ".join(f"{one.name} ({one.broke})" for one in broken)
    what = f"How well models write code: the sandbox does not limit {names}, so code is not run."
    return tried, Gap(what, "docs/sandbox.md says what each limit needs of the system.")


def _writable(folder: Path) -> bool:
    """Whether files can be made in the folder, or it itself in the nearest that is there."""
    place = folder.absolute()
    try:
        while not place.exists() and place != place.parent:
            place = place.parent
        return place.is_dir() and os.access(place, os.W_OK | os.X_OK)
    except OSError:  # somebody else's folder, which does not even tell what it holds
        return False


def to_json(checkup: Checkup) -> dict[str, Any]:
    """The document of ``weigh doctor --json``."""
    detection = checkup.detection
    machine = detection.machine
    return {
        "version": __version__,
        "host": checkup.host,
        "machine": None if machine is None else machine_to_json(machine),
        "accelerators": [_found_to_json(one) for one in detection.accelerators],
        "processor": _found_to_json(detection.processor),
        "memory_bandwidth_bytes_per_s": checkup.measured_bytes_per_s,
        "engines": [
            {"name": one.name, "version": one.version or None, "path": one.path}
            for one in checkup.engines
        ],
        "embedded_engine": checkup.embedded,
        "workspace": {"path": str(checkup.workspace), "writable": checkup.writable},
        "bubblewrap": checkup.sandbox,
        "sandbox": {
            "works": bool(checkup.tried) and checkup.trouble is None,
            "tried": [
                {"limit": one.name, "held": not one.broke, "broke": one.broke or None}
                for one in checkup.tried
            ],
        },
        "unknown": [{"what": gap.what, "fix": gap.fix} for gap in checkup.gaps],
        "date": checkup.date,
    }


def machine_to_json(machine: Machine) -> dict[str, Any]:
    """A machine's figures; null where one is not known."""
    return {
        "label": machine.label,
        "count": machine.count,
        "detected": machine.detected,
        "host_memory_bytes": machine.host_memory_bytes,
        "host_bandwidth_bytes_per_s": machine.host_bandwidth_bytes_per_s,
        "device": device_to_json(machine.device),
    }


def device_to_json(device: Device) -> dict[str, Any]:
    """A device's figures, each rate with its status."""
    provenance = device.provenance
    return {
        "name": device.name,
        "vendor": device.vendor,
        "kind": device.kind,
        "generation": device.generation or None,
        "memory_bytes": device.memory_bytes,
        "bandwidth_bytes_per_s": device.bandwidth_bytes_per_s,
        "rates": {
            rate.arithmetic: {"flops": rate.flops, "status": rate.status} for rate in device.rates
        },
        "link": _link_to_json(device.link),
        "host_bytes_per_s": device.host_bytes_per_s,
        "power_w": device.power_w,
        "notes": list(device.notes),
        "provenance": {
            "kind": provenance.kind,
            "source": provenance.source,
            "date": provenance.date,
        },
    }


def _link_to_json(link: Link) -> dict[str, Any]:
    return {"kind": link.kind, "bytes_per_s": link.bytes_per_s, "domain": link.domain}


def _found_to_json(found: Found) -> dict[str, Any]:
    return {
        "name": found.name,
        "count": found.count,
        "memory_bytes": found.memory_bytes,
        "driver": found.driver or None,
        "device": None if found.device is None else found.device.name,
    }

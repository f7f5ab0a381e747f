from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

import weighbridge
from tests.serve.supervisor.fakes import FakeMachine, ask, config, model, supervised
from tests.serve.supervisor.virtual_time import run_virtually
from weighbridge.core.errors import ConfigError
from weighbridge.core.routing import MachineEntry, ModelEntry
from weighbridge.core.units import GIB, MIB
from weighbridge.serve.supervisor.memory import GpuMeter, HostMeter, budget_bytes, find_meter
from weighbridge.serve.supervisor.plans import plan_for

MODELS = Path(weighbridge.__file__).parent / "demo" / "models"
TRAINED = 512  # tokens that the demo's models were trained for


@pytest.mark.parametrize(
    ("memory", "reserve", "total", "budget"),
    [
        (None, 0, 1000, 900),
        (None, 0, None, None),
        ("80%", 0, 1000, 800),
        ("80%", 100, 1000, 700),
        ("2 GiB", "1 GiB", None, GIB),
        (500, 900, None, 0),
    ],
)
def test_the_budget(
    memory: int | str | None, reserve: int | str, total: int | None, budget: int | None
) -> None:
    assert budget_bytes(MachineEntry(memory=memory, reserve=reserve), total) == budget


@pytest.mark.parametrize(("memory", "total"), [("much", 1), ("x%", 1), ("80%", None)])
def test_a_budget_that_is_none_is_refused(memory: str, total: int | None) -> None:
    with pytest.raises(ConfigError, match=r"machine\.memory"):
        budget_bytes(MachineEntry(memory=memory), total)


@pytest.fixture
def smi(tmp_path: Path) -> Path:
    program = tmp_path / "nvidia-smi"
    program.write_text(
        "#!/bin/sh\ncase $1 in\n"
        "*memory.total*) echo 1000; echo 1000;;\n"
        "*memory.free*) echo 600; echo 900;;\n"
        "*compute-apps*) echo '11, 300'; echo '12, 100'; echo '11, 50'; echo '13, [N/A]';;\n"
        "esac\n"
    )
    program.chmod(0o755)
    return tmp_path


def test_gpus_are_measured_by_process(smi: Path) -> None:
    meter = find_meter(MachineEntry(), path=str(smi))
    assert isinstance(meter, GpuMeter)
    assert meter.total_bytes == 2000 * MIB

    async def scenario() -> tuple[int | None, int | None, int | None]:
        return await meter.free(), await meter.held([11, 13]), await meter.held([99])

    assert asyncio.run(scenario()) == (1500 * MIB, 350 * MIB, 0)


def test_without_gpus_the_host_is_measured(smi: Path) -> None:
    assert isinstance(find_meter(MachineEntry(device="cpu"), path=str(smi)), HostMeter)
    assert isinstance(find_meter(MachineEntry(), path="/nowhere"), HostMeter)
    with pytest.raises(ConfigError, match="nvidia-smi finds none"):
        find_meter(MachineEntry(device="gpu"), path="/nowhere")


def expected(entry: ModelEntry, *, gpu_total: int | None = None) -> tuple[int, str]:
    meter = HostMeter() if gpu_total is None else GpuMeter("none", (gpu_total,))
    found = plan_for("m", entry, MODELS, {}, meter).expected
    return found.bytes, found.known_from


def test_what_is_configured_counts_before_what_is_predicted() -> None:
    entry = ModelEntry(engine="llamacpp-embedded", source="clerk-f16.gguf", memory="50 MiB")
    assert expected(entry) == (50 * MIB, "configured")


def test_a_header_and_the_context_predict_memory() -> None:
    small = ModelEntry(engine="llamacpp-embedded", source="clerk-f16.gguf")
    large = ModelEntry(engine="llamacpp-embedded", source="clerk-f16.gguf", context=4096, slots=8)
    assert expected(small)[1] == "predicted"
    assert 36 * MIB < expected(small)[0] < 60 * MIB
    assert expected(large)[0] > expected(small)[0] + 10 * MIB


def test_without_a_context_the_engines_own_is_reckoned_with() -> None:
    silent = ModelEntry(engine="llamacpp-embedded", source="clerk-f16.gguf")
    assert expected(silent) == expected(msgspec.structs.replace(silent, context=TRAINED))
    # llama.cpp's own server shares the model's whole context among its slots.
    whole = ModelEntry(engine="llamacpp", source="clerk-f16.gguf", slots=1)
    shared = msgspec.structs.replace(whole, slots=2)
    assert expected(whole) == expected(msgspec.structs.replace(whole, context=TRAINED))
    assert expected(shared) == expected(msgspec.structs.replace(shared, context=TRAINED // 2))
    told = msgspec.structs.replace(shared, args=("-c", "65536"))
    assert expected(told) == expected(msgspec.structs.replace(shared, context=32768))
    assert expected(told)[0] > expected(shared)[0]


def test_engines_that_take_a_share_of_the_card_take_it_whatever_the_model() -> None:
    entry = ModelEntry(engine="vllm", source="org/model")
    assert expected(entry, gpu_total=1000) == (900, "predicted")
    half = ModelEntry(engine="vllm", source="org/model", args=("--gpu-memory-utilization", "0.5"))
    assert expected(half, gpu_total=1000) == (500, "predicted")
    plan = plan_for(
        "m",
        ModelEntry(engine="vllm", source="x", memory=400),
        MODELS,
        {},
        GpuMeter("none", (1000,)),
    )
    assert plan.wanted.memory_share == 0.4


def test_a_command_with_a_file_is_a_guess_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"x" * 1000)
    entry = ModelEntry(cmd="run ${PORT}", source=str(tmp_path / "weights.bin"))
    assert expected(entry) == (1300, "unknown")


def test_variables_come_from_the_gateways_environment() -> None:
    entry = ModelEntry(cmd="run", env={"TOKEN": "Bearer ${env.HF}"})
    plan = plan_for("m", entry, MODELS, {"HF": "hf_1"}, HostMeter())
    assert plan.wanted.env == {"TOKEN": "Bearer hf_1"}
    with pytest.raises(ConfigError, match=r"models\.m: the environment variable HF is not set"):
        plan_for("m", entry, MODELS, {}, HostMeter())


class Unaccounted(FakeMachine):
    """A container: the driver's process numbers are not ours."""

    async def held(self, pids: object) -> int | None:
        del pids
        return 0


def test_where_the_driver_does_not_know_our_processes_free_memory_tells() -> None:
    async def scenario() -> None:
        machine = Unaccounted(100, {"a": 55, "b": 55})
        configured = config(100, a=model(60, sleep=1), b=model(60))
        async with supervised(configured, machine) as fleet:
            await ask(fleet, "a")
            assert fleet.views["a"].memory_bytes == 55
            await fleet.sleep("a")
            assert (fleet.views["a"].state, fleet.views["a"].memory_bytes) == ("asleep", 1)
            await ask(fleet, "a")
            assert fleet.views["a"].memory_bytes == 55
            machine.keeps_memory = True
            await ask(fleet, "a")
            machine.keeps_memory = False
            await ask(fleet, "b")
            assert fleet.views["b"].memory_bytes == 55

    run_virtually(scenario())

"""Tables of scenarios, one serving run per row, as public measurements are published."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from weighbridge.core.architecture import ModelArchitecture
from weighbridge.core.errors import InputError
from weighbridge.core.estimate import Engine, EngineName, MemoryUse, Parallelism, Settings
from weighbridge.core.machine import Device
from weighbridge.core.quantization import Quantization
from weighbridge.predict.memory.engine_defaults import batch, raised, raised_note
from weighbridge.predict.memory.footprint import Footprint, WeightTable, footprint, weight_table
from weighbridge.predict.memory.use import memory_use
from weighbridge.predict.serving.scenes import Scene
from weighbridge.predict.work import Work, work

_ENGINES: Final[dict[str, EngineName]] = {
    "vllm": "vllm",
    "sglang": "sglang",
    "trtllm": "trtllm",
    "tensorrt-llm": "trtllm",
    "tensorrt_llm": "trtllm",
    "llama.cpp": "llama.cpp",
    "llamacpp": "llama.cpp",
    "ollama": "llama.cpp",
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row.

    Attributes:
        model: catalogue name, or path of a configuration.
        system: name of the device.
        backend: name of the engine.
        backend_version: its version, or "".
        precision: of the weights, or "" for as published.
        isl: tokens of each prompt.
        osl: tokens of each answer.
        tp_size: devices that share each layer.
        moe_ep_size: groups that experts are spread over.
        attention_dp_size: copies of attention.
        concurrency: requests in flight.
    """

    model: str
    system: str
    backend: str
    backend_version: str
    precision: str
    isl: float
    osl: float
    tp_size: int = 1
    moe_ep_size: int = 1
    attention_dp_size: int = 1
    concurrency: float = 1.0


@dataclass(frozen=True, slots=True)
class Model:
    """A model in one number format, with all that predictions need of it."""

    name: str
    quantization: Quantization
    footprint: Footprint
    weights: WeightTable
    work: Work


@dataclass(frozen=True, slots=True)
class Placed:
    """A row ready to be timed.

    Attributes:
        scene: what to time.
        settings: what the engine is told.
        memory: what it takes.
        notes: what was assumed of the row.
    """

    scene: Scene
    settings: Settings
    memory: MemoryUse
    notes: tuple[str, ...] = ()


def model(
    name: str, architecture: ModelArchitecture, quantization: Quantization, exact: int | None = None
) -> Model:
    """Sum up a model.

    Raises:
        InputError: layers of it are not known, so that its speed is not either.
    """
    load = work(architecture, quantization)
    if load is None:
        raise InputError(
            f"{name} has layers that are not modelled; its speed and memory cannot be predicted.",
            fix="`weigh inspect` says which.",
        )
    shape = footprint(architecture)
    return Model(name, quantization, shape, weight_table(shape, quantization, exact), load)


def engine_name(text: str) -> EngineName:
    """The engine that a table calls ``text``.

    Raises:
        InputError: there is none of that name.
    """
    found = _ENGINES.get(text.strip().lower())
    if found is None:
        raise InputError(
            f"There is no engine {text!r}.", fix=f"Choose one of {', '.join(_ENGINES)}."
        )
    return found


def parallelism(row: Scenario, device: Device) -> tuple[Parallelism, tuple[str, ...]]:
    """How a row is spread over devices, and what was assumed.

    Some tables write the product of TP and EP into ``tp_size`` (or ``attention_dp_size``) though
    both name the same devices: 64 for TP8 with EP8. Where that is more devices than the system
    joins, it is read so.
    """
    tensor, copies, expert = max(row.tp_size, 1), max(row.attention_dp_size, 1), row.moe_ep_size
    expert = max(expert, 1)
    devices = tensor * copies
    if expert > 1 and devices == expert**2 and devices > device.link.domain:
        tensor = tensor // expert if tensor > 1 else 1
        copies = copies // expert if copies > 1 else 1
        note = f"{devices} devices with EP {expert} are read as {expert} devices"
        return Parallelism(tensor, 1, expert, copies), (note,)
    return Parallelism(tensor, 1, expert, copies), ()


def placed(row: Scenario, of: Model, device: Device) -> Placed:
    """Put a row on its devices."""
    spread, notes = parallelism(row, device)
    engine = Engine(engine_name(row.backend), row.backend_version)
    longest = math.ceil(row.isl + row.osl)
    kv_bytes = kv_bytes_per_value(engine.name, of)
    share = max(1, math.ceil(row.concurrency / spread.attention_data))
    settings = Settings(
        engine=engine, context=longest, users=share, parallelism=spread, kv_bytes_per_value=kv_bytes
    )
    use = memory(of, settings, device)
    fuller = raised(settings, use, device.memory_bytes)
    if fuller is not None and (more := memory(of, fuller, device)).fits:
        settings, use = fuller, more
        notes = (*notes, raised_note(engine, fuller.utilisation or 0.0))
    slots = most_running(use, settings, device) * spread.attention_data
    scene = Scene(
        work=of.work,
        device=device,
        engine=engine,
        parallelism=spread,
        users=row.concurrency,
        prompt=row.isl,
        output=max(row.osl, 1),
        slots=slots,
        kv_bytes=kv_bytes,
    )
    return Placed(scene, settings, use, notes)


def most_running(use: MemoryUse, settings: Settings, device: Device) -> float:
    """Requests that run at once on one copy of attention: as many as the cache holds.

    Engines that somebody bothered to measure had been given the memory they need, so that the
    favourable end of the interval counts.
    """
    held = use.concurrency.high if use.concurrency else math.inf
    if settings.engine.name == "sglang" and settings.max_num_seqs is None:
        return max(1.0, held)
    return max(1.0, min(held, batch(settings, device.memory_bytes, device.name).sequences))


def kv_bytes_per_value(engine: EngineName, of: Model) -> float:
    """Bytes per number of the cache when nothing is said.

    TensorRT-LLM's checkpoints of short formats ask for fp8, the other engines keep 16 bits.
    """
    if of.quantization.kv_bytes_per_value is not None:
        return of.quantization.kv_bytes_per_value
    return (
        1.0 if engine == "trtllm" and not of.quantization.name.lower().startswith("bf16") else 2.0
    )


@lru_cache(maxsize=4096)
def memory(of: Model, settings: Settings, device: Device) -> MemoryUse:
    """What a model takes on a device."""
    return memory_use(
        of.footprint,
        of.weights,
        settings,
        device.memory_bytes,
        device=device.name,
        nvlink=device.link.kind == "nvlink",
    )


Resolve = Callable[[str, str], Model]
"""From a model's name and a precision to the model."""

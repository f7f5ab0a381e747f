"""How much memory a model takes on the devices of a replica, and how many users that leaves.

vLLM, SGLang and TensorRT-LLM fill what they may use of a device: the weights first, then what a
forward pass needs, and all that is left becomes the cache. llama.cpp takes what it is asked for
(:mod:`weighbridge.predict.memory.llamacpp`). All figures are of the fullest device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from weighbridge.core.estimate import MemoryUse, Settings, Shortage
from weighbridge.core.machine import Machine
from weighbridge.core.provenance import Interval
from weighbridge.predict.memory.cache_pages import Pages, pages
from weighbridge.predict.memory.cache_pools import token_bytes
from weighbridge.predict.memory.coefficients import Coefficients, Era, Spread, coefficients
from weighbridge.predict.memory.engine_defaults import (
    TRTLLM_FREE_SHARE,
    VLLM_UTILISATION,
    Batch,
    batch,
    static_share,
)
from weighbridge.predict.memory.footprint import Footprint, WeightTable
from weighbridge.predict.memory.llamacpp import llamacpp_memory
from weighbridge.predict.memory.profile_run import activation_bytes
from weighbridge.predict.memory.shards import Stage, stage_weights, stages
from weighbridge.predict.versions import NEWEST, parse_version

# Half the width of an 80 % interval, in standard deviations.
Z80: Final = 1.2816
_LEVEL: Final = 0.8


@dataclass(frozen=True, slots=True)
class Demand:
    """What one device needs beside the cache.

    Attributes:
        weights: of its shard.
        activation: peak of a forward pass.
        overhead: outside of the engine's allocator.
        graphs: captured graphs.
    """

    weights: Spread
    activation: Spread
    overhead: Spread
    graphs: Spread

    @property
    def value(self) -> float:
        """All of it."""
        return self.weights.value + self.activation.value + self.overhead.value + self.graphs.value

    @property
    def sd(self) -> float:
        """Its standard deviation; the parts are independent."""
        return math.hypot(self.weights.sd, self.activation.sd, self.overhead.sd, self.graphs.sd)


def memory_on(
    machine: Machine, shape: Footprint, table: WeightTable, settings: Settings
) -> MemoryUse:
    """Where the memory of a machine's devices goes; whether there are enough is not asked."""
    device = machine.device
    return memory_use(
        shape,
        table,
        settings,
        device.memory_bytes,
        device=device.name,
        nvlink=device.link.kind == "nvlink",
        cuda=device.vendor == "NVIDIA",
        host_bytes=machine.host_memory_bytes,
    )


def memory_use(
    shape: Footprint,
    table: WeightTable,
    settings: Settings,
    device_bytes: float,
    *,
    device: str = "",
    nvlink: bool = False,
    cuda: bool = True,
    host_bytes: float | None = None,
    fitted: Coefficients | None = None,
) -> MemoryUse:
    """Where the memory of a replica's fullest device goes.

    Args:
        shape: the model.
        table: its weights.
        settings: what the engine is told.
        device_bytes: of one device, as its driver reports it.
        device: its name; engines choose smaller batches on an A100 than on its peers.
        nvlink: whether devices are joined by NVLink.
        cuda: whether they are NVIDIA's: vLLM sets memory aside for graphs only there.
        host_bytes: what the host has for what is left to it, or None if that is not known.
        fitted: other coefficients than the shipped ones.
    """
    fitted = fitted or coefficients()
    if settings.engine.name == "llama.cpp":
        return llamacpp_memory(
            shape, table, settings, device_bytes, host_bytes=host_bytes, fitted=fitted
        )
    steps = batch(settings, device_bytes, device)
    case = _Case(shape, table, settings, device_bytes, steps, fitted, nvlink, cuda)
    pipeline = stages(shape.depth, settings.parallelism.pipeline)
    return min((_stage_use(case, stage) for stage in pipeline), key=_room)


@dataclass(frozen=True, slots=True)
class _Case:
    """Everything that decides how much a device needs, its place in the pipeline aside."""

    shape: Footprint
    table: WeightTable
    settings: Settings
    device_bytes: float
    steps: Batch
    fitted: Coefficients
    nvlink: bool
    cuda: bool


def _room(use: MemoryUse) -> tuple[float, float]:
    """How much room a stage leaves: the one with least decides for all."""
    held = use.concurrency.value if use.concurrency else use.cache.value
    return held, use.spare


def _stage_use(case: _Case, stage: Stage) -> MemoryUse:
    demand = _demand(case, stage)
    limit, cache = _cache(case.settings, case.device_bytes, demand)
    held = _holding(case, stage, cache)
    return MemoryUse(
        limit_bytes=limit,
        weights=_interval(demand.weights),
        activation=_interval(demand.activation),
        overhead=_interval(demand.overhead),
        graphs=_interval(demand.graphs),
        cache=_interval(cache),
        sequence_bytes=held.sequence_bytes if held else None,
        tokens=held.tokens if held else None,
        concurrency=held.concurrency if held else None,
        shortage=_shortage(case.settings, cache.value, held),
        notes=_notes(case.settings, held),
    )


def _demand(case: _Case, stage: Stage) -> Demand:
    shape, settings, fitted = case.shape, case.settings, case.fitted
    vllm = settings.engine.name == "vllm"
    era = fitted.era(parse_version(settings.engine.version) if vllm else NEWEST)
    weights = shape.rope_bytes + stage_weights(
        shape,
        case.table,
        settings.parallelism,
        stage,
        settings.engine.name,
        mtp=settings.speculative_tokens > 0,
    )
    activation = activation_bytes(
        shape,
        settings.parallelism,
        stage,
        sequences=case.steps.sequences,
        batched=case.steps.tokens,
        context=settings.context,
        era=era,
        fitted=fitted,
    )
    captures = vllm and case.cuda and not settings.eager
    doubt = 1.0 if vllm and settings.engine.version else 2.0
    sd = doubt * math.hypot(fitted.activation_sd * activation, fitted.activation_floor_bytes)
    return Demand(
        weights=Spread(weights, fitted.weights_sd * weights),
        activation=Spread(activation, sd),
        overhead=_overhead(case, era),
        graphs=era.graphs_bytes if captures else Spread(0.0, 0.0),
    )


def _overhead(case: _Case, era: Era) -> Spread:
    if case.settings.engine.name == "sglang":
        return case.fitted.sglang_overhead_bytes
    spread = case.settings.parallelism
    if spread.tensor * spread.attention_data == 1:
        return era.overhead_bytes
    return era.overhead_nvlink_bytes if case.nvlink else era.overhead_group_bytes


def _cache(settings: Settings, device_bytes: float, demand: Demand) -> tuple[float, Spread]:
    """What the engine may use of the device, and what it makes its cache."""
    name = settings.engine.name
    if name == "vllm":
        share = VLLM_UTILISATION if settings.utilisation is None else settings.utilisation
        limit = share * device_bytes
        return limit, Spread(limit - demand.value, demand.sd)
    if name == "sglang":
        # Weights and cache share a fixed part; the rest is for all else, whether it is used or not.
        free = device_bytes - demand.overhead.value
        pool = static_share(settings, device_bytes) * free - demand.weights.value
        pool = min(pool, device_bytes - demand.value)
        return device_bytes, Spread(pool, math.hypot(demand.weights.sd, demand.overhead.sd))
    share = TRTLLM_FREE_SHARE if settings.utilisation is None else settings.utilisation
    left = device_bytes - demand.value
    # Nothing is set aside of what is not there: then the whole of the lack counts.
    return device_bytes, Spread(share * left if left > 0 else left, share * demand.sd)


@dataclass(frozen=True, slots=True)
class _Held:
    """What a cache holds: bytes of one sequence, tokens, and sequences at once."""

    sequence_bytes: float
    tokens: Interval
    concurrency: Interval


def _holding(case: _Case, stage: Stage, cache: Spread) -> _Held | None:
    shape, settings = case.shape, case.settings
    part = stage.layers / shape.depth if shape.depth else 1.0
    ends = (cache.value, cache.value - Z80 * cache.sd, cache.value + Z80 * cache.sd)
    if settings.engine.name == "vllm":
        version = parse_version(settings.engine.version)
        tensor = settings.parallelism.tensor
        layout = pages(
            shape,
            tensor,
            settings.kv_bytes_per_value,
            version,
            part=part,
            guessed=settings.speculative_tokens,
        )
        if layout is None or not layout.block_bytes:
            return None
        return _paged(layout, settings, case.steps, ends)
    per_token = token_bytes(shape, settings, part)
    if per_token is None:
        return None
    each = per_token.growing * settings.context + per_token.fixed
    if not each:
        return None
    growing = per_token.growing or each / settings.context
    tokens = [max(0.0, end) / growing for end in ends]
    return _Held(each, _of(*tokens), _of(*(max(0.0, end) / each for end in ends)))


def _paged(
    layout: Pages, settings: Settings, steps: Batch, ends: tuple[float, float, float]
) -> _Held:
    version, context = parse_version(settings.engine.version), settings.context
    tokens = [layout.tokens(end, context, steps.tokens, version) for end in ends]
    at_once = [layout.concurrency(end, context, steps.tokens) for end in ends]
    return _Held(
        layout.sequence_bytes(context, steps.tokens),
        _of(*tokens),
        _of(*at_once),
    )


def _shortage(settings: Settings, cache: float, held: _Held | None) -> Shortage | None:
    if cache < 0:
        return Shortage(-cache, "weights")
    if held is None:
        return None
    if cache < held.sequence_bytes:
        return Shortage(held.sequence_bytes - cache, "sequence")
    if held.concurrency.value < settings.users:
        return Shortage(max(settings.users * held.sequence_bytes - cache, 0.0), "users")
    return None


def _notes(settings: Settings, held: _Held | None) -> tuple[str, ...]:
    notes = []
    if settings.engine.name == "vllm" and not settings.engine.version:
        notes.append("The version of vLLM is not given; a recent one is assumed.")
    if held is None:
        notes.append("How the engine lays out this model's cache is not modelled.")
    return tuple(notes)


def _interval(spread: Spread) -> Interval:
    """Median and 80 % interval; there are never fewer bytes than none."""
    reach = Z80 * spread.sd
    low, middle, high = (max(0.0, spread.value + by) for by in (-reach, 0.0, reach))
    return Interval(middle, low, high, _LEVEL)


def _of(value: float, low: float, high: float) -> Interval:
    return Interval(value, low, high, _LEVEL)

"""The smallest single change that would make a way to serve meet everything: found by trying."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from weighbridge.core.estimate import Engine, Offload
from weighbridge.core.plan import Requirements
from weighbridge.core.units import GIB, format_bytes
from weighbridge.core.workload import Slo
from weighbridge.predict.memory.engine_defaults import fullest_share
from weighbridge.predict.search.space import short_cache, usual_engines
from weighbridge.predict.search.verdict import Appraisal, appraise, memory_lack, tokens_text
from weighbridge.predict.search.ways import Way, larger, memory_of, on_more, ways, with_users
from weighbridge.predict.simulation.goodput import most_whole

_STEP: Final = 1024
_TRIES: Final = 7
_EPSILON: Final = 1e-9
# Hosts with more memory than this are no single change; what they would cost is not known.
_LARGEST_HOST_BYTES: Final = 2048 * GIB


def changes(one: Appraisal, asked: Requirements) -> tuple[str, ...]:
    """Single changes that help, the least painful first; each was tried."""
    if any(lack.of == "unknown" for lack in one.lacks):
        return ()
    return tuple(_all(one, asked))


def _all(one: Appraisal, asked: Requirements) -> Iterator[str]:
    memory = any(lack.of == "memory" for lack in one.lacks)
    if memory:
        yield from _fuller(one.way, asked)
        yield from _short_cache(one.way, asked)
    yield from _lighter_load(one.way, asked)
    if memory:
        yield from _shorter(one.way, asked)
        yield from _offloaded(one.way, asked) or _elsewhere(one.way, asked)
    yield from _unasked(one.way, asked)
    yield from _more_devices(one.way, asked)
    if not memory:
        yield from _later(one, asked)


def _meets(candidate: Way, asked: Requirements) -> bool:
    return appraise([candidate], asked)[0].meets


def _fuller(of: Way, asked: Requirements) -> Iterator[str]:
    """A larger share of the device's memory; TensorRT-LLM's is of what is left."""
    fuller = fullest_share(of.settings, of.machine.device.memory_bytes)
    if fuller is None:
        return
    if _meets(replace(of, settings=replace(of.settings, utilisation=fuller)), asked):
        yield f"{fuller:.0%} of the memory for the engine".replace("%", " %")


def _short_cache(of: Way, asked: Requirements) -> Iterator[str]:
    found = short_cache(of.settings.engine.name, of.machine.device, of.form.footprint)
    if found is None or of.settings.kv_bytes_per_value <= found[1]:
        return
    if _meets(replace(of, settings=replace(of.settings, kv_bytes_per_value=found[1])), asked):
        yield f"{found[0]} KV cache"


def _lighter_load(of: Way, asked: Requirements) -> Iterator[str]:
    """Fewer users, or in an open loop fewer requests."""
    load = asked.workload
    if load.requests_per_s is not None:
        rate = _rounded_down(_most_rate(of, asked, load.requests_per_s))
        if rate:
            yield f"{rate:g} requests per second"
        return

    def holds(users: int) -> bool:
        fewer = replace(asked, workload=replace(load, users=users))
        return _meets(with_users(of, users), fewer)

    fewer = most_whole(holds, load.users - 1) if load.users > 1 else 0
    if fewer:
        yield "1 user" if fewer == 1 else f"{fewer} users"


def _most_rate(of: Way, asked: Requirements, rate: float) -> float:
    """About the highest rate that is met: halved until it is, then narrowed down."""
    low, high = 0.0, rate
    for _ in range(2 * _TRIES):
        middle = math.sqrt(low * high) if low else high / 2
        load = replace(asked.workload, requests_per_s=middle)
        holds = _meets(of, replace(asked, workload=load))
        low, high = (middle, high) if holds else (low, middle)
    return low


def _shorter(of: Way, asked: Requirements) -> Iterator[str]:
    """A shorter context, down to what the workload's own requests take."""
    load = asked.workload
    least = math.ceil((load.prompt_tokens + load.output_tokens) / _STEP)

    def holds(steps: int) -> bool:
        shorter = replace(of.settings, context=(least + steps - 1) * _STEP)
        return _meets(replace(of, settings=shorter), asked)

    most = math.ceil(of.settings.context / _STEP) - least
    found = most_whole(holds, most) if most > 0 else 0
    if found:
        yield f"a context of {tokens_text((least + found - 1) * _STEP)}"


def _elsewhere(of: Way, asked: Requirements) -> list[str]:
    """The same with llama.cpp where the way that fails least is by another engine."""
    usual = "llama.cpp" in usual_engines(of.machine.device) and not asked.engines
    if of.settings.engine.name == "llama.cpp" or not usual:
        return []
    local = replace(asked, engines=(Engine("llama.cpp"),))
    for candidate in ways(of.facts, of.machine, local, of.known):
        found = _offloaded(candidate, local)
        if found:
            return [f"llama.cpp in {candidate.form.quantization.name} with {found[0]}"]
    return []


def _offloaded(of: Way, asked: Requirements) -> list[str]:
    """As little as possible left to the host's memory by llama.cpp: experts, else whole layers."""
    shape = of.form.footprint
    if of.settings.engine.name != "llama.cpp" or of.machine.device.kind != "gpu":
        return []
    parts = "experts of" if shape.experts else "whole"

    def leaving(layers: int) -> Way:
        left = Offload(cpu_expert_layers=layers) if shape.experts else Offload(shape.depth - layers)
        return replace(of, settings=replace(of.settings, offload=left))

    def fits(kept: int) -> bool:
        candidate = leaving(shape.depth - kept)
        return memory_lack(candidate, memory_of(candidate)) is None

    kept = most_whole(fits, shape.depth - 1)
    candidate = leaving(shape.depth - kept)
    if not _meets(candidate, asked):
        return []
    host_bytes = memory_of(candidate).host_bytes
    if host_bytes > (of.machine.host_memory_bytes or _LARGEST_HOST_BYTES):
        return []
    host = format_bytes(host_bytes)
    layers = shape.depth - kept
    plural = "s" if layers > 1 else ""
    return [f"{parts} {layers} layer{plural} in the host's memory, {host} of it"]


def _unasked(of: Way, asked: Requirements) -> Iterator[str]:
    """Formats or engines that the user left out."""
    for name, wider in (
        ("formats", replace(asked, formats=())),
        ("engines", replace(asked, engines=())),
    ):
        if not getattr(asked, name):
            continue
        found = appraise(list(ways(of.facts, of.machine, wider, of.known)), wider)
        best = next((one.way for one in found if one.meets), None)
        if best is not None and name == "formats":
            yield f"{best.form.quantization.name} weights"
        elif best is not None:
            yield f"{best.settings.engine.name} as the engine"


def _more_devices(of: Way, asked: Requirements) -> Iterator[str]:
    """The fewest devices that suffice: by powers of two first, then what lies between.

    Tensor parallelism wants powers of two, but replicas and layers may take any number.
    """
    counts = larger(of.machine)
    steps = [count for count in counts if count & (count - 1) == 0 or count == counts[-1]]

    def enough(count: int) -> bool:
        return any(one.meets for one in appraise(on_more(of, asked, count), asked))

    least = next(filter(enough, steps), None)
    if least is None:
        return
    below = [count for count in counts if count > _step_before(steps, least) and count < least]
    fewest = next(filter(enough, below), least)
    yield f"{fewest} × {of.machine.device.name}"


def _step_before(steps: list[int], step: int) -> int:
    return steps[steps.index(step) - 1] if steps.index(step) else 0


def _later(one: Appraisal, asked: Requirements) -> Iterator[str]:
    """Conditions on latency that are just met, where one alone is missed."""
    if one.timing is None or any(lack.of != "slo" for lack in one.lacks):
        return
    missed = [(bound, value) for bound, value in one.timing.bounds
              if value.value >= bound.limit_ms]  # fmt: skip
    if len(missed) == 1:
        ((bound, value),) = missed
        later = replace(bound, limit_ms=_rounded_up(value.value))
        eased = Slo(tuple(later if each == bound else each for each in asked.slo.bounds))
        if _meets(one.way, replace(asked, slo=eased)):
            yield f"{later}"


def _rounded_down(value: float) -> float:
    """Two digits, downwards, so that what is proposed holds: 8.19 becomes 8.1."""
    if value <= 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return round(math.floor(value / unit + _EPSILON) * unit, 9)


def _rounded_up(value: float) -> float:
    """Two digits, upwards: 913.2 becomes 920."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return round((math.floor(value / unit) + 1) * unit, 6)

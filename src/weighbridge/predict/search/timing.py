"""How long requests take in many ways to serve: the same numbers whatever the engine.

Serving engines are timed together, as arrays; llama.cpp by formulas of its own
(:mod:`weighbridge.predict.search.llamacpp`). Both come down to typical latencies as a function of
the requests in flight; what follows from them is the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from weighbridge.core.estimate import MemoryUse
from weighbridge.core.provenance import Interval
from weighbridge.core.workload import Bound, Workload
from weighbridge.predict.memory.engine_defaults import batch
from weighbridge.predict.rows import Numbers, shipped
from weighbridge.predict.search.calibrated import Correction, correction
from weighbridge.predict.search.tails import tails
from weighbridge.predict.search.ways import Way
from weighbridge.predict.serving.coefficients import Spread, fitted
from weighbridge.predict.serving.latency import Latency, latency
from weighbridge.predict.serving.scenes import Array, Scene, Scenes, scenes, timeable
from weighbridge.predict.serving.spreads import TYPICAL_USERS, spreads_on, stretched
from weighbridge.predict.serving.step_time import experts_touched

_LEVEL: Final = 0.8
_HALVINGS: Final = 14
_MOST_IN_FLIGHT: Final = 4096.0
# Nearer to saturation than this, queues grow beyond what the closed form knows of.
_BUSIEST: Final = 0.98


@dataclass(frozen=True, slots=True)
class Timing:
    """How fast one way is.

    Attributes:
        ttft_ms: to the first token of a typical request, with its 80 % interval.
        tpot_ms: per further token.
        tokens_per_s: of all replicas together.
        requests_per_s: likewise.
        users: requests in flight on all replicas.
        bounds: each condition of the SLO, and what is expected of it in ms.
        saturated: the most requests per second, where more are asked; else None.
        capacity: the most requests per second, where a rate is asked; else None.
    """

    ttft_ms: Interval
    tpot_ms: Interval
    tokens_per_s: Interval
    requests_per_s: float
    users: float
    bounds: tuple[tuple[Bound, Interval], ...]
    saturated: float | None = None
    capacity: float | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """Ways that are timed together.

    Attributes:
        of: the ways.
        at: typical latencies for so many requests in flight on one replica of each, by the
            coefficients of some machine.
        slots: requests that one replica runs at once.
        roof_s: no decoding step of so many sequences is faster.
        spreads: of TTFT and TPOT, for each way.
    """

    of: Sequence[Way]
    at: Callable[[Array, Numbers], Latency]
    slots: Array
    roof_s: Callable[[Array], Array]
    spreads: Sequence[tuple[Spread, Spread]]


def time_serving(
    of: Sequence[tuple[Way, MemoryUse]], workload: Workload, bounds: tuple[Bound, ...]
) -> list[Timing | None]:
    """Time ways by vLLM, SGLang or TensorRT-LLM; None where the device's rates are not known."""
    if not of or not timeable(of[0][0].machine.device):
        return [None] * len(of)
    table = scenes([scene_of(way, use, workload) for way, use in of])
    # How many are in flight under a rate is only known once the ways are timed.
    users = workload.users if workload.requests_per_s is None else TYPICAL_USERS
    spreads = spreads_on(of[0][0].machine.device, users)
    stage = Stage(
        of=[way for way, _ in of],
        at=lambda users, numbers: latency(replace(table, users=users), numbers.serving),
        slots=table.slots,
        roof_s=lambda running: fastest_step_s(table, running),
        spreads=[spreads] * len(of),
    )
    return list(timings(stage, workload, bounds))


def timings(stage: Stage, workload: Workload, bounds: tuple[Bound, ...]) -> list[Timing]:
    """What the typical latencies of ways come to under a workload."""
    replicas = np.array([way.replicas for way in stage.of], dtype=np.float64)
    settled = _settled(stage, workload, replicas)
    users, typical = settled.users, settled.typical
    scatter = tails(typical, workload, np.array([_step_tokens(way) for way in stage.of]))
    values = {bound: scatter.of(bound.metric, bound.percentile) for bound in bounds}
    roof = stage.roof_s(typical.running)
    found = []
    for row, way in enumerate(stage.of):
        ttft, tpot = settled.spreads[row]
        expected = tuple(
            (bound, interval(float(value[row]) * 1e3, _spread_of(bound, ttft, tpot)))
            for bound, value in values.items()
        )
        times = (
            interval(float(typical.ttft_s[row]) * 1e3, ttft),
            # The lower end must not be faster than the device can be.
            interval(float(typical.tpot_s[row]) * 1e3, tpot, least=float(roof[row]) * 1e3),
        )
        most = float(settled.capacity[row]) * way.replicas
        flying = float(users[row]) * way.replicas
        found.append(_timing(times, expected, workload, flying, most))
    return found


def fastest_step_s(s: Scenes, running: Array) -> Array:
    """The roofline: a decoding step can be no faster than paper figures let it.

    Weights that every token uses are read once, experts as few as one token touches, the caches of
    all running sequences; and all products are computed.
    """
    dense = (s.attention_bytes + s.head_bytes) / s.tensor + s.dense_bytes / s.devices
    touched = np.minimum(experts_touched(s, fitted().coefficients, running), s.active_share)
    cached = s.kv_values * s.prompt + s.kv_limited * np.minimum(s.prompt, s.kv_limit)
    shards = np.minimum(s.tensor, s.kv_heads)
    cache = cached * s.kv_bytes / shards * running / s.attention_data
    reading = (dense + s.experts_bytes * touched / s.devices + cache) / s.bandwidth
    each = s.attention / s.attention_rate / s.tensor / s.attention_data
    each = each + (s.dense + s.head) / s.dense_rate / s.devices
    each = each + s.experts * s.active_share / s.experts_rate / s.devices
    roof: Array = np.maximum(reading, 2 * running * each)
    return roof


def interval(value: float, spread: Spread, least: float = 0.0) -> Interval:
    """An 80 % interval by factors, not below ``least``."""
    return Interval(value, max(value * spread.low, min(least, value)), value * spread.high, _LEVEL)


def scene_of(way: Way, use: MemoryUse, workload: Workload) -> Scene:
    """One replica of a way, with its share of the users."""
    spread = way.settings.parallelism
    held = use.concurrency.value if use.concurrency else float(way.settings.users)
    return Scene(
        work=way.form.work,
        device=way.machine.device,
        engine=way.settings.engine,
        parallelism=spread,
        users=math.ceil(workload.users / way.replicas),
        prompt=max(1.0, workload.prompt_tokens * (1 - workload.prefix_share)),
        output=workload.output_tokens,
        slots=max(1, math.floor(min(held, _at_once(way)))) * spread.attention_data,
        kv_bytes=way.settings.kv_bytes_per_value,
    )


def _at_once(way: Way) -> float:
    """Sequences that an engine runs at once if its cache holds them; SGLang knows no limit."""
    settings, device = way.settings, way.machine.device
    if settings.max_num_seqs is None and settings.engine.name == "sglang":
        return math.inf
    return float(batch(settings, device.memory_bytes, device.name).sequences)


def _step_tokens(way: Way) -> float:
    device = way.machine.device
    return float(batch(way.settings, device.memory_bytes, device.name).tokens)


@dataclass(frozen=True, slots=True)
class _Settled:
    """How ways run once as many requests end as begin.

    Attributes:
        users: requests in flight on one replica of each.
        capacity: the most requests per second of a replica where they arrive at a rate; else 0.
        typical: latencies.
        spreads: of TTFT and TPOT, for each way.
    """

    users: Array
    capacity: Array
    typical: Latency
    spreads: Sequence[tuple[Spread, Spread]]


def _settled(stage: Stage, workload: Workload, replicas: Array) -> _Settled:
    users, most = np.ceil(workload.users / replicas), np.zeros(len(replicas))
    at = _timed_by(stage, workload, None)
    asked = workload.requests_per_s
    if asked is not None:
        users, most = _open_loop(at, stage.slots, workload, asked / replicas)
    by = correction(stage.of, stage.at, users)
    if by is None:
        return _Settled(users, most, at(users), stage.spreads)
    at = _timed_by(stage, workload, by)
    if asked is not None:  # slower machines have more in flight at the same rate
        users, most = _open_loop(at, stage.slots, workload, asked / replicas)
    spreads = [
        (stretched(ttft, float(first)), stretched(tpot, float(each)))
        for (ttft, tpot), first, each in zip(
            stage.spreads, by.tight_ttft, by.tight_tpot, strict=True
        )
    ]
    return _Settled(users, most, at(users), spreads)


def _timed_by(
    stage: Stage, workload: Workload, by: Correction | None
) -> Callable[[Array], Latency]:
    """Latencies for so many requests in flight, as the user's own measurements correct them."""
    numbers, output = shipped(), float(max(workload.output_tokens, 1))
    if by is None:
        return lambda users: stage.at(users, numbers)
    return lambda users: by.applied(stage.at(users, numbers), output)


def _open_loop(
    at: Callable[[Array], Latency], slots: Array, workload: Workload, rate: Array
) -> tuple[Array, Array]:
    """How many requests are in flight at a rate of arrivals, by Little's law.

    Beside it, the most that can be served.
    """
    slots = np.minimum(slots, _MOST_IN_FLIGHT)
    low, high = np.full_like(slots, 1e-3), slots.copy()
    for _ in range(_HALVINGS):
        middle = np.sqrt(low * high)
        # Below one request in flight, latency is that of a request alone.
        timed = at(np.maximum(middle, 1.0))
        served = middle / (timed.ttft_s + workload.output_tokens * timed.tpot_s)
        low, high = np.where(served < rate, middle, low), np.where(served < rate, high, middle)
    full = at(slots).requests_per_s
    return np.maximum(high, 1.0), full


def _timing(
    times: tuple[Interval, Interval],
    expected: tuple[tuple[Bound, Interval], ...],
    workload: Workload,
    users: float,
    most: float,
) -> Timing:
    ttft, tpot = times
    output, asked = workload.output_tokens, workload.requests_per_s
    if asked is not None:
        flooded = asked > _BUSIEST * most
        rate = min(asked, most)
        tokens = Interval(rate * output, rate * output, rate * output, _LEVEL)
        return Timing(ttft, tpot, tokens, rate, users, expected, most if flooded else None, most)
    # In a closed loop requests come as fast as others end.
    per_s = [
        workload.users / (a + output * b) * 1e3
        for a, b in ((ttft.value, tpot.value), (ttft.high, tpot.high), (ttft.low, tpot.low))
    ]
    tokens = Interval(per_s[0] * output, per_s[1] * output, per_s[2] * output, _LEVEL)
    return Timing(ttft, tpot, tokens, per_s[0], float(workload.users), expected)


def _spread_of(bound: Bound, ttft: Spread, tpot: Spread) -> Spread:
    if bound.metric == "e2e":
        return Spread(min(ttft.low, tpot.low), max(ttft.high, tpot.high))
    return ttft if bound.metric == "ttft" else tpot

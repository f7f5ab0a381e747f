"""Whether ways to serve meet what is asked, and what they lack, in sentences with figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from weighbridge.core.candidate import Candidate, Estimate, Quality, Verdict
from weighbridge.core.estimate import MemoryUse, Offload, Settings
from weighbridge.core.plan import Requirements
from weighbridge.core.provenance import Interval, Kind, Provenance
from weighbridge.core.units import format_bytes
from weighbridge.core.workload import Bound
from weighbridge.predict.calibration import of_device
from weighbridge.predict.llamacpp.coefficients import fitted as single_stream
from weighbridge.predict.search.llamacpp import time_llamacpp
from weighbridge.predict.search.space import least_devices
from weighbridge.predict.search.timing import Timing, time_serving
from weighbridge.predict.search.ways import (
    LONG_CACHE,
    Way,
    hopeless,
    memory_of,
    memory_of_typical,
    with_flying,
)
from weighbridge.predict.serving.coefficients import fitted as serving

_KIB: Final = 1024
_HOUR_S: Final = 3600
# What is left of a device for weights at best.
_USABLE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that a way falls short of.

    Attributes:
        of: memory, a condition of the SLO, the rate of requests, or our own knowledge.
        words: a clause with figures.
        by: how far, as a share of what there is: 0.1 is a tenth too much.
    """

    of: Literal["memory", "slo", "rate", "unknown"]
    words: str
    by: float


@dataclass(frozen=True, slots=True)
class Appraisal:
    """A way, and how it does.

    Attributes:
        way: to serve.
        memory: what it takes, its cache counted in sequences of the longest context.
        timing: how fast it is.
        lacks: what it falls short of.
        doubts: what it may fall short of, as sentences.
        typical: where requests arrive at a rate, its memory counted in requests instead.
    """

    way: Way
    memory: MemoryUse | None
    timing: Timing | None
    lacks: tuple[Lack, ...]
    doubts: tuple[str, ...] = ()
    typical: MemoryUse | None = None

    @property
    def settings(self) -> Settings:
        """What the engine is told: where requests arrive at a rate, for those in flight."""
        if self.typical is None or self.timing is None:
            return self.way.settings
        return with_flying(self.way, self.timing.users)

    @property
    def meets(self) -> bool:
        """Whether it lacks nothing."""
        return not self.lacks

    @property
    def distance(self) -> float:
        """How far it is from meeting everything."""
        return sum(lack.by for lack in self.lacks)


def appraise(ways: Sequence[Way], asked: Requirements) -> list[Appraisal]:
    """Weigh ways against what is asked, in their order."""
    found: list[Appraisal | None] = []
    fitting: list[tuple[int, Way, MemoryUse]] = []
    for place, way in enumerate(ways):
        if hopeless(way):
            found.append(Appraisal(way, None, None, (_too_heavy(way),)))
            continue
        use = memory_of(way)
        lack = memory_lack(way, use)
        found.append(Appraisal(way, use, None, (lack,)) if lack else None)
        if lack is None:
            fitting.append((place, way, use))
    for time in (time_serving, time_llamacpp):
        local = time is time_llamacpp
        mine = [one for one in fitting if (one[1].settings.engine.name == "llama.cpp") is local]
        load = asked.workload
        arriving = load.requests_per_s is not None
        uses = [memory_of_typical(way, use, load) if arriving else use for _, way, use in mine]
        pairs = [(way, use) for (_, way, _), use in zip(mine, uses, strict=True)]
        timings = time(pairs, load, asked.slo.bounds)
        for (place, way, use), typical, timing in zip(mine, uses, timings, strict=True):
            one = _timed(way, use, timing, load.requests_per_s)
            found[place] = replace(one, typical=typical) if arriving else one
    return [one for one in found if one is not None]


def _timed(way: Way, use: MemoryUse, timing: Timing | None, rate: float | None) -> Appraisal:
    if timing is None:
        words = f"how fast {way.machine.device.name} multiplies is not known"
        return Appraisal(way, use, None, (Lack("unknown", words, math.inf),))
    lacks = [_slo_lack(bound, value) for bound, value in timing.bounds
             if value.value >= bound.limit_ms]  # fmt: skip
    if timing.saturated is not None and rate is not None:
        most = timing.saturated
        words = f"saturates at {most:.3g} requests per second"
        # Short of saturation queues grow, too: then it is hardly any way off.
        lacks.append(Lack("rate", words, max(rate / max(most, 1e-9) - 1, 0.0)))
    doubts = [
        f"{bound} may not hold: {value.value:.0f} ms expected, {value.low:.0f} to {value.high:.0f} "
        "in 8 of 10 cases"
        for bound, value in timing.bounds
        if value.value < bound.limit_ms <= value.high
    ]
    return Appraisal(way, use, timing, tuple(lacks), tuple(doubts))


def memory_lack(way: Way, use: MemoryUse) -> Lack | None:
    """What memory is missing in the worst tenth of cases, or None."""
    limit = max(use.limit_bytes, 1.0)
    if use.shortage is not None and not use.shortage.starts and use.shortage.of != "slots":
        # Whoever else is to be served has no room either.
        others = way.settings.users - (use.shortage.of == "sequence")
        missing = use.shortage.bytes + others * (use.sequence_bytes or 0.0)
        if use.shortage.of == "sequence":
            long = tokens_text(way.settings.context)
            words = (
                f"KV short by {format_bytes(use.shortage.bytes)} for a single sequence of {long}"
            )
            return Lack("memory", words, missing / limit)
        words = f"short by {format_bytes(use.shortage.bytes)} for {_BLOCKED[use.shortage.of]}"
        return Lack("memory", words, missing / limit)
    if use.concurrency is None:
        return Lack("unknown", "how its cache is laid out is not modelled", math.inf)
    missing = missing_bytes(way.settings, use)
    return _cache_lack(way, use, missing, limit) if missing > 0 else None


_BLOCKED: Final = {
    "weights": "the weights and what computing needs",
    "host": "what is left to the host's memory",
}


def missing_bytes(settings: Settings, use: MemoryUse) -> float:
    """Bytes missing on the fullest device for all users, at the bad end of the interval."""
    if settings.engine.name == "llama.cpp":
        parts = (use.weights, use.activation, use.overhead)
        return math.hypot(*(part.high - part.value for part in parts)) - use.spare
    if use.concurrency is None or use.sequence_bytes is None:
        return math.inf
    if use.concurrency.low >= settings.users:
        return 0.0
    return max(settings.users * use.sequence_bytes - use.cache.low, 1.0)


def most_users(way: Way, use: MemoryUse) -> float | None:
    """Users in all whose longest sequences fit, at the unfavourable end of the interval."""
    if use.concurrency is None:
        return None
    copies = way.settings.parallelism.attention_data * way.replicas
    if way.settings.engine.name != "llama.cpp":
        return float(math.floor(use.concurrency.low) * copies)
    each = use.sequence_bytes or 0.0
    more = -missing_bytes(way.settings, use) / each if each else 0.0
    return float(max(0, way.settings.users + math.floor(more)) * copies)


def estimate(one: Appraisal, quality: Quality | None, eur_per_hour: float | None) -> Estimate:
    """An appraisal as the record that is shown and kept."""
    timing, use = one.timing, one.memory
    return Estimate(
        candidate=replace(one.way.candidate, settings=one.settings),
        verdict=_verdict(one),
        reasons=tuple(lack.words for lack in one.lacks) + one.doubts,
        memory=one.typical or use,
        ttft_ms=timing.ttft_ms if timing else None,
        tpot_ms=timing.tpot_ms if timing else None,
        tokens_per_s=timing.tokens_per_s if timing else None,
        requests_per_s=timing.requests_per_s if timing else None,
        most_users=most_users(one.way, use) if use else None,
        quality=quality,
        eur_per_million_tokens=_eur(timing, eur_per_hour),
        most_requests_per_s=timing.capacity if timing else None,
        provenance=_provenance(one.way),
    )


def _eur(timing: Timing | None, per_hour: float | None) -> float | None:
    """Per million tokens: the whole machine is paid for, in use or not."""
    if timing is None or per_hour is None or timing.tokens_per_s.value <= 0:
        return None
    return per_hour / _HOUR_S / timing.tokens_per_s.value * 1e6


def _provenance(way: Way) -> Provenance:
    engine = way.settings.engine.name
    found = single_stream() if engine == "llama.cpp" else serving()
    # One request alone is fitted; what several cost llama.cpp, or the host's part, is assumed.
    guessed = engine == "llama.cpp" and (
        way.settings.users > 1 or way.settings.offload != Offload()
    )
    kind: Kind = "assumed" if guessed else "predicted"
    fit = Provenance(kind, f"closed form fitted on {found.source}", found.date)
    by = of_device(way.known, way.machine.device.name, engine)
    return fit if by is None else by.explained(fit)


def needed_bytes(use: MemoryUse, settings: Settings) -> Interval:
    """What all users, or all requests in flight, need of the fullest device.

    Servers fill what is left with cache.
    """
    parts = (use.weights, use.activation, use.overhead, use.graphs)
    cache = settings.users * (use.sequence_bytes or 0.0)
    value = sum(part.value for part in parts) + cache
    # Parts are independent, and their intervals are of normal distributions.
    up = math.hypot(*(part.high - part.value for part in parts))
    down = math.hypot(*(part.value - part.low for part in parts))
    return Interval(value, value - down, value + up, 0.8)


_CACHES: Final = {2.0: "16-bit", 1.0: "fp8", 34 / 32: "q8_0", 4.0: "fp32"}


def cache_text(settings: Settings) -> str:
    """The number format of the KV cache."""
    size = settings.kv_bytes_per_value
    return _CACHES.get(size, f"{size:.3g} bytes")


def label_of(candidate: Candidate) -> str:
    """A candidate in a line; its cache is named where it is shorter than 16 bits."""
    short = candidate.settings.kv_bytes_per_value < LONG_CACHE
    return candidate.label + (f" · {cache_text(candidate.settings)} KV" if short else "")


def tokens_text(tokens: int) -> str:
    """``16k`` for 16384, ``1M`` for 1048576."""
    for unit, letter in ((_KIB**2, "M"), (_KIB, "k")):
        if tokens >= unit and tokens % unit == 0:
            return f"{tokens // unit}{letter}"
    return str(tokens)


def _verdict(one: Appraisal) -> Verdict:
    kinds = {lack.of for lack in one.lacks}
    if "memory" in kinds:
        return "does not fit"
    if "unknown" in kinds:
        return "not known"
    return "misses" if kinds else "meets"


def _too_heavy(way: Way) -> Lack:
    devices = way.settings.parallelism.devices
    room = devices * way.machine.device.memory_bytes
    total = way.form.weights.total
    needed = math.ceil(total / (_USABLE * way.machine.device.memory_bytes))
    least = least_devices(way.settings.engine.name, way.form.footprint, needed)
    shared = ", as its heads are shared evenly" if least > needed else ""
    words = (
        f"weights of {format_bytes(total)} in {way.form.quantization.name} exceed the "
        f"{format_bytes(room)} of {devices} × {way.machine.device.name}; they take {least} of them "
        f"at least{shared}"
    )
    return Lack("memory", words, total / room - 1)


def _cache_lack(way: Way, use: MemoryUse, missing: float, limit: float) -> Lack:
    users, context = way.settings.users, tokens_text(way.settings.context)
    # The median may suffice where the unfavourable end of the interval does not.
    enough = use.concurrency is not None and use.concurrency.value >= users and use.fits
    short = "may be short" if enough else "short"
    each = " per device" if way.settings.parallelism.devices * way.replicas > 1 else ""
    words = f"KV {short} by {format_bytes(missing)}{each} at {users} × {context}"
    return Lack("memory", words, missing / limit)


def _slo_lack(bound: Bound, value: Interval) -> Lack:
    name = f"{bound.metric}_{bound.percentile}"
    words = f"{name} would be {_ms(value.value)}, not below {_ms(bound.limit_ms)}"
    return Lack("slo", words, value.value / bound.limit_ms - 1)


def _ms(value: float) -> str:
    return f"{value:.0f} ms" if value >= 10 else f"{value:.2g} ms"

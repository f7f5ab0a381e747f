"""What else is tried where a way lacks memory as it is usually served.

Caches in 16 bits and the engine's own share of memory come first: what an fp8 or q8_0 cache costs
in quality is not measured by us, and a larger share leaves less for what engines do not count. Both
are tried only where they decide whether a way meets what is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from weighbridge.core.plan import Requirements
from weighbridge.predict.memory.engine_defaults import batch, raised, raised_note
from weighbridge.predict.search.space import short_cache
from weighbridge.predict.search.verdict import Appraisal, appraise
from weighbridge.predict.search.ways import Way


def second_tries(found: Sequence[Appraisal], asked: Requirements) -> list[list[Appraisal]]:
    """Of each appraisal, the ways that start where it does not, or hold what it does not."""
    tries = [list(_tries(one, asked)) for one in found]
    results = iter(appraise([way for each in tries for way in each], asked))
    better = [[next(results) for _ in each] for each in tries]
    return [[_doubted(one) for one in each if _starts(one)] for each in better]


def _starts(one: Appraisal) -> bool:
    return not any(lack.of in ("memory", "unknown") for lack in one.lacks)


def _doubted(one: Appraisal) -> Appraisal:
    """With the doubt that a larger share of memory than the engine's own raises."""
    settings = one.way.settings
    share = settings.utilisation
    if share is None:
        return one
    return replace(one, doubts=(*one.doubts, raised_note(settings.engine, share)))


def _tries(one: Appraisal, asked: Requirements) -> Iterator[Way]:
    use, way = one.memory, one.way
    if use is None or not _held_back(one):
        return
    if way.settings.engine.name == "llama.cpp":  # which knows no share of the memory
        yield from _shorter(one, asked)
        return
    device = way.machine.device
    fuller = raised(way.settings, use, device.memory_bytes)
    if fuller is not None:
        yield replace(way, settings=fuller)
    short = short_cache(way.settings.engine.name, device, way.form.footprint)
    if asked.kv_bytes_per_value is not None or short is None:
        return
    if way.settings.kv_bytes_per_value > short[1]:
        stuck = use.shortage is not None and use.shortage.of == "weights"
        for settings in (None if stuck else way.settings, fuller):
            if settings is not None:
                yield replace(way, settings=replace(settings, kv_bytes_per_value=short[1]))


def _shorter(one: Appraisal, asked: Requirements) -> Iterator[Way]:
    """A llama.cpp cache in q8_0."""
    way, use = one.way, one.memory
    short = short_cache("llama.cpp", way.machine.device, way.form.footprint)
    stuck = use is None or (use.shortage is not None and use.shortage.of == "weights")
    if short is None or stuck or asked.kv_bytes_per_value is not None:
        return
    if way.settings.kv_bytes_per_value > short[1]:
        yield replace(way, settings=replace(way.settings, kv_bytes_per_value=short[1]))


def _held_back(one: Appraisal) -> bool:
    """Whether it fails for want of memory, or serves too few at once because of it."""
    if any(lack.of == "memory" for lack in one.lacks):
        return True
    held = one.typical.concurrency if one.typical else None
    if held is None or not any(lack.of == "rate" for lack in one.lacks):
        return False
    settings, device = one.way.settings, one.way.machine.device
    if settings.engine.name == "llama.cpp":  # its slots are told beforehand
        return False
    unlimited = settings.engine.name == "sglang" and settings.max_num_seqs is None
    return unlimited or held.value < batch(settings, device.memory_bytes, device.name).sequences

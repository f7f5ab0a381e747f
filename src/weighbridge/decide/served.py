"""How fast a model answers at the load that is expected, from load runs. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from weighbridge.core.constraints import ExpectedLoad
from weighbridge.core.load import Distribution, LoadLevel, LoadRun
from weighbridge.core.provenance import Provenance
from weighbridge.core.runs import RunInfo
from weighbridge.core.tradeoffs import Bounded, LoadUnit, Served, load_words
from weighbridge.core.workload import Bound, Slo

_PERCENTILE: Final = "p95"
# A level at which more requests fail serves nobody.
_MOST_FAILED: Final = 0.01


def served(runs: Sequence[LoadRun], load: ExpectedLoad, slo: Slo) -> Served | None:
    """What the newest load run with a verdict says; None where there is none.

    A client that is the bottleneck can only add to the times: where conditions hold even so, they
    hold, and what was served is the least that can be; so it is where none are asked. Where they do
    not hold, nothing is known.

    Args:
        runs: of one model, newest first.
        load: what all tasks together ask.
        slo: the conditions on latency; none at all for none.
    """
    measured = [one for one in runs if one.levels]
    run = next((one for one in measured if not one.is_client_limited), None)
    if run is None:
        bound = (one for one in measured if not slo.bounds or _holds_anywhere(one, slo))
        run = next(bound, None)
    if run is None:
        return None
    unit = unit_of(load)
    level = _level_at(run.levels, load, unit)
    asked = _asked(load)
    capacity = _capacity(run, slo, unit)
    return Served(
        percentile=_PERCENTILE,
        ttft_ms=_percentile(level.ttft_ms),
        tpot_ms=_percentile(level.tpot_ms),
        e2e_ms=_percentile(level.e2e_ms),
        at=at_words(level.users, level.requests_per_s),
        covers_load=None if asked is None else _amount(level, unit) >= asked,
        capacity=_at_least(capacity) if run.is_client_limited else capacity,
        capacity_unit=unit,
        holds_slo=_holds_anywhere(run, slo),
        provenance=Provenance("measured", run.info.id, run.info.created),
        is_client_limited=run.is_client_limited,
        nearest=() if _holds_anywhere(run, slo) else _nearest(run, slo),
    )


def at_words(users: float, requests_per_s: float) -> str:
    """A load, both ways of counting it."""
    return f"{load_words(users, 'users')}, {load_words(requests_per_s, 'requests/s')}"


def _nearest(run: LoadRun, slo: Slo) -> tuple[tuple[str, float], ...]:
    """What is measured of each condition at the level that comes nearest to holding all of them."""
    found = []
    for level in filter(_serves, run.levels):
        values = [(bound, distribution(level, bound)) for bound in slo.bounds]
        known = [(b, float(getattr(one, b.percentile))) for b, one in values if one is not None]
        if known and len(known) == len(values):
            short = max(value / bound.limit_ms for bound, value in known)
            names = tuple((f"{bound.metric}_{bound.percentile}", value) for bound, value in known)
            found.append((short, names))
    return min(found, default=(0.0, ()))[1]


def _at_least(found: Bounded | None) -> Bounded | None:
    """A capacity without its upper end: the client stood in the way."""
    return None if found is None else Bounded(found.value, found.low, None)


def about_task(runs: Sequence[RunInfo], task: str) -> list[RunInfo]:
    """The load runs whose subject names the task; those that name none are of all tasks."""
    word = re.compile(rf"(?<![\w-]){re.escape(task)}(?![\w-])")
    return [info for info in runs if word.search(info.subject)]


def unit_of(load: ExpectedLoad) -> LoadUnit:
    """In what the load, and so capacity, is counted."""
    return "users" if load.users is not None else "requests/s"


def _asked(load: ExpectedLoad) -> float | None:
    return float(load.users) if load.users is not None else load.requests_per_s


def _amount(level: LoadLevel, unit: LoadUnit) -> float:
    return level.users if unit == "users" else level.requests_per_s


def _level_at(levels: Sequence[LoadLevel], load: ExpectedLoad, unit: LoadUnit) -> LoadLevel:
    """The lowest level that has at least the expected load, else the highest there is."""
    steady = [level for level in levels if not level.overloaded] or list(levels)
    ordered = sorted(steady, key=lambda level: _amount(level, unit))
    asked = _asked(load)
    if asked is None:
        return ordered[-1]
    return next((level for level in ordered if _amount(level, unit) >= asked), ordered[-1])


def _capacity(run: LoadRun, slo: Slo, unit: LoadUnit) -> Bounded | None:
    """The most that was measured with all conditions holding."""
    if unit == "requests/s" and run.limit is not None and run.limit.slo == slo:
        limit = run.limit
        return None if limit.rate is None else Bounded(limit.rate, limit.low, limit.high)
    held = [level for level in run.levels if _serves(level) and holds(level, slo) is not False]
    if slo.bounds and any(holds(level, slo) is None for level in held):
        return None
    if not held:
        return None
    most = max(_amount(level, unit) for level in held)
    sure = [_amount(level, unit) for level in held if not slo.bounds or _surely(level, slo)]
    beyond = [_amount(level, unit) for level in run.levels if level not in held]
    return Bounded(
        most, max(sure, default=None), min((one for one in beyond if one > most), default=None)
    )


def _serves(level: LoadLevel) -> bool:
    return not level.overloaded and level.errors <= _MOST_FAILED * level.requests


def _holds_anywhere(run: LoadRun, slo: Slo) -> bool | None:
    if not slo.bounds:
        return None
    if run.limit is not None and run.limit.slo == slo:
        return run.limit.rate is not None
    verdicts = [holds(level, slo) for level in run.levels if _serves(level)]
    if any(verdicts):
        return True
    return None if None in verdicts else False


def holds(level: LoadLevel, slo: Slo) -> bool | None:
    """Whether a level keeps all conditions; None where one of the figures is unknown."""
    verdicts = [_holds(level, bound) for bound in slo.bounds]
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _holds(level: LoadLevel, bound: Bound) -> bool | None:
    sample = distribution(level, bound)
    if sample is None:
        return None
    return bool(getattr(sample, bound.percentile) < bound.limit_ms)


def _surely(level: LoadLevel, slo: Slo) -> bool:
    """Whether even the upper ends of the intervals keep all conditions."""
    for bound in slo.bounds:
        sample = distribution(level, bound)
        high = None if sample is None else sample.intervals.get(bound.percentile, (None, None))[1]
        if high is None or high >= bound.limit_ms:
            return False
    return True


def distribution(level: LoadLevel, bound: Bound) -> Distribution | None:
    """The sample that a condition is about."""
    by_metric = {
        "ttft": level.ttft_ms,
        "tpot": level.tpot_ms,
        "itl": level.itl_ms,
        "e2e": level.e2e_ms,
    }
    return by_metric[bound.metric]


def _percentile(sample: Distribution | None) -> Bounded | None:
    if sample is None:
        return None
    low, high = sample.intervals.get(_PERCENTILE, (None, None))
    return Bounded(sample.p95, low, high)

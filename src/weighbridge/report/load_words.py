"""What a load run says, in words: its verdict, and figures with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from weighbridge.core.load import Bounds, Distribution, Limit, LoadLevel, LoadRun
from weighbridge.core.workload import Slo
from weighbridge.report.load_verdicts import requests_to_tell, with_verdict
from weighbridge.report.numbers import number, percent

_EN_DASH: Final = "\N{EN DASH}"
_MANY_ERRORS: Final = 0.01


def headline(run: LoadRun) -> str:
    """The verdict in one sentence; of a run that the client limited, that there is none."""
    failed = failures(run.levels)
    if run.is_client_limited:
        head = (
            "CLIENT-LIMITED: the client was the bottleneck, so there is no verdict on the server."
        )
    elif not any(level.requests > level.errors for level in run.levels):
        head, failed = _nothing(run.levels), ""
    elif run.limit is not None:
        head = limit_sentence(run.limit)
    else:
        head = _levels_sentences(run)
    cut = "The run was interrupted." if run.is_partial else ""
    return " ".join(part for part in (head, failed, cut) if part)


def _levels_sentences(run: LoadRun) -> str:
    """What the levels of a run say, each kind in its own words; an overload before all."""
    parts = overloads(run) + [ramp_sentence(level) for level in run.levels if level.ramp]
    others = [level for level in run.levels if not level.ramp]
    if any(level.goodput for level in others):
        parts.append(_slo_sentence(others))
    elif calm := [level for level in others if not level.overloaded]:
        parts.append(_figures_sentence(calm))
    return " ".join(parts)


def failures(levels: Sequence[LoadLevel]) -> str:
    """That more than 1 % of the requests failed, where they did."""
    requests = sum(level.requests for level in levels)
    errors = sum(level.errors for level in levels)
    if not requests or errors / requests <= _MANY_ERRORS:
        return ""
    return f"{percent(errors / requests)} of the requests failed."


def doubts(run: LoadRun) -> list[str]:
    """What a reader must know before any figure, one sentence each."""
    found = []
    if run.is_partial:
        found.append(
            "Interrupted: the levels below are those measured until then, and the last may be "
            "incomplete."
        )
    for level in run.levels:
        if level.client:
            found += [f"{shape_words(level)}: {reason}" for reason in level.client.limited]
        found += [f"{shape_words(level)}: {sentence}" for sentence in level_notes(level)]
        if _MANY_ERRORS * level.requests < level.errors < level.requests:
            found.append(
                f"{shape_words(level)}: {level.errors:,} of {level.requests:,} requests failed; "
                "latencies are those of the others."
            )
    return found


def overloads(run: LoadRun) -> list[str]:
    """Which levels were more than the server serves; a search goes beyond that on purpose."""
    if run.limit is not None or run.is_client_limited:
        return []
    return [level.overloaded for level in run.levels if level.overloaded]


def level_notes(level: LoadLevel) -> list[str]:
    """What else a level's figures do not say, without errors and the client's own limits."""
    found = []
    if level.steady and not level.steady.is_stationary and not level.overloaded:
        found.append("its two halves differ; measure longer before you trust it.")
    if level.empty:
        verb = "answer had" if level.empty == 1 else "answers had"
        found.append(f"{level.empty:,} {verb} no content, and so no time to first token.")
    return found


def limit_sentence(limit: Limit) -> str:
    """How much load the server takes within an SLO."""
    slo = slo_words(limit.slo)
    if limit.rate is None and limit.high == 0:
        return f"No rate holds {slo}. {limit.reason}"
    if limit.rate is None and limit.high is None:
        return f"The search for the highest rate that holds {slo} has no verdict."
    if limit.rate is None:
        return f"Even the lowest rate tried, {_rate(limit.high)}, does not hold {slo}."
    if limit.high is None:
        return f"Holds {slo} up to {_rate(limit.low)} and maybe more: every rate tried held it."
    interval = f"{number(limit.low)}{_EN_DASH}{number(limit.high)}"
    return f"Holds {slo} up to {_rate(limit.rate)} (95 % interval {interval})."


def slo_words(slo: Slo) -> str:
    """The conditions as people read them: ``TTFT p95 < 500 ms and TPOT p95 < 40 ms``."""
    parts = [
        f"{bound.metric.upper()} {bound.percentile} < {limit_words(bound.limit_ms)}"
        for bound in slo.bounds
    ]
    return " and ".join(parts)


def milliseconds(value: float | None) -> str:
    """A time with its unit; a dash for what was not measured."""
    if value is None:
        return _EN_DASH
    if value >= 10_000:
        return f"{number(value / 1000)}\N{NO-BREAK SPACE}s"
    return f"{number(value)}\N{NO-BREAK SPACE}ms"


def limit_words(limit_ms: float) -> str:
    """A limit as it was asked for, without digits that nobody gave."""
    return f"{limit_ms:,g}\N{NO-BREAK SPACE}ms"


def seconds(value: float) -> str:
    """A duration: ``0.43 s``, ``12.5 s``."""
    return f"{number(value)}\N{NO-BREAK SPACE}s"


def shape_words(level: LoadLevel) -> str:
    """The load of a level: ``8 users``, ``2.5 requests/s``."""
    return shape_text(level.shape.kind, level.concurrency, level.rate)


def shape_text(kind: str, concurrency: int | None, rate: float | None) -> str:
    """A load in words, one user being no users."""
    if kind == "closed":
        return f"{concurrency:,} user{'' if concurrency == 1 else 's'}" if concurrency else "users"
    before = {"ramp": "ramp up to ", "replay": "trace at "}.get(kind, "")
    return f"{before}{_rate(rate)}" if rate is not None else f"{before}its own rate"


def interval(bounds: Bounds | None) -> str:
    """The ends of an interval; one that the sample cannot bound is said to be open."""
    if bounds is None or bounds == (None, None):
        return ""
    low, high = bounds
    if low is None:
        return f"≤ {number(high)}"
    if high is None:
        return f"≥ {number(low)}"
    return f"{number(low)}{_EN_DASH}{number(high)}"


def bounds_of(sample: Distribution | None, name: str) -> Bounds | None:
    """The interval of one of a distribution's numbers."""
    return sample.intervals.get(name) if sample else None


def _rate(value: float | None) -> str:
    return f"{_figure(value)} requests/s"


def _figure(value: float | None) -> str:
    """A rate as it was asked for: ``2``, ``8.25``."""
    return number(value) if value is None else f"{value:,.4g}"


def _slo_sentence(levels: Sequence[LoadLevel]) -> str:
    """Which levels hold the SLO, which do not, and which were too short to tell."""
    slo = slo_words(next(level.goodput.slo for level in levels if level.goodput))
    held, broken = with_verdict(levels, "held"), with_verdict(levels, "not held")
    parts = []
    if held and broken:
        parts.append(f"Holds {slo} at {_listed(held)}, not at {_listed(broken)}.")
    elif held or broken:
        verb, which = ("Holds", held) if held else ("Does not hold", broken)
        parts.append(f"{verb} {slo} at {_listed(which)}.")
    what = "" if parts else f" {slo}"
    if unsure := with_verdict(levels, "held, in doubt"):
        parts.append(f"Not shown to hold{what} at {_listed(unsure)}: {_more(unsure)}.")
        what = ""
    if unsure := with_verdict(levels, "not held, in doubt"):
        parts.append(f"Not shown to break{what} at {_listed(unsure)}: {_more(unsure)}.")
    return " ".join(parts)


def _more(unsure: Sequence[LoadLevel]) -> str:
    """What it takes to be sure."""
    need = requests_to_tell(unsure)
    if need is None:
        return "too close to the limit to tell"
    return f"too few requests; ask for about {need:,}"


def ramp_sentence(level: LoadLevel) -> str:
    """From what to what the first token's wait grew, and from when an SLO no longer held."""
    first, last = level.ramp[0], level.ramp[-1]
    ends = [
        f"{milliseconds(one.ttft_ms_p50)} at about {_about(one.rate)}"
        for one in (first, last)
        if one.ttft_ms_p50 is not None
    ]
    head = f"{shape_words(level)}: first token after {', '.join(ends)} requests/s.".capitalize()
    return " ".join(part for part in (head, ramp_verdict(level)) if part)


def ramp_verdict(level: LoadLevel) -> str:
    """How far up a ramp held the SLO; nothing without one."""
    if not level.ramp or level.goodput is None or not level.ramp[0].requests:
        return ""
    slo, last = slo_words(level.goodput.slo), level.ramp[-1]
    if level.ramp_breaks_at is not None:
        return f"Stops holding {slo} at about {_about(level.ramp_breaks_at)} requests/s."
    if last.holds:
        return f"Still holds {slo} at about {_about(last.rate)} requests/s."
    return f"Does not hold {slo} even at about {_about(level.ramp[0].rate)} requests/s."


def _about(rate: float) -> str:
    """A rate of a ramp, which is known roughly."""
    return f"{rate:.2g}" if rate < 100 else f"{rate:.0f}"


def _listed(levels: Sequence[LoadLevel]) -> str:
    """Loads in a row: ``1, 8 and 64 users``."""
    if len({level.shape.kind for level in levels}) == 1 and len(levels) > 1:
        words = [number_of(level) for level in levels]
        words[-1] = shape_words(levels[-1])
    else:
        words = [shape_words(level) for level in levels]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def number_of(level: LoadLevel) -> str:
    """The load of a level without its unit."""
    if level.concurrency is not None:
        return f"{level.concurrency:,}"
    return _figure(level.rate)


def _nothing(levels: Sequence[LoadLevel]) -> str:
    """That no request succeeded, and why."""
    kinds = dict.fromkeys(kind for level in levels for kind, _ in level.error_kinds)
    requests = sum(level.requests for level in levels)
    if not requests:
        return "No request was sent."
    why = f": {', '.join(kinds)}" if kinds else ""
    return f"No request succeeded: all {requests:,} failed{why}."


def _figures_sentence(levels: Sequence[LoadLevel]) -> str:
    """The level with the highest throughput, as no SLO says what to look for."""
    best = max(levels, key=lambda level: level.output_tokens_per_s)
    where = f"At {shape_words(best)}"
    parts = [f"{number(best.output_tokens_per_s)} tokens/s"]
    if best.ttft_ms:
        parts.append(
            f"first token after {milliseconds(best.ttft_ms.p50)} "
            f"(p95 {milliseconds(best.ttft_ms.p95)})"
        )
    if best.tpot_ms:
        parts.append(f"then one every {milliseconds(best.tpot_ms.p50)}")
    return f"{where}: {', '.join(parts)}."

"""Two endpoints under the same load: which is better, by how much, and whether the data can tell.

Three or more interleaved pairs (A B A B …) carry their own between-run variance: the logarithms
of B/A, pair by pair, are tested with Student's t. Repeats of a level inside one run are tested with
Welch's t, which drift between the two runs can mislead, and the caveats say so. Single runs have
only the variance within: percentiles by the intervals of the summary, rates by how they vary from
one part of the level to the next. Metrics of a level are judged together (Holm 1979), and each
interval has the level at which Holm's procedure judged its metric, so that it excludes "no
difference" just where the verdict does.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from weighbridge.core.errors import InputError
from weighbridge.core.load import Distribution, LoadLevel, LoadRun, RepeatFigures, RequestRecord
from weighbridge.core.load_comparison import LoadComparison, LoadDifference
from weighbridge.measure.load.figures.percentiles import variance_of_sum
from weighbridge.measure.load.figures.summary import repeat_figures

_ALPHA: Final = 0.05
_ENOUGH_PAIRS: Final = 3
_PARTS: Final = 24  # of a level, for the variance of its rates
_Z: Final = 1.959963984540054
# The client itself does not know latencies better than this, so no smaller difference is real.
_RESOLUTION_MS: Final = 0.1


@dataclass(frozen=True, slots=True)
class _Metric:
    """A headline figure: its name, its words, where its interval is, and which way is better."""

    name: str
    words: str
    distribution: Callable[[LoadLevel], Distribution | None] | None
    percentile: str = ""

    @property
    def is_rate(self) -> bool:
        return self.distribution is None


@dataclass(frozen=True, slots=True)
class _Effect:
    """B/A as a logarithm, its standard error, and the degrees of freedom behind that."""

    metric: _Metric
    a: float
    b: float
    log_ratio: float
    error: float
    dof: float


_METRICS: Final = (
    _Metric("ttft_ms_p50", "median TTFT", lambda level: level.ttft_ms, "p50"),
    _Metric("ttft_ms_p95", "p95 TTFT", lambda level: level.ttft_ms, "p95"),
    _Metric("tpot_ms_p50", "median TPOT", lambda level: level.tpot_ms, "p50"),
    _Metric("itl_ms_p99", "p99 ITL", lambda level: level.itl_ms, "p99"),
    _Metric("e2e_ms_p50", "median E2E", lambda level: level.e2e_ms, "p50"),
    _Metric("requests_per_s", "request rate", None),
    _Metric("output_tokens_per_s", "throughput", None),
)


def compare_loads(a: Sequence[LoadRun], b: Sequence[LoadRun]) -> tuple[LoadComparison, ...]:
    """Compare runs of B with runs of A, level by level of equal shape.

    Args:
        a: one run, or several that took turns with those of ``b``, in order.
        b: as many.

    Raises:
        InputError: they cannot be compared: other loads, or the client was the bottleneck.
    """
    _refuse(a, b)
    names = _names(a[0], b[0])
    found = []
    for index, level in enumerate(a[0].levels):
        other = _level_like(level, b[0])
        if other is None:
            continue
        pairs = [
            (_Measured(one, at), _Measured(two, at_b))
            for one, two in zip(a, b, strict=True)
            if (at := _index_like(level, one)) is not None
            and (at_b := _index_like(level, two)) is not None
        ]
        found.append(_comparison(names, a[0].levels[index], pairs))
    if not found:
        raise InputError(
            f"{names[0]} and {names[1]} were not measured under the same load.",
            fix="Give both the same levels, for example --concurrency 8.",
        )
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Measured:
    """A level with its run."""

    run: LoadRun
    index: int

    @property
    def level(self) -> LoadLevel:
        return self.run.levels[self.index]

    @property
    def records(self) -> list[RequestRecord]:
        return [record for record in self.run.requests if record.level == self.index]


def _refuse(a: Sequence[LoadRun], b: Sequence[LoadRun]) -> None:
    if not a or len(a) != len(b):
        raise InputError(
            f"{len(a)} runs cannot be paired with {len(b)}.",
            fix="Give as many runs of the one as of the other.",
        )
    for run in (*a, *b):
        for level in run.levels:
            if level.client is not None and level.client.limited:
                raise InputError(
                    f"{run.info.id} is CLIENT-LIMITED: {level.client.limited[0]}",
                    fix="Measure again with a lower load, more --workers or on a faster machine.",
                )
        if run.workload != a[0].workload:
            raise InputError(
                f"{a[0].info.id} and {run.info.id} did not send the same workload: "
                f"{a[0].workload or 'prompts'} against {run.workload or 'prompts'}.",
                fix="Measure both with the same workload.",
            )


def _level_like(level: LoadLevel, run: LoadRun) -> LoadLevel | None:
    index = _index_like(level, run)
    return None if index is None else run.levels[index]


def _index_like(level: LoadLevel, run: LoadRun) -> int | None:
    return next((i for i, one in enumerate(run.levels) if one.shape == level.shape), None)


def _names(a: LoadRun, b: LoadRun) -> tuple[str, str]:
    """The models' names, or the runs' ids where it is the same model."""
    same = a.info.model == b.info.model
    return (a.info.id, b.info.id) if same else (a.info.model, b.info.model)


def _comparison(
    names: tuple[str, str], level: LoadLevel, pairs: Sequence[tuple[_Measured, _Measured]]
) -> LoadComparison:
    effects = [effect for metric in _METRICS if (effect := _effect(metric, pairs)) is not None]
    differences = _holm(effects)
    return LoadComparison(
        a=names[0],
        b=names[1],
        shape=level.shape,
        pairs=len(pairs),
        differences=differences,
        sentence=_sentence(names[1], differences),
        caveats=_caveats(pairs, len(_METRICS) - len(effects)),
    )


def _effect(metric: _Metric, pairs: Sequence[tuple[_Measured, _Measured]]) -> _Effect | None:
    """B against A in one metric; None where it was not measured on both sides, or not bounded."""
    figures = [
        (one, two)
        for a, b in pairs
        if (one := _figure(metric, repeat_figures(a.level)))
        and (two := _figure(metric, repeat_figures(b.level)))
    ]
    if len(figures) < len(pairs) or not figures:
        return None
    a, b = (statistics.geometric_mean(side) for side in zip(*figures, strict=True))
    if len(pairs) >= _ENOUGH_PAIRS:
        logs = [math.log(two / one) for one, two in figures]
        error = statistics.stdev(logs) / math.sqrt(len(logs))
        return _Effect(metric, a, b, statistics.fmean(logs), error, len(logs) - 1)
    repeated = _welch(metric, pairs[0]) if len(pairs) == 1 else None
    if repeated is not None:
        return repeated
    errors = [_error(metric, side) for pair in pairs for side in pair]
    if any(error is None for error in errors):
        return None
    total = math.sqrt(sum(error**2 for error in errors if error is not None)) / len(pairs)
    return _Effect(metric, a, b, math.log(b / a), total, _PARTS - 1)


def _figure(metric: _Metric, figures: RepeatFigures) -> float | None:
    """What a level measured; None where it is nothing that a ratio can be made of."""
    value: float | None = getattr(figures, metric.name)
    return value if value and value > 0 else None


def _welch(metric: _Metric, pair: tuple[_Measured, _Measured]) -> _Effect | None:
    """By the repeats of both levels, where each has three or more."""
    sides = []
    for measured in pair:
        values = [_figure(metric, repeat) for repeat in measured.level.repeats]
        logs = [math.log(value) for value in values if value is not None]
        if len(logs) < _ENOUGH_PAIRS or len(logs) < len(values):
            return None
        sides.append((statistics.fmean(logs), statistics.variance(logs) / len(logs), len(logs)))
    (mean_a, var_a, n_a), (mean_b, var_b, n_b) = sides
    total = var_a + var_b
    parts = var_a**2 / (n_a - 1) + var_b**2 / (n_b - 1)
    dof = total**2 / parts if parts else float(n_a + n_b - 2)
    return _Effect(
        metric, math.exp(mean_a), math.exp(mean_b), mean_b - mean_a, math.sqrt(total), dof
    )


def _error(metric: _Metric, measured: _Measured) -> float | None:
    """Standard error of a figure's logarithm within its run; None where the run is too short."""
    if metric.distribution is None:
        return _rate_error(metric, measured)
    found = metric.distribution(measured.level)
    low, high = found.intervals.get(metric.percentile, (None, None)) if found else (None, None)
    if low is None or high is None or low <= 0:
        return None
    return math.log(high / low) / 2 / _Z


def _rate_error(metric: _Metric, measured: _Measured) -> float | None:
    """From how a rate varies over equal parts of the level's steady part."""
    steady, records = measured.level.steady, measured.records
    if steady is None or len(records) < 2 * _PARTS:
        return None
    length = (steady.to_s - steady.from_s) / _PARTS
    edges = [steady.from_s + length * part for part in range(_PARTS + 1)]
    served = [_served(metric, records, early * 1e3, late * 1e3) for early, late in pairwise(edges)]
    mean = statistics.fmean(served)
    if mean <= 0:
        return None
    variance, _ = variance_of_sum([value - mean for value in served])
    return math.sqrt(variance) / _PARTS / mean


def _served(metric: _Metric, records: Sequence[RequestRecord], early: float, late: float) -> float:
    """Requests or tokens by the share of each answer's time that lies between two moments."""
    total = 0.0
    for record in records:
        inside = min(record.sent_ms + record.e2e_ms, late) - max(record.sent_ms, early)
        if record.error is None and inside > 0 and record.e2e_ms > 0:
            weight = record.output_tokens if metric.name == "output_tokens_per_s" else 1
            total += weight * inside / record.e2e_ms
    return total


def _holm(effects: Sequence[_Effect]) -> tuple[LoadDifference, ...]:
    """Differences with p values and intervals adjusted for looking at all of them."""
    raw = [_p(effect) for effect in effects]
    order = sorted(range(len(effects)), key=lambda index: raw[index])
    found: dict[int, LoadDifference] = {}
    adjusted, stopped = 0.0, 0
    for rank, index in enumerate(order):
        tests = len(effects) - rank
        adjusted = min(1.0, max(adjusted, raw[index] * tests))
        if adjusted > _ALPHA and not stopped:
            stopped = tests
        found[index] = _difference(effects[index], adjusted, _ALPHA / (stopped or tests))
    return tuple(found[index] for index in range(len(effects)))


def _p(effect: _Effect) -> float:
    """Two-sided p value of no difference."""
    from scipy.stats import t  # noqa: PLC0415 -- half a second of import

    if effect.error == 0:
        return 1.0 if effect.log_ratio == 0 else 0.0
    return float(2 * t.sf(abs(effect.log_ratio) / effect.error, effect.dof))


def _difference(effect: _Effect, p: float, alpha: float) -> LoadDifference:
    from scipy.stats import t  # noqa: PLC0415 -- half a second of import

    half = float(t.isf(alpha / 2, effect.dof)) * effect.error
    is_seen = effect.metric.is_rate or abs(effect.b - effect.a) >= _RESOLUTION_MS
    return LoadDifference(
        metric=effect.metric.name,
        a=effect.a,
        b=effect.b,
        ratio=math.exp(effect.log_ratio),
        low=math.exp(effect.log_ratio - half),
        high=math.exp(min(effect.log_ratio + half, 700.0)),
        p=p,
        is_real=p <= _ALPHA and is_seen,
        is_better=effect.log_ratio > 0 if effect.metric.is_rate else effect.log_ratio < 0,
    )


def _sentence(b: str, differences: Sequence[LoadDifference]) -> str:
    """The verdict: what differs first, then what does not."""
    words = {metric.name: metric.words for metric in _METRICS}
    real = [_change(words[one.metric], one) for one in differences if one.is_real]
    same = [_no_change(words[one.metric], one) for one in differences if not one.is_real]
    if not differences:
        return "Too little was measured to compare anything."
    if not real:
        return "No detectable difference: " + "; ".join(same) + "."
    return f"{b}'s " + "; ".join([*real, *same]) + "."


def _change(words: str, one: LoadDifference) -> str:
    ends = sorted((abs(one.low - 1), abs(one.high - 1)))
    way = "higher" if one.ratio > 1 else "lower"
    span = f"{_percent(ends[0])}–{_percent(ends[1])} %"
    return f"{words} is {_percent(abs(one.ratio - 1))} % {way} (95 % interval {span})"


def _no_change(words: str, one: LoadDifference) -> str:
    most = max(abs(one.low - 1), abs(one.high - 1))
    if most > 1:
        return f"{words}: the data cannot tell"
    return f"{words}: no detectable difference, at most {_percent(most)} %"


def _percent(share: float) -> str:
    value = 100 * share
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _caveats(pairs: Sequence[tuple[_Measured, _Measured]], unmeasured: int) -> tuple[str, ...]:
    found = []
    if len(pairs) < _ENOUGH_PAIRS:
        found.append(
            "The runs did not take turns often enough: drift of the machine between them may pass "
            "for a difference. Measure with --interleave and at least 3 repeats, better 5."
        )
    levels = [side.level for pair in pairs for side in pair]
    if any(level.steady is not None and not level.steady.is_stationary for level in levels):
        found.append("At least one level was not stationary: its halves differ.")
    failed = sum(level.errors for level in levels)
    if failed > 0.01 * sum(level.requests for level in levels):
        found.append(f"{failed} requests failed; latencies and rates are of the others only.")
    tokens = [
        sum(pair[side].level.output_tokens / max(1, pair[side].level.requests) for pair in pairs)
        for side in (0, 1)
    ]
    if max(tokens) > 1.05 * min(tokens):
        found.append(
            f"Answers were not equally long ({tokens[0] / len(pairs):.0f} and "
            f"{tokens[1] / len(pairs):.0f} tokens), which E2E and throughput depend on."
        )
    if any(side.run.is_partial for pair in pairs for side in pair):
        found.append("At least one run was interrupted.")
    if unmeasured:
        what = "metric was" if unmeasured == 1 else "metrics were"
        found.append(f"{unmeasured} {what} left out: too few requests to bound them on both sides.")
    return tuple(found)

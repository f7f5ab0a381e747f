"""Goodput: the requests that met all conditions of an SLO, and whether its percentiles hold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Final

from weighbridge.core.load import BoundResult, Distribution, Goodput, RequestRecord
from weighbridge.core.workload import Bound, Metric, Slo
from weighbridge.measure.load.figures.percentiles import SHARES, percentile, share_above

# An SLO says nothing of requests that failed; where more of them do, no latency makes up for it.
MOST_ERRORS: Final = 0.01
_Z: Final = 1.959963984540054


def goodput(
    slo: Slo,
    records: Sequence[RequestRecord],
    measured: Mapping[Metric, Distribution | None],
    requests_per_s: float,
) -> Goodput:
    """Goodput of a level's steady part.

    Args:
        slo: the conditions.
        records: of the steady part, failed ones included.
        measured: the level's distributions, by the metric's name in an SLO.
        requests_per_s: successful ones.
    """
    good = sum(meets(slo, record) for record in records)
    answered = sum(record.error is None for record in records)
    bounds = tuple(_result(bound, measured[bound.metric], records) for bound in slo.bounds)
    failed = len(records) - answered
    if failed > MOST_ERRORS * len(records) or not answered:
        bounds += (BoundResult(f"errors<={MOST_ERRORS:.0%}", None, None, None, holds=False),)
    low, high = _wilson(good, len(records))
    return Goodput(
        slo=slo,
        share=good / len(records) if records else 0.0,
        low=low,
        high=high,
        requests_per_s=requests_per_s * good / answered if answered else 0.0,
        met=all(bound.holds for bound in bounds),
        bounds=bounds,
    )


def meets(slo: Slo, record: RequestRecord) -> bool:
    """Whether a single request met all conditions; a failed one met none.

    TTFT and E2E count from when it was due. Of its gaps the SLO's own percentile counts. An answer
    without a second token breaks no condition on the pace of tokens.
    """
    return record.error is None and all(_is_within(bound, record) for bound in slo.bounds)


def _is_within(bound: Bound, record: RequestRecord) -> bool:
    values = _values(bound.metric, record)
    if bound.metric == "itl":
        return _of_gaps(bound, sorted(values)) < bound.limit_ms
    return all(value < bound.limit_ms for value in values) and (
        bool(values) or bound.metric == "tpot"
    )


def _values(metric: Metric, record: RequestRecord) -> list[float]:
    """What a successful request adds to the sample of a metric."""
    if metric == "itl":
        return [*record.gaps_ms, *repeat(0.0, record.tokens_inside)]
    if metric == "tpot":
        return [] if record.tpot_ms is None else [record.tpot_ms]
    if metric == "e2e":
        return [record.queue_ms + record.e2e_ms]
    return [] if record.ttft_ms is None else [record.queue_ms + record.ttft_ms]


def _of_gaps(bound: Bound, gaps: Sequence[float]) -> float:
    if not gaps:
        return 0.0
    if bound.percentile == "mean":
        return sum(gaps) / len(gaps)
    return percentile(gaps, SHARES[bound.percentile])


def _result(
    bound: Bound, measured: Distribution | None, records: Sequence[RequestRecord]
) -> BoundResult:
    """The condition on the level's own percentile. What was not measured is not met."""
    if measured is None:
        return BoundResult(str(bound), None, None, None, holds=False)
    value = float(getattr(measured, bound.percentile))
    low, high = measured.intervals.get(bound.percentile, (None, None))
    above, effective = share_above(
        [_values(bound.metric, record) for record in records if record.error is None],
        bound.limit_ms,
    )
    holds = value < bound.limit_ms
    return BoundResult(str(bound), value, low, high, holds, above, effective)


def _wilson(good: int, count: int) -> tuple[float, float]:
    """95 % score interval of a rate (Wilson 1927); without data anything is possible."""
    if not count:
        return 0.0, 1.0
    rate = good / count
    centre = (rate + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    spread = rate * (1 - rate) / count + _Z**2 / (4 * count**2)
    half = _Z * math.sqrt(spread) / (1 + _Z**2 / count)
    return min(rate, max(0.0, centre - half)), max(rate, min(1.0, centre + half))

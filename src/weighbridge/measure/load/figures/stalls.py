"""Stalls: gaps so long that a reader sees the text freeze."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import chain
from typing import Final

from weighbridge.core.load import RequestRecord, Stalls
from weighbridge.measure.load.figures.percentiles import distribution

FACTOR: Final = 5.0
# Nobody sees text freeze for less: a screen shows 60 images a second, and reading lags behind by
# more. Without a floor every hiccup of a fast tiny model would be a stall.
_FLOOR_MS: Final = 50.0


def stalls(
    records: Sequence[RequestRecord], *, factor: float = FACTOR, median_ms: float | None = None
) -> Stalls | None:
    """Stalls of successful requests; None where no answer came in several arrivals.

    Args:
        records: of which the failed ones are passed over.
        factor: how many times the median gap a stall lasts at least, and never less than 50 ms.
        median_ms: of all gaps between arrivals, where it is known already.
    """
    gaps = [record.gaps_ms for record in records if record.error is None and record.gaps_ms]
    if not gaps:
        return None
    if median_ms is None:
        median_ms = statistics.median(chain.from_iterable(gaps))
    threshold = max(_FLOOR_MS, factor * median_ms)
    largest = [max(of_one) for of_one in gaps]
    frozen = [
        gap
        for of_one, most in zip(gaps, largest, strict=True)
        if most > threshold
        for gap in of_one
        if gap > threshold
    ]
    return Stalls(
        factor=factor,
        threshold_ms=threshold,
        count=len(frozen),
        requests=sum(most > threshold for most in largest),
        frozen_s=sum(frozen) / 1e3,
        largest_ms=max(largest),
        largest_gap_ms=distribution(largest),
    )

"""From raw request records to the figures of a level. Definitions: docs/metrics.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from weighbridge.core.load import Distribution, LoadLevel, RequestRecord
from weighbridge.core.traffic import LoadShape


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which ``share`` (0 to 1) of a sorted, non-empty sample lies.

    Linear interpolation between closest ranks (Hyndman & Fan 1996, definition 7: numpy's default).
    """
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def distribution(values: Sequence[float]) -> Distribution | None:
    """Mean and percentiles of a sample; None when it is empty."""
    if not values:
        return None
    ordered = sorted(values)
    p50, p90, p95, p99 = (percentile(ordered, share) for share in (0.5, 0.9, 0.95, 0.99))
    return Distribution(len(ordered), sum(ordered) / len(ordered), p50, p90, p95, p99)


def summarise(shape: LoadShape, records: Sequence[RequestRecord], duration_s: float) -> LoadLevel:
    """One level's figures. Latencies and rates count successful requests only."""
    good = [record for record in records if record.error is None]
    failed = [record for record in records if record.error is not None]
    tokens = sum(record.output_tokens for record in good)
    per_second = 1 / duration_s if duration_s > 0 else 0.0
    return LoadLevel(
        shape=shape,
        requests=len(records),
        errors=len(failed),
        error_kinds=tuple(Counter(str(record.error) for record in failed).most_common()),
        first_error=failed[0].message if failed else "",
        duration_s=duration_s,
        requests_per_s=len(good) * per_second,
        output_tokens=tokens,
        output_tokens_per_s=tokens * per_second,
        tokens_from="usage" if all(r.tokens_from == "usage" for r in good) else "arrivals",
        ttft_ms=distribution([r.ttft_ms for r in good if r.ttft_ms is not None]),
        itl_ms=distribution([gap for record in good for gap in record.gaps_ms]),
        tpot_ms=distribution([r.tpot_ms for r in good if r.tpot_ms is not None]),
        e2e_ms=distribution([record.e2e_ms for record in good]),
    )

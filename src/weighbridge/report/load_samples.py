"""From raw requests to what charts show: samples of a metric, and their distribution in full."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Final, Literal

from weighbridge.core.load import LoadLevel, LoadRun, RequestRecord

Metric = Literal["ttft", "tpot", "e2e", "itl"]
METRICS: Final[tuple[Metric, ...]] = ("ttft", "tpot", "e2e", "itl")
TITLES: Final[dict[Metric, str]] = {
    "ttft": "Time to first token (TTFT)",
    "tpot": "Time per output token (TPOT)",
    "e2e": "End to end (E2E)",
    "itl": "Between tokens (ITL)",
}
# Shares at which a distribution is drawn, closer together where its tail is.
_SHARES: Final = (
    *(step / 100 for step in range(1, 95)),
    *(0.95 + step / 400 for step in range(17)),
    *(0.992, 0.994, 0.996, 0.998, 0.999),
)


def counted(run: LoadRun, number: int) -> list[RequestRecord]:
    """The successful requests of a level's steady part, which its latencies are of.

    A request belongs to the steady part when it was sent within it.
    """
    steady = run.levels[number].steady
    return [
        record
        for record in run.requests
        if record.level == number
        and record.error is None
        and (steady is None or steady.from_s <= record.sent_ms / 1000 <= steady.to_s)
    ]


def sample(records: Sequence[RequestRecord], metric: Metric, *, scheduled: bool) -> list[float]:
    """Sorted values of a metric in ms.

    Args:
        records: successful requests.
        metric: which.
        scheduled: whether TTFT and E2E count from when a request was due, not from its sending.
    """
    match metric:
        case "ttft":
            values = [
                record.ttft_ms + (record.queue_ms if scheduled else 0.0)
                for record in records
                if record.ttft_ms is not None
            ]
        case "e2e":
            values = [record.e2e_ms + (record.queue_ms if scheduled else 0.0) for record in records]
        case "tpot":
            values = [value for record in records if (value := record.tpot_ms) is not None]
        case "itl":
            values = [gap for record in records for gap in record.gaps_ms]
            values.extend(repeat(0.0, sum(record.tokens_inside for record in records)))
    values.sort()
    return values


def distribution(values: Sequence[float]) -> list[tuple[float, float]]:
    """The share of values up to each of some values: the empirical CDF of a sorted sample.

    A short sample is shown in full, a long one at fixed shares.
    """
    n = len(values)
    if n == 0:
        return []
    if n <= len(_SHARES):
        steps = [(value, (rank + 1) / n) for rank, value in enumerate(values)]
    else:
        steps = [(values[min(n - 1, int(share * n))], share) for share in _SHARES]
        steps.append((values[-1], 1.0))
    return [(values[0], 0.0), *steps]


def is_scheduled(level: LoadLevel) -> bool:
    """Whether requests came whatever the server did, so that waiting to be sent counts."""
    return level.shape.kind != "closed"

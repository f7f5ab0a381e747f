"""Whether more requests came than the server serves, so that its queue grew for as long as it went.

Requests that come at random make queues grow and shrink again, at 80 % of a server's capacity as
well, and a level may end while one grows. What tells an overload is the pace of the answers: where
requests queue, a server works as fast as it can, and then either faster than they come on average,
and the queue was chance, or slower. The k-th answer is compared with the k-th request, whichever it
answers, so that neither the time an answer takes nor the filling of an empty server looks like a
pace; latency must grow in each third of the level as well.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from weighbridge.core.load import RequestRecord
from weighbridge.core.traffic import LoadShape

_FEW: Final = 30  # requests of which chance cannot be told from overload
_FILLING: Final = 0.25  # of the answers, that come before a pace can be told
_ENDING: Final = 0.9  # of them, after which users run dry
_BLOCKS: Final = 8
_SLOWER: Final = 0.02  # served than due, relative
# And standard errors of the pace, which are too large where slots fall free in waves. Simulated: of
# queues 80 to 90 % busy 0 to 3 % are called overloaded; of levels of 100 requests at 125 % of the
# capacity 70 to 95 %.
_SURELY: Final = 1.2
_GROWS: Final = 1.25  # times the latency of the first third is that of the last


def grows(shape: LoadShape, records: Sequence[RequestRecord]) -> bool:
    """Whether the queue of an open loop grew from its beginning to its end.

    Args:
        shape: how requests came; of other than open loops it is never said.
        records: all of the level, failed ones included.
    """
    if shape.kind != "open" or shape.rate is None or len(records) < _FEW:
        return False
    due = sorted(_due_ms(record) for record in records)
    ended = sorted(record.sent_ms + record.e2e_ms for record in records)
    first, last = int(len(due) * _FILLING), int(len(due) * _ENDING)
    served, error = _pace(ended[first : last + 1])
    # Random arrivals may come faster than asked for by chance, or all at the end.
    coming = min(shape.rate / 1e3, _pace(due[first : last + 1])[0])
    return served < coming * (1 - max(_SLOWER, _SURELY * error)) and _rises(records)


def sentence(shape: LoadShape, served_per_s: float) -> str:
    """What it means, for people."""
    most = f" with {shape.concurrency} requests in flight" if shape.concurrency else ""
    return (
        f"{shape.rate:g}/s is more than the server serves{most} ({served_per_s:.3g}/s over "
        "the level): the queue grew all the time, so latencies depend on how long one measures."
    )


def _due_ms(record: RequestRecord) -> float:
    return record.sent_ms if record.due_ms is None else record.due_ms


def _pace(times_ms: Sequence[float]) -> tuple[float, float]:
    """Events per ms, and its relative standard error by how much blocks of them differ."""
    if times_ms[-1] <= times_ms[0]:
        return math.inf, 0.0
    ends = [round((len(times_ms) - 1) * block / _BLOCKS) for block in range(_BLOCKS + 1)]
    took = [
        (times_ms[late] - times_ms[early]) / (late - early)
        for early, late in pairwise(ends)
        if late > early
    ]
    mean = (times_ms[-1] - times_ms[0]) / (len(times_ms) - 1)
    return 1 / mean, statistics.stdev(took) / math.sqrt(len(took)) / mean


def _rises(records: Sequence[RequestRecord]) -> bool:
    """Whether TTFT or E2E rose from each third of the level to the next, and by much in all."""
    ordered = sorted(records, key=_due_ms)
    good = [record for record in ordered if record.error is None]
    ttft = [r.queue_ms + r.ttft_ms for r in good if r.ttft_ms is not None]
    return any(map(_is_rising, (ttft, [r.queue_ms + r.e2e_ms for r in good])))


def _is_rising(series: Sequence[float]) -> bool:
    third = len(series) // 3
    if not third:
        return False
    begin, middle, end = (
        statistics.fmean(part) for part in (series[:third], series[third:-third], series[-third:])
    )
    return begin < middle < end and end > _GROWS * begin

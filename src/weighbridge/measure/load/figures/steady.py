"""The part of a level that counts: found in the data, not assumed.

It begins when all users of a closed loop are in flight, or an open loop has filled up, and after
any warm-up that shows in the latencies (MSER-5: White 1997, *Simulation* 69:323, taken only where
what it would cut off clearly differs from the rest, for cutting off what chance made slow would
flatter the tail). It ends half an answer before the last request is sent, because afterwards users
run dry. Requests *sent* within it count: choosing by when they end would prefer short answers.
"""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from weighbridge.core.load import RequestRecord, Steady
from weighbridge.core.traffic import LoadShape
from weighbridge.measure.load.figures import overload
from weighbridge.measure.load.figures.percentiles import BLOCKS, cut, variance_of_sum

_BATCH: Final = 5  # of MSER-5
_MOST_CUT: Final = 1 / 3  # of the requests, as warm-up
_FILLING: Final = 0.15  # of an open loop's requests
_FEW: Final = 20  # requests of which one cannot tell warm-up from chance
_CLEAR: Final = 4.0  # standard errors by which warm-up must differ
_MATERIAL: Final = 0.05  # and by how much, relative
_ROUNDS: Final = 3  # requests per user from which first and last rounds can be left out
_APART: Final = 2.5  # standard errors between halves of a level that is not stationary
_DRIFT: Final = 0.1  # and their relative difference


@dataclass(frozen=True, slots=True)
class Rates:
    """What the steady part served, per second of it."""

    requests_per_s: float
    output_tokens_per_s: float
    in_flight: float


def steady_part(
    shape: LoadShape, records: Sequence[RequestRecord], duration_s: float
) -> tuple[Steady, Sequence[RequestRecord]]:
    """The steady part of a level, and its requests in order of sending, failed ones included."""
    ordered = sorted(records, key=lambda record: record.sent_ms)
    reason = _why_whole(shape, ordered)
    if reason:
        return _whole(shape, ordered, duration_s, reason), ordered
    if overload.grows(shape, ordered):
        return _overloaded(shape, ordered, duration_s), ordered
    begin_ms, how = _full(shape, ordered)
    end_ms = ordered[-1].sent_ms - _usual_ms(ordered) / 2
    sent = [record.sent_ms for record in ordered]
    first, last = bisect_left(sent, begin_ms), bisect_right(sent, end_ms)
    if last - first < max(_FEW, len(ordered) / 3):
        reason = "The whole level counts: it is too short to leave out its beginning and end."
        return _whole(shape, ordered, duration_s, reason), ordered
    warm = _warm_up(ordered[first:last])
    if warm:
        first += warm
        begin_ms = sent[first]
        how += f", without {warm} requests of a warm-up that latencies show"
    counted = ordered[first:last]
    steady = Steady(
        begin_ms / 1e3, end_ms / 1e3, len(ordered) - len(counted),
        f"From {how}, until half an answer before the last request was sent.",
        _agree(counted),
    )  # fmt: skip
    return steady, counted


def rates(
    records: Sequence[RequestRecord], counted: Sequence[RequestRecord], steady: Steady
) -> Rates:
    """Throughput of the steady part by Little's law: requests in flight / what an answer takes.

    Requests in flight are counted over the steady part, answers are of the requests sent in it.
    Counting ends instead would depend on where the part's ends fall between the rounds of users
    who move in lockstep, and on users all having started at once. Where the whole level counts it
    is the same as requests / duration.
    """
    begin, end = steady.from_s * 1e3, steady.to_s * 1e3
    busy = math.fsum(
        max(0.0, min(r.sent_ms + r.e2e_ms, end) - max(r.sent_ms, begin)) for r in records
    )
    took = math.fsum(record.e2e_ms for record in counted)
    if end <= begin or took <= 0:
        return Rates(0.0, 0.0, 0.0)
    good = [record for record in counted if record.error is None]
    in_flight = busy / (end - begin)
    per_second = in_flight / took * 1e3
    tokens = sum(record.output_tokens for record in good)
    return Rates(len(good) * per_second, tokens * per_second, in_flight)


def offered(counted: Sequence[RequestRecord]) -> float | None:
    """Requests that were due per second; None for fewer than two."""
    due = sorted(record.sent_ms if record.due_ms is None else record.due_ms for record in counted)
    if len(due) < 2 or due[-1] <= due[0]:
        return None
    return (len(due) - 1) / (due[-1] - due[0]) * 1e3


def _why_whole(shape: LoadShape, ordered: Sequence[RequestRecord]) -> str:
    """Why nothing can be left out, or nothing."""
    if shape.kind == "ramp":
        return "The whole level counts: a ramp has no steady part."
    if shape.kind == "replay":
        return "The whole level counts: a trace is replayed as it was recorded."
    if len(ordered) < _FEW:
        return f"The whole level counts: it has fewer than {_FEW} requests."
    if shape.kind == "closed" and len(ordered) < _ROUNDS * (shape.concurrency or 1):
        return f"The whole level counts: it has fewer than {_ROUNDS} requests per user."
    return ""


def _whole(
    shape: LoadShape, ordered: Sequence[RequestRecord], duration_s: float, reason: str
) -> Steady:
    begin = ordered[0].sent_ms / 1e3 if ordered else 0.0
    # The halves of a ramp are meant to differ.
    alike = shape.kind == "ramp" or _agree(ordered)
    return Steady(begin, begin + duration_s, 0, reason, alike)


def _overloaded(shape: LoadShape, ordered: Sequence[RequestRecord], duration_s: float) -> Steady:
    """All of a level whose queue grew: to leave out its beginning would hide that it did."""
    reason = "The whole level counts: the queue grew all the time, so it has no steady part."
    steady = replace(_whole(shape, ordered, duration_s, reason), is_stationary=False)
    served = rates(ordered, ordered, steady).requests_per_s
    return replace(steady, overloaded=overload.sentence(shape, served))


def _full(shape: LoadShape, ordered: Sequence[RequestRecord]) -> tuple[float, str]:
    """When the level was at its full load for the first time, in ms, and how that is known."""
    if shape.kind == "closed":
        users = min(shape.concurrency or 1, len(ordered))
        return ordered[users - 1].sent_ms, "when all users were in flight"
    # The queue of an empty server takes longer to build than an answer takes.
    filled = ordered[int(len(ordered) * _FILLING)].sent_ms
    return max(ordered[0].sent_ms + _usual_ms(ordered), filled), "when queues had time to build"


def _usual_ms(ordered: Sequence[RequestRecord]) -> float:
    """What an answer takes, for knowing how long a level fills and empties."""
    return statistics.median(record.e2e_ms for record in ordered)


def _warm_up(records: Sequence[RequestRecord]) -> int:
    """How many requests at the beginning are warm-up, by TTFT or E2E."""
    return max((_mser(series) for series in _series(records) if len(series) >= _FEW), default=0)


def _series(records: Sequence[RequestRecord]) -> list[list[float]]:
    """Logarithms of TTFT and E2E from when each request was due, so that no outlier dominates."""
    good = [record for record in records if record.error is None]
    return [
        [math.log(max(1e-3, r.queue_ms + r.ttft_ms)) for r in good if r.ttft_ms is not None],
        [math.log(max(1e-3, r.queue_ms + r.e2e_ms)) for r in good],
    ]


def _mser(series: Sequence[float]) -> int:
    """Length of the beginning whose removal makes the mean of the rest surest, if it differs."""
    means = [
        math.fsum(series[at : at + _BATCH]) / _BATCH
        for at in range(0, len(series) - _BATCH + 1, _BATCH)
    ]
    best, at = math.inf, 0
    total = squares = 0.0
    for index in range(len(means) - 1, -1, -1):
        total += means[index]
        squares += means[index] ** 2
        left = len(means) - index
        if index <= len(means) * _MOST_CUT:
            score = max(0.0, squares - total**2 / left) / left**2
            if score < best - 1e-15:
                best, at = score, index
    return at * _BATCH if at and _differs(means[:at], means[at:]) else 0


def _differs(warm: Sequence[float], rest: Sequence[float]) -> bool:
    apart = abs(statistics.fmean(warm) - statistics.fmean(rest))
    middle = statistics.fmean(rest)
    spread = variance_of_sum([mean - middle for mean in rest])[0] / len(rest)
    error = math.sqrt(spread / len(rest) + spread / len(warm))
    return apart > _MATERIAL and apart > _CLEAR * error


def _agree(records: Sequence[RequestRecord]) -> bool:
    """Whether both halves have the same latencies, as far as the data can tell."""
    return not any(_drifts(series) for series in _series(records) if len(series) >= _FEW)


def _drifts(series: Sequence[float]) -> bool:
    middle = len(series) // 2
    halves = [
        [statistics.fmean(block) for block in cut(half, BLOCKS // 2)]
        for half in (series[:middle], series[middle:])
    ]
    means = [statistics.fmean(half) for half in halves]
    residuals = [value - mean for half, mean in zip(halves, means, strict=True) for value in half]
    error = math.sqrt(variance_of_sum(residuals)[0]) * 2 / len(residuals)
    apart = abs(means[0] - means[1])
    return apart > _DRIFT and apart > _APART * error

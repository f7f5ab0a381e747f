"""A level measured several times, as one level."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from weighbridge.core.load import LoadLevel, RequestRecord
from weighbridge.core.telemetry import ClientHealth
from weighbridge.core.traffic import LoadShape
from weighbridge.core.workload import Slo
from weighbridge.measure.load.figures.ramp import with_ramp
from weighbridge.measure.load.figures.summary import repeat_figures, summarise
from weighbridge.measure.load.server.server_side import added_up


@dataclass(frozen=True, slots=True)
class Repeat:
    """A level measured once: its figures, and the records behind them.

    Attributes:
        offset_s: when it began, from the beginning of the first.
    """

    level: LoadLevel
    records: Sequence[RequestRecord]
    offset_s: float = 0.0


def pooled(shape: LoadShape, repeats: Sequence[Repeat], slo: Slo | None = None) -> LoadLevel:
    """Repeats as one level: latencies over the requests of all, rates averaged, counts added up.

    Each repeat warms up and runs dry by itself, so only their steady parts are put together.
    """
    parts = [repeat.level for repeat in repeats]
    level = summarise(
        shape,
        _end_to_end(repeats),
        math.fsum(part.duration_s for part in parts),
        slo=slo,
        server=added_up([part.server for part in parts], [one.offset_s for one in repeats]),
        repeats=tuple(map(repeat_figures, parts)),
    )
    kinds: Counter[str] = Counter()
    for part in parts:
        kinds.update(dict(part.error_kinds))
    rate = _mean(parts, lambda part: part.requests_per_s)
    level = replace(
        level,
        requests=sum(part.requests for part in parts),
        errors=sum(part.errors for part in parts),
        error_kinds=tuple(kinds.most_common()),
        first_error=next((part.first_error for part in parts if part.errors), ""),
        output_tokens=sum(part.output_tokens for part in parts),
        prompt_tokens=_total([part.prompt_tokens for part in parts]),
        cached_tokens=_total([part.cached_tokens for part in parts]),
        empty=sum(part.empty for part in parts),
        requests_per_s=rate,
        output_tokens_per_s=_mean(parts, lambda part: part.output_tokens_per_s),
        client=_worst([part.client for part in parts if part.client is not None]),
    )
    if level.goodput is not None:
        good_per_s = _mean(parts, lambda part: part.goodput.requests_per_s if part.goodput else 0.0)
        met = level.goodput.met and not any(part.overloaded for part in parts)
        level = replace(level, goodput=replace(level.goodput, requests_per_s=good_per_s, met=met))
    first = parts[0].steady
    if first is not None:
        steady = replace(
            first,
            left_out=sum(part.steady.left_out for part in parts if part.steady),
            reason=f"In each of {len(parts)} repeats; the first: {first.reason}",
            is_stationary=all(part.steady.is_stationary for part in parts if part.steady),
            overloaded=next((part.overloaded for part in parts if part.overloaded), ""),
        )
        level = replace(level, steady=steady)
    return with_ramp(level, [repeat.records for repeat in repeats], slo)


def _end_to_end(repeats: Sequence[Repeat]) -> list[RequestRecord]:
    """The steady parts of repeats, each on the clock where the one before ended."""
    together: list[RequestRecord] = []
    offset_ms = 0.0
    for repeat in repeats:
        steady = repeat.level.steady
        from_ms = 1e3 * steady.from_s if steady else 0.0
        to_ms = 1e3 * steady.to_s if steady else math.inf
        together += [
            later(record, offset_ms - from_ms)
            for record in repeat.records
            if from_ms <= record.sent_ms <= to_ms
        ]
        offset_ms += 1e3 * (steady.to_s - steady.from_s if steady else repeat.level.duration_s)
    return together


def later(record: RequestRecord, offset_ms: float) -> RequestRecord:
    """A record on a clock that began so much earlier."""
    if not offset_ms:
        return record
    due_ms = None if record.due_ms is None else record.due_ms + offset_ms
    return replace(record, sent_ms=record.sent_ms + offset_ms, due_ms=due_ms)


def _mean(parts: Sequence[LoadLevel], figure: Callable[[LoadLevel], float]) -> float:
    return math.fsum(map(figure, parts)) / len(parts)


def _total(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _worst(clients: Sequence[ClientHealth]) -> ClientHealth | None:
    """The health of the worst repeat; what it cost is that of all."""
    if not clients:
        return None
    worst = max(clients, key=lambda client: (len(client.limited), client.loop_lag_ms_p99))
    return replace(
        worst,
        cpu_s=math.fsum(client.cpu_s for client in clients),
        max_rss_mb=max(client.max_rss_mb for client in clients),
    )

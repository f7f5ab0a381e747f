"""From raw request records to the figures of a level. Definitions: docs/metrics.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, repeat
from typing import Final

from weighbridge.core.load import (
    Distribution,
    LoadLevel,
    RepeatFigures,
    RequestRecord,
    TokenSource,
)
from weighbridge.core.telemetry import ClientHealth, ServerSide
from weighbridge.core.traffic import LoadShape
from weighbridge.core.workload import Metric, Slo
from weighbridge.measure.load.figures.client_limits import limits_of, little_ratio
from weighbridge.measure.load.figures.goodput import goodput
from weighbridge.measure.load.figures.percentiles import distribution, pooled
from weighbridge.measure.load.figures.ramp import with_ramp
from weighbridge.measure.load.figures.stalls import stalls
from weighbridge.measure.load.figures.steady import offered, rates, steady_part

_LEAST_SURE_FIRST: Final[tuple[TokenSource, ...]] = ("arrivals", "tokenizer", "usage")


def summarise(
    shape: LoadShape,
    records: Sequence[RequestRecord],
    duration_s: float,
    *,
    slo: Slo | None = None,
    client: ClientHealth | None = None,
    server: ServerSide | None = None,
    repeats: Sequence[RepeatFigures] = (),
) -> LoadLevel:
    """One level's figures.

    Latencies and rates are those of successful requests of the steady part; totals and errors
    those of all. What the client's counters mean for the figures is judged here as well.
    """
    good = [record for record in records if record.error is None]
    failed = [record for record in records if record.error is not None]
    steady, counted = steady_part(shape, records, duration_s)
    served = rates(records, counted, steady)
    level = LoadLevel(
        shape=shape,
        requests=len(records),
        errors=len(failed),
        error_kinds=tuple(Counter(str(record.error) for record in failed).most_common()),
        first_error=failed[0].message if failed else "",
        duration_s=duration_s,
        requests_per_s=served.requests_per_s,
        output_tokens=sum(record.output_tokens for record in good),
        output_tokens_per_s=served.output_tokens_per_s,
        tokens_from=_tokens_from(good),
        prompt_tokens=_total([record.prompt_tokens for record in good]),
        cached_tokens=_total([record.cached_tokens for record in good]),
        ttft_ms=None,
        itl_ms=None,
        tpot_ms=None,
        e2e_ms=None,
        steady=steady,
        server=server,
        repeats=tuple(repeats),
        offered_per_s=offered(counted) if shape.kind == "open" else None,
        empty=sum(record.ttft_ms is None for record in good),
    )
    steady_good = [record for record in counted if record.error is None]
    level = _with_latencies(level, steady_good, is_open=shape.kind != "closed")
    if slo is not None and slo.bounds:
        measured: dict[Metric, Distribution | None] = {
            "ttft": level.ttft_ms, "tpot": level.tpot_ms, "itl": level.itl_ms, "e2e": level.e2e_ms,
        }  # fmt: skip
        found = goodput(slo, counted, measured, level.requests_per_s)
        # What a growing queue has not broken yet it will.
        level = replace(level, goodput=replace(found, met=found.met and not steady.overloaded))
    level = with_ramp(level, [records], slo)
    if client is not None:
        level = replace(level, client=_judged(client, level, records, served.in_flight))
    return level


def repeat_figures(level: LoadLevel) -> RepeatFigures:
    """A level's headline figures, as one of its repeats."""
    ttft, tpot, itl, e2e = level.ttft_ms, level.tpot_ms, level.itl_ms, level.e2e_ms
    return RepeatFigures(
        requests_per_s=level.requests_per_s,
        output_tokens_per_s=level.output_tokens_per_s,
        ttft_ms_p50=ttft.p50 if ttft else None,
        ttft_ms_p95=ttft.p95 if ttft else None,
        tpot_ms_p50=tpot.p50 if tpot else None,
        itl_ms_p99=itl.p99 if itl else None,
        e2e_ms_p50=e2e.p50 if e2e else None,
    )


def _with_latencies(level: LoadLevel, good: Sequence[RequestRecord], *, is_open: bool) -> LoadLevel:
    """Latencies of successful requests, in order of sending.

    In an open loop they count from when a request was due: what a late client or a full connection
    pool adds is what a user would have waited (no coordinated omission).
    """
    service_ttft = distribution([r.ttft_ms for r in good if r.ttft_ms is not None])
    service_e2e = distribution([record.e2e_ms for record in good])
    ttft, e2e = service_ttft, service_e2e
    if is_open:
        ttft = distribution([r.queue_ms + r.ttft_ms for r in good if r.ttft_ms is not None])
        e2e = distribution([record.queue_ms + record.e2e_ms for record in good])
    tpot = [tpot for record in good if (tpot := record.tpot_ms) is not None]
    arrivals = pooled([record.gaps_ms for record in good])
    together = any(record.tokens_inside for record in good)
    return replace(
        level,
        ttft_ms=ttft,
        e2e_ms=e2e,
        service_ttft_ms=service_ttft if is_open else None,
        service_e2e_ms=service_e2e if is_open else None,
        queue_ms=distribution([record.queue_ms for record in good]) if is_open else None,
        itl_ms=pooled([_all_gaps(record) for record in good]) if together else arrivals,
        chunk_gap_ms=arrivals,
        tpot_ms=distribution(tpot),
        tokens_per_s_per_user=distribution([1e3 / value for value in tpot]),
        answer_ms=_answer(good, is_open=is_open),
        stalls=stalls(good, median_ms=arrivals.p50 if arrivals else None),
    )


def _all_gaps(record: RequestRecord) -> chain[float]:
    """Gaps between tokens: those that arrived together are 0 apart."""
    return chain(record.gaps_ms, repeat(0.0, record.tokens_inside))


def _answer(good: Sequence[RequestRecord], *, is_open: bool) -> Distribution | None:
    """TTFT without reasoning, where any answer began with some."""
    if not any(r.answer_ms is not None and r.answer_ms != r.ttft_ms for r in good):
        return None
    waits = [(r.queue_ms if is_open else 0.0, r.answer_ms) for r in good]
    return distribution([wait + answer for wait, answer in waits if answer is not None])


def _tokens_from(good: Sequence[RequestRecord]) -> TokenSource:
    """The least sure source."""
    found = {record.tokens_from for record in good}
    return next((source for source in _LEAST_SURE_FIRST if source in found), "usage")


def _total(counts: Sequence[int | None]) -> int | None:
    """The sum, where every request told."""
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None


def _judged(
    client: ClientHealth, level: LoadLevel, records: Sequence[RequestRecord], in_flight: float
) -> ClientHealth:
    """The client's health with Little's law checked, and whether it was the bottleneck."""
    if client.little_ratio is None and client.in_flight > 0 and level.duration_s > 0 and records:
        mean_ms = sum(record.e2e_ms for record in records) / len(records)
        ratio = little_ratio(len(records), level.duration_s, mean_ms, client.in_flight)
        client = replace(client, little_ratio=ratio)
    # Users of conversations may pause on purpose, and those asked to wait by the server must.
    busy = not any(record.turn or record.attempts > 1 for record in records)
    expected = in_flight if busy and level.steady and level.steady.left_out else None
    return replace(client, limited=client.limited + limits_of(client, level, in_flight=expected))

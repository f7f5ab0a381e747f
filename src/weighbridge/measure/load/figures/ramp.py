"""A ramp as latency by rate: parts of it with as many requests each, in order of their rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, repeat
from typing import Final

from weighbridge.core.load import Distribution, LoadLevel, RampBin, RequestRecord
from weighbridge.core.workload import Metric, Slo
from weighbridge.measure.load.figures.goodput import goodput
from weighbridge.measure.load.figures.percentiles import cut, distribution, pooled

_MOST_BINS: Final = 8
_LEAST: Final = 10  # requests of a bin, whose median tells something


def with_ramp(
    level: LoadLevel, repeats: Sequence[Sequence[RequestRecord]], slo: Slo | None
) -> LoadLevel:
    """A ramp's level with its bins, over the requests of all its repeats; others as they are."""
    if level.shape.kind != "ramp":
        return level
    rated = sorted(chain.from_iterable(map(_rated, repeats)), key=lambda one: one[0])
    if len(rated) < 2 * _LEAST:
        return level
    parts = cut(rated, min(_MOST_BINS, len(rated) // _LEAST))
    bins = tuple(_bin(part, slo) for part in parts)
    return replace(level, ramp=bins, ramp_breaks_at=_breaks_at(bins))


def _rated(records: Sequence[RequestRecord]) -> list[tuple[float, RequestRecord]]:
    """Each request with the rate at which requests came when it was due.

    A rate that grows evenly brings requests as the square of time; how fast it grew follows from
    the last one, of an interrupted ramp as well.
    """
    due = [record.sent_ms if record.due_ms is None else record.due_ms for record in records]
    last_s = max(due, default=0.0) / 1e3
    if last_s <= 0:
        return []
    growth = 2 * (len(due) - 1) / last_s**2
    return [(growth * at / 1e3, record) for at, record in zip(due, records, strict=True)]


def _bin(part: Sequence[tuple[float, RequestRecord]], slo: Slo | None) -> RampBin:
    records = [record for _, record in part]
    good = [record for record in records if record.error is None]
    measured = _measured(good)
    ttft, tpot, e2e = measured["ttft"], measured["tpot"], measured["e2e"]
    holds = goodput(slo, records, measured, 0.0).met if slo is not None and slo.bounds else None
    return RampBin(
        rate=sum(rate for rate, _ in part) / len(part),
        requests=len(records),
        errors=len(records) - len(good),
        ttft_ms_p50=ttft.p50 if ttft else None,
        ttft_ms_p95=ttft.p95 if ttft else None,
        tpot_ms_p50=tpot.p50 if tpot else None,
        e2e_ms_p50=e2e.p50 if e2e else None,
        e2e_ms_p95=e2e.p95 if e2e else None,
        holds=holds,
    )


def _measured(good: Sequence[RequestRecord]) -> dict[Metric, Distribution | None]:
    """By the metric's name in an SLO, from when each was due."""
    return {
        "ttft": distribution([r.queue_ms + r.ttft_ms for r in good if r.ttft_ms is not None]),
        "tpot": distribution([tpot for r in good if (tpot := r.tpot_ms) is not None]),
        "itl": pooled([chain(r.gaps_ms, repeat(0.0, r.tokens_inside)) for r in good]),
        "e2e": distribution([r.queue_ms + r.e2e_ms for r in good]),
    }


def _breaks_at(bins: Sequence[RampBin]) -> float | None:
    """The rate of the first bin after all those that held the SLO: it broke in there."""
    held = [place for place, one in enumerate(bins) if one.holds]
    if not held or bins[-1].holds is not False:
        return None
    return bins[held[-1] + 1].rate

from __future__ import annotations

import pytest

from weighbridge.core.load import RequestRecord
from weighbridge.core.traffic import LoadShape
from weighbridge.core.workload import parse_slo
from weighbridge.measure.load.figures.repeats import Repeat, later, pooled
from weighbridge.measure.load.figures.summary import summarise

SHAPE = LoadShape("closed", 2)
SLO = parse_slo("ttft<100ms")


def record(index: int, sent_ms: float, ttft_ms: float = 50.0, **more: object) -> RequestRecord:
    return RequestRecord(0, index, sent_ms, ttft_ms, ttft_ms + 50, (25.0, 25.0), 3, **more)  # type: ignore[arg-type]


def repeat(count: int, ttft_ms: float, offset_s: float = 0.0, errors: int = 0) -> Repeat:
    records = [record(n, 60.0 * n, ttft_ms, prompt_tokens=7) for n in range(count)]
    records += [
        record(count + n, 60.0 * (count + n), error="http_500", message="no", prompt_tokens=7)
        for n in range(errors)
    ]
    return Repeat(summarise(SHAPE, records, 60e-3 * count + 0.1, slo=SLO), records, offset_s)


def test_counts_add_up_rates_are_averaged_and_latencies_put_together() -> None:
    parts = [repeat(10, 50.0), repeat(10, 150.0, 5.0, errors=2)]
    level = pooled(SHAPE, parts, SLO)
    assert (level.requests, level.errors, level.error_kinds) == (22, 2, (("http_500", 2),))
    assert level.first_error == "no"
    assert (level.output_tokens, level.prompt_tokens) == (60, 140)
    rates = [part.level.requests_per_s for part in parts]
    assert level.requests_per_s == pytest.approx(sum(rates) / 2)
    assert [one.requests_per_s for one in level.repeats] == rates
    assert level.ttft_ms is not None
    assert level.ttft_ms.count >= 18  # a user's first request may be left out
    assert level.ttft_ms.mean == pytest.approx(100, rel=0.06)
    assert level.goodput is not None
    assert level.goodput.share == pytest.approx(10 / 22, abs=0.05)
    assert level.duration_s == pytest.approx(sum(part.level.duration_s for part in parts))


def test_pauses_between_repeats_are_no_part_of_it() -> None:
    near, far = (
        pooled(SHAPE, [repeat(10, 50.0), repeat(10, 50.0, offset_s)]) for offset_s in (1.0, 999.0)
    )
    assert near == far


def test_a_record_moves_with_when_it_was_due() -> None:
    moved = later(record(0, 10.0, due_ms=8.0), 100.0)
    assert (moved.sent_ms, moved.due_ms, moved.queue_ms) == (110.0, 108.0, 2.0)
    closed = record(0, 10.0)
    assert later(closed, 100.0).due_ms is None
    assert later(closed, 0.0) is closed

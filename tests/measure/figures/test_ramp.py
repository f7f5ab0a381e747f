from __future__ import annotations

import math
from dataclasses import replace

import pytest

from weighbridge.core.load import LoadLevel, RequestRecord
from weighbridge.core.traffic import LoadShape
from weighbridge.core.workload import parse_slo
from weighbridge.measure.load.figures.repeats import Repeat, pooled
from weighbridge.measure.load.figures.summary import summarise

RAMP = LoadShape("ramp", rate=100.0)
SLO = parse_slo("ttft_p95<200ms")


def ramp(requests: int, breaks_at: float, *, top: float = 100.0) -> list[RequestRecord]:
    """A ramp on a server that needs 50 ms for the first token, from some rate on 400 ms."""
    length_ms = 2e3 * requests / top
    found = []
    for index in range(requests):
        due = length_ms * math.sqrt(index / requests)
        ttft = 400.0 if top * due / length_ms >= breaks_at else 50.0
        found.append(RequestRecord(0, index, due, ttft, ttft + 20, (20.0,), 2, due_ms=due))
    return found


def level(records: list[RequestRecord], *, slo: bool = True) -> LoadLevel:
    end_ms = max(record.sent_ms + record.e2e_ms for record in records)
    return summarise(RAMP, records, end_ms / 1e3, slo=SLO if slo else None)


def test_a_ramp_is_latency_by_rate() -> None:
    found = level(ramp(400, 60.0))
    rates = [one.rate for one in found.ramp]
    assert len(rates) == 8
    assert {one.requests for one in found.ramp} == {50}
    # As many requests in each: rates go with the square root of how many came.
    for place, rate in enumerate(rates):
        assert rate == pytest.approx(100 * math.sqrt((place + 0.5) / 8), rel=0.08)
    assert [one.holds for one in found.ramp[:2]] == [True, True]
    assert [one.holds for one in found.ramp[-4:]] == [False] * 4
    assert (found.ramp[0].ttft_ms_p50, found.ramp[-1].ttft_ms_p95) == (50.0, 400.0)
    assert found.ramp_breaks_at == pytest.approx(60, abs=8)


def test_nobody_asks_whether_a_ramp_is_stationary() -> None:
    found = level(ramp(400, 60.0))
    assert found.steady is not None
    assert found.steady.is_stationary
    assert found.overloaded == ""


def test_a_ramp_that_holds_to_the_end_breaks_nowhere() -> None:
    held = level(ramp(400, math.inf))
    assert all(one.holds for one in held.ramp)
    assert held.ramp_breaks_at is None
    never = level(ramp(400, 0.0))
    assert not any(one.holds for one in never.ramp)
    assert never.ramp_breaks_at is None


def test_without_an_slo_nothing_holds_or_breaks() -> None:
    found = level(ramp(400, 60.0), slo=False)
    assert {one.holds for one in found.ramp} == {None}
    assert found.ramp_breaks_at is None


def test_failures_of_a_part_are_its_own() -> None:
    records = ramp(400, math.inf)
    records[-1] = replace(records[-1], error="timeout")
    records[-9] = replace(records[-9], error="timeout")
    found = level(records)
    assert [one.errors for one in found.ramp] == [0] * 7 + [2]
    assert [one.holds for one in found.ramp] == [True] * 7 + [False]


def test_an_interrupted_ramp_has_the_rates_it_reached() -> None:
    half = ramp(400, math.inf)[:100]
    assert level(half).ramp[-1].rate == pytest.approx(48, abs=3)


def test_repeats_of_a_ramp_are_put_together_by_rate() -> None:
    records = ramp(200, 60.0)
    one = Repeat(level(records), records)
    both = pooled(RAMP, [one, replace(one, offset_s=5.0)], SLO)
    assert {part.requests for part in both.ramp} == {50}
    assert both.ramp[0].rate == pytest.approx(100 * math.sqrt(0.5 / 8), rel=0.1)
    assert both.ramp_breaks_at == pytest.approx(60, abs=8)


def test_a_few_requests_are_no_ramp() -> None:
    assert level(ramp(15, 60.0)).ramp == ()

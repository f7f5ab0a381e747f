from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from weighbridge.core.load import RequestRecord
from weighbridge.core.traffic import LoadShape
from weighbridge.core.workload import parse_slo
from weighbridge.measure.load.figures.goodput import meets
from weighbridge.measure.load.figures.summary import summarise

OK = RequestRecord(0, 0, 0.0, 100.0, 200.0, (20.0, 30.0, 50.0), 4, due_ms=0.0)


@pytest.mark.parametrize(
    ("slo", "change", "met"),
    [
        ("ttft<101ms", {}, True),
        ("ttft<100ms", {}, False),
        ("ttft<150ms", {"sent_ms": 60.0}, False),
        ("ttft<500ms", {"ttft_ms": None}, False),
        ("e2e<250ms", {"sent_ms": 60.0}, False),
        ("e2e<250ms", {}, True),
        ("tpot<34ms", {}, True),
        ("tpot<33ms", {}, False),
        ("tpot<1ms", {"output_tokens": 1, "gaps_ms": ()}, True),
        ("itl_p99<49ms", {}, False),
        ("itl_p50<31ms", {}, True),
        ("itl_mean<33ms", {}, False),
        ("itl_p50<1ms", {"output_tokens": 20}, True),
        ("ttft<1s", {"error": "timeout"}, False),
        ("ttft<1s,tpot<1ms", {}, False),
    ],
)
def test_a_request_meets_all_conditions_or_not(
    slo: str, change: dict[str, object], met: bool
) -> None:
    assert meets(parse_slo(slo), replace(OK, **change)) is met  # type: ignore[arg-type]


@given(st.integers(0, 60), st.integers(1, 60))
def test_goodput_is_a_rate_with_wilsons_interval(good: int, count: int) -> None:
    good = min(good, count)
    slow = replace(OK, ttft_ms=900.0)
    records = [OK if i < good else slow for i in range(count)]
    found = summarise(LoadShape("closed", 1), records, 10.0, slo=parse_slo("ttft<500ms")).goodput
    assert found is not None
    interval = binomtest(good, count).proportion_ci(0.95, "wilson")
    assert found.share == good / count
    assert found.low == pytest.approx(interval.low, abs=1e-9)
    assert found.high == pytest.approx(interval.high, abs=1e-9)


def test_percentiles_are_judged_with_their_intervals() -> None:
    records = [replace(OK, index=i, ttft_ms=100.0 + i * 77 % 200) for i in range(200)]
    slo = parse_slo("ttft_p50<250ms,ttft_p95<250ms,tpot_p95<40ms")
    found = summarise(LoadShape("closed", 1), records, 10.0, slo=slo).goodput
    assert found is not None
    half, tail, pace = found.bounds
    assert (half.holds, tail.holds, pace.holds, found.met) == (True, False, True, False)
    assert tail.bound == "ttft_p95<250ms"
    assert half.value_ms == pytest.approx(199.5, abs=1)
    assert half.low_ms is not None
    assert half.high_ms is not None
    assert half.low_ms < 199 < half.high_ms
    assert half.share_above == pytest.approx(0.25, abs=0.01)
    assert half.effective == pytest.approx(200)
    # A trend makes neighbours alike, so that the sample is worth much less than its size.
    records.sort(key=lambda record: record.ttft_ms or 0)
    trend = [replace(record, sent_ms=float(at)) for at, record in enumerate(records)]
    drifting = summarise(LoadShape("closed", 1), trend, 10.0, slo=slo).goodput
    assert drifting is not None
    assert drifting.bounds[0].effective < 20


def test_failures_count_against_an_slo() -> None:
    slo = parse_slo("ttft<500ms")
    failed = replace(OK, error="http_503")
    shape = LoadShape("closed", 1)
    found = summarise(shape, [OK] * 95 + [failed] * 5, 10.0, slo=slo).goodput
    assert found is not None
    assert found.share == 0.95
    assert not found.met
    assert found.bounds[-1].bound == "errors<=1%"
    nothing = summarise(shape, [failed], 10.0, slo=slo).goodput
    assert nothing is not None
    assert (nothing.share, nothing.met, nothing.bounds[0].holds) == (0.0, False, False)
    assert nothing.bounds[0].value_ms is None


def test_without_an_slo_there_is_none() -> None:
    assert summarise(LoadShape("closed", 1), [OK], 1.0).goodput is None
    assert summarise(LoadShape("closed", 1), [OK], 1.0, slo=parse_slo("")).goodput is None

from __future__ import annotations

import statistics
from dataclasses import replace

import pytest

from tests.measure.figures.loads import queue, users
from weighbridge.core.load import RequestRecord
from weighbridge.core.traffic import LoadShape
from weighbridge.measure.load.figures.steady import offered, rates, steady_part


def closed(
    concurrency: int, records: list[RequestRecord], duration_s: float
) -> tuple[float, int, str, bool]:
    steady, counted = steady_part(LoadShape("closed", concurrency), records, duration_s)
    served = rates(records, counted, steady).requests_per_s
    return served, len(counted), steady.reason, steady.is_stationary


def test_first_and_last_round_of_a_closed_loop_are_left_out() -> None:
    records, duration_s = users(4, 60, lambda r, _: r.gauss(500, 50))
    steady, counted = steady_part(LoadShape("closed", 4), records, duration_s)
    assert 50 <= len(counted) < 60
    assert steady.left_out == 60 - len(counted)
    assert steady.from_s == pytest.approx(records[3].sent_ms / 1e3)
    assert steady.to_s < records[-1].sent_ms / 1e3
    assert steady.is_stationary
    assert "all users were in flight" in steady.reason


@pytest.mark.parametrize(
    ("concurrency", "requests", "why"), [(4, 12, "fewer than 20"), (16, 40, "3 requests per user")]
)
def test_a_short_level_counts_as_a_whole(concurrency: int, requests: int, why: str) -> None:
    records, duration_s = users(concurrency, requests, lambda r, _: r.gauss(500, 50))
    served, counted, reason, _ = closed(concurrency, records, duration_s)
    assert counted == requests
    assert why in reason
    assert served == pytest.approx(requests / duration_s)


@pytest.mark.parametrize("kind", ["ramp", "replay"])
def test_ramps_and_traces_count_as_a_whole(kind: str) -> None:
    records, duration_s = queue(20, 100)
    shape = LoadShape("ramp" if kind == "ramp" else "replay", rate=20.0)
    steady, counted = steady_part(shape, records, duration_s)
    assert (len(counted), steady.left_out) == (100, 0)
    assert kind in steady.reason.replace("a trace is replayed", "replay")


def test_a_level_without_requests_has_no_rates() -> None:
    steady, counted = steady_part(LoadShape("closed", 4), [], 0.0)
    assert rates([], counted, steady).requests_per_s == 0.0


def test_a_cold_start_is_left_out() -> None:
    records, duration_s = users(
        8, 400, lambda r, index: r.gauss(300, 30) * (2.5 if index < 48 else 1)
    )
    served, counted, reason, _ = closed(8, records, duration_s)
    assert "warm-up" in reason
    assert 320 <= counted <= 360
    assert served == pytest.approx(8 / 0.3, rel=0.03)
    assert 400 / duration_s < 0.9 * 8 / 0.3


def test_chance_is_no_warm_up_and_halves_of_the_same_agree() -> None:
    cut = drifted = 0
    for seed in range(60):
        records, duration_s = users(8, 200, lambda r, _: 300 * r.lognormvariate(0, 0.4), seed=seed)
        _, _, reason, is_stationary = closed(8, records, duration_s)
        cut += "warm-up" in reason
        drifted += not is_stationary
    assert cut <= 2
    assert drifted <= 4


def test_drift_is_noticed() -> None:
    records, duration_s = users(8, 400, lambda r, index: r.gauss(300, 20) * (1 + index / 600))
    assert not closed(8, records, duration_s)[3]


def test_rates_have_no_bias_though_all_users_start_at_once() -> None:
    found, plain = [], []
    for seed in range(60):
        records, duration_s = users(8, 120, lambda r, _: 100 + r.expovariate(1 / 500), seed=seed)
        found.append(closed(8, records, duration_s)[0] / (8 / 0.6))
        plain.append(120 / duration_s / (8 / 0.6))
    assert statistics.fmean(found) == pytest.approx(1.0, abs=0.035)
    assert statistics.fmean(plain) < 0.95


@pytest.mark.parametrize("rate", [15.0, 30.0])
def test_an_open_loop_serves_what_comes(rate: float) -> None:
    records, duration_s = queue(rate, 1500, seed=3)
    steady, counted = steady_part(LoadShape("open", rate=rate), records, duration_s)
    coming = offered(counted)
    assert coming == pytest.approx(rate, rel=0.06)
    assert rates(records, counted, steady).requests_per_s == pytest.approx(coming, rel=0.03)
    assert len(counted) > 0.75 * len(records)


def test_an_overloaded_server_serves_its_capacity_and_is_not_stationary() -> None:
    records, duration_s = queue(60.0, 1000, arrivals="constant")
    steady, counted = steady_part(LoadShape("open", rate=60.0), records, duration_s)
    served = rates(records, counted, steady).requests_per_s
    assert served == pytest.approx(8 / 0.205, rel=0.03)
    assert not steady.is_stationary


def test_failed_requests_are_in_flight_but_serve_nothing() -> None:
    records, duration_s = users(4, 100, lambda *_: 500.0)
    half = [replace(r, error="timeout") if r.index % 2 else r for r in records]
    assert closed(4, half, duration_s)[0] == pytest.approx(4.0, rel=0.05)


def test_nothing_is_offered_by_one_request() -> None:
    records, _ = queue(10, 1)
    assert offered(records) is None

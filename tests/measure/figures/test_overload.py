from __future__ import annotations

import pytest

from tests.measure.figures.loads import queue
from weighbridge.core.load import LoadLevel, RequestRecord
from weighbridge.core.traffic import LoadShape
from weighbridge.core.workload import parse_slo
from weighbridge.measure.load.figures.overload import grows
from weighbridge.measure.load.figures.summary import summarise

CAPACITY = 8 / 0.205


def said(share: float, requests: int, *, seed: int = 0, arrivals: str = "poisson") -> bool:
    records, _ = queue(share * CAPACITY, requests, seed=seed, arrivals=arrivals)
    return grows(LoadShape("open", rate=share * CAPACITY), records)


def level(share: float, requests: int, *, arrivals: str = "poisson", slo: str = "") -> LoadLevel:
    records, duration_s = queue(share * CAPACITY, requests, arrivals=arrivals)
    shape = LoadShape("open", rate=share * CAPACITY)
    return summarise(shape, records, duration_s, slo=parse_slo(slo) if slo else None)


@pytest.mark.parametrize(
    ("share", "requests", "most"), [(0.5, 60, 2), (0.8, 60, 4), (0.8, 300, 4), (0.9, 300, 8)]
)
def test_a_queue_that_comes_and_goes_is_no_overload(share: float, requests: int, most: int) -> None:
    assert sum(said(share, requests, seed=seed) for seed in range(200)) <= most


@pytest.mark.parametrize(
    ("share", "requests", "least"), [(1.15, 675, 38), (1.25, 100, 34), (1.5, 60, 34), (3.0, 40, 38)]
)
def test_an_overload_is_told(share: float, requests: int, least: int) -> None:
    assert sum(said(share, requests, seed=seed) for seed in range(40)) >= least


@pytest.mark.parametrize("share", [1.05, 1.25, 4.0])
def test_an_overload_of_even_arrivals_is_always_told(share: float) -> None:
    assert said(share, 400, arrivals="constant")
    assert not said(0.97, 400, arrivals="constant")


def test_many_users_with_long_answers_are_no_overload() -> None:
    # Each takes 12 s, and the level lasts 15 s: few have ended when the last comes.
    records = [
        RequestRecord(0, at, 100.0 * at, 300.0, 12_000.0 + 7 * (at % 11), (), 1, due_ms=100.0 * at)
        for at in range(150)
    ]
    assert not grows(LoadShape("open", rate=10.0), records)


def test_an_overloaded_level_counts_as_a_whole_and_says_so() -> None:
    found = level(1.15, 675, slo="ttft_p95<60s")
    assert found.steady is not None
    assert found.steady.left_out == 0
    assert not found.steady.is_stationary
    assert found.requests_per_s == pytest.approx(CAPACITY, rel=0.04)
    assert found.overloaded == (
        f"{1.15 * CAPACITY:g}/s is more than the server serves ({found.requests_per_s:.3g}/s over "
        "the level): the queue grew all the time, so latencies depend on how long one measures."
    )
    # However patient the SLO: a longer level would have broken it.
    assert found.goodput is not None
    assert found.goodput.bounds[0].holds
    assert not found.goodput.met


def test_only_open_loops_are_asked() -> None:
    records, _ = queue(3 * CAPACITY, 300)
    assert not grows(LoadShape("ramp", rate=3 * CAPACITY), records)
    assert level(0.5, 300).overloaded == ""

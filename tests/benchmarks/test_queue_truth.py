from __future__ import annotations

import random
from itertools import accumulate
from statistics import fmean

import pytest

from tests.benchmarks.peers import load
from weighbridge.core.workload import parse_slo

truth = load("queue_truth")
# S = 100 + 10 × 10 = 200 ms
ONE, FOUR = (truth.Queue(slots=n, ttft_ms=100, itl_ms=10, tokens=11) for n in (1, 4))


def test_capacity_is_slots_over_service_time() -> None:
    assert ONE.service_ms == 200
    assert FOUR.capacity == pytest.approx(20)


def test_evenly_spaced_arrivals_wait_only_beyond_capacity() -> None:
    for queue in (ONE, FOUR):
        apart = 1000 / queue.capacity
        assert max(truth.waits_ms([apart * k for k in range(200)], queue)) == pytest.approx(0)
        late = truth.waits_ms([0.9 * apart * k for k in range(200)], queue)
        # Of every period a tenth is missing, and the lack adds up.
        assert late[-1] == pytest.approx(0.1 * apart * 199, rel=0.05)


def test_a_burst_is_served_in_rounds() -> None:
    assert truth.waits_ms([0.0] * 9, FOUR) == [0] * 4 + [200] * 4 + [400]


@pytest.mark.parametrize("load_share", [0.3, 0.6, 0.8])
def test_mean_wait_is_that_of_pollaczek_and_khinchine(load_share: float) -> None:
    generator = random.Random(1)  # noqa: S311 -- reproducible, not secret
    between_ms = 200 / load_share
    gaps = (generator.expovariate(1 / between_ms) for _ in range(200_000))
    found = fmean(truth.waits_ms(list(accumulate(gaps)), ONE))
    assert found == pytest.approx(load_share * 200 / (2 * (1 - load_share)), rel=0.05)


def test_constant_arrivals_hold_up_to_capacity() -> None:
    found = truth.true_limit(FOUR, parse_slo("ttft_p95<150ms,tpot_p95<20ms"), "constant")
    assert (found.low, found.rate, found.high) == (20, 20, 20)


def test_poisson_arrivals_hold_less_and_a_stricter_slo_less_again() -> None:
    loose, strict = (
        truth.true_limit(FOUR, parse_slo(text), "poisson", requests=20_000, simulations=3)
        for text in ("ttft_p95<400ms", "ttft_p95<150ms")
    )
    assert strict.high < loose.low
    assert loose.high < FOUR.capacity
    assert strict.low <= strict.rate <= strict.high


def test_the_limit_is_where_an_independent_simulation_meets_the_slo() -> None:
    slo = parse_slo("ttft_p95<200ms")
    rate = truth.true_limit(FOUR, slo, "poisson", requests=50_000, simulations=4).rate
    for share, meets in ((0.95, True), (1.05, False)):
        generator = random.Random(99)  # noqa: S311
        at = accumulate(generator.expovariate(share * rate / 1000) for _ in range(200_000))
        assert truth.holds(FOUR, slo, truth.waits_ms(list(at), FOUR)) is meets


def test_conditions_on_each_metric_count() -> None:
    for text in ("ttft_p95<90ms", "e2e_p95<200ms", "tpot_p95<10ms", "itl_p99<5ms"):
        with pytest.raises(ValueError, match="lone request"):
            truth.true_limit(FOUR, parse_slo(text), "constant")

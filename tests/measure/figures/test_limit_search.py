from __future__ import annotations

from dataclasses import replace

import pytest

from tests.measure.figures.loads import HEALTHY, queue
from weighbridge.core.load import Limit, LoadLevel
from weighbridge.core.traffic import LoadShape
from weighbridge.core.workload import parse_slo
from weighbridge.measure.load.figures.limit_search import Step, Trial, next_step, trial_of
from weighbridge.measure.load.figures.summary import summarise

SLO = parse_slo("ttft_p95<100ms,tpot_p95<40ms")
CAPACITY = 8 / 0.205
POISSON_TRUTH = 24.12  # of 400,000 simulated requests, by bisection


def level(rate: float, requests: int, *, arrivals: str, seed: int = 0) -> LoadLevel:
    records, duration_s = queue(rate, requests, seed=seed, arrivals=arrivals)
    return summarise(LoadShape("open", rate=rate), records, duration_s, slo=SLO)


def search(arrivals: str, seed: int) -> tuple[Limit, float]:
    trials: list[Trial] = []
    seconds = 0.0
    start = CAPACITY * (0.7 + 0.02 * seed)
    while isinstance(step := next_step(SLO, trials, start=start), Step):
        seconds += step.requests / step.rate
        trials.append(
            trial_of(
                level(step.rate, step.requests, arrivals=arrivals, seed=99 * seed + len(trials))
            )
        )
    return step, seconds


def test_the_capacity_of_a_server_is_found_with_even_arrivals() -> None:
    found = [search("constant", seed) for seed in range(10)]
    assert all(limit.rate == pytest.approx(CAPACITY, rel=0.05) for limit, _ in found)
    covering = sum(limit.low <= CAPACITY <= (limit.high or 1e9) for limit, _ in found)
    assert covering >= 9
    assert sum(seconds for _, seconds in found) / len(found) < 180
    assert all("ms" in limit.reason for limit, _ in found)


def test_the_limit_of_a_queue_is_found_with_random_arrivals() -> None:
    found = [search("poisson", seed)[0] for seed in range(8)]
    near = sum(abs((limit.rate or 0) / POISSON_TRUTH - 1) <= 0.06 for limit in found)
    covering = sum(limit.low <= POISSON_TRUTH <= (limit.high or 1e9) for limit in found)
    assert near >= 6
    assert covering >= 6


def test_it_begins_where_told_with_enough_requests_for_the_percentile() -> None:
    assert next_step(SLO, [], start=10) == Step(10, 240)
    assert next_step(parse_slo("ttft_p99<100ms"), [], start=10) == Step(10, 1200)
    assert next_step(parse_slo("ttft_mean<100ms"), [], start=10) == Step(10, 150)
    # A patient SLO needs a level so long that an overload would use its patience up.
    assert next_step(parse_slo("ttft_p95<5s"), [], start=10) == Step(10, 2500)


def held(rate: float) -> Trial:
    return Trial(rate, 300, -2.0, "fine", None, 0.05, 0.005, 200.0)


def broke(rate: float) -> Trial:
    return Trial(rate, 300, 3.0, "ttft_p95<100ms was 900 ms", None, 0.05, 1.0, 300.0)


def test_it_brackets_the_limit_first() -> None:
    up = next_step(SLO, [held(10)], start=10)
    down = next_step(SLO, [broke(10)], start=10)
    assert isinstance(up, Step)
    assert isinstance(down, Step)
    assert 10 < up.rate <= 20
    assert 5 <= down.rate < 10
    between = next_step(SLO, [held(10), broke(20)], start=10)
    assert isinstance(between, Step)
    assert 10 < between.rate < 20


def test_what_never_breaks_has_no_upper_end() -> None:
    found = next_step(SLO, [held(10), held(30)], start=10, most_rate=30)
    assert isinstance(found, Limit)
    assert (found.rate, found.low, found.high, found.levels) == (30, 30, None, 2)
    assert "highest rate" in found.reason


def test_what_never_holds_has_no_rate() -> None:
    found = next_step(SLO, [broke(10), broke(0.05)], start=10)
    assert isinstance(found, Limit)
    assert (found.rate, found.low, found.high) == (None, 0.0, 0.05)
    assert found.reason == "At 0.05/s ttft_p95<100ms was 900 ms."


def test_a_limited_client_gives_no_verdict() -> None:
    limited = replace(broke(20), limited=("The loop was late.",))
    found = next_step(SLO, [held(10), limited], start=10)
    assert isinstance(found, Limit)
    assert (found.rate, found.low, found.high) == (None, 10, None)
    assert "client was the bottleneck at 20/s: The loop was late." in found.reason


def test_it_ends_after_the_trials_allowed() -> None:
    found = next_step(SLO, [held(10), broke(20)], start=10, most_trials=2)
    assert isinstance(found, Limit)
    assert found.rate is not None
    assert found.low <= 10 < found.rate < 20 <= (found.high or 0)
    assert "before its interval was tight" in found.reason


def test_a_trial_tells_what_a_level_says() -> None:
    easy = trial_of(level(10, 400, arrivals="poisson"))
    assert easy.excess < 0
    assert easy.rate == pytest.approx(10, rel=0.15)
    assert easy.limited == ()
    hard = trial_of(level(60, 400, arrivals="constant"))
    assert hard.excess > 1
    assert "were served" in hard.worst
    records, duration_s = queue(10, 100)
    failing = [replace(r, error="http_503") if r.index % 10 == 0 else r for r in records]
    shape = LoadShape("open", rate=10)
    failed = trial_of(summarise(shape, failing, duration_s, slo=SLO))
    assert failed.excess > 1
    assert failed.worst == "10 requests failed"
    late = replace(HEALTHY, cpu_share=0.99)
    limited = trial_of(summarise(shape, records, duration_s, slo=SLO, client=late))
    assert "of a core" in limited.limited[0]


def test_means_are_searched_too() -> None:
    slo = parse_slo("ttft_mean<60ms")
    records, duration_s = queue(20, 500)
    trial = trial_of(summarise(LoadShape("open", rate=20), records, duration_s, slo=slo))
    assert trial.error is not None
    assert trial.excess < 0


def test_a_trial_needs_a_rate_and_an_slo() -> None:
    records, duration_s = queue(10, 30)
    with pytest.raises(ValueError, match="a rate and an SLO"):
        trial_of(summarise(LoadShape("open", rate=10), records, duration_s))

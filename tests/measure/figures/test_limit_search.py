from __future__ import annotations

from dataclasses import replace

import pytest

from tests.measure.figures.loads import HEALTHY, queue, users
from weighbridge.core.load import Limit, LoadLevel, RequestRecord
from weighbridge.core.traffic import LoadShape
from weighbridge.core.workload import parse_slo
from weighbridge.measure.load.figures.limit_search import (
    Step,
    Trial,
    next_step,
    trial_of,
    unreachable,
)
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


def limited(rate: float) -> Trial:
    return replace(broke(rate), limited=("The loop was late.",))


def test_a_rate_that_was_too_much_for_the_client_is_tried_again() -> None:
    so_far = [held(10), broke(20), limited(15)]
    assert next_step(SLO, so_far, start=10) == Step(15, 300)
    assert next_step(SLO, [*so_far, limited(15)], start=10) == Step(15, 300)
    # What another try brought counts, and the search goes on as if nothing had been.
    assert next_step(SLO, [*so_far, held(15)], start=10) == next_step(
        SLO, [held(10), broke(20), held(15)], start=10
    )


def test_where_the_client_cannot_go_on_the_other_trials_speak() -> None:
    found = next_step(SLO, [held(10), broke(20), *[limited(15)] * 3], start=10)
    assert isinstance(found, Limit)
    assert found.rate is not None
    assert found.high is not None
    assert found.low <= 10 < found.rate < 20 <= found.high
    assert found.levels == 3
    assert found.reason == (
        "The search was cut short because the client was the bottleneck at 15/s: The loop was late."
    )


@pytest.mark.parametrize("sure", [[], [held(10)]])
def test_without_a_bracket_a_limited_client_gives_no_verdict(sure: list[Trial]) -> None:
    found = next_step(SLO, [*sure, *[limited(20)] * 3], start=10)
    assert isinstance(found, Limit)
    assert (found.rate, found.low, found.high) == (None, 10 if sure else 0.0, None)
    assert found.reason == "The client was the bottleneck at 20/s: The loop was late."


def test_rates_are_those_asked_for_as_in_tables() -> None:
    trial = replace(broke(59.44), asked=59.2)
    found = next_step(SLO, [held(50), trial], start=50, most_trials=2)
    assert isinstance(found, Limit)
    assert found.reason.startswith("At 59.2/s ttft")


QUICK = RequestRecord(0, 0, 0.0, 10.0, 40.0, (10.0, 20.0), 3)


def test_an_slo_that_a_single_user_breaks_is_out_of_reach() -> None:
    records, duration_s = users(1, 8, lambda *_: 800.0, tokens=8)
    slo = parse_slo("ttft_p95<50ms,tpot_p95<1s")
    level = summarise(LoadShape("closed", 1), records, duration_s, slo=slo, client=HEALTHY)
    assert level.ttft_ms is not None
    said = unreachable(level)
    assert said == f"Even a single user waits {level.ttft_ms.p95:.0f} ms for the first token (p95)."
    sick = replace(HEALTHY, limited=("The loop was late.",))
    assert unreachable(replace(level, client=sick)) == ""
    met = summarise(LoadShape("closed", 1), records, duration_s, slo=parse_slo("tpot_p95<1s"))
    assert unreachable(met) == ""


def test_a_cold_request_does_not_put_an_slo_out_of_reach() -> None:
    slow = replace(QUICK, ttft_ms=900.0, e2e_ms=920.0)
    shape, slo = LoadShape("closed", 1), parse_slo("ttft_p95<50ms")
    two = [slow, slow, *[QUICK] * 6]
    assert unreachable(summarise(shape, two, 3.0, slo=slo)) == ""
    assert "Even a single user waits" in unreachable(
        summarise(shape, [slow, slow, *[slow, QUICK] * 3], 5.0, slo=slo)
    )


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

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.serve.routing.breaker import (
    CLOSED,
    RULES,
    Breaker,
    BreakerRules,
    Health,
    OutlierRules,
    admits,
    claimed,
    ended,
    healthier,
    is_outlier,
    opened,
    sent,
)


def failing(breaker: Breaker, times: int, now_s: float = 0.0) -> Breaker:
    for _ in range(times):
        breaker = ended(breaker, now_s, failed=True)
    return breaker


def probed(breaker: Breaker, now_s: float, *, failed: bool) -> Breaker:
    return ended(sent(claimed(breaker, now_s)), now_s, failed=failed)


def test_failures_in_a_row_open_it_and_a_success_between_does_not() -> None:
    assert failing(CLOSED, RULES.in_row - 1).state == "closed"
    assert failing(CLOSED, RULES.in_row).state == "open"
    between = ended(failing(CLOSED, RULES.in_row - 1), 0.0, failed=False)
    assert failing(between, RULES.in_row - 1).state == "closed"


def test_a_share_of_failures_opens_it_though_they_are_never_in_a_row() -> None:
    rules = BreakerRules(in_row=100, share=0.5)
    breaker = CLOSED
    for number in range(200):
        breaker = ended(breaker, 0.0, failed=number % 3 != 0, rules=rules)
        if breaker.state == "open":
            break
    assert breaker.state == "open"
    after = CLOSED
    for number in range(500):
        after = ended(after, 0.0, failed=number % 4 == 0, rules=rules)
        assert after.state == "closed"


def test_open_admits_nobody_until_its_time_and_then_one() -> None:
    breaker = failing(CLOSED, RULES.in_row, now_s=100.0)
    assert not admits(breaker, 100.0)
    assert not admits(breaker, 100.0 + 0.99 * RULES.first_s)
    later = 100.0 + RULES.first_s
    assert admits(breaker, later)
    probe = claimed(breaker, later)
    assert not admits(probe, later)
    assert not admits(sent(probe), later + 1e9)  # however long its answer takes


def test_a_probe_that_was_never_sent_gives_its_place_back() -> None:
    probe = claimed(failing(CLOSED, RULES.in_row), 10.0)
    assert not admits(probe, 10.0 + 0.9 * RULES.claim_s)
    assert admits(probe, 10.0 + RULES.claim_s)


def test_failed_probes_double_the_time_up_to_the_most() -> None:
    breaker, now_s = failing(CLOSED, RULES.in_row), 0.0
    waits = []
    for _ in range(12):
        waits.append(breaker.until_s - now_s)
        now_s = breaker.until_s
        breaker = probed(breaker, now_s, failed=True)
    assert waits[:4] == [RULES.first_s * 2**n for n in range(4)]
    assert waits[-1] == RULES.most_s


def test_a_good_probe_closes_it_and_enough_successes_forget_the_past() -> None:
    breaker = probed(failing(CLOSED, RULES.in_row), 5.0, failed=False)
    assert breaker.state == "closed"
    again = failing(breaker, RULES.in_row, now_s=6.0)
    assert again.until_s == 6.0 + 2 * RULES.first_s  # it fails again at once: longer
    for _ in range(RULES.least):
        breaker = ended(breaker, 7.0, failed=False)
    assert failing(breaker, RULES.in_row, now_s=8.0).until_s == 8.0 + RULES.first_s


def test_what_was_sent_before_it_opened_changes_nothing() -> None:
    breaker = failing(CLOSED, RULES.in_row)
    assert ended(breaker, 0.5, failed=True) == breaker
    assert ended(breaker, 0.5, failed=False) == breaker


def test_a_healthy_replica_makes_no_new_records() -> None:
    breaker = CLOSED
    for _ in range(RULES.least):
        breaker = ended(breaker, 0.0, failed=False)
    assert ended(breaker, 1.0, failed=False) is breaker


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "claim", "good", "bad"]),
        st.floats(min_value=0.0, max_value=20.0),
    ),
    max_size=200,
)


@given(EVENTS)
def test_between_opening_and_verdict_at_most_one_request_passes(
    events: list[tuple[str, float]],
) -> None:
    breaker, now_s, under_way, passed = CLOSED, 0.0, 0, 0
    for event, wait in events:
        now_s += wait
        was = breaker
        if event == "ask" and admits(breaker, now_s):
            breaker = sent(claimed(breaker, now_s))
            under_way += 1
            passed += was.state != "closed"
        elif event == "claim" and admits(breaker, now_s):
            breaker = claimed(breaker, now_s)
        elif event in ("good", "bad") and under_way:
            breaker = ended(breaker, now_s, failed=event == "bad")
            under_way -= 1
        if breaker.state == "closed" or breaker.openings > was.openings:
            passed = 0
        assert passed <= 1
        assert breaker.until_s - now_s <= RULES.most_s


@given(EVENTS)
def test_it_always_recovers(events: list[tuple[str, float]]) -> None:
    breaker, now_s = CLOSED, 0.0
    for event, wait in events:
        now_s += wait
        if event in ("good", "bad"):
            breaker = ended(breaker, now_s, failed=event == "bad")
        elif admits(breaker, now_s):
            breaker = claimed(breaker, now_s)
    now_s = max(now_s, breaker.until_s)
    assert admits(breaker, now_s)
    assert probed(breaker, now_s, failed=False).state == "closed"


def health(requests: int = 100, failing: float = 0.0, ttft_s: float | None = 0.1) -> Health:
    return Health(requests, failing, ttft_s)


def test_the_slow_and_the_failing_one_is_an_outlier() -> None:
    usual = {"b": health(), "c": health(), "d": health(ttft_s=0.12)}
    assert is_outlier("a", usual | {"a": health(ttft_s=1.0)}, 0)
    assert is_outlier("a", usual | {"a": health(failing=0.4)}, 0)
    assert not is_outlier("a", usual | {"a": health(ttft_s=0.25)}, 0)
    assert not is_outlier("a", usual | {"a": health(ttft_s=None)}, 0)


def test_where_all_are_slow_none_is_an_outlier() -> None:
    slow = {name: health(ttft_s=9.0, failing=0.9) for name in "abcd"}
    assert not any(is_outlier(name, slow, 0) for name in slow)


def test_few_requests_tell_nothing() -> None:
    least = OutlierRules().least
    bad = health(requests=least - 1, failing=1.0)
    assert not is_outlier("a", {"a": bad, "b": health()}, 0)
    bad = replace(bad, requests=least)
    assert is_outlier("a", {"a": bad, "b": health()}, 0)
    assert not is_outlier("a", {"a": bad, "b": health(requests=least - 1)}, 0)


@given(st.integers(1, 9), st.integers(0, 9))
def test_never_more_than_half_are_left_out(size: int, left_out: int) -> None:
    group = {n: health() for n in range(1, size)} | {0: health(failing=1.0, ttft_s=60.0)}
    if is_outlier(0, group, left_out):
        assert 2 * (left_out + 1) <= size


def test_health_is_smoothed_and_failures_leave_the_time_alone() -> None:
    one = healthier(Health(), failed=False, ttft_s=1.0)
    assert one.ttft_s == 1.0
    two = healthier(one, failed=True, ttft_s=None)
    assert two.ttft_s == 1.0
    assert 0.0 < two.failing < 0.5
    three = healthier(two, failed=False, ttft_s=2.0)
    assert three.ttft_s is not None
    assert 1.0 < three.ttft_s < 1.5


def test_a_left_out_replica_is_tried_again_like_a_failed_one() -> None:
    breaker = opened(CLOSED, 50.0)
    assert not admits(breaker, 50.0)
    assert probed(breaker, breaker.until_s, failed=False).state == "closed"

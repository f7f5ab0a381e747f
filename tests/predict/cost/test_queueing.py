"""Erlang's formulas against published tables, identities and an independent recursion."""

import heapq
import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.predict.cost.queueing import (
    decay_per_s,
    erlang_b,
    erlang_c,
    fewest_slots,
    most_load,
    wait_percentile,
    waiting_longer,
)

# The traffic tables that telephone engineers use: slots, blocking, and the load that causes it.
TRAFFIC_TABLE = [
    (1, 0.01, 0.0101), (2, 0.01, 0.1526), (5, 0.01, 1.3608), (10, 0.01, 4.4612),
    (20, 0.01, 12.031), (50, 0.01, 37.901), (100, 0.01, 84.064),
    (10, 0.02, 5.0840), (20, 0.02, 13.182), (10, 0.05, 6.2157), (50, 0.05, 44.533),
]  # fmt: skip


def one(*numbers: float) -> list[Any]:
    return [np.array([number]) for number in numbers]


def longer(slots: float, load: float, service_s: float, wait_s: float, cv: float = 1.0) -> float:
    many, erlangs, seconds = one(slots, load, service_s)
    return float(waiting_longer(many, erlangs, seconds, wait_s, cv)[0])


def wait(slots: float, load: float, service_s: float, percentile: float, cv: float = 1.0) -> float:
    many, erlangs, seconds = one(slots, load, service_s)
    return float(wait_percentile(many, erlangs, seconds, percentile, cv)[0])


def recursion(slots: int, load: float) -> float:
    """Erlang B step by step: another way to the same number."""
    blocked = 1.0
    for count in range(1, slots + 1):
        blocked = load * blocked / (count + load * blocked)
    return blocked


@pytest.mark.parametrize(("slots", "blocked", "load"), TRAFFIC_TABLE)
def test_published_traffic_tables(slots: int, blocked: float, load: float) -> None:
    assert erlang_b(*one(slots, load))[0] == pytest.approx(blocked, rel=5e-4 if slots > 1 else 5e-3)


def test_textbook_values_of_waiting() -> None:
    # M/M/2 with 1.8 Erlangs and M/M/3 with 2, by hand: 0.81/0.95 and 4/9.
    assert erlang_c(*one(2, 1.8))[0] == pytest.approx(0.81 / 0.95)
    assert erlang_c(*one(3, 2.0))[0] == pytest.approx(4 / 9)
    # 120 customers an hour, 3 minutes each, 10 assistants: the curves of textbooks say about 0.10.
    assert erlang_c(*one(10, 6.0))[0] == pytest.approx(0.1013, abs=5e-5)
    # The usual example of call centres: 100 calls in half an hour, 3 minutes each. With 14 agents
    # 17.41 % wait, and 88.835 % are answered within 20 seconds.
    assert erlang_c(*one(14, 10.0))[0] == pytest.approx(0.1741, abs=5e-5)
    assert 1 - longer(14, 10.0, 180.0, 20.0) == pytest.approx(0.88835, abs=5e-6)


@settings(deadline=None, max_examples=30)
@given(load=st.floats(0.001, 0.999))
def test_one_slot_is_the_queue_whose_waiting_is_its_load(load: float) -> None:
    assert erlang_c(*one(1, load))[0] == pytest.approx(load)
    assert longer(1, load, 6.0, 2.0) == pytest.approx(load * math.exp(-(1 - load) / 6 * 2))


@settings(deadline=None, max_examples=30)
@given(slots=st.integers(1, 3000), share=st.floats(0.01, 0.999))
def test_logarithms_agree_with_the_recursion(slots: int, share: float) -> None:
    load = slots * share
    blocked = recursion(slots, load)
    assert erlang_b(*one(slots, load))[0] == pytest.approx(blocked, rel=1e-7, abs=1e-300)
    waits = blocked / (1 - share * (1 - blocked))
    assert erlang_c(*one(slots, load))[0] == pytest.approx(waits, rel=1e-7, abs=1e-300)


def test_a_million_slots_neither_overflow_nor_vanish() -> None:
    # Near full load many slots wait like a normal variable (Halfin and Whitt): with sqrt(c) slots
    # more than the load, 0.2234 of the requests wait.
    slots = 1e6
    assert erlang_c(*one(slots + 1e3, slots))[0] == pytest.approx(0.2234, abs=2e-3)


def test_too_little_for_the_load_makes_everybody_wait() -> None:
    assert erlang_c(*one(3, 3.0))[0] == 1
    assert erlang_c(*one(3, 7.0))[0] == 1
    assert wait(3, 7.0, 6.0, 0.99) == math.inf


def test_kimura_is_exact_for_exponential_times_and_halves_for_constant_ones() -> None:
    exponential = wait(24, 22.0, 180.0, 0.99)
    constant = wait(24, 22.0, 180.0, 0.99, 0.0)
    waits = erlang_c(*one(24, 22.0))[0]
    assert exponential == pytest.approx(math.log(waits / 0.01) * 180 / 2)
    assert constant == pytest.approx(exponential / 2)


@settings(deadline=None, max_examples=30)
@given(load=st.floats(0.01, 0.99), cv=st.floats(0, 3))
def test_kimura_of_one_slot_has_the_mean_of_pollaczek_and_khinchine(load: float, cv: float) -> None:
    slots, erlangs, service = one(1, load, 6.0)
    mean = erlang_c(slots, erlangs) / decay_per_s(slots, erlangs, service, cv)
    assert mean[0] == pytest.approx(load * 6.0 * (1 + cv**2) / (2 * (1 - load)))


@pytest.mark.parametrize(("slots", "load"), [(2, 1.6), (8, 7.2), (40, 37.0)])
def test_kimura_near_a_simulation_of_constant_times(slots: int, load: float) -> None:
    # One customer after the other: each takes the slot that is free first.
    chance = random.Random(4)  # noqa: S311 -- no secret
    free, now, waits = [0.0] * slots, 0.0, []
    for _ in range(60_000):
        now += chance.expovariate(load)
        start = max(now, heapq.heappop(free))
        waits.append(start - now)
        heapq.heappush(free, start + 1.0)
    simulated = sorted(waits)[int(0.99 * len(waits))]
    # Kimura's tail is a little too long where times do not vary: on the safe side.
    assert 0.95 * simulated <= wait(slots, load, 1.0, 0.99, 0.0) <= 1.35 * simulated


@settings(deadline=None, max_examples=30)
@given(
    load=st.floats(0.01, 5000),
    limit=st.floats(0, 30),
    percentile=st.floats(0.5, 0.999),
    cv=st.floats(0, 3),
)
def test_the_fewest_slots_are_enough_and_one_less_is_not(
    load: float, limit: float, percentile: float, cv: float
) -> None:
    service = np.array([6.0])
    slots = fewest_slots(np.array([load]), service, limit, percentile, cv)
    assert waiting_longer(slots, np.array([load]), service, limit, cv)[0] <= 1 - percentile
    if slots[0] > 1:
        fewer = waiting_longer(slots - 1, np.array([load]), service, limit, cv)[0]
        assert fewer > 1 - percentile


@settings(deadline=None, max_examples=30)
@given(slots=st.integers(1, 2000), limit=st.floats(0, 30), cv=st.floats(0, 3))
def test_the_most_load_takes_just_these_slots(slots: int, limit: float, cv: float) -> None:
    service = np.array([6.0])
    load = most_load(np.array([float(slots)]), service, limit, 0.95, cv)
    assert fewest_slots(load * (1 - 1e-9), service, limit, 0.95, cv)[0] <= slots
    assert fewest_slots(load * (1 + 1e-6) + 1e-9, service, limit, 0.95, cv)[0] >= slots

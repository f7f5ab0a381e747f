"""Break-even volumes on the staircase of replicas."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.predict.cost.examples import DEMAND, api, owned, rented
from weighbridge.core.cost import FLAT, SelfHosted, certain
from weighbridge.predict.cost.break_even import break_even
from weighbridge.predict.cost.comparing import Pair
from weighbridge.predict.cost.values import base_values, broadcast

FLAT_DEMAND = replace(DEMAND, profile=FLAT)
# One replica does 1,000 output tokens a second, and so four times as many with their prompts.
ONE = 4000 * 86_400.0


def test_two_crossings_and_the_stair_between_them() -> None:
    # A replica is 24 USD a day; what one can serve would be 33.60 USD at the API.
    price = 33.6 / (ONE / 1e6)
    pair = Pair(FLAT_DEMAND, rented(1.0, tokens_per_s=1000, max_gpus=2), api(price, price))
    found = break_even(pair)
    volumes = [one.tokens_per_day / ONE for one in found.crossings]
    assert volumes == pytest.approx([24 / 33.6, 1.0, 48 / 33.6])
    assert [(one.direction, one.replicas, one.at_stair) for one in found.crossings] == [
        ("cheaper", 1, False),
        ("dearer", 2, True),
        ("cheaper", 2, False),
    ]
    assert found.tokens_per_day == pytest.approx(48 / 33.6 * ONE)
    assert found.within_capacity
    assert found.capacity_tokens_per_day == pytest.approx(2 * ONE)
    assert found.ignoring_capacity == pytest.approx(24 / 33.6 * ONE)


def test_more_stairs_until_it_is_cheaper_for_good() -> None:
    price = 33.6 / (ONE / 1e6)
    found = break_even(Pair(FLAT_DEMAND, rented(1.0, tokens_per_s=1000), api(price, price)))
    assert [one.direction for one in found.crossings] == ["cheaper", "dearer"] * 2 + ["cheaper"]
    # From three replicas on, the next one is paid by what the ones before have saved.
    assert found.tokens_per_day == pytest.approx(72 / 33.6 * ONE)


def test_no_break_even_within_capacity() -> None:
    # What one replica can serve costs 17 USD a day at the API and 24 USD oneself: never cheaper.
    price = 17.0 / (ONE / 1e6)
    own = rented(1.0, tokens_per_s=1000, max_gpus=3)
    found = break_even(Pair(FLAT_DEMAND, own, api(price, price)))
    assert found.tokens_per_day is None
    assert not found.within_capacity
    assert found.ignoring_capacity == pytest.approx(24 / 17 * ONE)


def test_spares_are_paid_and_serve_nothing() -> None:
    own = rented(1.0, tokens_per_s=1000, max_gpus=3, spare=1)
    found = break_even(Pair(FLAT_DEMAND, own, api(1.0, 1.0)))
    assert found.capacity_replicas == 3
    assert found.capacity_tokens_per_day == pytest.approx(2 * ONE)
    assert found.tokens_per_day == pytest.approx(48e6)


def test_gpus_that_do_not_make_up_a_replica() -> None:
    own = replace(rented(max_gpus=1), gpus_per_replica=2)
    found = break_even(Pair(DEMAND, own, api(2, 10)))
    assert (found.tokens_per_day, found.capacity_replicas, found.crossings) == (None, 0, ())


def test_power_is_paid_by_use() -> None:
    # Idle 0 W, busy 1,000 W at 1 USD per kWh: 24 USD a day at full load, and nothing else to pay
    # but 10 USD a day of capital; the API would be 100 USD for as much.
    own = owned(capex_gpu=10 * 30.4375 * 36, load_w=1000, idle_w=0, usd_per_kwh=1)
    own = replace(own, capacity=replace(own.capacity, output_tokens_per_s=certain(1000.0)))
    price = 100 / (ONE / 1e6)
    found = break_even(Pair(FLAT_DEMAND, replace(own, max_gpus=1), api(price, price)))
    assert found.tokens_per_day == pytest.approx(10 / (100 - 24) * ONE)


prices = st.floats(0.01, 100)


@settings(deadline=None, max_examples=30)
@given(
    usd_per_hour=prices,
    price=prices,
    tokens_per_s=st.floats(10, 1e5),
    ops=st.floats(0, 1e4),
    most=st.integers(1, 30),
)
def test_a_crossing_is_one(
    usd_per_hour: float, price: float, tokens_per_s: float, ops: float, most: int
) -> None:
    own = rented(usd_per_hour, tokens_per_s=tokens_per_s, ops=ops, max_gpus=most)
    pair = Pair(DEMAND, own, api(price, price))
    found = break_even(pair)
    for one in found.crossings:
        around = one.tokens_per_day * np.array([1 - 1e-6, 1 + 1e-6])
        values = broadcast(base_values(pair.drivers), 2) | {"demand.volume": around}
        before, after = pair.difference(values) < 0
        assert (not before, after) == (
            (True, True) if one.direction == "cheaper" else (False, False)
        )
    directions = [one.direction for one in found.crossings]
    assert directions == (["cheaper", "dearer"] * len(directions))[: len(directions)]
    assert all(one.tokens_per_day <= found.capacity_tokens_per_day for one in found.crossings)
    assert (found.tokens_per_day is not None) == found.within_capacity


@settings(deadline=None, max_examples=30)
@given(usd=prices, more=st.floats(1.01, 5), price=prices)
def test_a_dearer_gpu_never_breaks_even_earlier(usd: float, more: float, price: float) -> None:
    def at(own: SelfHosted) -> float:
        return break_even(Pair(DEMAND, own, api(price, price))).tokens_per_day or np.inf

    assert at(rented(usd * more)) >= at(rented(usd)) * (1 - 1e-9)

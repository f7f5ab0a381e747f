"""Replicas for a day's traffic: utilisation comes out of volume and SLO, and is never put in."""

from dataclasses import replace

import numpy as np
import pytest

from tests.predict.cost.examples import between, rented
from weighbridge.core.cost import (
    DAY,
    FLAT,
    OFFICE,
    Capacity,
    Demand,
    SelfHosted,
    Serving,
    Uncertain,
    certain,
)
from weighbridge.predict.cost.demand import traffic
from weighbridge.predict.cost.replicas import most_requests_per_day, need
from weighbridge.predict.cost.serving import serving
from weighbridge.predict.cost.values import base_values, broadcast, drivers_of


def demand(requests_per_day: float, profile: tuple[float, ...] = DAY) -> Demand:
    return Demand(
        certain(requests_per_day), certain(750.0), certain(250.0), "requests", profile=profile
    )


def served(own: SelfHosted, come: Demand) -> Serving:
    values = base_values(drivers_of(come, own, None))
    return serving(own, traffic(come, values), values)


def with_queue(own: SelfHosted, **changed: object) -> SelfHosted:
    return replace(own, capacity=replace(own.capacity, **changed))  # type: ignore[arg-type]


ONE_SLOT = with_queue(
    rented(tokens_per_s=1e9), slots=1, service_s=certain(6.0), wait_s=1.0, percentile=0.95
)


@pytest.mark.parametrize(
    ("requests_per_day", "percent"), [(1e3, 3), (1e4, 17), (1e5, 35), (1e6, 47)]
)
def test_published_utilisation_of_slots(requests_per_day: float, percent: int) -> None:
    # A day with a peak 1.97 times its mean, 6 seconds a request, at p95 a wait of a second.
    found = served(ONE_SLOT, demand(requests_per_day))
    assert round(100 * (found.slot_utilisation or 0)) == percent
    assert found.bound_by == "waiting"
    assert found.wait_s is not None
    assert found.wait_s <= 1.0


def test_profiles() -> None:
    assert demand(1).peak_to_mean == pytest.approx(1.97)
    assert demand(1, FLAT).peak_to_mean == 1
    assert demand(1, OFFICE).peak_to_mean == pytest.approx(24 / 9)


def test_the_tokens_of_the_busiest_hour_decide() -> None:
    # 864,000 requests of 250 output tokens a day are 2,500 a second, 4,925 in the busiest hour.
    found = served(rented(tokens_per_s=1000), demand(864_000))
    assert (found.replicas, found.bound_by) == (5, "throughput")
    assert found.utilisation == pytest.approx(0.5)
    assert found.peak_utilisation == pytest.approx(0.985)
    assert served(rented(tokens_per_s=1000), demand(864_000, FLAT)).replicas == 3


def test_prefill_takes_turns_with_decoding() -> None:
    # 10 requests a second: 2,500 tokens of output on 1,000/s and 7,500 of prompts on 5,000/s.
    own = with_queue(rented(tokens_per_s=1000), prefill_tokens_per_s=certain(5000.0))
    assert served(own, demand(864_000, FLAT)).replicas == 4
    half = replace(demand(864_000, FLAT), cached_share=certain(0.5))
    assert served(own, half).utilisation == pytest.approx((2.5 + 0.75) / 4)


def test_batches_come_evenly() -> None:
    come = replace(demand(864_000), batch_share=certain(0.5))
    assert served(rented(tokens_per_s=1000), come).peak_utilisation == pytest.approx(
        2.5 * 1.485 / 4
    )


def test_headroom_spares_and_the_fewest() -> None:
    come = demand(864_000, FLAT)
    assert served(with_queue(rented(tokens_per_s=1000), rho=0.5), come).replicas == 5
    spared = served(rented(tokens_per_s=1000, spare=1), come)
    assert spared.replicas == 4
    assert spared.utilisation == pytest.approx(2.5 / 4)
    least = served(rented(tokens_per_s=1000, least=6), come)
    assert (least.replicas, least.bound_by) == (6, "minimum")


def test_a_replica_that_is_just_full_needs_no_other() -> None:
    for count in range(1, 40):
        come = demand(count * 1000 / 250 * 86_400, FLAT)
        assert served(rented(tokens_per_s=1000), come).replicas == count


def test_capacity_and_need_agree_at_every_stair() -> None:
    own = with_queue(rented(tokens_per_s=900), slots=8, service_s=certain(5.0), wait_s=0.5)
    come = demand(1.0)
    working = np.arange(1.0, 60.0)
    base = broadcast(base_values(drivers_of(come, own, None)), len(working))
    ends = most_requests_per_day(own, traffic(come, base), base, working)
    for shift, more in ((1 - 1e-6, 0), (1 + 1e-6, 1)):
        values = {**base, "demand.volume": ends * shift}
        found = need(own, traffic(come, values), values).working
        assert found.tolist() == (working + more).tolist()


def test_more_traffic_never_takes_fewer_replicas() -> None:
    own = with_queue(rented(tokens_per_s=900), slots=8, service_s=certain(5.0), wait_s=0.5)
    volumes = np.geomspace(1, 1e8, 500)
    base = broadcast(base_values(drivers_of(demand(1.0), own, None)), len(volumes))
    values = {**base, "demand.volume": volumes}
    found = need(own, traffic(demand(1.0), values), values).replicas
    assert (np.diff(found) >= 0).all()


def test_without_slots_nothing_is_said_of_waiting() -> None:
    found = served(rented(), demand(100))
    assert (found.slot_utilisation, found.wait_s, found.wait_probability) == (None, None, None)


def test_ranges_are_ranges() -> None:
    assert between(1, 2, 3) == Uncertain(2, 1, 3)
    assert Capacity(certain(1.0)).output_tokens_per_s.is_certain

"""Capacity that changes with the lengths of requests."""

from dataclasses import replace

import numpy as np
import pytest

from tests.predict.cost.examples import DEMAND, api, between, rented
from weighbridge.core.cost import Capacity, CostQuestion, LengthPoint, SelfHosted, certain
from weighbridge.predict.cost.demand import traffic
from weighbridge.predict.cost.lengths import known_lengths, scales
from weighbridge.predict.cost.report import answer
from weighbridge.predict.cost.values import base_values, drivers_of

# Twice the prompt halves the speed; twice the answer raises it by a quarter.
POINTS = tuple(
    LengthPoint(750.0 * x, 250.0 * y, rate_x * rate_y, service, slots)
    for x, rate_x, service, slots in ((0.5, 2.0, 0.5, 2.0), (1, 1.0, 1.0, 1.0), (2, 0.5, 2.0, 0.4))
    for y, rate_y in ((1, 1.0), (2, 1.25))
)


def with_points(**more: object) -> SelfHosted:
    have = replace(rented(0.44).capacity, points=POINTS, **more)  # type: ignore[arg-type]
    return replace(rented(0.44), capacity=have)


def rates(*prompts: float, output: float = 250.0) -> list[float]:
    demand = replace(DEMAND, output_tokens=certain(output))
    values = base_values(drivers_of(demand, None, None))
    come = traffic(demand, values | {"demand.prompt_tokens": np.array(prompts)})
    found: list[float] = scales(with_points().capacity, come).rate.tolist()
    return found


def test_between_and_beyond_known_lengths_logarithms_are_straight() -> None:
    # The square root of two times as long: the square root of a half as fast.
    assert rates(375, 750, 1500) == pytest.approx([2, 1, 0.5])
    assert rates(750 * 2**0.5, 3000) == pytest.approx([2**-0.5, 0.25])
    assert rates(750, 1500, output=500) == pytest.approx([1.25, 0.625])


def test_a_capacity_without_lengths_stays() -> None:
    come = traffic(DEMAND, base_values(drivers_of(DEMAND, None, None)))
    assert scales(rented().capacity, come).rate.tolist() == [1.0]
    assert known_lengths(Capacity(certain(1.0))) is None
    assert known_lengths(with_points().capacity) == ((375, 1500), (250, 500))


def test_the_ends_of_a_range_are_what_they_are_alone() -> None:
    demand = replace(
        DEMAND, volume=certain(1e6), unit="requests", prompt_tokens=between(375, 750, 1500)
    )
    own, theirs = with_points(slots=4, service_s=certain(2.0), wait_s=1.0), api(2, 10)
    found = answer(CostQuestion(demand, (own,), (theirs,)), draws=200).comparisons[0]
    bar = next(one for one in found.swings if one.driver == "demand.prompt_tokens")
    for length, there in ((375.0, bar.at_low), (1500.0, bar.at_high)):
        alone = replace(demand, prompt_tokens=certain(length))
        report = answer(CostQuestion(alone, (own,), (theirs,)), draws=10)
        assert report.comparisons[0].difference.value == pytest.approx(there)
        serving = report.options[0].serving
        assert serving is not None
        # 22.8 requests a second in the busiest hour, 0.25 or 1 s of a replica each.
        assert serving.bound_by == "waiting" if length > 750 else serving.replicas >= 6


def test_what_turns_the_answer_is_looked_for_where_the_capacity_is_known() -> None:
    demand = replace(DEMAND, volume=certain(1e6), unit="requests")
    own = with_points()
    found = answer(CostQuestion(demand, (own,), (api(2, 10),)), draws=10).comparisons[0]
    flips = {one.driver: one for one in found.flips}
    assert flips["demand.prompt_tokens"].value is None
    assert flips["demand.prompt_tokens"].sentence == (
        "No value of prompt tokens from 375 to 1,500, where the speed is predicted, alone makes "
        "api the cheaper one."
    )
    bar = next(one for one in found.swings if one.driver == "demand.output_tokens")
    # A fifth less than 250 is not known.
    assert (bar.low, bar.high) == (250, 300)

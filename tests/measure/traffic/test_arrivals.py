from __future__ import annotations

from itertools import pairwise
from statistics import fmean, pvariance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.errors import InputError
from weighbridge.core.traffic import Arrivals, LoadShape, ShapeKind
from weighbridge.measure.load.traffic.arrivals import count_within, due_times

PROCESSES: tuple[Arrivals, ...] = ("poisson", "constant", "gamma")
shapes = st.builds(
    LoadShape,
    kind=st.sampled_from(["open", "ramp"]),
    rate=st.floats(0.01, 1e4),
    arrivals=st.sampled_from(PROCESSES),
    burstiness=st.floats(0.001, 1000),
)


@given(shapes, st.integers(0, 300), st.integers(0, 2**32))
def test_times_rise_from_zero_and_fill_the_time_that_the_rate_asks(
    shape: LoadShape, count: int, seed: int
) -> None:
    times = due_times(shape, count, seed)
    assert len(times) == count
    assert times == sorted(times)
    assert times == due_times(shape, count, seed)
    if count:
        assert shape.rate is not None
        assert times[0] == 0
        assert times[-1] <= count / shape.rate * (2 if shape.kind == "ramp" else 1) * (1 + 1e-9)


@pytest.mark.parametrize(
    ("arrivals", "burstiness", "squared_variation"),
    [("poisson", 1.0, 1.0), ("constant", 1.0, 0.0), ("gamma", 4.0, 4.0), ("gamma", 0.25, 0.25)],
)
def test_gaps_have_the_mean_and_the_burstiness_asked_for(
    arrivals: Arrivals, burstiness: float, squared_variation: float
) -> None:
    shape = LoadShape("open", rate=20, arrivals=arrivals, burstiness=burstiness)
    gaps = [late - early for early, late in pairwise(due_times(shape, 20_000, 3))]
    assert fmean(gaps) == pytest.approx(1 / 20, rel=0.002)
    assert pvariance(gaps) / fmean(gaps) ** 2 == pytest.approx(squared_variation, abs=0.03, rel=0.1)


@pytest.mark.parametrize("arrivals", PROCESSES)
def test_a_ramp_grows_evenly_to_its_rate(arrivals: Arrivals) -> None:
    shape = LoadShape("ramp", rate=50, arrivals=arrivals, burstiness=2)
    times = due_times(shape, 10_000, 1)
    length_s = 2 * 10_000 / 50
    # Of an even growth, each tenth of the time brings (2i + 1) / 100 of the requests.
    for tenth in range(10):
        within = sum(tenth <= time / length_s * 10 < tenth + 1 for time in times)
        assert within / 10_000 == pytest.approx((2 * tenth + 1) / 100, abs=0.012)


def test_seeds_give_different_times() -> None:
    shape = LoadShape("open", rate=5)
    assert due_times(shape, 50, 1) != due_times(shape, 50, 2)


@pytest.mark.parametrize(("kind", "count"), [("open", 300), ("ramp", 150)])
def test_a_duration_says_how_many_come(kind: ShapeKind, count: int) -> None:
    shape = LoadShape(kind, rate=10)
    assert count_within(shape, 30) == count
    assert due_times(shape, count, 0)[-1] < 30
    assert count_within(LoadShape("open", rate=0.001), 1) == 1


@pytest.mark.parametrize("rate", [None, 0, -1, float("inf"), float("nan")])
def test_a_rate_that_is_none_is_refused(rate: float | None) -> None:
    with pytest.raises(InputError, match="never arrive"):
        due_times(LoadShape("open", rate=rate), 5, 0)


def test_burstiness_and_duration_must_be_possible() -> None:
    with pytest.raises(InputError, match="burstiness"):
        due_times(LoadShape("open", rate=1, arrivals="gamma", burstiness=0), 5, 0)
    with pytest.raises(InputError, match="cannot last"):
        count_within(LoadShape("open", rate=1), 0)
    with pytest.raises(ValueError, match="closed"):
        due_times(LoadShape("closed", 4), 5, 0)

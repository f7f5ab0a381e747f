# ruff: noqa: S311 -- seeded on purpose, nothing is secret
from __future__ import annotations

import math
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from scipy.stats import t as student

from weighbridge.core.load import Distribution
from weighbridge.measure.load.figures.percentiles import (
    BLOCKS,
    SHARES,
    cut,
    distribution,
    percentile,
    pooled,
    share_above,
    student_t,
)

SAMPLES = st.lists(st.floats(0, 1e9), min_size=1, max_size=60)
Gaps = Sequence[Sequence[float]]


@given(SAMPLES, st.floats(0, 1))
def test_percentiles_are_those_of_numpy(values: list[float], share: float) -> None:
    expected = float(np.quantile(values, share))
    assert percentile(sorted(values), share) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_percentiles_interpolate_between_closest_ranks() -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.5
    assert percentile([0.0, 10.0], 0.95) == pytest.approx(9.5)
    assert percentile([7.0], 0.99) == 7.0
    assert (percentile([1.0, 9.0], 0.0), percentile([1.0, 9.0], 1.0)) == (1.0, 9.0)


@given(SAMPLES)
def test_a_distribution_is_ordered_and_its_numbers_do_not_depend_on_order(
    values: list[float],
) -> None:
    found, back = distribution(values), distribution(values[::-1])
    assert found is not None
    assert back is not None
    assert found.count == len(values)
    slack = 1e-9 * max(values)
    assert min(values) <= found.p50 + slack
    assert found.p50 <= found.p90 + slack <= found.p95 + 2 * slack <= found.p99 + 3 * slack
    assert found.p99 <= max(values) + slack
    assert found.mean == pytest.approx(math.fsum(values) / len(values))
    assert [getattr(found, name) for name in SHARES] == [getattr(back, name) for name in SHARES]


@given(SAMPLES)
def test_intervals_contain_their_estimates(values: list[float]) -> None:
    found = distribution(values)
    assert found is not None
    assert list(found.intervals) == ["mean", *SHARES]
    slack = 1e-9 * max(values)
    for name, (low, high) in found.intervals.items():
        value = getattr(found, name)
        assert low is None or low <= value + slack
        assert high is None or high >= value - slack


def test_an_empty_sample_has_no_distribution() -> None:
    assert distribution([]) is None
    assert pooled([(), ()]) is None


def test_a_single_value_bounds_nothing() -> None:
    found = distribution([3.0])
    assert found is not None
    assert set(found.intervals.values()) == {(None, None)}


@pytest.mark.parametrize("dof", [1, 2, 3, 4, 5, 6, 8, 12, 23, 100])
def test_students_t_is_that_of_scipy(dof: int) -> None:
    assert student_t(dof) == pytest.approx(float(student.ppf(0.975, dof)), rel=2e-4)


def test_blocks_are_consecutive_and_equal() -> None:
    parts = cut(list(range(100)))
    assert len(parts) == BLOCKS
    assert [value for part in parts for value in part] == list(range(100))
    assert {len(part) for part in parts} == {4, 5}
    assert [list(part) for part in cut([1, 2])] == [[1], [2]]
    assert cut([]) == []


@pytest.mark.parametrize(("requests", "bounded"), [(40, False), (70, False), (110, True)])
def test_a_small_sample_does_not_bound_its_tail(requests: int, bounded: bool) -> None:
    chance = random.Random(3)
    found = distribution([chance.random() for _ in range(requests)])
    assert found is not None
    low, high = found.intervals["p95"]
    assert low is not None
    assert (high is not None) == bounded
    assert found.intervals["p99"][1] is None
    # Below that size the largest value exceeds the percentile with less than 97.5 %.
    assert (float(binom.pmf(0, requests, 0.05)) < 0.025) >= bounded


def test_values_that_go_together_widen_the_interval() -> None:
    chance = random.Random(1)
    level = [chance.gauss(100, 10) for _ in range(200)]
    together = [[value] * 20 for value in level]
    apart = [[chance.gauss(100, 10) for _ in range(20)] for _ in range(200)]
    assert _width(pooled(together)) > 3 * _width(pooled(apart))
    # Twenty copies of a value tell no more than the value alone.
    assert _width(pooled(together)) == pytest.approx(_width(distribution(level)), rel=0.25)


def test_gaps_of_zero_are_a_part_of_the_sample() -> None:
    found = pooled([[0.0, 0.0, 0.0, 40.0 + index % 3] for index in range(300)])
    assert found is not None
    assert (found.count, found.p50) == (1200, 0.0)
    assert found.intervals["p50"] == (0.0, 0.0)
    assert 40 <= found.p90 <= 42


def test_a_share_comes_with_what_it_is_worth() -> None:
    chance = random.Random(2)
    values = [[chance.random()] for _ in range(2000)]
    above, effective = share_above(values, 0.9)
    assert above == pytest.approx(0.1, abs=0.02)
    assert 900 < effective <= 2000
    _, fewer = share_above([value * 10 for value in values], 0.9)
    assert fewer < 1.5 * effective
    assert share_above([], 1.0) == (0.0, 0.0)


def test_a_median_is_bounded_however_its_sample_drifts() -> None:
    found = distribution([math.sqrt(index) for index in range(133)])
    assert found is not None
    low, high = found.intervals["p50"]
    assert low is not None
    assert high is not None
    # As good as nothing is known, and the interval says that by its width.
    assert low < 0.6 * found.p50
    assert high > 1.3 * found.p50


def _lognormal(chance: random.Random, count: int) -> list[list[float]]:
    return [[math.exp(chance.gauss(0, 0.6))] for _ in range(count)]


def _queue(chance: random.Random, count: int) -> list[list[float]]:
    """TTFTs of one server under 70 % load, each of which waits for those before."""
    at = free = 0.0
    waits = []
    for _ in range(count + 200):
        at += chance.expovariate(0.7)
        begins = max(at, free)
        free = begins + 1
        waits.append([begins - at + 0.5])
    return waits[200:]


def _gaps(chance: random.Random, count: int) -> list[list[float]]:
    """Gaps of which those of an answer resemble each other."""
    return [
        [pace * math.exp(chance.gauss(0, 0.2)) for _ in range(12)]
        for pace in (math.exp(chance.gauss(0, 0.3)) for _ in range(count))
    ]


@pytest.mark.parametrize(
    ("make", "count", "least"), [(_lognormal, 400, 0.93), (_queue, 1500, 0.88), (_gaps, 250, 0.91)]
)
def test_intervals_cover_what_they_promise(
    make: Callable[[random.Random, int], Gaps], count: int, least: float
) -> None:
    chance = random.Random(20)
    big = [value for request in make(chance, 100_000) for value in request]
    truth = {"p50": float(np.quantile(big, 0.5)), "p95": float(np.quantile(big, 0.95))}
    trials, hits = 200, dict.fromkeys(truth, 0)
    widths = []
    for _ in range(trials):
        found = pooled(make(chance, count))
        assert found is not None
        for name, value in truth.items():
            low, high = found.intervals[name]
            hits[name] += (low is None or low <= value) and (high is None or value <= high)
        widths.append(_width(found) / found.p50)
    assert all(least <= hit / trials <= 0.995 for hit in hits.values()), hits
    # Not by being so wide that they say nothing.
    assert statistics.median(widths) < 0.35


def test_many_gaps_are_summed_up_fast_and_in_little_memory() -> None:
    chance = random.Random(0)
    requests = [tuple(chance.gauss(20, 1) for _ in range(63)) for _ in range(3072)]
    began = time.process_time()
    found = pooled(requests)
    assert time.process_time() - began < 0.5
    assert found is not None
    tracemalloc.start()
    pooled(requests)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6


def _width(found: Distribution | None) -> float:
    assert found is not None
    low, high = found.intervals["p50"]
    assert low is not None
    assert high is not None
    return high - low

from __future__ import annotations

import pytest

from weighbridge.core.load import RequestRecord
from weighbridge.measure.load.figures.stalls import stalls


def answer(*gaps_ms: float, error: str | None = None) -> RequestRecord:
    took = sum(gaps_ms) + 10
    return RequestRecord(0, 0, 0.0, 10.0, took, gaps_ms, len(gaps_ms) + 1, error=error)


def test_gaps_far_above_the_median_are_stalls() -> None:
    found = stalls([answer(20, 20, 20, 400), answer(20, 20, 20), answer(20, 150, 120, 20)])
    assert found is not None
    assert (found.factor, found.threshold_ms) == (5.0, 100.0)
    assert (found.count, found.requests, found.largest_ms) == (3, 2, 400)
    assert found.frozen_s == pytest.approx(0.67)
    assert found.largest_gap_ms is not None
    assert (found.largest_gap_ms.count, found.largest_gap_ms.p50) == (3, 150)


def test_nobody_sees_a_hiccup_of_a_few_ms() -> None:
    found = stalls([answer(1, 1, 1, 30)])
    assert found is not None
    assert (found.threshold_ms, found.count, found.frozen_s) == (50.0, 0, 0.0)


def test_the_factor_can_be_chosen_and_the_median_given() -> None:
    found = stalls([answer(20, 20, 90)], factor=3, median_ms=20)
    assert found is not None
    assert (found.threshold_ms, found.count) == (60, 1)


def test_failed_and_unstreamed_answers_have_none() -> None:
    assert stalls([answer(), answer(20, 900, error="cut")]) is None

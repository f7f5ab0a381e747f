from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.load import Distribution, RequestRecord
from weighbridge.core.traffic import LoadShape
from weighbridge.measure.load.summary import distribution, percentile, summarise

SAMPLES = st.lists(st.floats(0, 1e9), min_size=1, max_size=60)
OK = RequestRecord(
    level=0,
    index=0,
    sent_ms=0.0,
    ttft_ms=10.0,
    e2e_ms=40.0,
    gaps_ms=(10.0, 20.0),
    output_tokens=3,
)
FAILED = replace(
    OK, error="timeout", message="It hung.", output_tokens=9, ttft_ms=1.0, tokens_from="arrivals"
)


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
def test_a_distribution_is_ordered_and_does_not_depend_on_order(values: list[float]) -> None:
    found = distribution(values)
    assert found is not None
    assert found == distribution(values[::-1])
    assert found.count == len(values)
    slack = 1e-9 * max(values)
    assert min(values) <= found.p50 + slack
    assert found.p50 <= found.p90 + slack <= found.p95 + 2 * slack <= found.p99 + 3 * slack
    assert found.p99 <= max(values) + slack
    assert found.mean == pytest.approx(math.fsum(values) / len(values))


def test_an_empty_sample_has_no_distribution() -> None:
    assert distribution([]) is None


def test_a_level_sums_up_its_successes_and_counts_its_failures() -> None:
    refused = replace(FAILED, error="http_503", message="Later.")
    level = summarise(
        LoadShape("closed", 2), [OK, FAILED, refused, FAILED, replace(OK, ttft_ms=30.0)], 2.0
    )
    assert (level.concurrency, level.requests, level.errors) == (2, 5, 3)
    assert level.error_kinds == (("timeout", 2), ("http_503", 1))
    assert level.first_error == "It hung."
    assert (level.output_tokens, level.output_tokens_per_s, level.requests_per_s) == (6, 3.0, 1.0)
    assert level.tokens_from_usage
    assert level.ttft_ms == Distribution(2, 20.0, 20.0, 28.0, 29.0, pytest.approx(29.8))  # type: ignore[arg-type]
    assert level.itl_ms is not None
    assert (level.itl_ms.count, level.itl_ms.mean) == (4, 15.0)
    assert level.tpot_ms is not None
    assert level.tpot_ms.p50 == 15.0
    assert level.e2e_ms is not None
    assert level.e2e_ms.count == 2


def test_one_answer_without_usage_makes_the_count_ours() -> None:
    assert not summarise(
        LoadShape("closed", 1), [OK, replace(OK, tokens_from="arrivals")], 1.0
    ).tokens_from_usage


@pytest.mark.parametrize("records", [[], [FAILED]])
def test_a_level_without_success_has_no_latencies(records: list[RequestRecord]) -> None:
    level = summarise(LoadShape("closed", 1), records, 0.0)
    assert (level.ttft_ms, level.itl_ms, level.tpot_ms, level.e2e_ms) == (None,) * 4
    assert (level.requests_per_s, level.output_tokens_per_s, level.output_tokens) == (0.0, 0.0, 0)

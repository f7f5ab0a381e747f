"""What the table of a load run says of its certainty."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.report import sample_load as sample
from weighbridge.cli.bench_self_test import _cpu
from weighbridge.cli.bench_table import _COLUMNS, _row, _spread
from weighbridge.core.load import Distribution, LoadLevel, RepeatFigures
from weighbridge.core.self_test import SelfTestLevel


def cell(level: LoadLevel, name: str) -> str:
    return _spread(level, _row(level))[_COLUMNS.index(name)]


def level_of(users: int, rate: float, mean_ms: float) -> LoadLevel:
    """A closed loop, with an interval of a tenth to either side for its mean latency."""
    intervals: dict[str, tuple[float | None, float | None]] = {
        "mean": (0.9 * mean_ms, 1.1 * mean_ms), "p50": (190.0, None),
    }  # fmt: skip
    e2e = Distribution(60, mean_ms, mean_ms, mean_ms, mean_ms, mean_ms, intervals=intervals)
    found = next(one for one in sample.closed_run().levels if one.concurrency is not None)
    shape = replace(found.shape, concurrency=users)
    return replace(
        found, shape=shape, requests_per_s=rate, e2e_ms=e2e, ttft_ms=e2e, repeats=(), goodput=None
    )


def test_a_rate_has_the_interval_of_the_latency_that_makes_it() -> None:
    assert cell(level_of(8, 40.0, 200.0), "req/s") == "40.0 [36.4, 44.4]"


def test_a_rate_that_latency_does_not_explain_has_no_interval() -> None:
    """Users who pause: 8 of them with 200 ms each would send 40 a second."""
    assert cell(level_of(8, 10.0, 200.0), "req/s") == "10.0"
    (rated, *_) = sample.open_run().levels
    assert "[" not in cell(replace(rated, repeats=()), "req/s")


def test_an_interval_may_be_open() -> None:
    assert cell(level_of(8, 40.0, 200.0), "TTFT p50") == "200 [190, …]"


def test_repeats_show_how_far_they_lie_apart() -> None:
    repeats = tuple(
        RepeatFigures(rate, 1.0, ttft, None, None, None, None)
        for rate, ttft in ((39.0, 180.0), (41.0, 220.0), (40.0, 200.0))
    )
    level = replace(level_of(8, 40.0, 200.0), repeats=repeats)
    assert cell(level, "req/s") == "40.0 [39.0, 41.0]"
    assert cell(level, "TTFT p50") == "200 [180, 220]"
    assert cell(level, "TTFT p95") == "200"


@pytest.mark.parametrize(("users", "words"), [(1, "–"), (15, "–"), (16, "34.3 ms")])
def test_cpu_per_token_of_few_users_is_left_out(users: int, words: str) -> None:
    client = next(level.client for level in sample.closed_run().levels if level.client)
    figures = dict.fromkeys(
        ("ttft_error_ms_p50", "ttft_error_ms_p99", "itl_error_ms_p50", "itl_error_ms_p99"), 0.1
    )
    level = SelfTestLevel(
        users, 60, **figures, rate_kept=1.0, cpu_ms_per_1000_tokens=34.3, server_late_ms_p99=0.1,
        client=client, is_trustworthy=True,
    )  # fmt: skip
    assert _cpu(level) == words

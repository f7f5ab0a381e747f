from __future__ import annotations

from dataclasses import replace

import pytest

from tests.measure.figures.loads import HEALTHY, users
from weighbridge.core.load import LoadLevel
from weighbridge.core.traffic import LoadShape
from weighbridge.measure.load.figures.client_limits import limits_of, little_ratio
from weighbridge.measure.load.figures.summary import summarise


def level(takes_ms: float = 1000.0, between_ms: float = 0.0) -> LoadLevel:
    records, duration_s = users(8, 200, lambda *_: takes_ms, between_ms=between_ms, tokens=20)
    return summarise(LoadShape("closed", 8), records, duration_s, client=HEALTHY)


def test_a_healthy_client_is_no_limit() -> None:
    found = level().client
    assert found is not None
    assert found.limited == ()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"loop_lag_ms_p99": 30.0}, "event loop"),
        ({"send_lag_ms_p99": 30.0}, "Requests left"),
        ({"cpu_share": 0.95}, "95% of a core"),
        ({"little_ratio": 1.05}, "1.05 times"),
        ({"little_ratio": 0.9}, "0.90 times"),
    ],
)
def test_what_distorts_is_a_limit(change: dict[str, float], word: str) -> None:
    (sentence,) = limits_of(replace(HEALTHY, **change), level())  # type: ignore[arg-type]
    assert word in sentence
    assert sentence.endswith(".")


def test_slow_answers_bear_more_lag_than_fast_ones() -> None:
    late = replace(HEALTHY, loop_lag_ms_p99=9.0)
    assert limits_of(late, level(takes_ms=4000)) == ()
    assert limits_of(late, level(takes_ms=200))
    assert limits_of(replace(HEALTHY, loop_lag_ms_p99=4.9), level(takes_ms=50)) == ()


def test_idle_users_are_a_limit_but_not_those_of_conversations() -> None:
    records, duration_s = users(8, 200, lambda *_: 100.0, between_ms=20.0)
    shape = LoadShape("closed", 8)
    found = summarise(shape, records, duration_s, client=HEALTHY).client
    assert found is not None
    assert "idle for 16%" in found.limited[0]
    turns = [replace(record, turn=record.index % 2) for record in records]
    pausing = summarise(shape, turns, duration_s, client=HEALTHY).client
    assert pausing is not None
    assert pausing.limited == ()


def test_little_is_right() -> None:
    assert little_ratio(100, 10.0, 500.0, 5.0) == 1.0

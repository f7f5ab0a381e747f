from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.routing import Period
from weighbridge.serve.budgets.period import window


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("period", "moment", "name", "until"),
    [
        ("hour", "2026-11-21T16:59:59", "2026-11-21T16", "2026-11-21T17:00:00+00:00"),
        ("day", "2024-02-28T23:00:00", "2024-02-28", "2024-02-29T00:00:00+00:00"),
        ("week", "2027-01-03T10:00:00", "2026-W53", "2027-01-04T00:00:00+00:00"),
        ("month", "2026-12-31T23:59:59", "2026-12", "2027-01-01T00:00:00+00:00"),
        ("month", "2024-02-01T00:00:00", "2024-02", "2024-03-01T00:00:00+00:00"),
        ("ever", "2026-11-21T16:00:00", "ever", ""),
    ],
)
def test_periods_of_the_calendar(period: Period, moment: str, name: str, until: str) -> None:
    found = window(period, at(moment))
    assert (found.name, found.until) == (name, until)


@given(st.sampled_from(["hour", "day", "week", "month"]), st.floats(0, 4e9))
def test_a_period_ends_where_another_begins(period: Period, now: float) -> None:
    here = window(period, now)
    assert here.ends is not None
    assert here.ends > now
    assert window(period, here.ends - 1).name == here.name
    assert window(period, here.ends).name != here.name

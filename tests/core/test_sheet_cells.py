from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.counting import counted
from weighbridge.core.sheet_cells import guarded, guarded_row, unguarded


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0"),
        ("+A1", "'+A1"),
        ("\t=1", "'\t=1"),
        ("'=1", "''=1"),
        ("\uff1d1", "'\uff1d1"),
        ("-12.5", "-12.5"),
        ("+1e-3", "+1e-3"),
        ("'tis", "'tis"),
        ("a=b", "a=b"),
        ("", ""),
        (-3, -3),
        (None, None),
    ],
)
def test_what_a_spreadsheet_would_compute(cell: object, written: object) -> None:
    assert guarded(cell) == written


def test_a_row() -> None:
    assert guarded_row({"a": "=1", "b": -2.0}) == {"a": "'=1", "b": -2.0}


@given(st.text(st.sampled_from("'=+-@1a\t\r\n.e"), max_size=6))
def test_what_is_read_is_what_was_written(text: str) -> None:
    told = guarded(text)
    assert unguarded(told) == text


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 votes"), (1, "1 vote"), (2, "2 votes"), (1200, "1,200 votes")]
)
def test_counts(count: int, said: str) -> None:
    assert counted(count, "vote") == said
    assert counted(2, "entry", "entries") == "2 entries"

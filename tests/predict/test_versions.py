from __future__ import annotations

import pytest

from weighbridge.predict.versions import NEWEST, Version, parse_version


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.11.0", Version(0, 11)),
        ("v0.20.2rc1.dev189+gfb1ac806c", Version(0, 20, 2)),
        ("1.1", Version(1, 1)),
        ("", NEWEST),
        ("nightly", NEWEST),
    ],
)
def test_numbers_are_found_in_what_engines_print(text: str, expected: Version) -> None:
    assert parse_version(text) == expected

"""Licences that model cards state."""

from __future__ import annotations

import pytest

from weighbridge.facts.sources.card import license_in_readme, license_of


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        ("---\nlicense: apache-2.0\ntags: [a]\n---\n# M", "apache-2.0"),
        ("\ufeff---\nlicense: mit\n---", "mit"),
        ("---\nlicense: other\nlicense_name: qwen\n---\n", "qwen"),
        ("---\nlicense: other\n---\n", "other"),
        ("---\nlicense: [mit, apache-2.0]\n---\n", "mit, apache-2.0"),
        ("---\ntags: [a]\n---\n", None),
        ("---\nlicense: {\n---\n", None),
        ("---\n- a\n---\n", None),
        ("---\nlicense: mit\n", None),
        ("# M\nlicense: mit", None),
        ("", None),
    ],
)
def test_the_front_matter_is_read(text: str, licence: str | None) -> None:
    assert license_in_readme(text) == licence


def test_odd_values_are_no_licence() -> None:
    assert license_of({"license": 3}) is None
    assert license_of({"license": []}) is None
    assert license_of({"license_name": "x"}) == "x"

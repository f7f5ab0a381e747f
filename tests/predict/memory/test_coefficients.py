from __future__ import annotations

import pytest

from weighbridge.predict.memory.coefficients import coefficients, parse
from weighbridge.predict.versions import NEWEST, parse_version


def test_sampling_took_more_while_it_sorted() -> None:
    fitted = coefficients()
    old, new = fitted.era(parse_version("0.11.2")), fitted.era(parse_version("0.19.0"))
    assert old.sampler_bytes > 2 * new.sampler_bytes


def test_graphs_are_taken_into_account_only_lately() -> None:
    fitted = coefficients()
    assert fitted.era(parse_version("0.20.2")).graphs_bytes.value == 0
    assert fitted.era(NEWEST).graphs_bytes.value > 0


def test_a_pair_must_be_a_pair() -> None:
    with pytest.raises(KeyError):
        parse("[common]\n")

from __future__ import annotations

import pytest

from weighbridge.serve.hops import HOP, VIA, loop, onward


def test_up_to_four_different_gateways_pass_a_request_on() -> None:
    headers = onward((), b"a")
    assert headers == ((HOP, b"1"), (VIA, b"a"))
    for own in (b"b", b"c", b"d"):
        assert loop(headers, own) is None
        headers = onward(headers, own)
    assert headers == ((HOP, b"4"), (VIA, b"a b c d"))
    assert "passed 4 gateways" in (loop(headers, b"e") or "")


def test_a_gateway_knows_its_own_request() -> None:
    headers = onward(onward((), b"a"), b"b")
    assert "come back to this gateway" in (loop(headers, b"a") or "")
    assert loop(headers, b"c") is None


@pytest.mark.parametrize("value", [b"", b"-1", b"x", b"1" * 5000])
def test_a_count_that_is_none_is_ignored(value: bytes) -> None:
    assert loop(((HOP, value),), b"a") is None
    assert onward(((HOP, value),), b"a")[0] == (HOP, b"1")


def test_the_count_alone_ends_a_chain() -> None:
    assert loop(((HOP, b"4"),), b"a") is not None
    assert loop(((VIA, b"1 2 3 4 5 6 7 8"),), b"a") is not None

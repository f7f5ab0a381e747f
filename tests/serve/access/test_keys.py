from __future__ import annotations

import hashlib

import pytest

from weighbridge.serve.access.keys import digest, new_key, presented


def test_a_new_key_is_long_readable_at_its_beginning_and_kept_as_its_digest() -> None:
    key = new_key("Alice & Bob's laptop")
    assert key.token.startswith("wb-alicebobslaptop-")
    assert len(key.token.rpartition("-")[2]) == 32  # × 5.8 bits
    assert key.token.startswith(key.prefix)
    assert len(key.token) - len(key.prefix) == 28  # the part that is never shown again
    assert key.hash == "sha256:" + hashlib.sha256(key.token.encode()).hexdigest()
    assert key.hash == f"sha256:{digest(key.token.encode()).hex()}"


def test_names_without_a_letter_of_ours_still_make_a_key() -> None:
    assert new_key("ключ").token.startswith("wb-key-")


def test_no_two_keys_are_alike() -> None:
    assert len({new_key("a").token for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        (((b"authorization", b"Bearer wb-x"),), b"wb-x"),
        (((b"authorization", b"bearer  wb-x "),), b"wb-x"),
        (((b"x-api-key", b"wb-x"),), b"wb-x"),
        (((b"x-api-key", b"wb-x"), (b"authorization", b"Bearer wb-y")), b"wb-y"),
        (((b"authorization", b"Basic abc"), (b"x-api-key", b"wb-x")), b"wb-x"),
        (((b"authorization", b"Basic abc"),), None),
        ((), None),
    ],
)
def test_where_a_token_stands(
    headers: tuple[tuple[bytes, bytes], ...], token: bytes | None
) -> None:
    assert presented(headers) == token

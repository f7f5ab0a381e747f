from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.errors import FormatError
from weighbridge.facts.header_bytes import HeaderReader


def reader(raw: bytes, *, limit: int = 2**20) -> HeaderReader:
    return HeaderReader(io.BytesIO(raw), len(raw), "m", limit=limit)


def test_counts_where_it_is() -> None:
    cursor = reader(b"abcd" + struct.pack("<IQ", 7, 9) + bytes(10))
    assert cursor.peek(4) == b"abcd"
    assert cursor.offset == 0
    cursor.skip(4, "letters")
    assert (cursor.u32("seven"), cursor.u64("nine")) == (7, 9)
    assert (cursor.offset, cursor.remaining) == (16, 10)


def test_says_what_is_missing_where() -> None:
    cursor = reader(bytes(10))
    cursor.skip(4, "a start")
    with pytest.raises(FormatError) as caught:
        cursor.u64("the count")
    assert caught.value.message == (
        "m: the count needs 8 bytes, but the file ends after 6 more (byte 4)."
    )


def test_stops_at_the_limit() -> None:
    cursor = reader(bytes(100), limit=64)
    cursor.skip(64, "a start")
    with pytest.raises(FormatError, match="header longer than 64 B"):
        cursor.take(1, "one more")


@given(st.lists(st.binary(max_size=40), max_size=50), st.integers(1, 64))
def test_skips_strings_wherever_chunks_end(words: list[bytes], step: int) -> None:
    class Steps(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 1, step))

    raw = b"".join(struct.pack("<Q", len(word)) + word for word in words) + b"end."
    cursor = HeaderReader(Steps(raw), len(raw), "m")
    cursor.skip_strings(len(words), "words")
    assert cursor.take(4, "the end") == b"end."

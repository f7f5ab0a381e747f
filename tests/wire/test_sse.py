from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.errors import ProtocolError
from weighbridge.wire.sse import EventParser

# Anything but line ends may stand in a line; U+FEFF is left to its own test.
LINE = st.text(st.characters(exclude_characters="\r\n\ufeff", codec="utf-8"), max_size=12)
FIELD = st.one_of(
    LINE.map(lambda value: ("data: " + value, value)),
    LINE.filter(lambda value: not value.startswith(" ")).map(
        lambda value: ("data:" + value, value)
    ),
    st.just(("data", "")),
    LINE.map(lambda value: (": " + value, None)),
    st.sampled_from(["event: delta", "id: 7", "retry: 10", "database: x"]).map(
        lambda line: (line, None)
    ),
)
EVENT = st.lists(FIELD, min_size=1, max_size=4)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


def split_at(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


def feed_all(pieces: list[bytes]) -> list[bytes]:
    parser = EventParser()
    return [event for piece in pieces for event in parser.feed(piece)]


@given(
    st.lists(EVENT, max_size=6), ENDS, st.lists(st.integers(0, 1000), max_size=12), st.booleans()
)
def test_any_stream_in_any_pieces_gives_the_same_events(
    events: list[list[tuple[str, str | None]]], end: str, cuts: list[int], bom: bool
) -> None:
    stream = "\ufeff" if bom else ""
    expected = []
    for fields in events:
        stream += "".join(line + end for line, _ in fields) + end
        values = [value for _, value in fields if value is not None]
        if values:
            expected.append("\n".join(values).encode())
    data = stream.encode()
    assert feed_all([data]) == expected
    assert feed_all(split_at(data, cuts)) == expected
    assert feed_all([data[i : i + 1] for i in range(len(data))]) == expected


@given(st.lists(st.binary(max_size=30), max_size=10))
def test_any_bytes_in_any_pieces_never_crash(pieces: list[bytes]) -> None:
    assert feed_all(pieces) == feed_all([b"".join(pieces)])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'data: {"a":1}\n\n', [b'{"a":1}']),
        (b"data: [DONE]\n\n", [b"[DONE]"]),
        (b"data: a\n\ndata: b\n\ndata: c", [b"a", b"b"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data:  two spaces\n\n", [b" two spaces"]),
        (b"data:\n\n", [b""]),
        (b": comment\n\n", []),
        (b"\n\n\n\ndata: late\n\n", [b"late"]),
        (b"data: a\r\rdata: b\r\n\r\n", [b"a", b"b"]),
        (b"data: a\n\n\ndata: b\n\n\n", [b"a", b"b"]),
    ],
)
def test_events(data: bytes, expected: list[bytes]) -> None:
    assert EventParser().feed(data) == expected


def test_an_event_that_ends_in_carriage_returns_does_not_wait_for_more() -> None:
    parser = EventParser()
    assert parser.feed(b"data: a\r\n\r") == [b"a"]
    assert parser.feed(b"\ndata: b\r\n\r\n") == [b"b"]


def test_a_bom_only_counts_at_the_start() -> None:
    parser = EventParser()
    assert parser.feed(b"data: a\n\n") == [b"a"]
    assert parser.feed(b"\xef\xbb\xbfdata: b\n\n") == []


@pytest.mark.parametrize(
    ("data", "unfinished"),
    [(b"", False), (b"data: a\n\n", False), (b"data: a\n", True), (b"da", True), (b"\n", False)],
)
def test_close_tells_of_an_unfinished_event(data: bytes, unfinished: bool) -> None:
    parser = EventParser()
    parser.feed(data)
    assert parser.close() is unfinished
    assert parser.feed(b"data: b\n\n") == [b"b"]


def test_an_endless_event_is_refused() -> None:
    parser = EventParser(limit_bytes=100)
    parser.feed(b"data: " + b"x" * 90)
    with pytest.raises(ProtocolError, match="more than 100 bytes"):
        parser.feed(b"x" * 20)


def test_many_events_beyond_the_limit_are_fine() -> None:
    parser = EventParser(limit_bytes=100)
    assert len(parser.feed(b"data: 0123456789\n\n" * 50)) == 50

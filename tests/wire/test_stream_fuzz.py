"""Arbitrary streams in arbitrary pieces, from the socket's bytes to what is read from them.

The connection and its parser are the real ones; only the transport is a fake, so that the pieces
are exactly those that were meant.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.streams import HEAD, RECORDED, Recorded, check
from weighbridge.core.endpoint import endpoint_at
from weighbridge.core.errors import EndpointError
from weighbridge.core.http import Timeouts
from weighbridge.wire.connection import Connection
from weighbridge.wire.exchange import HttpExchange
from weighbridge.wire.stream import ChatStream

ENDPOINT = endpoint_at("http://127.0.0.1:9", "m")
LOOP = asyncio.new_event_loop()


class FakeTransport(asyncio.Transport):
    """Takes whatever is written, and closes when told."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def get_extra_info(self, name: str, default: object = None) -> Any:  # noqa: ARG002 -- as declared
        return default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def pause_reading(self) -> None:
        pass

    resume_reading = pause_reading

    def get_write_buffer_size(self) -> int:
        return 0


class Home:
    """A pool that only remembers."""

    name = "http://127.0.0.1:9"

    def __init__(self) -> None:
        self.free = 0
        self.again = 0

    def idle(self, connection: Connection) -> None:
        del connection
        self.free += 1

    def lost(self, connection: Connection) -> None:
        del connection

    def retry(self, exchange: HttpExchange) -> None:
        del exchange
        self.again += 1


def receive(pieces: Sequence[bytes], *, closes: bool = False) -> tuple[ChatStream, Home]:
    """Read an answer that comes in exactly these pieces; an error comes out."""

    async def main() -> tuple[ChatStream, Home]:
        home, transport = Home(), FakeTransport()
        stream = ChatStream(ENDPOINT)
        connection = Connection(home)
        connection.connection_made(transport)
        exchange = HttpExchange(b"POST", stream, Timeouts(), name="it", head_only=False)
        connection.send(exchange)
        for piece in pieces:
            if not transport.closed and piece:
                connection.data_received(piece)
        if closes or transport.closed:
            connection.connection_lost(None)
        if not exchange.settled:
            exchange.abort()
        await exchange.finished()
        stream.end()
        return stream, home

    return LOOP.run_until_complete(main())


def outcome(pieces: Sequence[bytes], *, closes: bool = True) -> tuple[object, ...]:
    """What is read of an answer, or the kind of its error and its words."""
    try:
        stream, home = receive(pieces, closes=closes)
    except EndpointError as error:
        return (type(error), str(error))
    return (
        stream.text,
        stream.reasoning,
        len(stream.arrivals),
        stream.completion_tokens,
        stream.prompt_tokens,
        stream.finish_reason,
        stream.done,
        home.free,
    )


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places})
    return [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)], strict=True)]


def chunks(pieces: Sequence[bytes]) -> bytes:
    body = b"".join(b"%X;x=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece)
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body + b"0\r\nX-T: 1\r\n\r\n"


@pytest.mark.parametrize("name", RECORDED)
def test_every_engine_cut_at_every_byte(name: str) -> None:
    recorded = RECORDED[name]
    whole = chunks(cut(recorded.body, range(0, len(recorded.body), 190)))
    for place in range(len(whole) + 1):
        stream, home = receive([whole[:place], whole[place:]])
        check(stream, recorded)
        assert home.free == 1


@pytest.mark.parametrize("name", RECORDED)
def test_every_engine_byte_by_byte(name: str) -> None:
    whole = chunks([RECORDED[name].body])
    check(receive([whole[at : at + 1] for at in range(len(whole))])[0], RECORDED[name])


@pytest.mark.parametrize("name", RECORDED)
def test_every_engine_ended_at_every_byte(name: str) -> None:
    """A stream that stops is whole or a typed error; never an answer of more than was sent."""
    recorded = RECORDED[name]
    body = recorded.body
    needed = body.index(b'"finish_reason":"') if b'"finish_reason":"' in body else 0
    for place in range(len(body)):
        result = outcome([HEAD + b"\r\n", body[:place]])
        if isinstance(result[0], type):
            assert issubclass(result[0], EndpointError)
        else:
            assert place > needed
            assert recorded.text.startswith(str(result[0]))


# -- streams that nobody has sent yet -----------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
DELTA = st.one_of(
    st.builds(lambda text: {"content": text}, TEXT),
    st.builds(lambda text: {"reasoning_content": text}, TEXT),
    st.builds(lambda text: {"reasoning": text, "content": ""}, TEXT),
    st.just({"role": "assistant", "content": None}),
    st.just({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}),
    st.just({}),
)


def chunk(delta: dict[str, Any], count: int | None, extra: str) -> dict[str, Any]:
    usage = None if count is None else {"prompt_tokens": 7, "completion_tokens": count}
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    return {"choices": [choice], "usage": usage, "extra": {"nested": [extra]}}


CHUNK = st.builds(chunk, DELTA, st.none() | st.integers(0, 1000), TEXT)
BETWEEN = st.sampled_from([b"", b": ping\n\n", b":\n", b"event: x\n", b"id: 1\nretry: 5\n", b"\n"])


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, Recorded]:
    """A valid stream in one of its many spellings, and what is to be read from it."""
    parts = draw(st.lists(CHUNK, max_size=8))
    spaced = draw(st.booleans())
    end = draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    stream = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    for part in [*parts, {"choices": [{"delta": {}, "finish_reason": "stop"}]}]:
        payload = msgspec.json.encode(part)
        event = (b"data: " if spaced else b"data:") + payload + b"\n\n"
        stream += (draw(BETWEEN) + event).replace(b"\n", end)
    stream += b"data: [DONE]" + end + end
    deltas = [part["choices"][0]["delta"] for part in parts]
    counts = [part["usage"]["completion_tokens"] for part in parts if part["usage"]]
    thoughts = [d.get("reasoning_content") or d.get("reasoning") or "" for d in deltas]
    texts = [d.get("content") or "" for d in deltas]
    speaking = [
        bool(a or b or "tool_calls" in d) for a, b, d in zip(texts, thoughts, deltas, strict=True)
    ]
    expected = Recorded(
        b"",
        "".join(texts),
        sum(speaking),
        counts[-1] if counts else None,
        7 if counts else None,
        "stop",
        "".join(thoughts),
    )
    return stream, expected


def as_read(expected: Recorded, free: int) -> tuple[object, ...]:
    return (
        expected.text,
        expected.reasoning,
        expected.arrivals,
        expected.tokens,
        expected.prompt_tokens,
        "stop",
        True,
        free,
    )


PLACES = st.lists(st.integers(0, 100_000), max_size=12)


@given(answers(), PLACES, PLACES)
def test_any_stream_in_any_chunks_and_any_reads(
    answer: tuple[bytes, Recorded], chunk_places: list[int], read_places: list[int]
) -> None:
    body, expected = answer
    whole = chunks(cut(body, chunk_places))
    assert outcome(cut(whole, read_places), closes=False) == as_read(expected, 1)


@given(answers(), PLACES, st.booleans())
def test_any_stream_of_known_length_or_until_the_end(
    answer: tuple[bytes, Recorded], places: list[int], has_length: bool
) -> None:
    body, expected = answer
    head = HEAD + (b"Content-Length: %d\r\n\r\n" % len(body) if has_length else b"\r\n")
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    pieces = cut(interim + head + body, places)
    assert outcome(pieces) == as_read(expected, 1 if has_length else 0)


@settings(max_examples=300)
@given(
    answers(), st.integers(0, 100_000), st.binary(min_size=1, max_size=12), PLACES, st.booleans()
)
def test_damage_gives_an_answer_or_a_typed_error_and_the_same_however_it_comes(
    answer: tuple[bytes, Recorded], place: int, noise: bytes, places: list[int], inserted: bool
) -> None:
    """In the body, for heads and chunk sizes are the parser's own affair."""
    body, _ = answer
    place %= len(body)
    damaged = body[:place] + noise + body[place + (0 if inserted else len(noise)) :]
    pieces = [HEAD + b"\r\n", *cut(damaged, places)]
    at_once, in_pieces = outcome([HEAD + b"\r\n" + damaged]), outcome(pieces)
    # An error may come before what follows it in the same read has been looked at; no more.
    assert isinstance(at_once[0], type) == isinstance(in_pieces[0], type)
    if not isinstance(at_once[0], type):
        assert at_once == in_pieces


@settings(max_examples=300)
@given(answers(), PLACES, st.integers(0, 100_000), st.binary(min_size=1, max_size=8), PLACES)
def test_damage_anywhere_ends(
    answer: tuple[bytes, Recorded],
    chunk_places: list[int],
    place: int,
    noise: bytes,
    read_places: list[int],
) -> None:
    whole = chunks(cut(answer[0], chunk_places))
    place %= len(whole)
    assert outcome(cut(whole[:place] + noise + whole[place + len(noise) :], read_places))


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_any_bytes_end(pieces: list[bytes]) -> None:
    assert isinstance(outcome(pieces)[0], type)
    assert isinstance(outcome([HEAD + b"\r\n", *pieces])[0], type)

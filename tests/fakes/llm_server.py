"""A scriptable OpenAI-style server on a real socket, for everybody's tests.

::

    async with fake_llm(Behaviour(tokens=3)) as url: ...
    with fake_llm_thread(HANG) as url: ...

The address ends in ``/v1``. It is a ``str`` that also remembers the requests it has answered.
A callable instead of a behaviour decides by request and by its number, from 0.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from weighbridge.wire.server import Responder, ServerRequest, serve

Kind = Literal["chat", "status", "html", "json", "hang", "hang_midway", "cut_midway", "close"]
JSON_TYPE = ((b"content-type", b"application/json"),)
EVENTS_TYPE = ((b"content-type", b"text/event-stream; charset=utf-8"),)
WORDS = ("The", " answer", " is", " forty", "-two", ".", " Ünïcode", " 漢字")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What the fake does with a chat request.

    Attributes:
        kind: ``chat`` answers; ``status`` refuses with ``status``; ``html`` answers a page;
            ``json`` answers ``body``; ``hang`` never begins; ``hang_midway`` and ``cut_midway``
            stop after half of the tokens; ``close`` closes the connection without an answer.
        tokens: tokens of the answer.
        first_delay_s: before the first token.
        delay_s: before each further token.
        text: the whole answer instead of counted words; then ``tokens`` is ignored.
        status: of a refusal.
        body: of ``status`` or ``json``; by default an OpenAI-style error.
        retry_after: seconds that a refusal asks to wait.
        per_chunk: tokens per event.
        reasoning: tokens of reasoning_content before the answer.
        role_first: send a chunk with only the role at once.
        usage: whether usage is given.
        prompt_tokens: by that usage.
        done: whether the stream ends with ``[DONE]``.
        finish_reason: of the answer; empty for none.
        comments: send a comment line before each event.
        line_end: of the event stream.
        space: whether ``data:`` is followed by a space.
        split: bytes per write, 0 for whole events.
        error_after: report an error inside the stream after so many tokens.
    """

    kind: Kind = "chat"
    tokens: int = 8
    first_delay_s: float = 0.0
    delay_s: float = 0.0
    text: str | None = None
    status: int = 500
    body: bytes | None = None
    retry_after: int | None = None
    per_chunk: int = 1
    reasoning: int = 0
    role_first: bool = False
    usage: bool = True
    prompt_tokens: int = 5
    done: bool = True
    finish_reason: str = "stop"
    comments: bool = False
    line_end: bytes = b"\n"
    space: bool = True
    split: int = 0
    error_after: int | None = None

    @property
    def pieces(self) -> list[str]:
        """The answer, token by token."""
        if self.text is not None:
            return [self.text] if self.text else []
        return [WORDS[index % len(WORDS)] for index in range(self.tokens)]


OK = Behaviour()
HTML = Behaviour("html")
HANG = Behaviour("hang")
HANG_MIDWAY = Behaviour("hang_midway")
CUT_MIDWAY = Behaviour("cut_midway")
CLOSE = Behaviour("close")
UNAUTHORIZED = Behaviour("status", status=401)
OVERLOADED = Behaviour("status", status=503)

DIALECTS = {
    "plain": OK,
    "comments": Behaviour(comments=True),
    "crlf": Behaviour(line_end=b"\r\n"),
    "cr": Behaviour(line_end=b"\r"),
    "no space": Behaviour(space=False),
    "role first": Behaviour(role_first=True),
    "no usage": Behaviour(usage=False),
    "no done": Behaviour(done=False),
    "several tokens per event": Behaviour(per_chunk=3),
    "reasoning first": Behaviour(reasoning=4),
    "torn events": Behaviour(split=7, line_end=b"\r\n"),
}

Choose = Behaviour | Callable[[ServerRequest, int], Behaviour]


class FakeUrl(str):
    """The fake's address; ``requests`` are the chat requests it got, ``gone`` those left early."""

    __slots__ = ("gone", "requests")
    requests: list[ServerRequest]
    gone: list[ServerRequest]

    def __new__(cls, text: str) -> FakeUrl:
        url = super().__new__(cls, text)
        url.requests = []
        url.gone = []
        return url

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """The chat requests, decoded."""
        return [msgspec.json.decode(request.body) for request in self.requests]


@asynccontextmanager
async def fake_llm(
    behaviour: Choose = OK, *, model: str | Sequence[str] = "fake"
) -> AsyncIterator[FakeUrl]:
    """Run the fake on a free port of the loopback interface."""
    url: FakeUrl
    names = [model] if isinstance(model, str) else model

    async def handle(request: ServerRequest, responder: Responder) -> None:
        if request.path == "/v1/models":
            models = [{"id": name, "object": "model", "owned_by": "tests"} for name in names]
            responder.json(200, {"object": "list", "data": models})
        elif request.path == "/health":
            responder.json(200, {"status": "ok"})
        elif request.path != "/v1/chat/completions":
            responder.error(404, f"no such path: {request.path}", "not_found_error")
        else:
            chosen = behaviour
            if not isinstance(chosen, Behaviour):
                chosen = chosen(request, len(url.requests))
            url.requests.append(request)
            responder.on_gone(lambda: url.gone.append(request))
            await _Answer(chosen, request, responder).give()

    async with await serve(handle, "127.0.0.1", 0) as server:
        url = FakeUrl(f"{server.url}/v1")
        yield url


@contextmanager
def fake_llm_thread(
    behaviour: Choose = OK, *, model: str | Sequence[str] = "fake"
) -> Iterator[FakeUrl]:
    """The same in a thread with its own event loop, for tests that are not coroutines."""
    ready: list[FakeUrl] = []
    stop: list[Callable[[], object]] = []
    started = threading.Event()

    async def run() -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        async with fake_llm(behaviour, model=model) as url:
            ready.append(url)
            stop.append(lambda: loop.call_soon_threadsafe(stopped.set))
            started.set()
            await stopped.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    if not started.wait(10):
        message = "the fake server did not start"
        raise RuntimeError(message)
    try:
        yield ready[0]
    finally:
        stop[0]()
        thread.join(10)


@asynccontextmanager
async def raw_server(answer: bytes, *, close: bool = True) -> AsyncIterator[str]:
    """Answers anything with ``answer``, which need not be HTTP; then closes, or stays silent."""
    writers: list[asyncio.StreamWriter] = []
    tasks: list[asyncio.Task[object] | None] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        tasks.append(asyncio.current_task())
        await reader.read(1)
        writer.write(answer)
        if close:
            await _flush(writer)
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*(task for task in tasks if task))


async def _flush(writer: asyncio.StreamWriter) -> None:
    try:
        await writer.drain()
    except ConnectionError:
        return


class _Answer:
    """One chat request being answered as a behaviour says."""

    def __init__(self, how: Behaviour, request: ServerRequest, responder: Responder) -> None:
        self._how = how
        self._responder = responder
        body = msgspec.json.decode(request.body) if request.body else {}
        self._model = str(body.get("model", ""))
        self._stream = bool(body.get("stream"))

    async def give(self) -> None:
        how, responder = self._how, self._responder
        match how.kind:
            case "status":
                self._refuse()
            case "html":
                page = b"<!DOCTYPE html><html><body>Welcome to nginx!</body></html>"
                responder.send(200, ((b"content-type", b"text/html"),), page)
            case "json":
                responder.send(200, JSON_TYPE, how.body or b"{}")
            case "hang":
                await responder.client_gone.wait()
            case "close":
                responder.abort()
            case _ if self._stream:
                await self._stream_answer()
            case _:
                await self._whole_answer()

    def _refuse(self) -> None:
        how = self._how
        if how.retry_after is not None:
            wait = ((b"retry-after", b"%d" % how.retry_after),)
            self._responder.send(how.status, (*JSON_TYPE, *wait), how.body or b"{}")
        elif how.body is not None:
            self._responder.send(how.status, JSON_TYPE, how.body)
        else:
            self._responder.error(how.status, f"made to fail with {how.status}", "fake_error")

    async def _whole_answer(self) -> None:
        how, responder = self._how, self._responder
        await asyncio.sleep(how.first_delay_s)
        message: dict[str, Any] = {"role": "assistant", "content": "".join(how.pieces)}
        if how.reasoning:
            message["reasoning_content"] = "hm " * how.reasoning
        choice = {"index": 0, "message": message, "finish_reason": how.finish_reason or None}
        answer: dict[str, Any] = {"model": self._model, "choices": [choice]}
        if how.usage:
            answer["usage"] = self._usage()
        if how.kind == "chat":
            responder.json(200, answer)
            return
        whole = msgspec.json.encode(answer)
        responder.start(200, JSON_TYPE, len(whole))
        responder.write(whole[: len(whole) // 2])
        await self._stop_midway()

    async def _stream_answer(self) -> None:
        how, responder = self._how, self._responder
        responder.start(200, EVENTS_TYPE)
        if how.role_first:
            self._chunk({"role": "assistant", "content": ""})
        await asyncio.sleep(how.first_delay_s)
        for _ in range(how.reasoning):
            self._chunk({"reasoning_content": "hm "})
        pieces = how.pieces
        for index in range(0, len(pieces), how.per_chunk):
            if index and how.delay_s:
                await asyncio.sleep(how.delay_s)
            if how.error_after is not None and index >= how.error_after:
                error = {"message": "made to fail", "type": "fake_error", "code": how.status}
                self._event(msgspec.json.encode({"error": error}))
                break
            if how.kind != "chat" and index >= len(pieces) // 2:
                await self._stop_midway()
                return
            self._chunk({"content": "".join(pieces[index : index + how.per_chunk])})
            await responder.drain()
        self._end_stream()

    def _end_stream(self) -> None:
        how = self._how
        if how.finish_reason:
            self._chunk({}, finish_reason=how.finish_reason)
        if how.usage:
            usage = {"model": self._model, "choices": [], "usage": self._usage()}
            self._event(msgspec.json.encode(usage))
        if how.done:
            self._event(b"[DONE]")
        self._responder.finish()

    async def _stop_midway(self) -> None:
        if self._how.kind == "hang_midway":
            await self._responder.client_gone.wait()
        else:
            self._responder.abort()

    def _usage(self) -> dict[str, int]:
        count = len(self._how.pieces) + self._how.reasoning
        asked = self._how.prompt_tokens
        return {
            "prompt_tokens": asked, "completion_tokens": count, "total_tokens": asked + count
        }  # fmt: skip

    def _chunk(self, delta: dict[str, str], finish_reason: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        chunk = {"object": "chat.completion.chunk", "model": self._model, "choices": [choice]}
        self._event(msgspec.json.encode(chunk))

    def _event(self, payload: bytes) -> None:
        how = self._how
        field = b"data: " if how.space else b"data:"
        event = field + payload + how.line_end * 2
        if how.comments:
            event = b": keep-alive" + how.line_end * 2 + event
        size = how.split or len(event)
        for start in range(0, len(event), size):
            self._responder.write(event[start : start + size])

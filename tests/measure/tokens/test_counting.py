"""Counting by servers of several makes, and what they may answer instead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from weighbridge.core.endpoint import Endpoint, endpoint_at
from weighbridge.core.errors import ProtocolError, StatusError
from weighbridge.measure.tokens.counting import count_by_server
from weighbridge.wire.client import Client
from weighbridge.wire.server import Responder, ServerRequest, serve

Answer = Callable[[dict[str, Any]], tuple[int, Any]]


@asynccontextmanager
async def tokenizing(answer: Answer) -> AsyncIterator[Endpoint]:
    async def handle(request: ServerRequest, responder: Responder) -> None:
        assert request.path == "/tokenize"
        responder.json(*answer(msgspec.json.decode(request.body)))

    async with await serve(handle, "127.0.0.1", 0) as server:
        yield endpoint_at(f"{server.url}/v1", "m")


def counted(
    answer: Answer, texts: Sequence[str], done: Callable[[], None] = lambda: None
) -> list[int]:
    async def work() -> list[int]:
        async with tokenizing(answer) as endpoint, Client() as client:
            return await count_by_server(client, endpoint, texts, done)

    return asyncio.run(work())


def llamacpp(body: dict[str, Any]) -> tuple[int, Any]:
    return 200, {"tokens": list(range(len(body["content"].split()) + body["add_special"]))}


def vllm(body: dict[str, Any]) -> tuple[int, Any]:
    count = len(body["prompt"].split()) + body["add_special_tokens"]
    return 200, {"count": count, "max_model_len": 4096, "tokens": list(range(count))}


@pytest.mark.parametrize("server", [llamacpp, vllm])
def test_servers_of_both_makes_count_in_order(server: Answer) -> None:
    done: list[int] = []
    texts = ["a b c", "d", *(["e f"] * 60), "g h i j"]
    counts = counted(server, texts, lambda: done.append(1))
    assert counts == [3, 1, *([2] * 60), 4]
    assert len(done) == 63


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        ((404, {}), StatusError, "does not tokenize"),
        ((200, {"ids": [1]}), ProtocolError, "gave no tokens"),
        ((200, "text"), ProtocolError, "gave no tokens"),
    ],
)
def test_what_is_no_count_is_told(
    answer: tuple[int, Any], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        counted(lambda _: answer, ["a text"])


def test_a_failure_in_the_middle_ends_the_count() -> None:
    def failing(body: dict[str, Any]) -> tuple[int, Any]:
        return (500, {}) if body["content"] == "bad" else llamacpp(body)

    with pytest.raises(StatusError):
        counted(failing, ["a", *(["b"] * 30), "bad", *(["c"] * 30)])

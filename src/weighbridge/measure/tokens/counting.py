"""Counting the tokens of texts by a server's own tokenizer, through its ``/tokenize``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import ProtocolError, StatusError
from weighbridge.core.http import HttpClient, Request, Timeouts, Url

_AT_ONCE = 16
_PATIENCE = Timeouts(connect=5, first_byte=60, between_bytes=60, total=300)


class _Tokens(msgspec.Struct):
    """What servers answer: llama.cpp the tokens, vLLM also how many they are."""

    tokens: list[int] = []
    count: int | None = None


def tokenize_url(endpoint: Endpoint) -> Url:
    """Where the server tokenizes: beside ``/v1``, not below it."""
    path = endpoint.base.path.rstrip("/").removesuffix("/v1")
    return replace(endpoint.base, path=f"{path}/tokenize")


async def count_by_server(
    client: HttpClient,
    endpoint: Endpoint,
    texts: Sequence[str],
    done: Callable[[], None] = lambda: None,
    at_once: int = _AT_ONCE,
) -> list[int]:
    """Tokens of each text, without what begins a sequence or a chat, ``at_once`` texts at a time.

    Raises:
        EndpointError: nobody answers, or the server does not tokenize.
    """
    turns = asyncio.Semaphore(at_once)

    async def one(text: str) -> int:
        async with turns:
            count = await _count(client, endpoint, text)
        done()
        return count

    # The first alone: whether the server tokenizes at all is known before all are asked.
    first = await one(texts[0])
    try:
        async with asyncio.TaskGroup() as group:
            rest = [group.create_task(one(text)) for text in texts[1:]]
    except ExceptionGroup as faults:
        raise faults.exceptions[0] from None  # all have one cause: the server
    return [first, *(task.result() for task in rest)]


async def _count(client: HttpClient, endpoint: Endpoint, text: str) -> int:
    body: dict[str, object] = {
        # llama.cpp reads the first three, vLLM and SGLang the others.
        "content": text,
        "add_special": False,
        "parse_special": False,
        "prompt": text,
        "add_special_tokens": False,
    }
    if endpoint.model:
        body["model"] = endpoint.model
    url = tokenize_url(endpoint)
    request = Request("POST", url, endpoint.headers, msgspec.json.encode(body))
    response = await client.fetch(request, _PATIENCE)
    if response.head.status != 200:
        raise StatusError(
            f"{url} answered {response.head.status}: the server does not tokenize.",
            status=response.head.status,
            fix="llama.cpp, vLLM and SGLang do; for others name a tokenizer.json.",
        )
    try:
        told = msgspec.json.decode(response.body, type=_Tokens)
    except (msgspec.DecodeError, UnicodeDecodeError):
        told = _Tokens()
    count = len(told.tokens) if told.count is None else told.count
    if count < 1 and text.strip():
        raise ProtocolError(
            f"{url} gave no tokens for a text of {len(text)} characters.",
            fix="Name the model's tokenizer.json instead.",
        )
    return count

"""The gateway over real sockets, in front of scripted servers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tests.fakes.llm_server import Behaviour, fake_llm
from weighbridge.core.endpoint import Endpoint, endpoint_at
from weighbridge.core.http import Request, Response, Timeouts, parse_url
from weighbridge.core.routing import Condition, ModelEntry, Route, RouterConfig, Signals, TaskSignal
from weighbridge.serve.gateway import Gateway
from weighbridge.wire.client import Client
from weighbridge.wire.server import serve
from weighbridge.wire.stream import ChatStream

NOBODY = "http://127.0.0.1:9/v1"
CONFIG = RouterConfig(
    models={name: ModelEntry(url=NOBODY) for name in ("tally", "porter")},
    signals=Signals(task={"arithmetic": TaskSignal(keywords=("plus",))}),
    routes=(
        Route(use=("tally", "porter"), when=Condition(task="arithmetic")),
        Route(use=("porter",)),
    ),
)


@asynccontextmanager
async def gateway(urls: Mapping[str, str]) -> AsyncIterator[tuple[str, Client]]:
    async with Client() as client:
        endpoints = {name: endpoint_at(url, f"{name}-upstream") for name, url in urls.items()}
        server = await serve(Gateway(CONFIG, endpoints, client).handle, "127.0.0.1", 0)
        async with server:
            yield server.url, client


def chat(model: str, text: str, **more: Any) -> bytes:
    messages = [{"role": "user", "content": text}]
    return json.dumps({"model": model, "messages": messages, **more}).encode()


async def post(client: Client, url: str, body: bytes) -> Response:
    target = parse_url(f"{url}/v1/chat/completions")
    return await client.fetch(Request("POST", target, body=body), Timeouts())


def test_routes_by_task_and_by_name_and_tells_who_answered() -> None:
    async def scenario() -> list[bytes]:
        async with (
            fake_llm(Behaviour(text="47")) as tally,
            fake_llm(Behaviour(text="hello")) as porter,
            gateway({"tally": tally, "porter": porter}) as (url, client),
        ):
            answers = [
                await post(client, url, chat("auto", "12 plus 35")),
                await post(client, url, chat("auto", "Hi")),
                await post(client, url, chat("porter", "12 plus 35")),
            ]
            assert [answer.head.status for answer in answers] == [200] * 3
            contents = [json.loads(a.body)["choices"][0]["message"]["content"] for a in answers]
            assert contents == ["47", "hello", "hello"]
            return [answer.head.header(b"x-weighbridge-model") for answer in answers]

    assert asyncio.run(scenario()) == [b"tally", b"porter", b"porter"]


def test_unknown_fields_pass_and_only_the_model_is_rewritten() -> None:
    async def scenario() -> dict[str, Any]:
        async with (
            fake_llm(Behaviour()) as porter,
            gateway({"tally": NOBODY, "porter": porter}) as (url, client),
        ):
            body = chat("porter", "Hi", min_p=0.05, chat_template_kwargs={"deep": [1, {"a": None}]})
            await post(client, url, body)
            sent: dict[str, Any] = json.loads(porter.requests[-1].body)
            return sent

    sent = asyncio.run(scenario())
    assert sent["model"] == "porter-upstream"
    assert sent["min_p"] == 0.05
    assert sent["chat_template_kwargs"] == {"deep": [1, {"a": None}]}


def test_the_stream_is_relayed_as_it_arrives() -> None:
    async def scenario() -> ChatStream:
        slow = Behaviour(tokens=4, delay_s=0.05)
        async with (
            fake_llm(slow) as porter,
            gateway({"tally": NOBODY, "porter": porter}) as (url, client),
        ):
            endpoint = Endpoint(parse_url(f"{url}/v1"), "auto")
            stream = ChatStream(endpoint)
            request = Request("POST", endpoint.chat, body=chat("auto", "Hi", stream=True))
            exchange = await client.start(request, stream, Timeouts())
            await exchange.finished()
            stream.end()
            return stream

    stream = asyncio.run(scenario())
    # Four arrivals at four different times: nothing was collected on the way.
    assert len(set(stream.arrivals)) == 4


def test_falls_back_while_nothing_was_sent() -> None:
    async def scenario() -> Response:
        async with (
            fake_llm(Behaviour(text="47")) as porter,
            gateway({"tally": NOBODY, "porter": porter}) as (url, client),
        ):
            return await post(client, url, chat("auto", "1 plus 2"))

    answer = asyncio.run(scenario())
    assert answer.head.status == 200
    assert answer.head.header(b"x-weighbridge-model") == b"porter"


def test_a_cut_stream_ends_visibly_broken() -> None:
    async def scenario() -> str:
        async with (
            fake_llm(Behaviour(kind="cut_midway")) as porter,
            gateway({"tally": NOBODY, "porter": porter}) as (url, client),
        ):
            endpoint = Endpoint(parse_url(f"{url}/v1"), "auto")
            stream = ChatStream(endpoint)
            request = Request("POST", endpoint.chat, body=chat("auto", "Hi", stream=True))
            exchange = await client.start(request, stream, Timeouts())
            try:
                await exchange.finished()
                stream.end()
            except Exception as error:  # noqa: BLE001 -- its type is what the test is about
                assert stream.arrivals, "what came before the cut was relayed"
                return type(error).__name__
            return "clean"

    assert asyncio.run(scenario()) == "ProtocolError"


def test_upstream_errors_pass_through_unchanged() -> None:
    async def scenario() -> Response:
        refusing = Behaviour(kind="status", status=422, body=b'{"error": {"message": "no"}}')
        async with (
            fake_llm(refusing) as porter,
            gateway({"tally": NOBODY, "porter": porter}) as (url, client),
        ):
            return await post(client, url, chat("porter", "Hi"))

    answer = asyncio.run(scenario())
    assert (answer.head.status, answer.body) == (422, b'{"error": {"message": "no"}}')


def test_what_it_cannot_do_is_a_sentence() -> None:
    async def scenario() -> dict[str, Response]:
        async with gateway({"tally": NOBODY, "porter": NOBODY}) as (url, client):

            async def ask(method: str, path: str) -> Response:
                return await client.fetch(Request(method, parse_url(url + path)), Timeouts())

            return {
                "nobody": await post(client, url, chat("auto", "Hi")),
                "name": await post(client, url, chat("gpt-4", "Hi")),
                "json": await post(client, url, b"{"),
                "array": await post(client, url, b"[]"),
                "path": await ask("GET", "/v2"),
                "method": await ask("GET", "/v1/chat/completions"),
                "models": await ask("GET", "/v1/models"),
                "health": await ask("GET", "/health"),
            }

    answers = asyncio.run(scenario())
    status = {name: answer.head.status for name, answer in answers.items()}
    assert status == {
        "nobody": 502, "name": 404, "json": 400, "array": 400,
        "path": 404, "method": 405, "models": 200, "health": 200,
    }  # fmt: skip
    assert "tally, porter, auto" in json.loads(answers["name"].body)["error"]["message"]
    names = [row["id"] for row in json.loads(answers["models"].body)["data"]]
    assert names == ["tally", "porter", "auto"]


def test_a_client_that_leaves_frees_the_upstream() -> None:
    async def scenario() -> int:
        endless = Behaviour(tokens=10_000, delay_s=0.01)
        async with (
            fake_llm(endless) as porter,
            gateway({"tally": NOBODY, "porter": porter}) as (url, client),
        ):
            endpoint = Endpoint(parse_url(f"{url}/v1"), "auto")
            stream = ChatStream(endpoint)
            request = Request("POST", endpoint.chat, body=chat("auto", "Hi", stream=True))
            exchange = await client.start(request, stream, Timeouts())
            await asyncio.sleep(0.1)
            assert stream.arrivals
            exchange.abort()
            for _ in range(100):
                if porter.gone:
                    break
                await asyncio.sleep(0.02)
            return len(porter.gone)

    assert asyncio.run(scenario()) == 1

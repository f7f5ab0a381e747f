"""The gateway over real sockets, in front of scripted servers."""

from __future__ import annotations

import asyncio
import json
import math
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from tests.fakes.llm_server import Behaviour, fake_llm
from tests.serve.engines import NOBODY, FakeEngine
from weighbridge.core.effects import RunningEngine
from weighbridge.core.endpoint import Endpoint, endpoint_at
from weighbridge.core.http import Headers, Request, Response, Sink, Timeouts, parse_url
from weighbridge.core.routing import Condition, ModelEntry, Route, RouterConfig, Signals, TaskSignal
from weighbridge.engines.openai import AttachedServer
from weighbridge.serve.gateway import Gateway, starting
from weighbridge.serve.hops import HOP, VIA
from weighbridge.wire.client import Client
from weighbridge.wire.exchange import HttpExchange
from weighbridge.wire.server import serve
from weighbridge.wire.stream import ChatStream

DEEP = b"[" * 5000 + b"]" * 5000
KEYS = {"porter": "sk-upstream"}
CONFIG = RouterConfig(
    models={name: ModelEntry(url=NOBODY) for name in ("tally", "porter")},
    signals=Signals(task={"arithmetic": TaskSignal(keywords=("plus",))}),
    routes=(
        Route(use=("tally", "porter"), when=Condition(task="arithmetic")),
        Route(use=("porter",)),
    ),
)

ROW = RouterConfig({"next": ModelEntry(url=NOBODY)}, (Route(use=("next",)),))


@asynccontextmanager
async def gateway(
    urls: Mapping[str, str],
    *,
    config: RouterConfig = CONFIG,
    engines: Mapping[str, FakeEngine] | None = None,
    told: list[str] | None = None,
) -> AsyncIterator[tuple[str, Client]]:
    attached: dict[str, RunningEngine] = {
        name: AttachedServer(endpoint_at(url, f"{name}-upstream", KEYS.get(name)))
        for name, url in urls.items()
    }
    models = attached | dict(engines or {})
    tell = [] if told is None else told
    async with Client() as client:
        handler = Gateway(config, models, client, tell.append).handle
        async with await serve(handler, "127.0.0.1", 0) as server:
            yield server.url, client


def chat(model: str, text: str, **more: Any) -> bytes:
    messages = [{"role": "user", "content": text}]
    return json.dumps({"model": model, "messages": messages, **more}).encode()


async def post(client: Client, url: str, body: bytes, headers: Headers = ()) -> Response:
    target = parse_url(f"{url}/v1/chat/completions")
    return await client.fetch(Request("POST", target, headers, body), Timeouts())


def message(answer: Response) -> str:
    text: str = json.loads(answer.body)["error"]["message"]
    return text


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
                "bytes": await post(client, url, b'{"model": "\xff"}'),
                "deep": await post(client, url, chat("auto", "Hi", x=0)[:-2] + DEEP + b"}"),
                "path": await ask("GET", "/v2"),
                "method": await ask("GET", "/v1/chat/completions"),
                "models": await ask("GET", "/v1/models"),
                "health": await ask("GET", "/health"),
            }

    answers = asyncio.run(scenario())
    status = {name: answer.head.status for name, answer in answers.items()}
    assert status == {
        "nobody": 502, "name": 404, "json": 400, "array": 400, "bytes": 400, "deep": 400,
        "path": 404, "method": 405, "models": 200, "health": 200,
    }  # fmt: skip
    assert "nested too deeply" in message(answers["deep"])
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


def test_a_server_gets_its_own_key_and_never_the_clients() -> None:
    async def scenario() -> list[bytes]:
        async with (
            fake_llm(Behaviour()) as tally,
            fake_llm(Behaviour()) as porter,
            gateway({"tally": tally, "porter": porter}) as (url, client),
        ):
            ours = ((b"authorization", b"Bearer client"), (b"cookie", b"a=b"), (b"x-api-key", b"c"))
            for name in ("tally", "porter"):
                await post(client, url, chat(name, "Hi"), ours)
            requests = [tally.requests[-1], porter.requests[-1]]
            assert not any(r.header(b"cookie") or r.header(b"x-api-key") for r in requests)
            return [request.header(b"authorization") for request in requests]

    assert asyncio.run(scenario()) == [b"", b"Bearer sk-upstream"]


def test_a_gateway_that_is_its_own_model_says_so_once() -> None:
    told: list[str] = []

    async def scenario() -> Response:
        async with Client() as client:
            models: dict[str, RunningEngine] = {}
            handler = Gateway(CONFIG, models, client, told.append).handle
            async with await serve(handler, "127.0.0.1", 0) as server:
                models["porter"] = AttachedServer(endpoint_at(server.url, "porter"))
                return await post(client, server.url, chat("porter", "Hi"))

    answer = asyncio.run(scenario())
    assert answer.head.status == 508
    assert "come back to this gateway" in message(answer)
    assert len(told) == 1


def test_gateways_may_stand_in_a_row_of_four() -> None:
    async def scenario() -> tuple[list[Response], bytes]:
        async with fake_llm(Behaviour(text="hello")) as llm, AsyncExitStack() as row:
            client = await row.enter_async_context(Client())
            url, answers = str(llm), []
            for _ in range(5):
                models = {"next": AttachedServer(endpoint_at(url, "auto"))}
                handler = Gateway(ROW, models, client, lambda _: None).handle
                server = await row.enter_async_context(await serve(handler, "127.0.0.1", 0))
                url = server.url
                answers.append(await post(client, url, chat("auto", "Hi")))
            return answers, llm.requests[3].header(HOP)

    answers, hop = asyncio.run(scenario())
    assert [answer.head.status for answer in answers] == [200, 200, 200, 200, 508]
    assert hop == b"4"


def test_each_gateway_adds_itself() -> None:
    async def scenario() -> tuple[bytes, bytes]:
        async with (
            fake_llm(Behaviour()) as porter,
            gateway({"porter": porter}) as (url, client),
        ):
            await post(client, url, chat("porter", "Hi"), ((HOP, b"1"), (VIA, b"other")))
            sent = porter.requests[-1]
            return sent.header(HOP), sent.header(VIA)

    hop, via = asyncio.run(scenario())
    assert hop == b"2"
    assert via.startswith(b"other ")


def test_auto_without_a_route_is_told_from_a_name_that_is_unknown() -> None:
    config = RouterConfig(CONFIG.models, CONFIG.routes[:1], signals=CONFIG.signals)

    async def scenario() -> list[Response]:
        async with gateway({"tally": NOBODY, "porter": NOBODY}, config=config) as (url, client):
            return [await post(client, url, chat(name, "Hi")) for name in ("auto", "gpt")]

    auto, unknown = asyncio.run(scenario())
    assert (auto.head.status, unknown.head.status) == (404, 404)
    assert message(auto).startswith("No route applies to this request; its task is not recognised.")
    assert "There is no model 'gpt'" in message(unknown)


def test_an_engine_that_has_ended_is_named_and_passed_over() -> None:
    told: list[str] = []

    async def scenario() -> tuple[list[Response], int]:
        async with fake_llm(Behaviour()) as stranger, fake_llm(Behaviour()) as porter:
            engine = FakeEngine(endpoint_at(stranger, "tally"))
            serving = gateway({"porter": porter}, engines={"tally": engine}, told=told)
            async with serving as (url, client):
                health = Request("GET", parse_url(f"{url}/health"))
                answers = [await client.fetch(health, Timeouts())]
                engine.alive = False
                answers += [
                    await client.fetch(health, Timeouts()),
                    await post(client, url, chat("tally", "Hi")),
                    await post(client, url, chat("auto", "1 plus 2")),
                ]
                return answers, len(stranger.requests)

    (healthy, ill, named, routed), asked = asyncio.run(scenario())
    assert healthy.head.status == 200
    assert ill.head.status == 503
    assert json.loads(ill.body)["models"] == ["tally"]
    assert named.head.status == 502
    assert "The engine for tally has ended." in message(named)
    assert routed.head.header(b"x-weighbridge-model") == b"porter"
    assert asked == 0, "its port may be somebody else's by now"
    assert told == [f"/v1/chat/completions: {message(named)}"]


def test_an_engine_that_ends_over_a_request_is_what_the_client_hears_of() -> None:
    async def scenario() -> Response:
        async with fake_llm(Behaviour("close")) as tally:
            engine = FakeEngine(endpoint_at(tally, "tally"))
            # Its connection closes first, as when a process is killed.
            asyncio.get_running_loop().call_later(0.03, setattr, engine, "alive", False)
            async with gateway({}, engines={"tally": engine}) as (url, client):
                return await post(client, url, chat("tally", "Hi"))

    answer = asyncio.run(scenario())
    assert answer.head.status == 502
    assert message(answer) == "No model could answer. The engine for tally has ended."


def test_a_host_that_does_not_accept_is_passed_over() -> None:
    async def scenario() -> bytes:
        with socket.socket() as full, socket.socket() as first, socket.socket() as second:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            for other in (first, second):
                other.setblocking(False)
                other.connect_ex(full.getsockname())
            silent = f"http://127.0.0.1:{full.getsockname()[1]}"
            async with (
                fake_llm(Behaviour()) as porter,
                gateway({"tally": silent, "porter": porter}) as (url, client),
            ):
                answer = await post(client, url, chat("auto", "1 plus 2"))
                return answer.head.header(b"x-weighbridge-model")

    assert asyncio.run(scenario()) == b"porter"


class _Noting(Client):
    """A client that remembers how long it was told to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[Timeouts] = []

    async def start(self, request: Request, sink: Sink, timeouts: Timeouts) -> HttpExchange:
        self.noted.append(timeouts)
        return await super().start(request, sink, timeouts)


def test_a_stream_may_last_as_long_as_it_goes_on() -> None:
    async def scenario() -> Timeouts:
        async with fake_llm(Behaviour()) as porter, _Noting() as client:
            models = {"porter": AttachedServer(endpoint_at(porter, "porter"))}
            handler = Gateway(CONFIG, models, client, print).handle
            async with await serve(handler, "127.0.0.1", 0) as server, Client() as asking:
                answer = await post(asking, server.url, chat("porter", "Hi"))
                assert answer.head.status == 200
            return client.noted[0]

    timeouts = asyncio.run(scenario())
    assert math.isinf(timeouts.total)
    assert timeouts.between_bytes < 120


def test_what_starts_says_so() -> None:
    async def scenario() -> list[Response]:
        async with await serve(starting, "127.0.0.1", 0) as server, Client() as client:
            health = Request("GET", parse_url(f"{server.url}/health"))
            answer = await client.fetch(health, Timeouts())
            return [answer, await post(client, server.url, chat("auto", "Hi"))]

    health, refused = asyncio.run(scenario())
    assert (health.head.status, refused.head.status) == (503, 503)
    assert json.loads(health.body) == {"status": "starting"}
    assert "still starting" in message(refused)

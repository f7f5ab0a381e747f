"""Gateways behind gateways, and an engine that dies over a request: all of it real."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from tests.fakes.llm_server import Behaviour, fake_llm
from weighbridge.core.http import Request, Response, Timeouts, parse_url
from weighbridge.core.routing import ModelEntry, Route, RouterConfig
from weighbridge.serve.hops import HOP, VIA
from weighbridge.verbs.serve import gateway
from weighbridge.wire.client import Client

# Generates one token, as it is asked to before it serves anybody, and ends over the next request.
MORTAL = """
import os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    asked = 0
    def do_GET(self):
        self.say(b'{"object": "list", "data": [{"id": "m", "object": "model"}]}')
    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        Handler.asked += 1
        if Handler.asked > 1:
            print("fatal: the cache is corrupt", flush=True)
            os._exit(7)
        self.say(b'{"id": "1", "model": "m", "choices": [{"index": 0, "text": "x"}]}')
    def say(self, body):
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass

HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def to(url: str) -> RouterConfig:
    """Everything goes to whoever answers there."""
    return RouterConfig({"next": ModelEntry(url=url, model="auto")}, (Route(use=("next",)),))


async def ask(client: Client, url: str, model: str = "auto") -> Response:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hi"}]}).encode()
    return await client.fetch(
        Request("POST", parse_url(f"{url}/v1/chat/completions"), (), body), Timeouts()
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_gateways_that_call_each_other_say_so_once(tmp_path: Path) -> None:
    told: list[str] = []
    a, b = free_port(), free_port()

    async def scenario() -> list[Response]:
        async with (
            Client() as client,
            gateway(
                to(f"http://127.0.0.1:{b}/v1"), tmp_path, client, port=a, tell=told.append
            ) as first,
            gateway(
                to(f"http://127.0.0.1:{a}/v1"), tmp_path, client, port=b, tell=told.append
            ) as second,
        ):
            return [
                await ask(client, first.url),
                await ask(client, first.url),
                await ask(client, second.url),
            ]

    answers = asyncio.run(scenario())
    assert [answer.head.status for answer in answers] == [508] * 3
    for answer in answers:
        assert "come back to this gateway" in json.loads(answer.body)["error"]["message"]
    # Each gateway tells once of the requests that come back to it.
    assert len(told) == 2
    assert all("come back to this gateway" in line for line in told), told


def test_gateways_may_stand_in_a_row_of_four(tmp_path: Path) -> None:
    told: list[str] = []

    async def scenario() -> tuple[list[Response], list[tuple[bytes, bytes]]]:
        async with fake_llm(Behaviour(text="hello")) as llm, AsyncExitStack() as row:
            client = await row.enter_async_context(Client())
            url, answers = str(llm), []
            for _ in range(5):
                one = gateway(to(url), tmp_path, client, port=0, tell=told.append)
                url = (await row.enter_async_context(one)).url
                answers.append(await ask(client, url))
            chats = [one for one in llm.requests if one.path.endswith("/chat/completions")]
            return answers, [(one.header(HOP), one.header(VIA)) for one in chats]

    answers, passed = asyncio.run(scenario())
    assert [answer.head.status for answer in answers] == [200, 200, 200, 200, 508]
    contents = [
        json.loads(answer.body)["choices"][0]["message"]["content"] for answer in answers[:4]
    ]
    assert contents == ["hello"] * 4
    assert [hop for hop, _ in passed] == [b"1", b"2", b"3", b"4"]
    assert [len(via.split()) for _, via in passed] == [1, 2, 3, 4]
    assert len(told) == 1
    assert "passed 4 gateways" in told[0]


def test_an_engine_that_ends_over_a_request_is_what_the_client_hears_of(tmp_path: Path) -> None:
    program = tmp_path / "mortal.py"
    program.write_text(MORTAL)
    told: list[str] = []
    config = RouterConfig({"m": ModelEntry(cmd=f"{sys.executable} {program} ${{PORT}}")})

    async def scenario() -> Response:
        async with (
            Client() as client,
            gateway(config, tmp_path, client, port=0, tell=told.append) as running,
        ):
            answer = await ask(client, running.url, "m")
            async with asyncio.timeout(10):
                while running.center.views()["m"].state == "ready":  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            return answer

    answer = asyncio.run(scenario())
    assert answer.head.status == 502
    message = json.loads(answer.body)["error"]["message"]
    assert message == "No model could answer. m: it closed the connection without an answer."
    assert any("the cache is corrupt" in line for line in told), told

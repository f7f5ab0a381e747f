from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from tests.fakes.gateway import FakeFleet, FakeGateway, admin_port
from weighbridge.core.errors import (
    ConfigError,
    ConnectError,
    InputError,
    ProtocolError,
    StatusError,
)
from weighbridge.core.gateway_admin import ActionAnswer
from weighbridge.core.http import HttpClient, parse_url
from weighbridge.verbs import gateway_state as verb
from weighbridge.wire.client import Client
from weighbridge.wire.server import Responder, ServerRequest, serve
from weighbridge.workspace.gateways import announce

ResultT = TypeVar("ResultT")


def asked(work: Callable[[HttpClient], Awaitable[ResultT]]) -> ResultT:
    async def main() -> ResultT:
        async with Client() as client:
            return await work(client)

    return asyncio.run(main())


def port_at(url: str) -> verb.AdminPort:
    return verb.AdminPort(parse_url(url))


def test_state_actions_and_reload() -> None:
    gateway = FakeGateway()
    with admin_port(gateway) as url:
        port = port_at(url)
        view = asked(lambda client: verb.state(client, port))
        assert view.models == tuple(gateway.fleet.views.values())
        answer = asked(lambda client: verb.act(client, port, "qwen/clerk 7b", "start", 5.0))
        assert isinstance(answer, ActionAnswer)
        assert (answer.done, answer.model.state) == (True, "ready")
        assert "in use" in asked(lambda client: verb.reload(client, port)).sentence
    assert gateway.reloads == 1


def test_what_is_not_done_in_time_goes_on() -> None:
    gateway = FakeGateway(FakeFleet(takes_s=5.0))
    with admin_port(gateway) as url:
        answer = asked(lambda client: verb.act(client, port_at(url), "tally", "stop", 0.2))
    assert not answer.done


def test_the_gateways_own_words_reach_the_user() -> None:
    gateway = FakeGateway()
    gateway.fault = ConfigError("`modles` is unknown.")
    with admin_port(gateway) as url:
        with pytest.raises(InputError, match="Did you mean 'tally'"):
            asked(lambda client: verb.act(client, port_at(url), "taly", "stop", 1.0))
        with pytest.raises(StatusError, match="`modles` is unknown"):
            asked(lambda client: verb.reload(client, port_at(url)))


def test_nobody_there() -> None:
    with pytest.raises(ConnectError):
        asked(lambda client: verb.state(client, port_at("http://127.0.0.1:9")))


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [(200, b"hello", ProtocolError), (200, b"{}", ProtocolError), (404, b"<html>", StatusError)],
)
def test_another_server_is_no_gateway(status: int, body: bytes, error: type[Exception]) -> None:
    async def handle(_: ServerRequest, responder: Responder) -> None:
        responder.send(status, (), body)

    async def main() -> None:
        async with Client() as client, await serve(handle, "127.0.0.1", 0) as server:
            await verb.state(client, port_at(server.url))

    with pytest.raises(error, match="`admin` in its configuration"):
        asyncio.run(main())


def test_the_key_is_shown_where_the_user_says_and_nowhere_else(tmp_path: Path) -> None:
    announce(tmp_path, "http://127.0.0.1:8081", os.getpid())
    said = verb.admin_port(tmp_path, "http://gpu1:8080/v1", "secret")
    assert said == verb.AdminPort(parse_url("http://gpu1:8080/"), "secret")
    found = verb.admin_port(tmp_path, None, "secret")
    assert found == verb.AdminPort(parse_url("http://127.0.0.1:8081/"), None)


def test_a_missing_key_says_where_to_put_it() -> None:
    seen: list[bytes] = []

    async def handle(request: ServerRequest, responder: Responder) -> None:
        seen.append(request.header(b"authorization"))
        responder.error(401, "Show a key.", "unauthorized")

    async def main() -> None:
        async with Client() as client, await serve(handle, "127.0.0.1", 0) as server:
            port = verb.AdminPort(parse_url(server.url), "wrong")
            await verb.state(client, port)

    with pytest.raises(StatusError, match="WEIGHBRIDGE_ADMIN_KEY"):
        asyncio.run(main())
    assert seen == [b"Bearer wrong"]


def test_without_a_gateway_it_says_how_to_start_one(tmp_path: Path) -> None:
    assert verb.admin_port(tmp_path, None, None) is None
    with pytest.raises(InputError, match="weigh serve"):
        verb.needed_port(tmp_path, None, None)


def test_which_of_several_is_meant_is_not_guessed(tmp_path: Path) -> None:
    announce(tmp_path, "http://127.0.0.1:8081", os.getppid())
    announce(tmp_path, "http://127.0.0.1:9081", os.getpid())
    with pytest.raises(InputError, match="2 gateways have announced themselves") as failed:
        verb.needed_port(tmp_path, None, None)
    for said in (f"http://127.0.0.1:8081 (process {os.getppid()})", "http://127.0.0.1:9081"):
        assert said in failed.value.message
    assert "--gateway http://127.0.0.1:" in failed.value.fix
    named = verb.needed_port(tmp_path, "http://127.0.0.1:8081", None)
    assert named == verb.AdminPort(parse_url("http://127.0.0.1:8081/"))


def test_a_gateway_that_was_killed_is_told_apart_from_none(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    announce(tmp_path, "http://127.0.0.1:8081", process.pid)
    with pytest.raises(InputError, match="has ended without saying goodbye") as failed:
        verb.needed_port(tmp_path, None, None)
    assert f"process {process.pid}" in failed.value.message
    assert "admin:" not in failed.value.fix

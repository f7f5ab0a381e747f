from __future__ import annotations

import asyncio

import pytest

from tests.fakes.llm_server import Behaviour, fake_llm, raw_server
from weighbridge.core.endpoint import endpoint_at
from weighbridge.core.errors import ConnectError, InputError
from weighbridge.engines.openai import AttachedServer, check_model, served_models
from weighbridge.wire.client import Client


def test_a_model_that_the_server_does_not_list_is_refused_with_those_it_does() -> None:
    async def scenario() -> list[str] | None:
        async with fake_llm(Behaviour()) as url, Client() as client:
            names = await served_models(client, endpoint_at(url, "anything"))
            assert names
            await check_model(client, endpoint_at(url, names[0]))
            with pytest.raises(InputError, match=rf"does not serve 'nobody'; it lists: {names[0]}"):
                await check_model(client, endpoint_at(url, "nobody"))
            return names

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "body",
    [b'{"data":[{"id":"\xff"}]}', b'{"data":' + b"[" * 100_000, b'{"x":' + b"[" * 100_000, b"[]"],
    ids=["no UTF-8", "deep", "deep elsewhere", "other"],
)
def test_a_list_that_cannot_be_read_is_no_list(body: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + body

    async def scenario() -> None:
        async with raw_server(answer) as url, Client() as client:
            assert await served_models(client, endpoint_at(url, "m")) is None
            await check_model(client, endpoint_at(url, "m"))

    asyncio.run(scenario())


def test_the_names_it_lists_are_told_as_printable_words() -> None:
    async def scenario() -> None:
        async with fake_llm(Behaviour(), model="a\x1b]0;b\x07") as url, Client() as client:
            await check_model(client, endpoint_at(url, "m"))

    with pytest.raises(InputError, match=r"lists: a\?]0;b\?\.") as caught:
        asyncio.run(scenario())
    assert str(caught.value).isprintable()


def test_nobody_there_is_a_connect_error() -> None:
    async def scenario() -> None:
        async with Client() as client:
            await check_model(client, endpoint_at("http://127.0.0.1:9", "m"))

    with pytest.raises(ConnectError):
        asyncio.run(scenario())


def test_an_attached_server_is_left_alone() -> None:
    server = AttachedServer(endpoint_at("http://127.0.0.1:9", "m"))
    asyncio.run(server.stop())
    assert server.is_alive()
    assert asyncio.run(server.describe()) == {"engine": "openai", "url": "http://127.0.0.1:9/v1"}

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.gateway import FakeGateway
from weighbridge.core.errors import ConfigError
from weighbridge.core.gateway import Refusal
from weighbridge.core.http import Request, Timeouts, parse_url
from weighbridge.serve.admin.port import open_admin_port
from weighbridge.wire.client import Client
from weighbridge.wire.server import ServerRequest


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_it_knows_its_own_port(host: str) -> None:
    async def main() -> int:
        gateway = FakeGateway()
        async with (
            Client() as client,
            await open_admin_port(host, 0, gateway.handler) as server,
        ):
            target = parse_url(server.url).join("/admin/state")
            return (await client.fetch(Request("GET", target), Timeouts())).head.status

    assert asyncio.run(main()) == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.7", "::", "gpu1.lan"])  # noqa: S104 -- refused
def test_what_others_can_reach_is_refused(host: str) -> None:
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1:8081"):
        asyncio.run(open_admin_port(host, 0, FakeGateway().handler))


def test_where_others_can_reach_it_a_key_is_asked_for() -> None:
    def nobody(_: ServerRequest) -> Refusal | None:
        return Refusal(401, "Show a key.", "unauthorized")

    async def status(host: str) -> int:
        gateway = FakeGateway()
        async with (
            Client() as client,
            await open_admin_port(host, 0, gateway.handler, with_key=nobody) as server,
        ):
            target = parse_url(f"http://127.0.0.1:{server.address[1]}/admin/state")
            return (await client.fetch(Request("GET", target), Timeouts())).head.status

    assert asyncio.run(status("0.0.0.0")) == 401  # noqa: S104 -- for this moment
    assert asyncio.run(status("127.0.0.1")) == 200

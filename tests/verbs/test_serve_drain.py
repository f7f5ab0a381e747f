"""What is told of requests that the gateway's own end cuts."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.serve.proxy.rig import EVENTS, Call, chunk, engine, post
from tests.waiting import until
from weighbridge.core.http import parse_url
from weighbridge.serve.config import parse_config
from weighbridge.verbs.serve import gateway
from weighbridge.wire.client import Client

CONFIG = """
log: access.jsonl
limits: {{drain: 0.1}}
models:
  m: {{url: "{url}"}}
"""


async def begun(call: Call) -> None:
    """An answer that begins and does not end."""
    await call.send(EVENTS + chunk(b"data: 1\n\n"))
    await call.gone()


async def silent(call: Call) -> None:
    await call.gone()


@pytest.mark.parametrize(
    ("script", "status", "end"), [(begun, 200, "cut"), (silent, 503, "failed")]
)
def test_the_client_is_not_blamed_for_the_end_of_the_gateway(
    tmp_path: Path, script: object, status: int, end: str
) -> None:
    async def scenario() -> bytes:
        async with engine(script) as e, Client() as client:  # type: ignore[arg-type]
            config = parse_config(CONFIG.format(url=e.url), tmp_path, origin="text")
            async with gateway(config, tmp_path, client, port=0) as running:
                address = parse_url(running.url)
                reader, writer = await asyncio.open_connection(address.host, address.port)
                writer.write(post().replace(b"Host: x", f"Host: 127.0.0.1:{address.port}".encode()))
                await until(lambda: bool(e.calls))
                if end == "cut":
                    await reader.readuntil(b"data: 1")
            answer = await reader.read()
            writer.close()
            return answer

    answer = asyncio.run(scenario())
    (line,) = (tmp_path / "access.jsonl").read_text().splitlines()
    told = json.loads(line)
    assert (told["status"], told["end"]) == (status, end)
    if end == "cut":
        assert not answer.endswith(b"0\r\n\r\n")
        assert "limits.drain" in told["reason"]
    else:
        assert answer.startswith(b"HTTP/1.1 503 ")

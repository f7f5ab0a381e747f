"""One request to an ASGI application, byte for byte: no client library in between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Scope

PORT = 8500
HOST = f"127.0.0.1:{PORT}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


def get(app: ASGIApp, target: str, *headers: tuple[str, str], method: str = "GET") -> Answer:
    """Ask with the server's own Host header."""
    return ask(app, target, [("host", HOST), *headers], method=method)


def ask(
    app: ASGIApp,
    target: str,
    headers: Sequence[tuple[str, str]],
    *,
    method: str = "GET",
    body: bytes = b"",
) -> Answer:
    """Ask with exactly these headers."""
    path, _, query = target.partition("?")
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", PORT),
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    start = sent[0]
    pairs = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(start["status"], pairs, content)

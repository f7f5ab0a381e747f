"""A server of price lists that answers every request in one way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer

from tests.facts.prices.documents import many, model

OPUS = {"id": "claude-opus-5", "match": {}, "prices": {"input_mtok": 6, "output_mtok": 30}}
GOOD = many(1000, anthropic=[OPUS, model("claude-new")])


@dataclass
class Server:
    """Answers every request in one way."""

    body: bytes = GOOD
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    url: str = ""


@contextmanager
def price_server() -> Iterator[Server]:
    """It listens on loopback until the block ends."""
    told = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            length = len(told.body) if told.length is None else told.length
            if length >= 0:
                self.send_header("Content-Length", str(length))
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(told.body)

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as running:
        told.url = f"http://127.0.0.1:{running.server_port}/data.json?token=secret"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield told
        running.shutdown()
        thread.join()

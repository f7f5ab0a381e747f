"""A workspace served for a real browser, and how that browser is started."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

from weighbridge.web.app import create_app
from weighbridge.web.security import Binding

CHROMIUM = shutil.which("chromium") or ""
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
# Reports every violation of the content policy where the test can see it.
LISTENER = """document.addEventListener("securitypolicyviolation",
  (event) => console.error("CSP", event.effectiveDirective, event.blockedURI))"""
MARKS = [
    pytest.mark.ui,
    pytest.mark.skipif(not CHROMIUM, reason="There is no chromium: apt-get install chromium."),
]


def written(folder: Path, pages: Mapping[str, str]) -> dict[str, str]:
    """The addresses of pages that stand in files of their own, by the same names."""
    for name, html in pages.items():
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
    return {name: (folder / f"{name}.html").as_uri() for name in pages}


@contextmanager
def serving(root: Path, token: str | None = None) -> Iterator[str]:
    """The address of the live pages over the workspace in ``root``; acting needs the token."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    binding = Binding("127.0.0.1", port)
    app = create_app(root, token=token, binding=binding, open_to_read=token is not None)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=30)

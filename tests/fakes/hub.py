"""A small Hub on a real socket, with a content network beside it, for tests of what reads models.

::

    with fake_hub({"org/model": Repo({"config.json": b"{}"})}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)

Large files (``.gguf``, ``.safetensors``) answer with a redirect to the content network, which is
another port, so another host to a careful client. ``hub.fault`` and ``hub.cdn_fault`` script what
goes wrong; every request is in ``hub.requests``.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "c0ffee" + "0" * 34
_PIECE = 64 * 1024
_API = re.compile(r"/api/models/(?P<repo>[^/]+/[^/]+?)(?:/revision/(?P<revision>[^/]+))?")
_RESOLVE = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


@dataclass(frozen=True)
class Huge:
    """A file of ``size`` bytes that begins with ``head``; the rest is zeros nobody stores."""

    head: bytes
    size: int

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, cut: slice) -> bytes:
        start, stop = cut.start or 0, min(cut.stop or 0, self.size)
        part = self.head[start:stop]
        return part + bytes(stop - start - len(part))


Body = bytes | Huge


@dataclass
class Repo:
    """One repository.

    Attributes:
        files: name to content.
        card: metadata of its model card.
        gated: whether only ``access`` may read its files.
        access: tokens that may.
        private: whether it is hidden from everybody without access.
        revisions: names besides the commit.
    """

    files: Mapping[str, Body]
    card: Mapping[str, Any] = field(default_factory=dict)
    gated: bool = False
    access: frozenset[str] = frozenset()
    private: bool = False
    revisions: tuple[str, ...] = ("main",)


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    server: str
    method: str
    path: str
    headers: Mapping[str, str]


class Hub:
    """The running servers and their script.

    Attributes:
        fault: of the Hub: ``hang``, ``html``, ``status 500``, ``bad json``.
        cdn_fault: of the content network: the same, or ``no range``, ``no length``, ``cut``,
            ``other range``, ``changed``, ``gzip``, ``loop``, ``slow``.
        requests: in the order of arrival.
        sent: bytes of bodies that the content network has sent.
    """

    def __init__(self, repos: Mapping[str, Repo]) -> None:
        self.repos = dict(repos)
        self.fault = ""
        self.cdn_fault = ""
        self.known_tokens: set[str] = {"good", "other"}
        self.requests: list[Request] = []
        self.sent = 0
        self.url = ""
        self.cdn_url = ""
        self.closing = threading.Event()

    def paths(self, server: str = "hub") -> list[str]:
        return [request.path for request in self.requests if request.server == server]


@contextmanager
def fake_hub(repos: Mapping[str, Repo]) -> Iterator[Hub]:
    hub = Hub(repos)
    servers = []
    for name, handler in (("url", _HubHandler), ("cdn_url", _CdnHandler)):
        server = _Server(("127.0.0.1", 0), type("Handler", (handler,), {"hub": hub}))
        server.daemon_threads = True
        setattr(hub, name, f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        servers.append((server, thread))
    try:
        yield hub
    finally:
        hub.closing.set()
        for server, thread in servers:
            server.shutdown()
            server.server_close()
            thread.join(5)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError):
            raise error  # clients hang up on purpose; anything else is a defect of the fake


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    server_name = ""
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base's name
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        lower = {key.lower(): value for key, value in self.headers.items()}
        self.hub.requests.append(Request(self.server_name, self.command, self.path, lower))
        try:
            if not self._fault():
                self._serve(body=body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _fault(self) -> bool:
        fault = self.hub.fault if self.server_name == "hub" else self.hub.cdn_fault
        if fault == "hang":
            self.hub.closing.wait(30)
            self.close_connection = True
        elif fault == "html":
            self._send(200, b"<!DOCTYPE html><html>Log in to the Wi-Fi</html>", type_="text/html")
        elif fault == "bad json":
            self._send(200, b"[1, 2", type_="application/json")
        elif fault.startswith("status "):
            self._send(int(fault.removeprefix("status ")), b"no")
        else:
            return False
        return True

    def _serve(self, *, body: bool) -> None:
        raise NotImplementedError

    def _send(
        self,
        status: int,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        type_: str = "text/plain",
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", type_)
        self.send_header("Content-Length", str(len(body)))
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_file(self, body: Body, headers: Mapping[str, str]) -> None:
        """The whole file, or the part that was asked for."""
        match = _RANGE.fullmatch(self.headers.get("Range", ""))
        start, stop, status = 0, len(body), 200
        extra = dict(headers)
        if match and self.hub.cdn_fault not in {"no range", "no length"}:
            start, stop = int(match[1]), min(int(match[2]) + 1, len(body))
            if start >= len(body):
                self._send(416, b"", {"Content-Range": f"bytes */{len(body)}"})
                return
            status = 206
            shift = 1 if self.hub.cdn_fault == "other range" else 0
            extra["Content-Range"] = f"bytes {start + shift}-{stop - 1 + shift}/{len(body)}"
        self.send_response(status)
        self.send_header("Content-Type", "application/octet-stream")
        if self.hub.cdn_fault == "no length":
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(stop - start))
        for key, value in extra.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self._stream(body, start, stop)

    def _stream(self, body: Body, start: int, stop: int) -> None:
        step = 1 if self.hub.cdn_fault == "slow" else _PIECE
        at = start
        while at < stop and not self.hub.closing.is_set():
            part = body[at : min(at + step, stop)]
            self.wfile.write(part)
            self.hub.sent += len(part)
            at += len(part)
            if self.hub.cdn_fault == "cut" and at >= start + (stop - start) // 2:
                self.close_connection = True
                return
            if self.hub.cdn_fault == "slow":
                self.hub.closing.wait(0.02)


class _HubHandler(_Handler):
    server_name = "hub"

    def _serve(self, *, body: bool) -> None:  # noqa: ARG002 -- _send looks at the command
        path = unquote(urlsplit(self.path).path)
        api, resolve = _API.fullmatch(path), _RESOLVE.fullmatch(path)
        match = api or resolve
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token and token not in self.hub.known_tokens:
            message = "Invalid credentials in Authorization header"
            self._send(401, b"", {"X-Error-Message": message})
            return
        repo = self.hub.repos.get(match["repo"]) if match else None
        if match is None or repo is None or (repo.private and token not in repo.access):
            self._send(404 if token else 401, b"", {"X-Error-Code": "RepoNotFound"})
            return
        if (match["revision"] or "main") not in {*repo.revisions, COMMIT}:
            self._send(404, b"", {"X-Error-Code": "RevisionNotFound"})
            return
        if api:
            self._describe(match["repo"], repo)
        elif repo.gated and token not in repo.access:
            self._send(403 if token else 401, b"", {"X-Error-Code": "GatedRepo"})
        else:
            self._resolve(match["repo"], repo, match["file"])

    def _describe(self, name: str, repo: Repo) -> None:
        siblings = [{"rfilename": file, "size": len(body)} for file, body in repo.files.items()]
        described = {
            "id": name, "sha": COMMIT, "siblings": siblings, "cardData": dict(repo.card),
            "gated": "manual" if repo.gated else False, "private": repo.private, "tags": [],
            "downloads": 1, "likes": 1,
        }  # fmt: skip
        self._send(200, json.dumps(described).encode(), type_="application/json")

    def _resolve(self, name: str, repo: Repo, file: str) -> None:
        body = repo.files.get(file)
        if body is None:
            headers = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}
            self._send(404, b"", headers)
            return
        etag = f'"{hashlib.sha256(file.encode()).hexdigest()}"'
        headers = {"ETag": etag, "X-Repo-Commit": COMMIT}
        if file.endswith((".gguf", ".safetensors")):
            headers |= {"X-Linked-ETag": etag, "X-Linked-Size": str(len(body))}
            location = f"{self.hub.cdn_url}/{name}/{file}?signature=secret"
            self._send(302, b"Found. Redirecting", {**headers, "Location": location})
            return
        self._send_file(body, headers)


class _CdnHandler(_Handler):
    server_name = "cdn"

    def _serve(self, *, body: bool) -> None:  # noqa: ARG002 -- _send looks at the command
        path = unquote(urlsplit(self.path).path).lstrip("/")
        repo, _, file = path.partition("/")
        name, _, file = file.partition("/")
        found = self.hub.repos.get(f"{repo}/{name}")
        content = found.files.get(file) if found else None
        if content is None:
            self._send(404)
            return
        if self.hub.cdn_fault == "loop":
            self._send(302, b"", {"Location": self.path})
            return
        headers = {"ETag": '"one"'}
        if self.hub.cdn_fault == "changed" and not self.headers.get("Range", "").startswith(
            "bytes=0-"
        ):
            headers = {"ETag": '"two"'}
        if self.hub.cdn_fault == "gzip":
            headers["Content-Encoding"] = "gzip"
        self._send_file(content, headers)

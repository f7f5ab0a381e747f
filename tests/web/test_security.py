from __future__ import annotations

import asyncio
from urllib.parse import unquote

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message

from tests.web.asgi import HOST, PORT, ask, get
from weighbridge.web.security import Binding, Guard, content_policy

TOKEN = "s3cret; with, odd characters"
LOOPBACK = Binding("127.0.0.1", PORT)


def guarded(*, binding: Binding = LOOPBACK, token: str | None = None) -> ASGIApp:
    return Guard(
        PlainTextResponse("inside"),
        binding=binding,
        token=token,
        policy=content_policy(("'sha256-x'",)),
        refuse=lambda status, sentence, fix: f"{status} {sentence} {fix}",
    )


@pytest.mark.parametrize("host", [HOST, f"localhost:{PORT}", f"LocalHost:{PORT}", f"[::1]:{PORT}"])
def test_loopback_names_with_the_right_port_get_in(host: str) -> None:
    assert ask(guarded(), "/", [("host", host)]).text == "inside"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"evil.example:{PORT}",
        f"127.0.0.1.evil.example:{PORT}",
        "127.0.0.1",
        "127.0.0.1:1",
        f"127.0.0.1:{PORT}@evil.example",
        f"user@127.0.0.1:{PORT}",
        f"127.0.0.1:{PORT}0",
        f"10.0.0.7:{PORT}",
        "",
    ],
)
def test_any_other_name_is_refused(host: str) -> None:
    answer = ask(guarded(), "/", [("host", host)])
    assert answer.status == 421
    assert "inside" not in answer.text


def test_a_request_names_exactly_one_host() -> None:
    assert ask(guarded(), "/", []).status == 400
    assert ask(guarded(), "/", [("host", HOST), ("host", HOST)]).status == 400


def test_port_80_need_not_be_written() -> None:
    assert Binding("127.0.0.1", 80).allows("localhost")
    assert not Binding("127.0.0.1", 81).allows("localhost")


def test_a_bound_name_is_a_name_of_ours() -> None:
    binding = Binding("gpu1.lan", PORT)
    assert binding.allows(f"GPU1.lan:{PORT}")
    assert not binding.allows(f"10.0.0.7:{PORT}")
    assert not binding.is_loopback


@pytest.mark.parametrize("wildcard", ["0.0.0.0", "::"])  # noqa: S104 -- not bound
def test_all_addresses_means_addresses_and_the_machines_name(wildcard: str) -> None:
    binding = Binding(wildcard, PORT, machine="gpu1")
    assert binding.allows(f"10.0.0.7:{PORT}")
    assert binding.allows(f"[fe80::1]:{PORT}")
    assert binding.allows(f"gpu1.lan:{PORT}")
    assert not binding.allows(f"evil.example:{PORT}")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", f"https://{HOST}", "http://127.0.0.1"]
)
def test_other_origins_are_refused(origin: str) -> None:
    assert get(guarded(), "/", ("origin", origin)).status == 403


def test_our_own_origin_gets_in() -> None:
    assert get(guarded(), "/", ("origin", f"http://{HOST}")).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_pages_can_only_be_read(method: str) -> None:
    answer = get(guarded(), "/", method=method)
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"
    assert get(guarded(), "/", method="HEAD").status == 200


def test_token_in_the_address_becomes_a_cookie() -> None:
    app = guarded(token=TOKEN)
    asked = get(app, "/runs?token=s3cret%3B%20with%2C%20odd%20characters&kind=eval")
    assert asked.status == 303
    assert asked.headers["location"] == "/runs?kind=eval"
    cookie = asked.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in unquote(cookie)
    assert get(app, "/runs", ("cookie", f"a=1; {cookie.split(';')[0]}")).text == "inside"


def test_bearer_token_gets_in() -> None:
    assert get(guarded(token=TOKEN), "/", ("authorization", f"Bearer {TOKEN}")).status == 200


@pytest.mark.parametrize(
    ("target", "header"),
    [
        ("/", ("accept", "*/*")),
        ("/?token=", ("accept", "*/*")),
        ("/?token=wrong", ("accept", "*/*")),
        ("/?token=%C3%A9", ("accept", "*/*")),
        ("/", ("authorization", "Bearer ")),
        ("/", ("authorization", "Bearer wrong")),
        ("/", ("authorization", f"Basic {TOKEN}")),
        ("/", ("cookie", f"weighbridge_{PORT}=wrong")),
        ("/", ("cookie", f"weighbridge_{PORT}=")),
        ("/", ("cookie", "é;=;;")),
    ],
)
def test_without_the_token_nobody_gets_in(target: str, header: tuple[str, str]) -> None:
    answer = get(guarded(token=TOKEN), target, header)
    assert answer.status == 401
    assert "inside" not in answer.text


@pytest.mark.parametrize("path", ["//evil.example/x", "/\\evil.example", "///evil.example"])
def test_the_redirect_stays_on_this_server(path: str) -> None:
    location = get(guarded(token="t"), f"{path}?token=t").headers["location"]
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))


def test_health_and_assets_need_no_token_but_the_right_host() -> None:
    app = guarded(token=TOKEN)
    assert get(app, "/health").status == 200
    assert get(app, "/static/style.css").status == 200
    assert ask(app, "/health", [("host", "evil.example")]).status == 421
    assert get(app, "/healthy").status == 401


@pytest.mark.parametrize("target", ["/", "/?token=wrong"])
@pytest.mark.parametrize("token", [None, TOKEN])
def test_every_answer_carries_the_headers(target: str, token: str | None) -> None:
    headers = get(guarded(token=token), target).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_websockets_are_closed() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(guarded()({"type": "websocket", "path": "/"}, receive, send))  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close", "code": 1008}]

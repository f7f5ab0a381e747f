"""The admin handler over real sockets, in front of engines that only pretend."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from tests.fakes.gateway import FakeFleet, FakeGateway
from weighbridge.core.errors import BusyError, ConfigError
from weighbridge.core.gateway import Grant, Refusal
from weighbridge.core.http import Headers, Request, Response, Timeouts, parse_url
from weighbridge.serve.admin.handler import Admit, admin_handler, on_loopback, with_admin_key
from weighbridge.wire.client import Client
from weighbridge.wire.server import Handler, Responder, ServerRequest, serve

CLERK = quote("qwen/clerk 7b", safe="")
TIMEOUTS = Timeouts(connect=2, first_byte=5, between_bytes=5, total=10)


@dataclass
class Asker:
    """Asks one admin server."""

    client: Client
    url: str

    async def __call__(self, method: str, path: str, *headers: tuple[bytes, bytes]) -> Response:
        target = parse_url(self.url).join(path)
        return await self.client.fetch(Request(method, target, headers), TIMEOUTS)


Scenario = Callable[[Asker], Coroutine[Any, Any, None]]


def play(
    gateway: FakeGateway, scenario: Scenario, admit: Callable[[int], Admit] = on_loopback
) -> None:
    async def main() -> None:
        handlers: list[Handler] = []

        async def handle(request: ServerRequest, responder: Responder) -> None:
            await handlers[0](request, responder)

        async with Client() as client, await serve(handle, "127.0.0.1", 0) as server:
            handlers.append(
                admin_handler(
                    gateway.fleet,
                    gateway.view,
                    gateway.reload,
                    lambda: b"figures 1\n",
                    admit(server.address[1]),
                    tell=gateway.told.append,
                )
            )
            await scenario(Asker(client, server.url))

    asyncio.run(main())


def message(answer: Response) -> str:
    said: str = json.loads(answer.body)["error"]["message"]
    return said


def states(gateway: FakeGateway) -> dict[str, str]:
    return {name: one.state for name, one in gateway.fleet.views.items()}


def test_state_metrics_and_health() -> None:
    async def scenario(ask: Asker) -> None:
        state = await ask("GET", "/admin/state")
        assert state.head.status == 200
        document = json.loads(state.body)
        assert [one["model"] for one in document["models"]] == [
            "tally",
            "qwen/clerk 7b",
            "porter",
            "remote",
        ]
        assert document["ttft_ms"] == pytest.approx([50, 90, 99])
        assert document["budgets"][0]["usd"] == [12.5, 50.0]
        metrics = await ask("GET", "/metrics")
        assert metrics.body == b"figures 1\n"
        assert metrics.head.header(b"content-type").startswith(b"text/plain; version=0.0.4")
        assert json.loads((await ask("GET", "/health")).body) == {"status": "ok"}
        assert (await ask("HEAD", "/health")).body == b""

    play(FakeGateway(), scenario)


def test_a_browser_is_told_where_the_live_page_is() -> None:
    async def scenario(ask: Asker) -> None:
        browser = (b"accept", b"text/html,application/xhtml+xml,*/*;q=0.8")
        shown = await ask("GET", "/", browser)
        assert shown.head.status == 200
        assert shown.head.header(b"content-type") == b"text/html; charset=utf-8"
        assert f"<code>weigh ui --gateway {ask.url}</code>" in shown.body.decode()
        assert (await ask("GET", "/gateway", browser)).head.status == 404
        program = await ask("GET", "/")
        assert program.head.status == 404
        assert "`weigh ui`" in message(program)
        assert message(program).count("/admin/state") == 1

    play(FakeGateway(), scenario)


def test_actions_change_the_model_and_tell_its_state() -> None:
    gateway = FakeGateway()

    async def scenario(ask: Asker) -> None:
        started = await ask("POST", f"/admin/models/{CLERK}/start")
        assert started.head.status == 200
        answer = json.loads(started.body)
        assert answer["done"] is True
        assert answer["model"]["state"] == "ready"
        assert answer["sentence"] == "qwen/clerk 7b is ready."
        await ask("POST", "/admin/models/tally/sleep")
        await ask("POST", "/admin/models/qwen/clerk%207b/stop")

    play(gateway, scenario)
    assert gateway.fleet.asked == [
        ("start", "qwen/clerk 7b"),
        ("sleep", "tally"),
        ("stop", "qwen/clerk 7b"),
    ]
    assert states(gateway)["tally"] == "asleep"
    assert states(gateway)["qwen/clerk 7b"] == "stopped"


def test_what_takes_long_goes_on_after_the_answer() -> None:
    gateway = FakeGateway(FakeFleet(takes_s=0.3))

    async def scenario(ask: Asker) -> None:
        answer = await ask("POST", f"/admin/models/{CLERK}/start?wait=0")
        assert answer.head.status == 202
        assert json.loads(answer.body)["done"] is False
        assert json.loads(answer.body)["model"]["state"] in ("stopped", "starting")
        again = await ask("POST", f"/admin/models/{CLERK}/start?wait=5")
        assert again.head.status == 200
        assert json.loads(again.body)["model"]["state"] == "ready"

    play(gateway, scenario)
    assert gateway.fleet.asked == [("start", "qwen/clerk 7b")], "the same is not begun twice"


def test_another_action_need_not_wait_for_the_first() -> None:
    gateway = FakeGateway(FakeFleet(takes_s=0.2))

    async def scenario(ask: Asker) -> None:
        await ask("POST", f"/admin/models/{CLERK}/start?wait=0")
        answer = await ask("POST", f"/admin/models/{CLERK}/stop?wait=0")
        assert answer.head.status == 202

    play(gateway, scenario)
    assert gateway.fleet.asked == [("start", "qwen/clerk 7b"), ("stop", "qwen/clerk 7b")]


def test_an_engine_that_fails_says_why_and_is_told_of() -> None:
    gateway = FakeGateway(FakeFleet(broken={"porter": "There is no model file."}))

    async def scenario(ask: Asker) -> None:
        answer = await ask("POST", "/admin/models/porter/start")
        assert answer.head.status == 502
        assert message(answer) == "There is no model file."

    play(gateway, scenario)
    assert gateway.told[-1] == "Could not start porter: There is no model file."


def test_a_failure_after_the_answer_is_told_of() -> None:
    gateway = FakeGateway(FakeFleet(takes_s=0.1, broken={"porter": "Out of memory."}))

    async def scenario(ask: Asker) -> None:
        answer = await ask("POST", "/admin/models/porter/start?wait=0")
        assert answer.head.status == 202
        await asyncio.sleep(0.3)

    play(gateway, scenario)
    assert gateway.told[-1] == "Could not start porter: Out of memory."


def test_busy_is_503() -> None:
    class Full(FakeFleet):
        async def start(self, model: str) -> None:
            raise BusyError(f"There is no room for {model}.", retry_after_s=5)

    async def scenario(ask: Asker) -> None:
        answer = await ask("POST", f"/admin/models/{CLERK}/start")
        assert answer.head.status == 503

    play(FakeGateway(Full()), scenario)


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("POST", "/admin/models/taly/start", 404, "Did you mean 'tally'?"),
        ("POST", "/admin/models/xyz/start", 404, "There are: tally, qwen/clerk 7b, porter"),
        ("POST", "/admin/models/tally/kill", 400, "start|stop|sleep"),
        ("POST", "/admin/models//start", 400, "names no action"),
        ("POST", "/admin/models/tally", 400, "names no action"),
        ("POST", "/admin/models/%ff/start", 400, "percent-encoded"),
        ("POST", "/admin/models/remote/stop", 409, "somebody else runs"),
        ("POST", "/admin/models/tally/stop?wait=soon", 400, "not 'soon'"),
        ("POST", "/admin/models/tally/stop?wait=nan", 400, "from 0 to 600"),
        ("POST", "/admin/models/tally/stop?wait=601", 400, "from 0 to 600"),
        ("GET", "/admin/models/tally/stop", 405, "takes POST"),
        ("GET", "/admin/reload", 405, "takes POST"),
        ("POST", "/admin/state", 405, "takes GET or HEAD"),
        ("GET", "/admin", 404, "/admin/state"),
        ("GET", "/v1/models", 404, "/admin/state"),
    ],
)
def test_faults_are_sentences_and_change_nothing(
    method: str, path: str, status: int, said: str
) -> None:
    gateway = FakeGateway()

    async def scenario(ask: Asker) -> None:
        answer = await ask(method, path)
        assert answer.head.status == status
        assert said in message(answer)
        if status == 405:
            assert answer.head.header(b"allow")

    before = states(gateway)
    play(gateway, scenario)
    assert gateway.fleet.asked == []
    assert states(gateway) == before


def test_reload_keeps_the_old_one_where_the_new_is_wrong() -> None:
    gateway = FakeGateway()

    async def scenario(ask: Asker) -> None:
        assert (await ask("POST", "/admin/reload")).head.status == 200
        gateway.fault = ConfigError("router.config.yaml: `modles` is unknown.", fix="Is it models?")
        wrong = await ask("POST", "/admin/reload")
        assert wrong.head.status == 409
        assert "`modles` is unknown. Is it models? The configuration in use stays." in message(
            wrong
        )

    play(gateway, scenario)
    assert gateway.reloads == 1


@pytest.mark.parametrize(
    "header",
    [
        (b"origin", b"http://evil.example"),
        (b"origin", b"null"),
        (b"origin", b"http://127.0.0.1:3000"),
        (b"origin", b"http://localhost"),
        (b"sec-fetch-site", b"cross-site"),
        (b"sec-fetch-site", b"same-site"),
        (b"host", b"evil.example"),
    ],
)
@pytest.mark.parametrize("path", ["/admin/models/tally/stop", "/admin/reload", "/admin/state"])
def test_no_page_of_a_browser_gets_in(header: tuple[bytes, bytes], path: str) -> None:
    gateway = FakeGateway()

    async def scenario(ask: Asker) -> None:
        method = "GET" if path.endswith("state") else "POST"
        answer = await ask(method, path, header)
        assert answer.head.status in (400, 403, 421)
        assert "tally" not in answer.body.decode()

    play(gateway, scenario)
    assert gateway.fleet.asked == []
    assert gateway.reloads == 0


def who(headers: Headers) -> Grant | Refusal:
    """Access by three keys."""
    match dict(headers).get(b"authorization", b""):
        case b"Bearer admin":
            return Grant("root", admin=True)
        case b"Bearer user":
            return Grant("ada")
        case b"Bearer fast":
            return Refusal(429, "Too many requests.", "rate_limit", retry_after_s=1.2)
        case _:
            return Refusal(401, "Show a key.", "unauthorized")


def test_on_the_main_port_only_an_admin_key_gets_in() -> None:
    gateway = FakeGateway()

    async def scenario(ask: Asker) -> None:
        path = "/admin/models/tally/stop"
        nobody = await ask("POST", path)
        assert nobody.head.status == 401
        assert nobody.head.header(b"www-authenticate") == b"Bearer"
        user = await ask("POST", path, (b"authorization", b"Bearer user"))
        assert user.head.status == 403
        assert "admin: true" in message(user)
        fast = await ask("POST", path, (b"authorization", b"Bearer fast"))
        assert (fast.head.status, fast.head.header(b"retry-after")) == (429, b"2")
        assert gateway.fleet.asked == []
        admin = await ask("POST", path, (b"authorization", b"Bearer admin"))
        assert admin.head.status == 200

    play(gateway, scenario, lambda _: with_admin_key(who))
    assert gateway.fleet.asked == [("stop", "tally")]

"""The gateway's page over a real admin port."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.types import ASGIApp

from tests.fakes.gateway import FakeFleet, FakeGateway, admin_port
from tests.report.html_check import Page
from tests.web.asgi import HOST, PORT, Answer, get
from weighbridge.web.app import app_from_environment, create_app
from weighbridge.web.security import Binding
from weighbridge.workspace.gateways import announce

ORIGIN = ("origin", f"http://{HOST}")
BUTTON = ("x-weighbridge-ui", "act")
STOP = "/gateway/models/tally/stop"


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def url(gateway: FakeGateway) -> Iterator[str]:
    with admin_port(gateway) as address:
        yield address


@pytest.fixture
def app(tmp_path: Path, url: str) -> ASGIApp:
    announce(tmp_path, url, os.getpid())
    return create_app(tmp_path, token=None, binding=Binding("127.0.0.1", PORT))


def post(app: ASGIApp, path: str, *headers: tuple[str, str]) -> Answer:
    return get(app, path, *headers, method="POST")


def test_it_shows_the_gateway_that_announced_itself(app: ASGIApp) -> None:
    answer = get(app, "/gateway")
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert "4 models: 2 ready, 1 stopped, 1 failed." in Page(answer.text).text
    state = get(app, "/gateway/state.json").json()
    assert state["models"][0]["model"] == "tally"


def test_the_overview_leads_to_it(app: ASGIApp, tmp_path: Path) -> None:
    page = Page(get(app, "/").text)
    assert page.addresses.count(("a", "/gateway")) == 2
    (tmp_path / "gateways" / f"{os.getpid()}.json").unlink()
    assert Page(get(app, "/").text).addresses.count(("a", "/gateway")) == 1


def test_without_one_it_says_how_to_start_one(tmp_path: Path) -> None:
    app = create_app(tmp_path, token=None, binding=Binding("127.0.0.1", PORT))
    answer = get(app, "/gateway")
    assert answer.status == 200
    assert "No gateway runs here." in answer.text
    assert get(app, "/gateway/state.json").status == 404
    assert post(app, STOP, ORIGIN, BUTTON).status == 404


def test_an_address_comes_before_the_workspaces(tmp_path: Path, url: str) -> None:
    announce(tmp_path, "http://127.0.0.1:9", os.getpid())
    binding = Binding("127.0.0.1", PORT)
    app = create_app(tmp_path, token=None, binding=binding, gateway=f"{url}/v1")
    assert "4 models" in get(app, "/gateway").text


def test_one_that_does_not_answer_says_so(tmp_path: Path) -> None:
    announce(tmp_path, "http://127.0.0.1:9", os.getpid())
    app = create_app(tmp_path, token=None, binding=Binding("127.0.0.1", PORT))
    answer = get(app, "/gateway")
    assert "The gateway does not answer." in answer.text
    assert get(app, "/gateway/state.json").status == 502
    assert post(app, STOP, ORIGIN, BUTTON).status == 502


def test_a_server_that_is_no_gateway_says_so(tmp_path: Path) -> None:
    other = FakeGateway()
    other.view = lambda: {"models": 3}  # type: ignore[assignment, method-assign, return-value]
    with admin_port(other) as url:
        announce(tmp_path, url, os.getpid())
        app = create_app(tmp_path, token=None, binding=Binding("127.0.0.1", PORT))
        assert "answered something else" in get(app, "/gateway").text


def test_buttons_act(app: ASGIApp, gateway: FakeGateway) -> None:
    answer = post(app, STOP, ORIGIN, BUTTON)
    assert answer.status == 200
    assert answer.json() == {"sentence": "tally is stopped."}
    assert post(app, "/gateway/models/qwen/clerk 7b/start", ORIGIN, BUTTON).status == 200
    assert gateway.fleet.asked == [("stop", "tally"), ("start", "qwen/clerk 7b")]
    assert gateway.fleet.views["qwen/clerk 7b"].state == "ready"


def test_what_takes_long_is_accepted(tmp_path: Path) -> None:
    gateway = FakeGateway(FakeFleet(takes_s=2.0))
    with admin_port(gateway) as url:
        announce(tmp_path, url, os.getpid())
        app = create_app(tmp_path, token=None, binding=Binding("127.0.0.1", PORT))
        answer = post(app, STOP, ORIGIN, BUTTON)
        assert answer.status == 202
        assert "once its answers under way are complete" in answer.json()["sentence"]


def test_faults_of_the_gateway_are_passed_on(app: ASGIApp) -> None:
    answer = post(app, "/gateway/models/taly/stop", ORIGIN, BUTTON)
    assert answer.status == 404
    assert "Did you mean 'tally'?" in answer.json()["sentence"]
    assert post(app, "/gateway/models/tally/eat", ORIGIN, BUTTON).status == 404
    assert post(app, "/gateway/models/remote/stop", ORIGIN, BUTTON).status == 409


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (ORIGIN,),
        (BUTTON,),
        (("origin", "null"), BUTTON),
        (("origin", "http://evil.example"), BUTTON),
        (("origin", "http://127.0.0.1:3000"), BUTTON),
        (ORIGIN, ("origin", "http://evil.example"), BUTTON),
        (ORIGIN, ORIGIN, BUTTON),
    ],
)
def test_only_the_pages_own_buttons_may(
    app: ASGIApp, gateway: FakeGateway, headers: tuple[tuple[str, str], ...]
) -> None:
    assert post(app, STOP, *headers).status == 403
    assert gateway.fleet.asked == []


@pytest.mark.parametrize("path", ["/", "/runs", "/gateway", "/gateway/state.json", "/plan"])
def test_all_else_can_still_only_be_read(app: ASGIApp, path: str) -> None:
    assert post(app, path, ORIGIN, BUTTON).status == 405


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "PUT", "DELETE"])
def test_actions_are_posts(app: ASGIApp, gateway: FakeGateway, method: str) -> None:
    assert get(app, STOP, ORIGIN, BUTTON, method=method).status == 405
    assert gateway.fleet.asked == []


def test_a_token_is_needed_for_buttons_too(tmp_path: Path, url: str, gateway: FakeGateway) -> None:
    announce(tmp_path, url, os.getpid())
    app = create_app(tmp_path, token="t", binding=Binding("127.0.0.1", PORT))
    assert post(app, STOP, ORIGIN, BUTTON).status == 401
    assert gateway.fleet.asked == []
    assert post(app, STOP, ORIGIN, BUTTON, ("authorization", "Bearer t")).status == 200


def test_from_the_network_it_can_only_be_looked_at(
    tmp_path: Path, url: str, gateway: FakeGateway
) -> None:
    announce(tmp_path, url, os.getpid())
    app = create_app(tmp_path, token="t", binding=Binding("0.0.0.0", PORT))  # noqa: S104
    token = ("authorization", "Bearer t")
    page = get(app, "/gateway", token).text
    assert "data-act" not in page
    assert post(app, STOP, ORIGIN, BUTTON, token).status == 403
    assert gateway.fleet.asked == []


def test_the_command_line_names_a_gateway_by_the_environment(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"HOST": "127.0.0.1", "PORT": str(PORT), "WORKSPACE": str(tmp_path), "GATEWAY": url}
    for name, value in settings.items():
        monkeypatch.setenv(f"WEIGHBRIDGE_UI_{name}", value)
    monkeypatch.delenv("WEIGHBRIDGE_UI_TOKEN", raising=False)
    assert "4 models" in get(app_from_environment(), "/gateway").text

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.types import ASGIApp

from tests.report import sample_architectures as samples
from tests.report.html_check import Page
from tests.web.asgi import PORT, get
from weighbridge.verbs.effects import open_workspace
from weighbridge.verbs.inspect import keep
from weighbridge.web.app import create_app
from weighbridge.web.security import Binding

BINDING = Binding("127.0.0.1", PORT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workspace")


@pytest.fixture(scope="module")
def ids(folder: Path) -> list[str]:
    store = open_workspace(folder)
    return [keep(store, item).info.id for item in samples.ALL]


@pytest.fixture(scope="module")
def app(folder: Path) -> ASGIApp:
    return create_app(folder, token=None, binding=BINDING)


def test_the_list_has_every_inspected_model_and_the_catalogue(app: ASGIApp, ids: list[str]) -> None:
    page = Page(get(app, "/inspect").text)
    links = {address for tag, address in page.addresses if tag == "a"}
    assert {f"/inspect/compare?run={run}" for run in ids} <= links
    assert "/inspect/compare?model=Qwen%2FQwen3-8B" in links
    assert not page.tags("form")


def test_picked_models_are_carried_on(app: ASGIApp, ids: list[str]) -> None:
    page = Page(get(app, f"/inspect?run={ids[0]}").text)
    assert ("a", f"/inspect/compare?run={ids[0]}&run={ids[1]}") in page.addresses
    full = Page(get(app, "/inspect?" + "&".join(f"run={run}" for run in ids[:4])).text)
    assert "four are the most" in full.text


def test_runs_and_the_catalogue_compare(app: ASGIApp, ids: list[str]) -> None:
    answer = get(app, f"/inspect/compare?run={ids[1]}&model=Qwen/Qwen3-8B")
    text = Page(answer.text).text
    assert answer.status == 200
    assert "Hybrid-42B-A3B against Qwen/Qwen3-8B" in text
    assert "can decode up to" in text


@pytest.mark.parametrize(
    "query",
    [
        "run=inspect-nope",
        "model=nobody/knows-this",
        "&".join(f"model=m{number}" for number in range(5)),
        "run=<img src=x>",
    ],
)
def test_what_cannot_be_shown_is_a_friendly_404(app: ASGIApp, query: str) -> None:
    answer = get(app, f"/inspect/compare?{query}")
    assert answer.status == 404
    assert not Page(answer.text).tags("img")


def test_nothing_picked_leads_to_the_list(app: ASGIApp) -> None:
    assert get(app, "/inspect/compare").headers["location"] == "/inspect"

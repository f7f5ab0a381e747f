from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from tests.report import sample_load as sample
from tests.report.html_check import Page
from tests.web.asgi import PORT, get
from weighbridge.core.errors import InputError
from weighbridge.core.live_load import LiveLoad, LivePoint
from weighbridge.core.load import LoadRun
from weighbridge.core.load_comparison import LoadComparison
from weighbridge.report.page import STATIC
from weighbridge.verbs.effects import open_workspace
from weighbridge.web.app import create_app
from weighbridge.web.load import LoadPages
from weighbridge.web.security import Binding
from weighbridge.workspace.live_load import LiveLoads

A = sample.closed_run()
B = replace(A, info=sample.info("b0b", "clerk"))
LIVE = LiveLoad(
    info=sample.info("11fe"),
    url="http://127.0.0.1:8000/v1",
    level=2,
    levels=5,
    shape=A.levels[2].shape,
    total=600,
    points=tuple(
        LivePoint(float(at), 4 * at, 1, 16, 500.0 + at, 150.0, 250.0, 20.0, 30.0)
        for at in range(60)
    ),
    finished=A.levels[:2],
    updated="",
    process=os.getpid(),
)


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = open_workspace(tmp_path)
    for run in (A, B):
        store.save(run.info, run)
    return tmp_path


@pytest.fixture
def app(folder: Path) -> ASGIApp:
    return create_app(folder, token=None, binding=Binding("127.0.0.1", PORT))


def with_differences(folder: Path) -> ASGIApp:
    """The route of comparisons alone, told how two sides differ."""

    def differences(a: Sequence[LoadRun], b: Sequence[LoadRun]) -> list[LoadComparison]:
        if a[0].url != b[0].url:
            raise InputError("They are of different servers.", fix="Measure one.")
        return [sample.comparison(a[0].info.model, b[0].info.model)]

    pages = LoadPages(lambda: open_workspace(folder), differences)
    return Starlette(routes=[Route("/bench/compare", pages.compare)])


def test_a_run_under_way_has_a_page_and_is_listed(folder: Path, app: ASGIApp) -> None:
    LiveLoads(folder).write(replace(LIVE, updated=now()))
    answer = get(app, "/bench/live/load-11fe")
    page = Page(answer.text)
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert "tally at 16 users, level 3 of 5" in page.text
    assert "236 of 600 requests done" in page.text
    assert "559" in page.text
    assert "4 users" in page.text
    for path in ("/", "/runs"):
        assert ("a", "/bench/live/load-11fe") in Page(get(app, path).text).addresses


def test_it_turns_into_a_link_to_the_finished_run(folder: Path, app: ASGIApp) -> None:
    LiveLoads(folder).write(replace(LIVE, info=A.info, updated=now()))
    page = Page(get(app, f"/bench/live/{A.info.id}").text)
    assert "This run is finished." in page.text
    assert ("a", f"/runs/{A.info.id}") in page.addresses
    assert "data-poll" not in get(app, f"/bench/live/{A.info.id}").text


def test_an_unknown_run_is_not_found(app: ASGIApp) -> None:
    for name in ("load-nope", "..%2F..%2Fx"):
        answer = get(app, f"/bench/live/{name}")
        assert answer.status == 404


def test_a_level_that_begins_has_a_page(folder: Path, app: ASGIApp) -> None:
    LiveLoads(folder).write(replace(LIVE, points=(), finished=(), levels=None, updated=now()))
    text = Page(get(app, "/bench/live/load-11fe").text).text
    assert "The level begins." in text
    assert "level 3" in text
    assert "level 3 of" not in text


def test_pages_load_only_from_their_own_server(folder: Path, app: ASGIApp) -> None:
    LiveLoads(folder).write(replace(LIVE, updated=now()))
    for path in ("/bench/live/load-11fe", f"/runs/{A.info.id}"):
        page = Page(get(app, path).text)
        loaded = [address for tag, address in page.addresses if tag in ("script", "link", "img")]
        assert "/static/load.js" in loaded
        assert all(address.removeprefix("/static/") in STATIC for address in loaded)


def test_two_runs_are_compared(folder: Path) -> None:
    app = with_differences(folder)
    answer = get(app, f"/bench/compare?a={A.info.id}&b={B.info.id}")
    assert answer.status == 200
    assert "clerk's p95 TTFT is 18 % lower" in Page(answer.text).text


def test_the_real_comparison_finds_no_difference_between_equals(app: ASGIApp) -> None:
    answer = get(app, f"/bench/compare?a={A.info.id}&b={B.info.id}")
    assert answer.status == 200
    text = Page(answer.text).text
    assert all(f"At {users} user" in text for users in (1, 4, 16, 64))
    assert "B is better" not in text
    assert "B is worse" not in text


def test_what_cannot_be_compared_says_why_above_the_form(folder: Path) -> None:
    other = replace(A, info=sample.info("07e4"), url="http://127.0.0.1:9/v1")
    open_workspace(folder).save(other.info, other)
    app = with_differences(folder)
    answer = get(app, f"/bench/compare?a={A.info.id}&b={other.info.id}")
    assert answer.status == 404
    page = Page(answer.text)
    assert "They are of different servers." in page.text
    assert page.tags("form")
    unknown = get(app, f"/bench/compare?a={A.info.id}&b=load-nope")
    assert unknown.status == 404
    assert "load-nope" in Page(unknown.text).text
    same = get(app, f"/bench/compare?a={A.info.id}&b={A.info.id}")
    assert "A and B are the same run." in Page(same.text).text


def test_the_form_offers_the_runs_and_another_for_b(folder: Path) -> None:
    page = Page(get(with_differences(folder), f"/bench/compare?a={A.info.id}").text)
    chosen = [values["value"] for values in page.tags("option") if "selected" in values]
    assert chosen == [A.info.id, B.info.id]


def test_a_page_of_a_load_run_leads_to_comparing(app: ASGIApp) -> None:
    page = Page(get(app, f"/runs/{A.info.id}").text)
    assert ("a", f"/bench/compare?a={A.info.id}") in page.addresses
    assert ("a", "/bench/compare") in Page(get(app, "/runs").text).addresses

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from starlette.types import ASGIApp

from tests.report.html_check import Page
from tests.report.sample_study import sample_route, sample_study, sample_verdict
from tests.web.asgi import PORT, get
from tests.web.workspaces import fill
from weighbridge.core.errors import ConfigError
from weighbridge.report.page import STATIC
from weighbridge.report.study import all_infos, study_page
from weighbridge.verbs.effects import open_workspace
from weighbridge.web.app import app_from_environment, create_app
from weighbridge.web.security import Binding

STUDY = sample_study()
VERDICT_RUN = sample_verdict()
ROUTE = sample_route()
BINDING = Binding("127.0.0.1", PORT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("workspace")
    fill(root, STUDY)
    return root


@pytest.fixture(scope="module")
def app(folder: Path) -> ASGIApp:
    return create_app(folder, token=None, binding=BINDING)


def test_overview_shows_the_latest_study(app: ASGIApp) -> None:
    page = Page(get(app, "/").text)
    assert "tally for arithmetic" in page.text
    assert all(info.id in page.text for info in all_infos(STUDY))


def test_overview_shows_a_verdict_that_is_newer_than_the_study(tmp_path: Path) -> None:
    fill(tmp_path, STUDY)
    old = VERDICT_RUN
    info = replace(old.info, id="verdict-newer1", created="2031-01-01T00:00:00Z")
    open_workspace(tmp_path).save(info, replace(old, info=info))
    page = Page(get(create_app(tmp_path, token=None, binding=BINDING), "/").text)
    assert "tally for arithmetic" in page.text
    assert "Latest verdict" in page.text
    assert "Runs of this verdict" in page.text
    assert all(run in page.text for run in (info.id, *old.evidence))
    assert STUDY.run.info.id not in page.text


def test_an_inspection_leads_to_its_diagram(app: ASGIApp) -> None:
    run = STUDY.sheets[0].info.id
    page = Page(get(app, f"/runs/{run}").text)
    address = f"/inspect/compare?run={run}"
    assert ("a", address) in page.addresses
    assert get(app, address).status == 200


def test_empty_workspace_says_what_to_do(tmp_path: Path) -> None:
    app = create_app(tmp_path, token=None, binding=BINDING)
    assert "weigh demo" in get(app, "/").text
    assert "weigh demo" in get(app, "/runs").text


def test_every_run_has_a_page_and_its_record(app: ASGIApp) -> None:
    listed = get(app, "/runs").text
    for info in all_infos(STUDY):
        assert info.id in listed
        assert info.id in Page(get(app, f"/runs/{info.id}").text).text
        assert get(app, f"/runs/{info.id}.json").json()["info"] == msgspec.to_builtins(info)


def test_record_is_the_one_stored(app: ASGIApp) -> None:
    answer = get(app, f"/runs/{STUDY.evals[0].info.id}.json")
    assert answer.headers["content-type"] == "application/json"
    assert msgspec.json.decode(answer.body, type=type(STUDY.evals[0])) == STUDY.evals[0]


def test_study_is_the_report(app: ASGIApp) -> None:
    assert get(app, f"/runs/{STUDY.run.info.id}").text == study_page(STUDY, standalone=False)


def test_the_beginning_of_an_id_leads_to_the_run(app: ASGIApp) -> None:
    answer = get(app, "/runs/verdict-")
    assert answer.headers["location"] == f"/runs/{VERDICT_RUN.info.id}"


@pytest.mark.parametrize(
    "target",
    ["/nope", "/runs/nope", "/runs/nope.json", "/runs/eval", "/static/nope", "/runs/..%2f..%2fetc"],
)
def test_what_is_not_there_is_a_friendly_404(app: ASGIApp, target: str) -> None:
    answer = get(app, target)
    assert answer.status == 404
    assert "There is no" in answer.text or "could be" in answer.text
    Page(answer.text)


def test_names_in_messages_are_text(app: ASGIApp) -> None:
    for target in ("/runs/<img src=x>", "/<img src=x>"):
        assert "<img" not in get(app, target).text


def test_damaged_run_says_so(tmp_path: Path) -> None:
    fill(tmp_path, STUDY)
    (tmp_path / "runs" / ROUTE.info.id / "run.json").write_text("{")
    answer = get(create_app(tmp_path, token=None, binding=BINDING), f"/runs/{ROUTE.info.id}")
    assert answer.status == 500
    assert "cannot be read" in answer.text


def test_missing_parts_of_a_study_are_named(tmp_path: Path) -> None:
    fill(tmp_path, STUDY)
    app = create_app(tmp_path, token=None, binding=BINDING)
    shutil.rmtree(tmp_path / "runs" / VERDICT_RUN.info.id)
    assert get(app, "/").status == 200
    answer = get(app, f"/runs/{STUDY.run.info.id}")
    assert answer.status == 404
    assert VERDICT_RUN.info.id in answer.text


def test_assets_are_cached_by_content(app: ASGIApp) -> None:
    for name, media_type in STATIC.items():
        answer = get(app, f"/static/{name}")
        assert answer.headers["content-type"] == media_type
        assert answer.headers["cache-control"] == "no-cache"
        again = get(app, f"/static/{name}", ("if-none-match", answer.headers["etag"]))
        assert (again.status, again.body) == (304, b"")


def test_health(app: ASGIApp) -> None:
    assert get(app, "/health").json() == {"status": "ok"}


def test_token_guards_the_pages(folder: Path) -> None:
    app = create_app(folder, token="t", binding=BINDING)
    assert get(app, "/").status == 401
    assert get(app, "/", ("authorization", "Bearer t")).status == 200


class TestFromEnvironment:
    @pytest.fixture(autouse=True)
    def _settings(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WEIGHBRIDGE_UI_WORKSPACE", str(folder))
        monkeypatch.setenv("WEIGHBRIDGE_UI_HOST", "127.0.0.1")
        monkeypatch.setenv("WEIGHBRIDGE_UI_PORT", str(PORT))
        monkeypatch.setenv("WEIGHBRIDGE_UI_TOKEN", "")

    def test_serves_the_workspace(self) -> None:
        assert get(app_from_environment(), "/").status == 200

    def test_empty_token_is_none_on_loopback_only(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WEIGHBRIDGE_UI_HOST", "0.0.0.0")  # noqa: S104 -- refused
        with pytest.raises(ConfigError, match="open to everybody"):
            app_from_environment()
        monkeypatch.setenv("WEIGHBRIDGE_UI_TOKEN", "t")
        assert get(app_from_environment(), "/").status == 401

    def test_missing_setting_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("WEIGHBRIDGE_UI_PORT")
        with pytest.raises(ConfigError, match="WEIGHBRIDGE_UI_PORT"):
            app_from_environment()

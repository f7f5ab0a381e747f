"""The routes of studies: who may run them, what they refuse, and what they show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from tests.report.html_check import Page
from tests.web.asgi import HOST, PORT, Answer, ask, get
from weighbridge.verbs.study.files import keys
from weighbridge.web.app import create_app
from weighbridge.web.security import Binding

TOKEN = "secret-for-tests"
ACTING = [("origin", f"http://{HOST}"), ("x-weighbridge-ui", "act")]
ADMITTED = [*ACTING, ("authorization", f"Bearer {TOKEN}")]
PROBE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def app(tmp_path: Path) -> Starlette:
    root = tmp_path / ".weighbridge"
    binding = Binding("127.0.0.1", PORT)
    return create_app(root, token=TOKEN, binding=binding, open_to_read=True)


def post(app: Starlette, target: str, body: Any = None, headers: Any = ADMITTED) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    return ask(app, target, [("host", HOST), *headers], method="POST", body=raw)


def form(**changes: Any) -> dict[str, Any]:
    told = {"key": "mine", "models": "tally=demo:tally-f16.gguf", "suites": ["arithmetic"]}
    return {**told, "users": "1, 2", **changes}


def test_reading_needs_no_token_and_acting_does(app: Starlette) -> None:
    assert get(app, "/study").status == 200
    assert "open the address" in Page(get(app, "/study").text).text
    for headers in (ACTING, [*ACTING, ("authorization", "Bearer ")], ADMITTED[:2]):
        assert post(app, "/study/demo/run", headers=headers).status == 401
    assert post(app, "/study/demo/stop").status == 202


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", f"Bearer {TOKEN}")],
        [("authorization", f"Bearer {TOKEN}"), ("x-weighbridge-ui", "act")],
        [*ADMITTED[1:], ("origin", "http://evil.example")],
    ],
)
def test_other_sites_and_plain_forms_do_not_act(app: Starlette, headers: Any) -> None:
    assert post(app, "/study/demo/run", headers=headers).status == 403


def test_without_a_token_nobody_acts(tmp_path: Path) -> None:
    app = create_app(tmp_path / "w", token=None, binding=Binding("127.0.0.1", PORT))
    for bearer in ("", TOKEN):
        headers = [*ACTING, ("authorization", f"Bearer {bearer}")]
        assert post(app, "/study/demo/run", headers=headers).status == 401


def test_over_the_network_the_token_only_shows(tmp_path: Path) -> None:
    app = create_app(tmp_path / "w", token=TOKEN, binding=Binding("0.0.0.0", PORT))  # noqa: S104
    assert get(app, "/study", ("authorization", f"Bearer {TOKEN}")).status == 200
    assert post(app, "/study/demo/run").status == 403


def test_a_study_is_begun_kept_and_shown(app: Starlette, tmp_path: Path) -> None:
    money = {"volume": "1M-tokens/day", "apis": "big=1/2\nsmall=.1/.2\n", "gpu_price": "1..2"}
    answer = post(app, "/study/new", form(**money, same_model_apis="host=.3/.4"))
    assert (answer.status, answer.json()["address"]) == (201, "/study/mine")
    path = tmp_path / "mine.study.yaml"
    assert keys(tmp_path / ".weighbridge") == ["mine", "demo"]
    page = Page(get(app, "/study/mine", ("authorization", f"Bearer {TOKEN}")).text)
    assert "Nothing is done yet" in page.text
    assert "Run all that is to do" in page.text
    text = path.read_text()
    assert 'api: ["big=1/2", "small=.1/.2"]' in text
    assert 'same_model_api: ["host=.3/.4"]' in text
    assert 'hardware: {gpu_price: "1..2"}' in text
    assert post(app, "/study/mine/file", {"text": text + "# more\n"}).status == 200
    assert path.read_text().endswith("# more\n")
    refused = post(app, "/study/mine/file", {"text": text.replace("suites:", "suitse:")})
    assert refused.status == 422
    assert "suites" in refused.json()["sentence"]
    assert path.read_text().endswith("# more\n")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"key": "../x"}, "no name"),
        ({"key": "demo"}, "there already"),
        ({"models": ""}, "needs a model"),
        ({"models": "tally=none.gguf"}, "none.gguf"),
        ({"models": "not a model"}, "no name of the Hub"),
        ({"models": "a=http://h/v1"}, "does not say which model is meant"),
        ({"suites": ["no-such"]}, "no-such"),
        ({"users": "many"}, "no numbers"),
        ({"models": 3}, "something else"),
    ],
)
def test_what_cannot_be_begun_is_told(
    app: Starlette, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    answer = post(app, "/study/new", form(**changes))
    assert answer.status == 422
    assert said in answer.json()["sentence"]
    assert not list(tmp_path.glob("*.yaml"))


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'{"stage": "none"}', b" " * (2 << 20)])
def test_what_a_page_does_not_send_is_refused(app: Starlette, body: bytes) -> None:
    assert post(app, "/study/demo/run", body).status == 409


def test_a_file_with_faults_is_shown_with_them(app: Starlette, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(f"name: a\ncandidates: {{}}\n'{PROBE}': 1\n")
    shown = get(app, "/study/study").text
    assert "faults" in Page(shown).text
    assert PROBE not in shown
    assert "faults" in Page(get(app, "/study").text).text
    assert post(app, "/study/study/run").status == 409
    (tmp_path / "study.yaml").write_bytes(b"\xff\xfe")
    assert get(app, "/study/study").status == 404
    assert get(app, "/study").status == 200
    (tmp_path / "study.yaml").write_text("a: [")
    assert get(app, "/study/study").status == 200


def test_there_are_no_other_studies(app: Starlette) -> None:
    assert get(app, "/study/none").status == 404
    assert get(app, "/study/..%2fx").status == 404
    assert post(app, "/study/demo/file", {"text": "name: x"}).status == 409
    assert post(app, "/study/demo/serve").json()["sentence"].startswith("Nothing is decided")

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.types import ASGIApp

from tests.report import plans
from tests.report.html_check import Page
from tests.web.asgi import PORT, get
from weighbridge.core.machine import Machine
from weighbridge.facts.catalog.catalogue import load
from weighbridge.facts.devices import parse_machine
from weighbridge.verbs.effects import open_workspace
from weighbridge.web.app import create_app
from weighbridge.web.plan import PlanPages
from weighbridge.web.security import Binding

ASKED = "/plan?device=RTX+4090&users=8&context=16k&tpot=40"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workspace")


@pytest.fixture(scope="module")
def app(folder: Path) -> ASGIApp:
    return create_app(folder, token=None, binding=Binding("127.0.0.1", PORT))


def page_of(app: ASGIApp, address: str) -> Page:
    answer = get(app, address)
    assert answer.status == 200
    return Page(answer.text)


def rows(page: Page) -> list[dict[str, str | None]]:
    return [values for values in page.tags("tr") if "data-place" in values]


def test_a_question_is_answered_and_kept_in_the_form(app: ASGIApp) -> None:
    page = page_of(app, ASKED)
    assert len(rows(page)) > 5
    values = {one["name"]: one.get("value") for one in page.tags("input") if "name" in one}
    assert values["device"] == "RTX 4090"
    assert values["users"] == "8"
    assert values["context"] == "16k"
    assert "8 users at 16k context" in page.text
    assert all(float(row["data-tpot"] or "inf") < 40 for row in rows(page))


def test_more_users_leave_fewer_models(app: ASGIApp) -> None:
    few = rows(page_of(app, ASKED))
    many = rows(page_of(app, ASKED.replace("users=8", "users=64")))
    assert 0 < len(many) < len(few)


def test_engines_formats_licences_and_models_restrict(app: ASGIApp) -> None:
    for row in rows(page_of(app, f"{ASKED}&engine=llama.cpp&format=Q4_K_M")):
        assert (row["data-engine"], row["data-format"]) == ("llama.cpp", "Q4_K_M")
    licensed = page_of(app, f"{ASKED}&license=commercial")
    assert "not allowed" in licensed.text
    one = page_of(app, f"{ASKED}&model=qwen3-8b")
    assert "among 1 models, best first" in one.text
    assert "Qwen3-8B" in one.text
    assert ("model", "qwen3-8b") in {
        (values.get("name"), values.get("value")) for values in one.tags("input")
    }


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("device=RTX+9999", "RTX 9999"),
        ("device=4090&users=0", "nothing to serve"),
        ("device=4090&users=many", "not a number of users"),
        ("device=4090&users=99999999", "not a number of users"),
        ("device=4090&context=-1", "not a number of tokens"),
        ("device=4090&tpot=0", "that anything could meet"),
        ("device=4090&ttft=nan", "that anything could meet"),
        ("device=4090&engine=nope", "nope"),
        ("device=4090&format=nope", "no number format"),
        ("device=4090&license=nope", "no intent"),
        ("device=4090&order=nope", "cannot go by"),
        ("device=4090&order=cost", "Enter what it costs per hour"),
        ("device=4090&price=0", "not a price per hour"),
        ("device=4090&price=cheap", "not a price per hour"),
        ("device=4090&model=/etc/passwd", "catalogue has no model"),
        ("device=4090&context=2k&prompt=4k", "do not fit into a context"),
        ("device=<img+src=x>", "<img src=x>"),
    ],
)
def test_what_cannot_be_planned_is_told_beside_the_form(
    app: ASGIApp, query: str, words: str
) -> None:
    page = page_of(app, f"/plan?{query}")
    assert words in page.text
    assert page.tags("form")
    assert not page.tags("img")
    assert not rows(page)


def test_a_price_makes_costs_known(app: ASGIApp) -> None:
    unpriced = page_of(app, ASKED)
    assert "€ per million" not in unpriced.text
    assert "the form above takes it" in unpriced.text
    html = get(app, f"{ASKED}&price=0.36&order=cost").text
    page = Page(html)
    assert {one.get("name"): one.get("value") for one in page.tags("input")}["price"] == "0.36"
    assert any("view-cost" in (one.get("class") or "") for one in page.tags("figure"))
    cells = re.findall(r'data-sort="([^"]*)"><span class="value">€', html)
    costs = [float(text) for text in cells]
    assert len(costs) == len(rows(page)) > 5
    assert costs == sorted(costs)


def test_what_nothing_meets_says_what_would_have_to_change(app: ASGIApp) -> None:
    page = page_of(app, "/plan?device=RTX+4090&users=8&context=16k&ttft=1")
    assert "Nothing meets all of it on RTX 4090." in page.text
    assert not rows(page)


def test_the_machine_of_the_server_is_looked_for_once(folder: Path) -> None:
    asked: list[None] = []

    def look() -> Machine:
        asked.append(None)
        return parse_machine("2x RTX 3090")

    pages = PlanPages(lambda: open_workspace(folder), load, look)
    for _ in range(2):
        html = bytes(pages.page(_request("users=2")).body).decode()
    assert len(asked) == 1
    assert "here: 2 × RTX 3090" in html
    assert "/ 2 × RTX 3090" in Page(html).text


def test_without_a_machine_the_page_asks_for_one(folder: Path) -> None:
    pages = PlanPages(lambda: open_workspace(folder), load, lambda: None)
    html = bytes(pages.page(_request("")).body).decode()
    assert "Say on what it is to run" in html
    assert "RTX 4090" in bytes(pages.page(_request("device=4090")).body).decode()


def test_planning_anew_takes_less_than_a_second(app: ASGIApp) -> None:
    get(app, ASKED)
    begun = time.process_time()
    get(app, ASKED.replace("users=8", "users=9"))
    assert time.process_time() - begun < 2  # half a second here; slow machines may take longer


def test_kept_plans_are_runs_with_pages(folder: Path, app: ASGIApp) -> None:
    run = plans.kept(plans.plan())
    open_workspace(folder).save(run.info, run)
    page = page_of(app, f"/runs/{run.info.id}")
    assert len(rows(page)) == len(run.plan.ranked)
    assert "Best-30B" in get(app, f"/runs/{run.info.id}.json").text
    assert run.info.id in get(app, "/runs").text
    assert get(app, "/").status == 200


def test_forms_and_scripts_may_ask_this_server_alone(app: ASGIApp) -> None:
    policy = get(app, "/plan").headers["content-security-policy"].split("; ")
    assert "form-action 'self'" in policy
    assert "connect-src 'self'" in policy
    assert "default-src 'none'" in policy


def _request(query: str) -> Request:
    return Request({"type": "http", "query_string": query.encode(), "headers": []})

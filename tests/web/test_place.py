from __future__ import annotations

import threading
import time
from pathlib import Path
from urllib.parse import urlencode

import pytest
import yaml
from starlette.requests import Request
from starlette.types import ASGIApp

from tests.report import plans
from tests.report.html_check import Page
from tests.verbs.test_place_calibrated import DEVICE, point
from tests.web.asgi import PORT, get
from weighbridge.core.machine import Machine
from weighbridge.facts.catalog.catalogue import load
from weighbridge.facts.devices import parse_machine
from weighbridge.predict.placement import choice
from weighbridge.verbs.effects import open_workspace
from weighbridge.verbs.place import plan_file
from weighbridge.verbs.place_file import parse
from weighbridge.web.app import create_app
from weighbridge.web.place import PlacePages
from weighbridge.web.security import Binding
from weighbridge.workspace.calibration import write_points

BOTH = [("Qwen/Qwen3-8B", "0.1", "0.7"), ("Qwen/Qwen3-4B-Instruct-2507", "0.1", "0.5")]
MANY = f"""machines: [{{device: H100 SXM, count: 64}}]
max_replicas: 8
formats: [published, fp8, awq]
models: [{", ".join(f"{{name: m{number}}}" for number in range(16))}]
"""
EXAMPLE = Path(__file__).parents[2] / "docs/placement.yaml"


@pytest.fixture
def app(tmp_path: Path) -> ASGIApp:
    return create_app(tmp_path, token=None, binding=Binding("127.0.0.1", PORT))


def address(
    rows: list[tuple[str, str, str]] = BOTH, needs: tuple[str, ...] = (), **values: str
) -> str:
    pairs = [("format", "published"), *values.items()]
    for at, (name, rate, quality) in enumerate(rows):
        need = needs[at] if at < len(needs) else "required"
        pairs += [("model", name), ("rate", rate), ("quality", quality), ("need", need)]
    return f"/place?{urlencode(pairs)}"


def page_of(app: ASGIApp, target: str) -> Page:
    answer = get(app, target)
    assert answer.status == 200
    return Page(answer.text)


def test_a_question_is_answered_and_kept_in_the_form(app: ASGIApp) -> None:
    page = page_of(app, address(device=DEVICE, context="16k", tpot="90"))
    assert "All 2 have their place." in page.text
    assert page.text.count("vllm serve Qwen/") == 2
    assert "--max-model-len 16384" in page.text
    values = [(one.get("name"), one.get("value")) for one in page.tags("input")]
    for pair in (
        ("device", DEVICE),
        ("context", "16k"),
        ("tpot", "90"),
        ("model", "Qwen/Qwen3-8B"),
        ("rate", "0.1"),
        ("quality", "0.7"),
    ):
        assert pair in values
    # There is a line to add another model.
    assert values.count(("model", "")) == 1
    assert any("placement" in (one.get("class") or "") for one in page.tags("svg"))


def test_the_same_question_as_a_file_has_the_same_answer(app: ASGIApp) -> None:
    html = get(app, address(device="RTX 4090, 2x H100 SXM", needs=("optional",))).text
    text = html.partition("The same question as a file")[2].partition("<pre")[2]
    text = text.partition(">")[2].partition("</pre>")[0]
    said = yaml.safe_load(text)
    assert [one["device"] for one in said["machines"]] == ["RTX 4090", "2x H100 SXM"]
    assert said["models"][0]["required"] is False
    found = plan_file(parse(text, "test"), "test", load())
    for one in found.servers:
        assert one.command in html.replace("&#34;", '"')


def test_a_pasted_file_is_asked_instead(app: ASGIApp) -> None:
    page = page_of(app, f"/place?{urlencode({'file': EXAMPLE.read_text(), 'model': 'nope'})}")
    assert "has its place" in page.text or "have their place" in page.text
    assert "extraction" in page.text
    assert "Qwen3-Coder" in page.text


def test_what_does_not_fit_is_explained(app: ASGIApp) -> None:
    page = page_of(app, address(device="RTX 4090"))
    text = page.text.replace("\xa0", " ")
    assert "Not everything fits; the nearest that does: Qwen/Qwen3-8B." in text
    assert "Memory is at fault: all together are short by" in text
    assert "All would fit with" in text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (address(), "Nothing says on what to place them"),
        (address(device="RTX 9999"), "RTX 9999"),
        (address(device="4090", users="0"), "`users` must be at least 1"),
        (address(device="4090", users="many"), "not a number of requests in flight"),
        (address(device="4090", prompt="-1"), "not a number of tokens of a prompt"),
        (address(device="4090", context="x"), "not a number of tokens"),
        (address(device="4090", context="1k"), "more tokens than"),
        (address(device="4090", tpot="nan"), "not a limit on tpot"),
        (address(device="4090", ttft="0"), "`ttft_ms` must be more than 0"),
        (address([("nope", "1", "")], device="4090"), "catalogue has no model"),
        (address([("/etc/passwd", "1", "")], device="4090"), "catalogue has no model"),
        (address([("qwen3-8b", "", "")], device="4090"), "how many requests per second"),
        (address([("qwen3-8b", "-1", "")], device="4090"), "must be 0 or more"),
        (address([("", "1", "")], device="4090"), "no model"),
        (address([BOTH[0], ("qwen3-4b", "1", "")], device="4090"), "`quality` is stated of some"),
        (address([BOTH[0], BOTH[0]], device="4090"), "stands twice"),
        (address(device="65x H100 SXM"), "64 GPUs at most"),
        (address(device=", ".join(["H100 SXM"] * 99)), "64 GPUs at most"),
        (address(device="<img src=x>"), "<img src=x>"),
        (f"/place?{urlencode({'file': MANY})}", "more configurations than this page"),
        ("/place?file=machines:+%5B", "not YAML"),
        ("/place?file=a:+1", "unknown field"),
        ("/place?file=" + "x" * 6001, "more than 6000 characters"),
    ],
)
def test_what_cannot_be_placed_is_told_beside_the_form(
    app: ASGIApp, query: str, words: str
) -> None:
    page = page_of(app, query)
    assert "This cannot be placed." in page.text
    assert words.replace("`", "") in page.text
    assert page.tags("form")
    assert page.tags("textarea")
    assert not page.tags("img")
    assert not page.tags("svg")


def test_hostile_words_come_back_as_text(app: ASGIApp) -> None:
    bad = plans.HOSTILE
    page = page_of(app, address([(bad, bad, bad)], device=bad, context=bad, version=bad))
    assert not page.tags("img")
    file = f"machines: [{{device: L40S}}]\ncontext: 8k\nfoo: '</textarea>{bad}'"
    page = page_of(app, f"/place?{urlencode({'file': file})}")
    assert not page.tags("img")
    assert len(page.tags("textarea")) == 1


def test_the_users_own_measurements_count(app: ASGIApp, tmp_path: Path) -> None:
    before = get(app, address(device=DEVICE)).text
    assert "load-1" not in before
    write_points(tmp_path, [point(users, 1.5) for users in (1, 4, 8)])
    after = get(app, address(device=DEVICE)).text
    assert "corrected by 3 measured points" in after
    assert "load-1" in after.partition("tag-predicted")[2][:400]


def test_the_machine_of_the_server_is_taken_if_vllm_serves_there(tmp_path: Path) -> None:
    def page(machine: Machine | None, target: str) -> str:
        pages = PlacePages(lambda: open_workspace(tmp_path), load, lambda: machine)
        query = target.partition("?")[2].encode()
        request = Request({"type": "http", "query_string": query, "headers": []})
        return bytes(pages.page(request).body).decode()

    gpus = parse_machine("2x A100 SXM 80GB")
    assert "here: 2 × A100 SXM 80GB" in page(gpus, "/place")
    assert "All 2 have their place." in page(gpus, address())
    for machine in (None, parse_machine("M3 Max 40-core 64GB")):
        assert "for example 2x L40S" in page(machine, "/place")
        assert "no GPU that vLLM serves on" in page(machine, address())


def test_others_are_served_while_one_is_placed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The solver runs beside the server; a second question waits for its turn, then is refused."""
    started, go_on = threading.Event(), threading.Event()
    packed = choice.solve

    def slow(*of: object) -> object:
        started.set()
        assert go_on.wait(10)
        return packed(*of)  # type: ignore[arg-type]

    monkeypatch.setattr("weighbridge.predict.placement.solve.solve", slow)
    monkeypatch.setattr("weighbridge.web.place._PATIENCE_S", 0.05)
    app = create_app(tmp_path, token=None, binding=Binding("127.0.0.1", PORT))
    answers: list[str] = []
    first = threading.Thread(
        target=lambda: answers.append(get(app, address(device=DEVICE)).text), daemon=True
    )
    first.start()
    assert started.wait(10)
    begun = time.perf_counter()
    assert get(app, "/health").status == 200
    assert "still placing what others asked for" in get(app, address(device=DEVICE)).text
    assert time.perf_counter() - begun < 5
    go_on.set()
    first.join(20)
    assert "All 2 have their place." in answers[0]


def test_every_page_leads_there_and_the_policy_allows_the_form(app: ASGIApp) -> None:
    answer = get(app, "/")
    links = [one.get("href") for one in Page(answer.text).tags("a")]
    assert links.count("/place") == 2, "in the navigation and in the overview"
    policy = get(app, "/place").headers["content-security-policy"]
    assert "form-action 'self'" in policy
    assert not Page(get(app, "/place").text).tags("style")


def test_other_sites_cannot_ask(app: ASGIApp) -> None:
    assert get(app, "/place", ("origin", "http://evil.example")).status == 403
    assert get(app, "/place", method="POST").status == 405

from __future__ import annotations

import re
import shlex
from pathlib import Path
from urllib.parse import quote_plus, urlencode

import pytest
from click.testing import CliRunner
from starlette.types import ASGIApp

from tests.predict.cost.examples import DEMAND, api, rented
from tests.report import plans
from tests.report.html_check import Page
from tests.report.sample_load import closed_run, limited_run
from tests.web.asgi import PORT, get
from weighbridge.core.cost import CostQuestion, CostRun
from weighbridge.core.runs import RunInfo
from weighbridge.predict.cost.report import answer
from weighbridge.verbs.effects import open_workspace
from weighbridge.web.app import create_app
from weighbridge.web.security import Binding

# One rented GPU is 321.42 USD a month; of 20M tokens a day 15M are billed at 2 and 5M at 10 USD.
BASE = {
    "volume": "20M", "tokens_per_s": "500", "gpu_price": "0.44", "device": "L4", "api": "2/10",
    "same": "host=0.02/0.05",
}  # fmt: skip


def asked(**changed: str) -> str:
    return f"/cost?{urlencode(BASE | changed)}"


def served(folder: Path) -> ASGIApp:
    return create_app(folder, token=None, binding=Binding("127.0.0.1", PORT))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> ASGIApp:
    return served(tmp_path_factory.mktemp("workspace"))


def page_of(app: ASGIApp, address: str) -> Page:
    answered = get(app, address)
    assert answered.status == 200
    return Page(answered.text)


def fields(page: Page) -> dict[str, dict[str, str | None]]:
    """The first input of each name."""
    found: dict[str, dict[str, str | None]] = {}
    for one in page.tags("input"):
        found.setdefault(one.get("name") or "", one)
    return found


def test_a_first_visit_asks_and_has_an_example(app: ASGIApp) -> None:
    page = page_of(app, "/cost")
    assert "Oneself, or an API?" in page.text
    assert "the busiest hour" in page.text
    addresses = [one.get("href") or "" for one in page.tags("a")]
    example = next(one for one in addresses if one.startswith("/cost?"))
    answered = page_of(app, example).text
    assert "a-host costs least:" in answered
    assert "cheaper than anthropic/claude-sonnet-5-5" in answered


def test_a_question_is_answered_and_kept_in_the_form(app: ASGIApp) -> None:
    page = page_of(app, asked())
    for said in (
        "host costs least: $16.74 a month.",
        "the model on rented L4 against 2/10: cheaper from 2.64M tokens a day on.",
        "yes with no range that counts; at base from 2.64M tokens a day on",
        "$321",
        "$2,435",
        "assumed given in the form",
        "Nobody's time is counted for self-hosting: give “People” and “Cost of one of them”",
    ):
        assert said in page.text.replace("\N{NO-BREAK SPACE}", " ")
    values = fields(page)
    assert (values["volume"]["value"], values["gpu_price"]["value"]) == ("20M", "0.44")
    assert values["prompt"]["placeholder"] == "750"
    charts = [one.get("class") for one in page.tags("svg")]
    assert "graph" in charts
    assert "tornado" in charts


def test_ranges_show_how_the_difference_is_spread(app: ASGIApp) -> None:
    page = page_of(app, asked(volume="1..3..9M", gpu_price="0.40..0.44..0.90"))
    assert len([one for one in page.tags("svg") if "cost-spread" in (one.get("class") or "")]) == 2
    bars = {one.get("class") for one in page.tags("rect")}
    assert {"self-less", "self-more"} <= bars


def test_bought_and_rented_stand_side_by_side(app: ASGIApp) -> None:
    changed = {"gpus": "both", "owned": "4000", "device": "RTX 5090", "gpu_price": ""}
    text = page_of(app, asked(**changed)).text
    assert "the model on rented RTX 5090" in text
    assert "the model on owned RTX 5090" in text
    assert "GPUs and hosts, written off" in text
    ignored = page_of(app, asked(owned="4000")).text
    assert "on owned" not in ignored
    assert "The price of a bought GPU is not counted" in ignored


def test_terms_and_one_figure_a_month_are_asked_in_the_form_too(app: ASGIApp) -> None:
    page = page_of(app, asked(gpu_price="", device="H100 SXM", terms="spot"))
    assert "H100 SXM spot:" in page.text
    assert "--terms spot" in page.text
    chosen = [one["value"] for one in page.tags("option") if "selected" in one]
    assert "spot" in chosen
    none = page_of(app, asked(gpu_price="", device="H100 SXM", terms="reserved"))
    assert "reserved price of H100 SXM" in none.text
    older = page_of(app, asked(gpu_price="", device="H100 SXM", spot="1"))
    assert "H100 SXM spot:" in older.text
    mine = page_of(app, asked(gpus="bought", owned_monthly="154", gpu_price=""))
    assert "the model on owned L4" in mine.text
    assert "GPUs, all in" in mine.text
    assert "--owned-monthly 154" in mine.text
    twice = page_of(app, asked(gpus="bought", owned_monthly="154", owned="4000"))
    assert "said twice: “Bought GPU” and “Own GPU, all in one”" in twice.text
    assert "no terms of rent" in page_of(app, asked(terms="stolen")).text


def test_what_is_counted_anew_comes_without_the_lists_to_choose_from(app: ASGIApp) -> None:
    whole = get(app, asked()).body
    anew = get(app, asked(), ("x-weighbridge-anew", "1"))
    assert anew.headers["vary"] == "x-weighbridge-anew"
    assert whole.count(b"<option value=") > 2000
    assert anew.body.count(b"<option value=") < 20
    assert len(anew.body) < len(whole) / 2
    result = b'<div id="cost-result"'
    assert whole.partition(result)[2] == anew.body.partition(result)[2]


def test_too_few_gpus_are_told_and_the_staircase_ends(app: ASGIApp) -> None:
    page = page_of(app, asked(volume="2B", max_gpus="2"))
    assert "cannot serve 2.00B tokens a day with 2 GPUs" in page.text
    assert "more GPUs than allowed" in page.text
    assert "most of 2 GPUs:" in page.text


def test_accepted_requests_need_their_share(app: ASGIApp) -> None:
    assert "share accepted unknown" in page_of(app, asked()).text
    text = page_of(app, asked(pass_rate="50%", pass_rate_api="80%")).text
    assert "share accepted unknown" not in text
    # 4.00 USD per thousand requests at the API, of which 80 % are accepted.
    assert "$4.00 $4.00 $5.00" in text


def test_the_newest_measurement_fills_the_form_at_a_first_visit(tmp_path: Path) -> None:
    app, store = served(tmp_path), open_workspace(tmp_path)
    plan, unusable, run = plans.kept(plans.plan()), limited_run(), closed_run()
    store.save(plan.info, plan)
    chosen = page_of(app, "/cost")
    assert fields(chosen)["model"]["value"] == "acme/Best-30B"
    assert selected(chosen) == plan.info.id
    for one in (run, unusable):
        store.save(one.info, one)
    chosen = page_of(app, "/cost")
    assert selected(chosen) == run.info.id
    text = page_of(app, f"/cost?volume=1M&from={run.info.id}&gpu_price=1&api=2/10").text
    assert f"519 tokens/s holding ttft_p95<500ms,tpot_p95<40ms measured {run.info.id}" in text
    refused = page_of(app, f"/cost?volume=1M&from={unusable.info.id}&gpu_price=1").text
    assert "the client was the bottleneck" in refused
    planned = page_of(app, f"/cost?volume=1M&from={plan.info.id}&gpu_price=1&api=2/10").text
    assert "267 tokens/s (187 to 400) holding" in planned
    assert "acme/Best-30B on rented" in planned


def selected(page: Page) -> str | None:
    return next(
        one["value"]
        for one in page.tags("option")
        if "selected" in one and (one["value"] or "").startswith(("load-", "plan-", "predict"))
    )


def test_the_command_asks_the_same(app: ASGIApp, tmp_path: Path) -> None:
    from weighbridge.cli.cost import command  # noqa: PLC0415 -- the command line is another door

    page = page_of(app, asked(fte="0.1", fte_cost="150k", ha="1", seed="7", fixed="audit=200"))
    words = shlex.split(re.search(r"weigh cost --volume .*?--ha", page.text).group())  # type: ignore[union-attr]
    ran = CliRunner().invoke(command, [*words[2:], "--workspace", str(tmp_path)])
    line = "the model on rented L4 is cheaper than 2/10 by "
    told = [text.partition(line)[2].partition(" a month")[0] for text in (page.text, ran.output)]
    assert told[0] == told[1] != ""


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"volume": "many"}, "is no quantity"),
        ({"volume": "-1"}, "is no quantity"),
        ({"volume": "0"}, "The volume is 0"),
        ({"unit": "words"}, "no unit of traffic"),
        ({"prompt": "nan"}, "is no quantity"),
        ({"output": "1e-300"}, "output tokens is 1e-300"),
        ({"cached": "150%"}, "1 at most"),
        ({"device": "/etc/passwd.yaml"}, "is no GPU"),
        ({"tokens_per_s": "", "model": "/etc/passwd"}, "catalogue has no model"),
        ({"tokens_per_s": "", "model": "qwen3-8b", "device": "RTX 9999"}, "RTX 9999"),
        ({"tokens_per_s": "", "from": "load-nope"}, "load-nope"),
        ({"profile": "/etc/passwd"}, "no profile of the day"),
        ({"gpus": "stolen"}, "no way to have GPUs"),
        ({"gpus": "bought"}, "What a GPU costs to buy"),
        ({"max_gpus": "0"}, "Write a whole number"),
        ({"max_gpus": "\u0663"}, "Write a whole number"),
        ({"api": "no-such-api"}, "No price of 'no-such-api' is known"),
        ({"api": "0/0"}, "stands for unknown"),
        ({"fte": "1"}, "What a full-time person costs is not said. Give “Cost of one of them”"),
        ({"ops": "~0..1"}, "operations is 0"),
        ({"fixed": "audit"}, "no line of a bill"),
        ({"pass_rate": "a=1"}, "is no share"),
        ({"max_wait": "soon"}, "is no wait"),
        ({"seed": "x"}, "is no seed"),
        ({"slo": "fast"}, ""),
        ({"years": "1" * 300}, "is too long"),
        (
            {"model": "<img src=x>", "volume": "<img src=x>"},
            "The volume '<img src=x>' is no quantity",
        ),
    ],
)
def test_what_cannot_be_counted_is_told_beside_the_form(
    app: ASGIApp, changed: dict[str, str], words: str
) -> None:
    page = page_of(app, asked(**changed))
    assert words in page.text
    assert page.tags("form")
    assert not page.tags("img")
    assert ("This cannot be counted." in page.text) == bool(words)


def test_names_from_an_address_stay_text(app: ASGIApp) -> None:
    bad = '<script>alert(1)</script>"><img src=x>'
    page = page_of(app, asked(model=bad, api=f"{bad}=2/10", device=bad))
    assert bad in page.text
    assert not page.tags("img")


def test_more_apis_than_fields_are_refused(app: ASGIApp) -> None:
    many = "&".join(f"api={quote_plus(f'a{number}=2/10')}" for number in range(40))
    assert "41 APIs are too many" in page_of(app, f"{asked()}&{many}").text


def test_kept_reports_are_runs_with_pages(tmp_path: Path) -> None:
    question = CostQuestion(DEMAND, (rented(name="own"),), (api(2, 10),))
    info = RunInfo("cost-0a1b2c", "cost", "2026-11-21T12:00:00Z", "m", "s", "k", "a machine", "0")
    open_workspace(tmp_path).save(info, CostRun(info, answer(question, draws=200)))
    page = page_of(served(tmp_path), "/runs/cost-0a1b2c")
    assert "own against api: cheaper from 2.64M tokens a day on." in page.text
    assert not page.tags("form")
    assert info.id in page_of(served(tmp_path), "/runs").text

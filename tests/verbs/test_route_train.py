from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from tests.decide.routes import graded
from tests.fakes.runs import eval_run
from weighbridge.cli.diagnostics import OK, UNDECIDED
from weighbridge.cli.main import weigh
from weighbridge.core.errors import FormatError, InputError
from weighbridge.core.gateway import Asked, Grant
from weighbridge.core.routing import ModelEntry, Price, Route, RouterConfig
from weighbridge.core.runs import EvalRun
from weighbridge.serve.routing.classifier import load_route
from weighbridge.serve.routing.policy import RoutePolicy
from weighbridge.verbs import route_train
from weighbridge.verbs.effects import SystemClock, open_workspace
from weighbridge.workspace.folder import Workspace

RATES = {"sums": (0.9, 0.5), "code": (0.3, 0.8)}


def runs(n: int = 200, rates: dict[str, tuple[float, float]] | None = None) -> list[EvalRun]:
    """Evaluations of two models on two suites."""
    data = graded(rates or RATES, n)
    found = []
    for number, model in enumerate(data.models):
        for suite in data.names:
            rows = [row for row, task in enumerate(data.tasks) if task == suite]
            run = eval_run(model, suite, [bool(data.scores[row, number]) for row in rows])
            items = tuple(
                replace(item, prompt=data.prompts[row], latency_ms=10.0 + 90 * (model == "clerk"))
                for item, row in zip(run.items, rows, strict=True)
            )
            found.append(replace(run, items=items))
    return found


def workspace(tmp_path: Path, found: Sequence[EvalRun]) -> Workspace:
    store = open_workspace(tmp_path / "ws")
    for run in found:
        info = store.new_info("eval", model=run.info.model, subject=run.suite, key="0" * 16)
        store.save(info, replace(run, info=info))
    return store


def train(tmp_path: Path, found: Sequence[EvalRun], **more: object) -> route_train.Trained:
    options = route_train.Options(**more)  # type: ignore[arg-type]
    store = workspace(tmp_path, found)
    return route_train.train(store, SystemClock(), tmp_path / "learned.route", options)


def test_a_trained_route_routes_in_the_gateway(tmp_path: Path) -> None:
    trained = train(tmp_path, runs())
    assert trained.report.on
    assert len(trained.evidence) == 4
    learned = load_route(trained.path)
    written = yaml.safe_load(trained.snippet)
    assert written["signals"]["learned"] == "learned.route"
    models = {name: ModelEntry(url="http://127.0.0.1:1") for name in ("tally", "clerk")}
    use = tuple(written["routes"][0]["use"])
    policy = RoutePolicy(RouterConfig(models=models, routes=(Route(use=use),)), learned)
    data = graded(RATES, 40, seed=77)
    wanted = {"sums": "tally", "code": "clerk"}
    right = [
        policy.decide(Asked("/v1/chat/completions", "auto", message=prompt), Grant(), {}).use[0]
        == wanted[task]
        for task, prompt in zip(data.tasks, data.prompts, strict=True)
    ]
    assert sum(right) > 0.85 * len(right)


def test_a_model_that_missed_a_suite_is_left_out_and_told(tmp_path: Path) -> None:
    extra = [replace(run, info=replace(run.info, model="late")) for run in runs()[:1]]
    trained = train(tmp_path, [*runs(), *extra])
    assert trained.notes == ("late is left out: it has not answered code.",)


def test_an_escalation_of_two_models(tmp_path: Path) -> None:
    found = runs(rates={"sums": (0.9, 0.9), "code": (0.2, 0.9)})
    trained = train(tmp_path, found, weak="tally", strong="clerk", strong_share=0.4)
    document = route_train.to_json(trained)
    assert document["on"]
    assert document["strong"] == "clerk"
    assert document["recovered"] > 0.6
    assert route_train.show(trained.path)["escalation"]["weak"] == "tally"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"strong": "clerk"}, "takes two models"),
        ({"strong": "clerk", "weak": "clerk"}, "takes two models"),
        ({"strong": "clerk", "weak": "nobody"}, "no evaluation of nobody"),
    ],
)
def test_an_escalation_that_cannot_be(tmp_path: Path, options: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        train(tmp_path, runs(120), **options)


def test_an_empty_workspace_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no evaluations"):
        train(tmp_path, [])


def test_cost_and_speed_order_models(tmp_path: Path) -> None:
    found = route_train.evaluations(workspace(tmp_path, runs(30)))
    fast = route_train._order(found, route_train.Options("fastest"))
    assert fast == {"clerk": 100.0, "tally": 10.0}
    prices = {"clerk": Price(prompt=1.0, output=1.0)}
    cheap = route_train._order(found, route_train.Options("cheapest", prices))
    assert cheap["clerk"] < cheap["tally"] == float("inf")


def test_prices_as_told_count_more_than_the_files(tmp_path: Path) -> None:
    path = tmp_path / "router.config.yaml"
    path.write_text(
        "models:\n  a: {url: http://x/v1, price: {prompt: 1, output: 2}}\n"
        "  b: {url: http://x/v1, price: {prompt: 1, output: 2}}\n",
        encoding="utf-8",
    )
    found = route_train.prices(path, {"b": 5.0})
    assert (found["a"].output, found["b"].output) == (2, 5.0)


def invoke(*args: str, text: str = "") -> tuple[int, str]:
    done = CliRunner().invoke(weigh, args, input=text, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.return_value, done.stdout


def test_the_commands_train_show_and_test(tmp_path: Path) -> None:
    workspace(tmp_path, runs())
    place = ("--workspace", str(tmp_path / "ws"))
    path = str(tmp_path / "my.route")
    code, out = invoke("route", "train", "--out", path, "--json", *place)
    assert code == OK
    document = json.loads(out)
    assert document["gain"]["at_least"] > 0
    assert {task["task"] for task in document["tasks"]} == {"sums", "code"}
    code, out = invoke("route", "train", "--out", path, *place)
    assert "learned: my.route" in out
    assert "with 95 % confidence at least" in out
    code, out = invoke("route", "show", path, "--json")
    assert json.loads(out)["on"]
    code, out = invoke("route", "show", path)
    assert "verdict" in out
    code, out = invoke("route", "test", path, "--json", graded(RATES, 1, seed=5).prompts[0])
    assert json.loads(out)[0]["nearest_task"] == "sums"
    code, out = invoke("route", "test", path, "hello")
    assert "hello" in out
    for words in (["-"], []):
        code, out = invoke("route", "test", path, *words, "--json", text="one\ntwo\n")
        assert [tried["message"] for tried in json.loads(out)] == ["one", "two"]


def test_no_gain_ends_with_the_code_of_cannot_tell(tmp_path: Path) -> None:
    workspace(tmp_path, runs(25, {"sums": (0.6, 0.5), "code": (0.5, 0.6)}))
    path = str(tmp_path / "my.route")
    code, out = invoke("route", "train", "--out", path, "--workspace", str(tmp_path / "ws"))
    assert code == UNDECIDED
    assert "Off" in out


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "no.route"
    path.write_text("models: {}", encoding="utf-8")
    with pytest.raises(FormatError, match="no learned route"):
        route_train.show(path)

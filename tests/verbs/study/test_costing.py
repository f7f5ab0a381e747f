"""A study's bill: what it rests on, and what it says where it cannot be told."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.verbs.study.lab import Lab, lab, ran
from weighbridge.core.cost import CostReport
from weighbridge.core.load import LoadRun
from weighbridge.core.study import StudyRun
from weighbridge.verbs.effects import open_workspace
from weighbridge.verbs.study import load_study
from weighbridge.verbs.study.status import status
from weighbridge.verbs.study.words import in_study_words
from weighbridge.verbs.study.writing import Answers, new_study

HERE = "AMD EPYC 9B14, 2 cores, 23.5 GiB, Linux 6.1, Python 3.11.7"
BOX = "AMD EPYC 9B14, 2 cores, 23.5 GiB, 1 x NVIDIA GeForce RTX 4090, Linux 6.1, Python 3.11.7"
MONEY = {"cost: bill", "decide: verdict"}
BOOK = """\
[[api]]
provider = "acme"
model = "foo"
input = {0}
output = {1}
source = "an offer"
date = 2026-11-01

[[gpu]]
device = "RTX 4090"
terms = "on-demand"
usd_per_hour = {2}
source = "an offer"
date = 2026-11-01
"""


def report_of(made: Lab, run: StudyRun) -> CostReport:
    found = load_study(open_workspace(made.root), run.info.id, made.root)
    assert found.cost is not None
    return found.cost.report


def book(made: Lab, price: tuple[float, float], gpu: float) -> None:
    made.root.mkdir(exist_ok=True)
    (made.root / "prices.toml").write_text(BOOK.format(*price, gpu))


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, StudyRun]]:
    """A study whose prices are in a book and whose capacity is stated, run to its end."""
    with lab(tmp_path_factory.mktemp("priced")) as made:
        made.change("big=1/2", "acme/foo")
        made.change(", hardware: {gpu_price: 1}", "")
        made.change("route: {traffic: traffic.jsonl}\n", "")
        made.change("context: 512", "context: 512, tokens_per_s: 500")
        made.change("fair: {", "fair: {device: RTX 4090, ")
        book(made, (1, 2), 1.0)
        yield made, made.run()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tokens_per_s: 500", "tokens_per_s: 5"),
        (", tokens_per_s: 500", ""),
        ("device: RTX 4090", "device: 2x RTX 4090"),
        ("api: [acme/foo]", "api: [acme/foo, other=1/2]"),
    ],
)
def test_a_change_of_the_file_that_changes_a_bill_makes_it_stale(
    priced: tuple[Lab, StudyRun], old: str, new: str
) -> None:
    made, _ = priced
    written = made.path.read_text()
    try:
        made.change(old, new)
        assert made.to_do() >= MONEY
        assert not any(unit.startswith(("bench", "eval")) for unit in made.to_do())
    finally:
        made.path.write_text(written)
    assert made.to_do() == set()


def test_another_price_of_the_same_name_is_another_bill(priced: tuple[Lab, StudyRun]) -> None:
    made, first = priced
    (api,) = [one for one in report_of(made, first).options if one.name == "acme/foo"]
    assert ran(first, made.run()) == set()
    try:
        book(made, (1, 2), 3.0)
        assert made.to_do() == MONEY
        book(made, (10, 20), 1.0)
        assert made.to_do() == MONEY
        again = made.run()
        (dear,) = [one for one in report_of(made, again).options if one.name == "acme/foo"]
        assert dear.usd_per_month.value == pytest.approx(10 * api.usd_per_month.value)
        assert made.to_do() == set()
    finally:
        book(made, (1, 2), 1.0)
        made.run()


def test_a_prediction_follows_the_configuration_that_it_is_made_of(tmp_path: Path) -> None:
    with lab(tmp_path) as made:
        local = tmp_path / "local.gguf"
        demo = Path("src/weighbridge/demo/models")
        local.write_bytes((demo / "tally-f16.gguf").read_bytes())
        made.change('"demo:tally-f16.gguf"', "local.gguf")
        made.change("route: {traffic: traffic.jsonl}\n", "")
        made.run()
        assert made.to_do() == set()
        local.write_bytes((demo / "clerk-f16.gguf").read_bytes())
        assert made.to_do() >= {"plan: machine", *MONEY}


def with_slo(made: Lab) -> None:
    made.change("seed: 3", "seed: 3\nslo: e2e_p95<60s")
    made.change("route: {traffic: traffic.jsonl}\n", "")


def test_a_load_test_of_another_machine_is_not_the_devices(tmp_path: Path) -> None:
    with lab(tmp_path) as made:
        made.machine = HERE
        with_slo(made)
        made.change(", context: 512}", ", context: 512, tokens_per_s: 700}")
        run = made.run()
        report = report_of(made, run)
        good, fair = report.question.selfhosted
        # The one has a configuration to predict with, of the other the file says what it serves.
        assert good.capacity.output_tokens_per_s.provenance.source.startswith("closed form")
        assert (fair.capacity.output_tokens_per_s.base, fair.name) == (
            700, "fair on rented RTX 4090",
        )  # fmt: skip
        told = " ".join(report.notes)
        assert (
            "good, fair: The load test was not taken: it was measured on another machine than "
            f"RTX 4090: on {HERE}"
        ) in told


def test_a_load_test_on_the_device_and_one_of_an_unknown_machine_are_taken(tmp_path: Path) -> None:
    with lab(tmp_path) as made:
        made.machine = BOX
        with_slo(made)
        report = report_of(made, made.run())
        kinds = {o.capacity.output_tokens_per_s.provenance.kind for o in report.question.selfhosted}
        assert kinds == {"measured"}
        assert "taken from you" not in " ".join(report.notes)
        made.machine = "a machine"  # of which nobody knows its devices
        report = report_of(made, made.run())
        assert "measured on RTX 4090 is taken from you" in " ".join(report.notes)
        kinds = {o.capacity.output_tokens_per_s.provenance.kind for o in report.question.selfhosted}
        assert kinds == {"measured"}


def test_the_reason_why_there_is_no_bill_is_the_load_tests(tmp_path: Path) -> None:
    with lab(tmp_path) as made:
        made.change("prompt_tokens: 8, output_tokens: 4", "prompt_tokens: 8000, output_tokens: 4")
        made.change("send: lengths", "send: suites")
        made.change(', inspect: "demo:tally-f16.gguf"', "")
        made.change("machine: RTX 4090", "slo: e2e_p95<60s")
        made.change("route: {traffic: traffic.jsonl}\n", "")
        run = made.run()
        (unit,) = next(stage.units for stage in run.stages if stage.name == "cost")
        assert unit.state == "waiting"
        assert "these have more prompt for each output token" in unit.why
        assert "leave `workload.prompt_tokens` and `workload.output_tokens` out" in unit.why
        assert "neither `machine` nor the candidate's `device` names a device" in unit.why
        assert "write `tokens_per_s` under `candidates.good`".lower() in unit.why.lower()
        assert "--" not in unit.why
        assert "ask for a load test" not in unit.why.lower()


def test_without_lengths_those_that_were_measured_count(tmp_path: Path) -> None:
    with lab(tmp_path) as made:
        made.change("prompt_tokens: 8, output_tokens: 4, ", "")
        made.change("send: lengths", "send: suites")
        with_slo(made)
        run = made.run()
        report = report_of(made, run)
        demand = report.question.demand
        store = open_workspace(made.root)
        assert demand.prompt_tokens.provenance.kind == "measured"
        assert "eval-" in demand.prompt_tokens.provenance.source
        # What a replica serves is so many requests a second as the load test has it, of these.
        for option, load_id in zip(report.question.selfhosted, run.loads, strict=True):
            level = store.load(load_id, LoadRun).levels[0]
            per_s = option.capacity.output_tokens_per_s
            assert per_s.base == pytest.approx(level.requests_per_s * demand.output_tokens.base)
        assert any("so they are as measured" in note for note in report.notes)
        assert any(stage.name == "plan" and stage.state == "done" for stage in run.stages)


def test_a_client_that_was_the_bottleneck_leaves_a_bill_of_at_most(tmp_path: Path) -> None:
    with lab(tmp_path) as made:
        with_slo(made)
        first = made.run()
        store = open_workspace(made.root)
        for load_id in first.loads:
            run = store.load(load_id, LoadRun)
            (level,) = run.levels
            assert level.client is not None
            client = replace(level.client, limited=("It had no CPU left.",))
            shutil.rmtree(made.root / "runs" / load_id)
            store.save(run.info, replace(run, levels=(replace(level, client=client),)))
        made.change("gpu_price: 1}", "gpu_price: 2}")
        report = report_of(made, made.run())
        own = report.question.selfhosted
        assert [one.name for one in own] == [
            "good on rented RTX 4090 (at most)", "fair on rented RTX 4090 (at most)",
        ]  # fmt: skip
        assert all(one.capacity.at_least for one in own)
        assert sum("its bill is at most" in note for note in report.notes) == 2


def test_who_may_not_see_prompts_is_not_asked_and_is_named(tmp_path: Path) -> None:
    with lab(tmp_path) as made:
        made.change("machine: RTX 4090", "machine: RTX 4090\nconstraints: {data_may_leave: false}")
        made.change("fair: {", "fair: {leaves: true, ")
        made.change("route: {traffic: traffic.jsonl}\n", "")
        units = [unit for stage in made.stages() for unit in stage.units]
        kept = {unit.name for unit in units if unit.state == "not asked"}
        assert kept == {"fair", "fair × sums", "fair × words"}
        run = made.run()
        assert {str(body["model"]) for body in made.url.bodies} == {"good"}
        (told,) = [text for text in run.not_checked if "fair is ruled out" in text]
        assert "`constraints.data_may_leave` is false" in told
        found = load_study(open_workspace(made.root), run.info.id, made.root)
        assert found.verdict is not None
        assert [(one.model, one.constraint) for one in found.verdict.verdict.removed] == [
            ("fair", "data")
        ]
        assert not run.failed
        assert made.to_do() == kept_units()


def kept_units() -> set[str]:
    return {"bench: fair", "eval: fair × sums", "eval: fair × words"}


def test_a_judge_elsewhere_sees_no_answers(tmp_path: Path) -> None:
    with lab(tmp_path) as made:
        (tmp_path / "inputs.txt").write_text("Sum 1\n")
        judge = '{url: "https://judge.example/v1", model: j}'
        made.change("seed: 3", f"seed: 3\nraters: {{inputs: inputs.txt, judge: {judge}}}")
        assert "rate: judge" in made.to_do()
        made.change("machine: RTX 4090", "machine: RTX 4090\nconstraints: {data_may_leave: false}")
        units = [unit for stage in made.stages() if stage.name == "rate" for unit in stage.units]
        assert [(unit.name, unit.state) for unit in units] == [
            ("answers", "to do"), ("judge", "not asked"),
        ]  # fmt: skip
        assert "it answers at https://judge.example/v1" in units[1].why


def test_where_all_are_ruled_out_nobody_is_asked_and_the_answer_is_no(tmp_path: Path) -> None:
    with lab(tmp_path) as made:
        made.change("machine: RTX 4090", "machine: RTX 4090\nconstraints: {data_may_leave: false}")
        made.change("context: 512", "leaves: true, context: 512")
        run = made.run()
        assert run.said_no
        assert made.url.bodies == []


def test_a_study_as_init_writes_it_has_a_bill(tmp_path: Path) -> None:
    with lab(tmp_path) as made:
        made.path.unlink()
        answers = Answers(
            name="mine",
            models=[f"good={made.url}#good"],
            suites=["sums"],
            users=(1,),
            volume="2M-tokens/day",
            slo="e2e_p95<60s",
            apis=["some=0.1/0.4"],
            gpu_price="0.05",
        )
        new_study(answers, made.path, made.root)
        made.change("requests: 60", "requests: 6")
        run = made.run()
        report = report_of(made, run)
        (own,) = report.question.selfhosted
        assert own.capacity.output_tokens_per_s.provenance.source == run.loads[0]
        assert report.options[0].usd_per_month.value > 0
        assert not run.failed


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Give --gpu-price USD an hour.", "Give `prices.hardware.gpu_price` USD an hour."),
        ("--fte and --fte-cost", "`prices.people.fte` and `prices.people.fte_cost`"),
        ("`weigh plan --device box.yaml`", "`weigh plan --device box.yaml`"),
        ("give --prefill-per-s too", "give `weigh cost … --prefill-per-s` too"),
        ("a - b -- c", "a - b -- c"),
    ],
)
def test_options_of_weigh_cost_are_said_as_keys_of_the_file(said: str, meant: str) -> None:
    assert in_study_words(said) == meant


def test_status_tells_every_failure_and_all_that_waits(tmp_path: Path) -> None:
    with lab(tmp_path) as made:
        made.change("fair: {url", "fair: {engine: vllm, source: a/b}\n  last: {url")
        made.change("[[fair, good]]", "[[last, good]]")
        made.change("good: {url: ", "good: {model: gone, url: ")
        made.run()
        told = status(made.asked, made.effects(None)).next_action  # type: ignore[arg-type]
        assert "fair cannot be started." in told
        assert "bench of fair, eval of fair" in told
        assert "bench of good" in told
        assert told.endswith("Then run it again.")
        assert "It rests on" not in told

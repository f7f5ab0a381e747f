"""Studies over two endpoints given only by URL: what is run, what again, what is left alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.verbs.study.lab import Lab, lab, ran, write_suite
from weighbridge.core.errors import WorkspaceError
from weighbridge.core.load import LoadRun
from weighbridge.core.study import STAGES, StudyRun
from weighbridge.verbs.effects import Silent, open_workspace
from weighbridge.verbs.study import load_study
from weighbridge.verbs.study.candidate_progress import CandidateProgress
from weighbridge.verbs.study.running import options
from weighbridge.workspace.studies import Studies
from weighbridge.workspace.traffic import Captured, CapturedUse, TrafficWriter

BENCH = {"bench: good", "bench: fair"}
EVAL = {f"eval: {model} × {suite}" for model in ("good", "fair") for suite in ("sums", "words")}
END = {"cost: bill", "decide: verdict", "route: traffic"}
EVERYTHING = {"inspect: good", "plan: machine"} | BENCH | EVAL | END


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, StudyRun]]:
    """A study that was run to its end; tests put back what they change."""
    with lab(tmp_path_factory.mktemp("study")) as made:
        assert made.to_do() == EVERYTHING
        yield made, made.run()


def test_a_study_over_two_addresses_goes_all_the_way(done: tuple[Lab, StudyRun]) -> None:
    study, run = done
    assert {stage.name: stage.state for stage in run.stages} == {
        **dict.fromkeys(STAGES, "done"), "rate": "not asked",
    }  # fmt: skip
    found = load_study(open_workspace(study.root), run.info.id, study.root)
    assert [load.info.model for load in found.loads] == ["good", "fair"]
    assert {(one.info.model, one.suite): one.accuracy for one in found.evals} == {
        ("good", "sums"): 1.0, ("good", "words"): 1.0,
        ("fair", "sums"): 0.0, ("fair", "words"): 1.0,
    }  # fmt: skip
    assert found.verdict is not None
    assert found.verdict.verdict.single is not None
    assert found.verdict.verdict.single.models == ("good",)
    assert found.route is not None
    assert found.route.gain.n == 8
    assert found.cost is not None
    assert [(pair.a, pair.b) for pair in run.comparisons] == [("fair", "good")]
    assert study.to_do() == set()


def test_what_was_not_checked_is_said(done: tuple[Lab, StudyRun]) -> None:
    told = " ".join(done[1].not_checked)
    assert "the file names no `raters`" in told
    assert "What fair is made of was not looked at" in told
    assert "`slo` is empty" in told


def test_a_second_run_asks_nothing_and_rests_on_the_same_measurements(
    done: tuple[Lab, StudyRun],
) -> None:
    study, first = done
    asked = len(study.url.requests)
    again = study.run()
    assert ran(first, again) == set()
    assert len(study.url.requests) == asked
    assert again.info.key == first.info.key


@pytest.mark.parametrize(
    ("old", "new", "stale"),
    [
        ("seed: 3", "seed: 4", BENCH | END),
        ("requests: 3", "requests: 4", BENCH | END),
        ("requests: 3", "requests: 3, workers: 1", BENCH | END),
        ("slo: ''", "slo: e2e_p95<60s", {"plan: machine"} | BENCH | END),
        ("users: [1]", "users: [1, 2]", {"plan: machine"} | BENCH | END),
        (
            "fair: {url: \"URL\", context: 512}",
            "fair: {url: \"URL\", context: 256}",
            {"bench: fair", "eval: fair × sums", "eval: fair × words"} | END,
        ),
        ("gpu_price: 1}", "gpu_price: 2}", END),
        ("volume: 2M-tokens/day", "volume: 3M-tokens/day", END),
        ("mix: {sums: 1, words: 1}", "mix: {sums: 2, words: 1}", END),
        ("compare: [[fair, good]]", "compare: [[good, fair]]", set()),
    ],
)  # fmt: skip
def test_a_change_of_the_file_makes_stale_what_rests_on_it_and_nothing_else(
    done: tuple[Lab, StudyRun], old: str, new: str, stale: set[str]
) -> None:
    study, _ = done
    written = study.path.read_text()
    old, new = old.replace("URL", study.url), new.replace("URL", study.url)
    try:
        if old in written:
            study.change(old, new)
        elif "mix" in old:  # equal shares are what nothing said means
            study.change("workload: {", f"workload: {{{new}, ")
        else:
            study.path.write_text(f"{written}{new}\n")
        assert study.to_do() == stale
    finally:
        study.path.write_text(written)
    assert study.to_do() == set()


def test_one_item_of_a_suite_changes_its_evaluations_only(done: tuple[Lab, StudyRun]) -> None:
    study, _ = done
    items = study.folder / "sums" / "items.jsonl"
    written = items.read_text()
    items.write_text(written.replace('"answer": "5"', '"answer": "five"'))
    try:
        assert study.to_do() == {"eval: good × sums", "eval: fair × sums"} | END
    finally:
        items.write_text(written)


def test_going_back_to_an_old_setting_finds_the_old_measurement(
    done: tuple[Lab, StudyRun], tmp_path: Path
) -> None:
    del tmp_path
    study, first = done
    study.change("requests: 3", "requests: 2")
    changed = study.run()
    study.change("requests: 2", "requests: 3")
    assert changed.loads != first.loads
    assert study.run().loads == first.loads


def test_another_slo_judges_the_same_requests_anew(done: tuple[Lab, StudyRun]) -> None:
    study, first = done
    written, asked = study.path.read_text(), len(study.url.requests)
    study.path.write_text(f"{written}slo: e2e_p95<1ms\n")
    try:
        judged = study.run(options("bench", None))
    finally:
        study.path.write_text(written)
    assert len(study.url.requests) == asked
    store = open_workspace(study.root)
    old, new = (store.load(run.loads[0], LoadRun) for run in (first, judged))
    assert old.info.id != new.info.id
    assert old.requests == new.requests
    assert old.levels[0].goodput is None
    assert new.levels[0].goodput is not None
    assert str(new.levels[0].goodput.slo) == "e2e_p95<1ms"


def test_from_a_stage_on_everything_is_done_again(done: tuple[Lab, StudyRun]) -> None:
    study, _ = done
    before = study.run()
    assert study.to_do(options(None, "cost")) == END
    assert ran(before, study.run(options(None, "cost"))) == END


def test_one_stage_leaves_the_others_alone(done: tuple[Lab, StudyRun]) -> None:
    study, _ = done
    study.change("seed: 3", "seed: 9")
    try:
        run = study.run(options("bench", None))
        states = {stage.name: stage.state for stage in run.stages}
        assert states["bench"] == "done"
        assert states["decide"] == states["route"] == "stale"
        assert study.to_do() == END
    finally:
        study.change("seed: 9", "seed: 3")


def test_a_second_run_at_the_same_time_is_told_at_once(done: tuple[Lab, StudyRun]) -> None:
    study, _ = done
    held = Studies(study.root).open("lab")
    try:
        with pytest.raises(WorkspaceError, match="being run by another process"):
            study.run()
    finally:
        held.close()


def test_a_deleted_run_is_measured_again(tmp_path: Path) -> None:
    with lab(tmp_path) as study:
        first = study.run()
        (gone,) = (
            unit.runs[0]
            for stage in first.stages
            for unit in stage.units
            if unit.name == "fair × words"
        )
        folder = study.root / "runs" / gone
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        assert study.to_do() == {"eval: fair × words"} | END
        assert ran(first, study.run()) == {"eval: fair × words"} | END


def test_a_candidate_that_fails_does_not_lose_the_others(tmp_path: Path) -> None:
    with lab(tmp_path) as study:
        study.change("suites:", '  broken: {cmd: "no-such-program --port ${PORT}"}\nsuites:')
        run = study.run()
        states = {
            (unit.stage, unit.name): unit.state for stage in run.stages for unit in stage.units
        }
        assert {name for name, state in states.items() if state == "failed"} == {
            ("bench", "broken"), ("eval", "broken × sums"), ("eval", "broken × words"),
        }  # fmt: skip
        assert all(unit.why == "broken cannot be started." for unit in run.failed)
        assert run.verdict is not None
        assert any("eval of broken × sums failed" in said for said in run.not_checked)
        assert {name for name in study.to_do() if "broken" in name} == {
            "bench: broken", "eval: broken × sums", "eval: broken × words",
        }  # fmt: skip


def test_a_torn_record_is_no_record(tmp_path: Path) -> None:
    with lab(tmp_path) as study:
        study.run()
        ledger = study.root / "studies" / "lab.jsonl"
        lines = ledger.read_bytes().splitlines(keepends=True)
        ledger.write_bytes(b"".join(lines[:-1]) + lines[-1][: len(lines[-1]) // 2])
        assert study.to_do() == {"route: traffic"}
        assert study.run().route is not None


def test_votes_of_people_and_of_a_judge(tmp_path: Path) -> None:
    with lab(tmp_path) as study:
        inputs = [json.dumps({"id": f"i{n}", "prompt": f"Sum {n}"}) for n in range(3)]
        (tmp_path / "inputs.jsonl").write_text("\n".join(inputs) + "\n")
        write_suite(tmp_path, "words", "Word", ["w1"])
        raters = "raters: {inputs: inputs.jsonl, people: [ada], judge: good}\n"
        study.path.write_text(study.path.read_text() + raters)
        run = study.run()
        states = {u.name: u.state for s in run.stages if s.name == "rate" for u in s.units}
        assert states == {"answers": "done", "people": "waiting", "judge": "done"}
        assert any("Votes are missing of ada" in said for said in run.not_checked)
        assert len(run.ratings) == 1


def test_an_api_that_nobody_knows_is_a_failure_and_no_missing_bill(tmp_path: Path) -> None:
    with lab(tmp_path) as study:
        study.change("api: [big=1/2]", "api: [no/such-model-at-all]")
        run = study.run()
        (failed,) = run.failed
        assert (failed.stage, failed.name) == ("cost", "bill")
        assert "no/such-model-at-all" in failed.why
        assert run.verdict is not None


def test_hosted_candidates_are_paid_by_their_tokens(tmp_path: Path) -> None:
    with lab(tmp_path) as study:
        study.change(
            "suites:",
            '  far: {url: "http://far.invalid/v1", price: {prompt: 1, output: 2}}\nsuites:',
        )
        study.change("fair: {", "fair: {tokens_per_s: 100, ")
        run = study.run()
        found = load_study(open_workspace(study.root), run.info.id)
        assert found.cost is not None
        (far,) = (one for one in found.cost.report.question.hosted if one.name == "far")
        assert (far.price.input.base, far.price.output.base) == (1, 2)
        assert far.pass_rate is None  # it could not be asked
        rates = {one.model: one.pass_rate for one in found.cost.report.question.selfhosted}
        good, fair = rates["good"], rates["fair"]
        assert good is not None
        assert fair is not None
        assert (good.base, fair.base) == (1.0, 0.5)
        names = [one.name for one in found.cost.report.question.selfhosted]
        assert names == ["good on rented RTX 4090", "fair on rented RTX 4090"]
        assert fair.provenance.kind == "measured"


def test_captured_traffic_is_sent_and_says_how_long_requests_are(tmp_path: Path) -> None:
    with lab(tmp_path) as study:
        writer = TrafficWriter(study.root, 1_000_000)
        for number, prompt in enumerate(("Sum 41", "Word 42", "Sum 43")):
            request = {"messages": [{"role": "user", "content": prompt}]}
            captured = Captured(
                f"r{number}", "2026-01-05T12:00:00Z", "", "/v1/chat/completions", "good", 200,
                "complete", request, use=CapturedUse(30 + number, 5),
            )  # fmt: skip
            writer.append(msgspec.json.encode(captured))
        study.change("prompt_tokens: 8, output_tokens: 4,", "traffic: captured,")
        study.change("send: lengths", "send: traffic")
        run = study.run()
        sent = [body["messages"][-1]["content"] for body in study.url.bodies]
        assert {"Sum 41", "Word 42", "Sum 43"} <= set(sent)
        found = load_study(open_workspace(study.root), run.info.id)
        assert found.plan is not None
        workload = found.plan.plan.requirements.workload
        assert (workload.prompt_tokens, workload.output_tokens) == (31, 5)
        assert found.cost is not None
        demand = found.cost.report.question.demand
        assert (demand.prompt_tokens.base, demand.output_tokens.base) == (31, 5)


def test_without_captured_traffic_what_needs_it_fails_and_says_so(tmp_path: Path) -> None:
    with lab(tmp_path) as study:
        study.change("prompt_tokens: 8, output_tokens: 4,", "traffic: captured,")
        run = study.run()
        assert {unit.stage for unit in run.failed} >= {"plan"}
        assert "There is no captured traffic" in run.failed[0].why
        assert run.evals


def test_a_price_or_that_it_leaves_goes_before_the_address(tmp_path: Path) -> None:
    with lab(tmp_path) as study:
        study.change("fair: {", "fair: {leaves: true, ")
        study.change("good: {", "good: {price: {prompt: 1, output: 2}, ")
        study.change("suites:", '  own: {url: "http://own.invalid/v1", device: L4, '
                     "tokens_per_s: 100}\nsuites:")  # fmt: skip
        run = study.run()
        found = load_study(open_workspace(study.root), run.info.id)
        assert found.cost is not None
        asked = found.cost.report.question
        assert [one.model for one in asked.selfhosted] == ["own"]
        assert [one.name for one in asked.hosted] == ["big", "good"]
        assert [note for note in found.cost.report.notes if note.startswith("fair")] == [
            "fair has no bill: no machine of yours serves it, and no `price`."
        ]
        # What the file says has the file as its source.
        (big,) = (one for one in asked.hosted if one.name == "big")
        for value in (big.price.input, asked.demand.volume):
            assert value.provenance.source == str(study.path)


def test_progress_names_the_candidate_and_not_its_model() -> None:
    class Told(Silent):
        titles: list[str] = []  # noqa: RUF012 -- of one test

        def stage(self, title: str, total: int) -> None:
            self.titles.append(f"{title} ({total})")

    told = CandidateProgress(Told(), "far", "m")
    for title in ("bench m × 1 user", "eval m on sums", "tokens of mine"):
        told.stage(title, 3)
    assert Told.titles == ["bench far × 1 user (3)", "eval far on sums (3)", "tokens of mine (3)"]


def test_what_is_only_judged_anew_and_not_looked_at_says_so(tmp_path: Path) -> None:
    with lab(tmp_path) as study:
        study.change(', inspect: "demo:tally-f16.gguf"', "")
        study.change("suites:", "slo: e2e_p95<5s\nsuites:")
        study.change("fair: {", "fair: {device: RTX 4090, ")
        study.run()
        study.change("e2e_p95<5s", "e2e_p95<6s")
        stages = {one.name: one for one in study.stages()}
        assert {unit.why for unit in stages["bench"].units} == {
            "Only what is expected of it has changed: its requests are judged anew, none are sent."
        }
        assert "each is known by its address only" in stages["inspect"].why

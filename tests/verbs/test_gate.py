from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.fakes.runs import accurate, eval_run
from weighbridge.core.errors import ExternalError, InputError
from weighbridge.core.gate import GateVerdict
from weighbridge.verbs import gate
from weighbridge.verbs.outcome_table import TableChoice
from weighbridge.workspace.folder import Workspace


def save(workspace: Workspace, model: str, suite: str, right: int, n: int = 400) -> None:
    run = eval_run(model, suite, accurate(right, n))
    workspace.save(run.info, run)


def verdict(workspace: Workspace) -> GateVerdict:
    """Passes on good, fails on bad, is open on small."""
    for suite, new, old, n in (
        ("good", 390, 391, 400),
        ("bad", 300, 380, 400),
        ("small", 9, 9, 10),
    ):
        save(workspace, "new", suite, new, n)
        save(workspace, "old|<b>", suite, old, n)
    return gate.gate_runs(workspace, "new", "old|<b>", 0.02)


def test_models_are_judged_on_every_suite_that_both_answered(workspace: Workspace) -> None:
    save(workspace, "new", "alone", 5)
    found = verdict(workspace)
    outcomes = {check.subject: check.outcome for check in found.checks}
    assert outcomes == {"good": "pass", "bad": "fail", "small": "inconclusive"}
    assert found.outcome == "fail"
    assert found.notes == ("Left out: new on alone, which only it answered.",)


def test_single_runs_are_judged(workspace: Workspace) -> None:
    verdict(workspace)
    found = gate.gate_runs(workspace, "new@good", "old|<b>@good", 0.02)
    assert [check.subject for check in found.checks] == ["good"]
    assert (found.candidate, found.outcome) == ("new@good", "pass")
    reverse = gate.gate_runs(workspace, "old|<b>@bad", "new@bad", 0.02)
    assert reverse.outcome == "pass"
    assert reverse.checks[0].difference.value == pytest.approx(0.2)


def test_two_runs_of_one_model_may_be_judged(workspace: Workspace) -> None:
    first = eval_run("m", "s", accurate(90, 100), run_id="eval-111111")
    second = replace(first, info=replace(first.info, id="eval-222222"))
    for run in (first, second):
        workspace.save(run.info, run)
    assert gate.gate_runs(workspace, "eval-1", "eval-2", 0.1).outcome == "pass"
    with pytest.raises(InputError, match="are the same run"):
        gate.gate_runs(workspace, "eval-1", "eval-1", 0.1)


def test_runs_without_common_items_are_refused(workspace: Workspace) -> None:
    save(workspace, "a", "s", 5)
    save(workspace, "b", "t", 5)
    with pytest.raises(InputError, match="did not answer the same items"):
        gate.gate_runs(workspace, "a", "b", 0.02)


def test_junit_can_be_read_and_counts(workspace: Workspace) -> None:
    suite = ET.fromstring(gate.junit(verdict(workspace)))[0]  # noqa: S314 -- our own
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    by_name = {case.get("name"): case for case in suite}
    failure, error = by_name["bad"].find("failure"), by_name["small"].find("error")
    assert failure is not None
    assert error is not None
    assert "worse by more than 2 points" in (failure.get("message") or "")
    assert error.text is not None
    assert "further items would probably settle it, if the candidate is as good" in error.text
    assert by_name["good"].find("failure") is None
    assert by_name["good"].get("classname") == "new against old|<b>"


def test_markdown_escapes_names(workspace: Workspace) -> None:
    text = gate.markdown(verdict(workspace))
    lines = text.splitlines()
    assert lines[0] == "### ❌ weigh gate: fail"
    assert "old\\|\\<b\\>" in text
    rows = [line for line in lines if line.startswith("| ")]
    assert len(rows) == 4
    assert all(line.replace("\\|", "").count("|") == 8 for line in rows)
    assert any(line.startswith("- small: About ") for line in lines)


def test_json_has_every_check(workspace: Workspace) -> None:
    document = gate.to_json(verdict(workspace))
    assert (document["outcome"], document["margin"]) == ("fail", 0.02)
    by_subject = {check["subject"]: check for check in document["checks"]}
    assert by_subject["bad"]["upper"] < -0.02
    assert by_subject["good"]["lower"] > -0.02
    assert by_subject["small"]["more_items"] > 100
    assert by_subject["good"]["more_items"] is None


def test_two_columns_of_a_table(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    rows = "".join(f"q{index},1,{int(index > 100)}\n" for index in range(400))
    path.write_text("item,old,new\n" + rows, encoding="utf-8")
    choice = TableChoice(models=("new", "old"))
    found = gate.gate_table(path, "new", "old", 0.02, choice)
    assert found.outcome == "fail"
    assert (found.checks[0].flips_down, found.checks[0].flips_up) == (101, 0)
    with pytest.raises(InputError, match="named twice"):
        gate.gate_table(path, "new", "new", 0.02, choice)


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    gate.write_text(tmp_path / "x", "one\n")
    gate.write_text(tmp_path / "x", "two\n", append=True)
    assert (tmp_path / "x").read_text(encoding="utf-8") == "one\ntwo\n"
    with pytest.raises(ExternalError, match="Cannot write"):
        gate.write_text(tmp_path / "none" / "x", "")


def test_missing_answers_are_in_every_report(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    rows = "".join(f"q{n},{'' if n < 90 else int(n > 130)},1\n" for n in range(600))
    path.write_text("item,old,new\n" + rows, encoding="utf-8")
    found = gate.gate_table(path, "new", "old", 0.02, TableChoice(models=("new", "old")))
    said = "Missing answers, counted as wrong: 0 of the candidate, 90 of the baseline."
    assert said in gate.junit(found)
    assert said in gate.markdown(found)
    check = gate.to_json(found)["checks"][0]
    assert check["answered"]["n"] == 510
    assert check["answered"]["difference"] == pytest.approx(41 / 510)
    assert check["hangs_on_gaps"] is False


def test_parts_of_a_suite_are_judged_on_the_items_that_both_answered(workspace: Workspace) -> None:
    for model, right, n in (("new", 10, 100), ("old", 95, 400)):
        run = eval_run(model, "s", accurate(right, n), suite_hash=f"of {n}")
        workspace.save(run.info, run)
    found = gate.gate_runs(workspace, "new", "old", 0.02)
    (check,) = found.checks
    assert (check.n, check.flips_down, found.outcome) == (100, 85, "fail")
    (note,) = found.notes
    assert "compared on the 100 items that all runs answered" in note


def test_a_pass_on_a_part_of_the_baselines_items_says_so_in_every_report(
    workspace: Workspace,
) -> None:
    for model, n in (("new", 200), ("old", 1200)):
        run = eval_run(model, "s", accurate(n, n), suite_hash=f"of {n}")
        workspace.save(run.info, run)
    save(workspace, "new", "whole", 400)
    save(workspace, "old", "whole", 400)
    found = gate.gate_runs(workspace, "new", "old", 0.02)
    assert found.outcome == "pass"
    assert found.sentence.endswith(
        "Only a part was judged: s by 200 of the baseline's 1,200 items."
    )
    part = next(check for check in found.checks if check.subject == "s")
    assert part.sentence.startswith(
        "s: +0.0 points on 200 of the baseline's 1,200 items, not worse"
    )
    xml = ET.fromstring(gate.junit(found))[0]  # noqa: S314 -- our own
    texts = [out.text or "" for out in xml.iter("system-out")]
    assert sum("200 of the baseline's 1,200 items" in text for text in texts) == 2
    assert "s is compared on the 200 items that all runs answered" in texts[-1]
    text = gate.markdown(found)
    assert "Only a part was judged" in text.splitlines()[2]
    assert "| s | 200 of 1,200 |" in text
    assert "| whole | 400 |" in text
    counts = {
        check["subject"]: (check["n"], check["asked_candidate"], check["asked_baseline"])
        for check in gate.to_json(found)["checks"]
    }
    assert counts == {"s": (200, 200, 1200), "whole": (400, 400, 400)}
    back = gate.gate_runs(workspace, "old@s", "new@s", 0.02)
    assert "200 of the candidate's 1,200 items" in back.sentence


def test_notes_are_in_junit(workspace: Workspace) -> None:
    save(workspace, "new", "alone <1>", 5)
    suite = ET.fromstring(gate.junit(verdict(workspace)))[0]  # noqa: S314 -- our own
    said = suite.find("system-out")
    assert said is not None
    assert (said.text or "").splitlines() == [
        "FAIL: new is worse than old|<b> by more than 2 points.",
        "Left out: new on alone <1>, which only it answered.",
    ]


def test_why_two_cannot_be_judged_is_said(workspace: Workspace) -> None:
    for model, right in (("a", 5), ("b", 3)):
        run = eval_run(model, "s", accurate(right, 9), suite_hash=f"of {model}")
        items = tuple(replace(item, prompt=f"{model}?") for item in run.items)
        workspace.save(run.info, replace(run, items=items))
    save(workspace, "c", "t", 5)
    with pytest.raises(InputError, match=r"prompts, right answers or scorers of the shared ones"):
        gate.gate_runs(workspace, "a", "b", 0.02)
    with pytest.raises(InputError, match=r"a has answered s, and c t\."):
        gate.gate_runs(workspace, "a", "c", 0.02)

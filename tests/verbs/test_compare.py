from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.runs import accurate, eval_run
from weighbridge.core.errors import InputError, UnknownRunError
from weighbridge.core.runs import EvalRun
from weighbridge.decide.statistics import compare_runs
from weighbridge.verbs import compare
from weighbridge.verbs.outcome_table import TableChoice
from weighbridge.workspace.folder import Workspace


def save(workspace: Workspace, *runs: EvalRun) -> None:
    for run in runs:
        workspace.save(run.info, run)


def test_runs_of_several_suites_are_compared_suite_by_suite(workspace: Workspace) -> None:
    save(
        workspace,
        *(eval_run(model, suite, accurate(right, 60))
          for model, suite, right in (
              ("a", "s", 10), ("b", "s", 50), ("a", "t", 30), ("b", "t", 31), ("c", "t", 30),
          )),
    )  # fmt: skip
    found = compare.compare(workspace, ["a@s", "b@t", "b@s", "a@t", "c@t"])
    assert [subject.subject for subject in found.subjects] == ["s", "t"]
    pairs = [(pair.subject, pair.a, pair.b) for pair in found.pairs]
    assert pairs == [("s", "a", "b"), ("t", "b", "a"), ("t", "b", "c"), ("t", "a", "c")]
    assert [pair.real for pair in found.pairs] == [True, False, False, False]


def test_json_has_the_keys_that_are_promised(workspace: Workspace) -> None:
    save(workspace, eval_run("a", "s", accurate(10, 60)), eval_run("b", "s", accurate(50, 60)))
    document = compare.document(compare.compare(workspace, ["a@s", "b@s"]))
    (pair,) = document["pairs"]
    assert list(pair)[:10] == [
        "a", "b", "subject", "n", "difference", "low", "high", "p_mcnemar", "flips_up",
        "flips_down",
    ]  # fmt: skip
    assert (pair["a"], pair["b"], pair["n"]) == ("a", "b", 60)
    assert (pair["flips_up"], pair["flips_down"]) == (40, 0)
    assert pair["difference"] == pytest.approx(40 / 60)
    assert document["subjects"][0]["standings"][0]["model"] == "b"


def test_answers_that_failed_or_are_missing_count_as_wrong(workspace: Workspace) -> None:
    a, b = eval_run("a", "s", accurate(4, 4)), eval_run("b", "s", accurate(4, 4))
    failed = replace(b.items[0], correct=False, error="timeout")
    save(workspace, a, replace(b, items=(failed, *b.items[2:])))
    found = compare.compare(workspace, ["a@s", "b@s"])
    pair = found.pairs[0]
    assert (pair.n, pair.flips_down, pair.flips_up) == (4, 2, 0)
    assert found.subjects[0].standings[1].missing == ("item-0", "item-1")


def test_runs_of_one_model_go_by_their_ids_or_are_averaged(workspace: Workspace) -> None:
    save(
        workspace,
        eval_run("m", "s", accurate(10, 20), run_id="eval-111111"),
        eval_run("m", "s", accurate(12, 20), run_id="eval-222222"),
        eval_run("n", "s", accurate(4, 20), run_id="eval-333333"),
    )
    names = ["eval-1", "eval-2", "eval-3"]
    apart = compare.compare(workspace, names)
    assert (apart.pairs[0].a, apart.pairs[0].b) == ("eval-111111", "eval-222222")
    (pair,) = compare.compare(workspace, names, average=True).pairs
    assert (pair.a, pair.b) == ("m", "n")
    assert pair.difference.value == pytest.approx((4 - 11) / 20)
    with pytest.raises(InputError, match="one model only: m"):
        compare.compare(workspace, names[:2], average=True)


def test_repeated_answers_within_a_run_are_averaged(workspace: Workspace) -> None:
    a, b = eval_run("a", "s", accurate(2, 4)), eval_run("b", "s", accurate(2, 4))
    again = replace(a.items[0], correct=False)
    save(workspace, replace(a, items=(*a.items, again)), b)
    (pair,) = compare.compare(workspace, ["a@s", "b@s"]).pairs
    assert pair.n == 4
    assert pair.difference.value == pytest.approx(0.5 / 4)
    assert pair.p_mcnemar is None


def test_repeats_are_averaged_before_items_are_compared(workspace: Workspace) -> None:
    """Twelve items of two answers each; a has one of two right, b by turns both and one."""
    rows = {"a": [(True, False)] * 12, "b": [(True, True), (False, True)] * 6}
    for model, answers in rows.items():
        run = eval_run(model, "s", [True] * 12)
        items = (
            replace(item, correct=right, repeat=repeat)
            for item, told in zip(run.items, answers, strict=True)
            for repeat, right in enumerate(told)
        )
        save(workspace, replace(run, items=tuple(items), repeats=2))
    found = compare.compare(workspace, ["a@s", "b@s"])
    (pair,) = found.pairs
    # Differences of the items' means: six of .5 and six of 0. Fewer than ten differ, so that one of
    # +1 and one of -1 are added: mean 3/14, mean square 3.5/14.
    centre = 3 / 14
    error = ((3.5 / 14 - centre**2) / 14) ** 0.5
    assert (pair.n, pair.flips_up, pair.flips_down) == (12, 6, 0)
    assert pair.difference.value == pytest.approx(0.25)
    assert pair.difference.low == pytest.approx(centre - 1.959964 * error, abs=1e-6)
    assert pair.difference.high == pytest.approx(centre + 1.959964 * error, abs=1e-6)
    assert pair.p_mcnemar is None
    assert any("McNemar's test is not made" in note for note in found.notes)


def test_repeats_that_agree_are_right_or_wrong_and_have_mcnemars_test(workspace: Workspace) -> None:
    for model, right in (("a", 4), ("b", 10)):
        run = eval_run(model, "s", accurate(right, 12))
        again = tuple(replace(item, repeat=1) for item in run.items)
        save(workspace, replace(run, items=(*run.items, *again), repeats=2))
    found = compare.compare(workspace, ["a@s", "b@s"])
    (pair,) = found.pairs
    assert (pair.n, pair.flips_up, pair.flips_down) == (12, 6, 0)
    assert pair.p_mcnemar == pytest.approx(2 * 0.5**6)
    assert not any("McNemar" in note for note in found.notes)


@pytest.mark.parametrize(("a", "b"), [(30, 41), (20, 160), (100, 100)])
def test_decisions_and_comparisons_give_the_same_figures(
    workspace: Workspace, a: int, b: int
) -> None:
    runs = eval_run("a", "s", accurate(a, 200)), eval_run("b", "s", accurate(b, 200))
    save(workspace, *runs)
    (pair,) = compare.compare(workspace, ["a@s", "b@s"]).pairs
    decided = compare_runs(*runs)
    assert (pair.difference, pair.p_mcnemar) == (decided.difference, decided.p_mcnemar)
    assert (
        compare.pair(decided).items()
        <= compare.document(compare.compare(workspace, ["a@s", "b@s"]))["pairs"][0].items()
    )


def test_items_of_one_group_count_together(workspace: Workspace) -> None:
    def grouped(model: str, right: int, size: int) -> EvalRun:
        run = eval_run(model, f"s{size}", accurate(right, 60))
        items = [replace(one, group=f"doc {n // size}") for n, one in enumerate(run.items)]
        return replace(run, items=tuple(items))

    for size in (1, 5, 60):
        save(workspace, grouped("a", 20, size), grouped("b", 40, size))
    counts = {
        size: compare.compare(workspace, [f"a@s{size}", f"b@s{size}"]).subjects[0].groups
        for size in (1, 5, 60)
    }
    assert counts == {1: None, 5: 12, 60: None}


def test_runs_that_cannot_be_compared_are_refused(workspace: Workspace) -> None:
    save(
        workspace,
        eval_run("a", "s", accurate(2, 4)),
        eval_run("b", "s", accurate(2, 4), suite_hash="other"),
        eval_run("c", "s", accurate(2, 4)),
        replace(eval_run("d", "s", [True]), items=()),
    )
    with pytest.raises(InputError, match="did not answer the same items"):
        compare.compare(workspace, ["a@s", "b@s"])
    with pytest.raises(InputError, match="did not answer the same items"):
        compare.compare(workspace, ["a@s", "c@s", "b@s"])
    with pytest.raises(InputError, match="are the same run"):
        compare.compare(workspace, ["a@s", "eval-a"])
    with pytest.raises(InputError, match="run of d on s has no items"):
        compare.compare(workspace, ["a@s", "d@s"])
    with pytest.raises(InputError, match="two runs"):
        compare.compare(workspace, ["a@s"])
    with pytest.raises(UnknownRunError):
        compare.compare(workspace, ["a@s", "z@s"])


def test_a_table_needs_two_models(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text("item,a,b\nq1,1,0\nq2,1,1\n", encoding="utf-8")
    found = compare.compare_table(path, TableChoice())
    assert [(pair.a, pair.b) for pair in found.pairs] == [("a", "b")]
    with pytest.raises(InputError, match="one model only: b"):
        compare.compare_table(path, TableChoice(models=("b",)))


def test_a_part_of_a_suite_is_compared_on_what_is_common(workspace: Workspace) -> None:
    whole, part = eval_run("a", "sums", accurate(60, 100)), eval_run("b", "sums", accurate(80, 100))
    part = replace(part, suite_hash="limited", items=part.items[:50])
    for run in (whole, part):
        workspace.save(run.info, run)
    found = compare.compare(workspace, [whole.info.id, part.info.id])
    assert found.subjects[0].n == 50
    assert "sums is compared on the 50 items that all runs answered" in found.notes[-1]
    other = replace(part.items[0], prompt="something else")
    changed = replace(part, info=replace(part.info, id="eval-c"), items=(other, *part.items[1:]))
    workspace.save(changed.info, changed)
    with pytest.raises(InputError, match="did not answer the same items"):
        compare.compare(workspace, [whole.info.id, "eval-c"])

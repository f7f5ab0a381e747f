from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.runs import accurate, eval_run
from tests.shared_data import shared
from weighbridge.core.errors import InputError
from weighbridge.verbs import correlate
from weighbridge.verbs.correlate import Board
from weighbridge.verbs.outcome_table import TableChoice
from weighbridge.verbs.score_table import read_scores
from weighbridge.workspace.folder import Workspace


def board(folder: Path, text: str) -> Path:
    path = folder / "board.csv"
    path.write_text(text, encoding="utf-8")
    return path


def scores_of(count: int) -> str:
    return "model,score\n" + "".join(f"m{index},{index}\n" for index in range(count))


def save(workspace: Workspace, model: str, suite: str, right: int, *, is_task: bool = True) -> None:
    run = replace(eval_run(model, suite, accurate(right, 100)), is_task=is_task)
    workspace.save(run.info, run)


def test_evaluations_of_the_workspace_give_the_utility(
    workspace: Workspace, tmp_path: Path
) -> None:
    for index in range(20):
        save(workspace, f"m{index}", "s", 20 + 3 * index)
        save(workspace, f"m{index}", "t", 10 + 4 * index)
        save(workspace, f"m{index}", "precision", 100 - index, is_task=False)
    save(workspace, "only-s", "s", 50)
    found = correlate.correlate_runs(workspace, Board(board(tmp_path, scores_of(25))))
    assert len(found.models) == 20
    assert found.spearman.value == pytest.approx(1)
    assert found.spearman.with_items is not None
    assert 0.5 < found.spearman.with_items.low < 1
    assert found.verdict == "predicts"
    assert found.models[0].utility == pytest.approx((0.77 + 0.86) / 2)
    assert found.only_scores == tuple(f"m{index}" for index in range(20, 25))
    reverse = correlate.correlate_runs(
        workspace, Board(board(tmp_path, scores_of(25))), ["precision"]
    )
    assert reverse.verdict == "reverses"


def test_the_workspace_must_have_evaluations(workspace: Workspace, tmp_path: Path) -> None:
    path = board(tmp_path, scores_of(3))
    with pytest.raises(InputError, match="no evaluations to correlate"):
        correlate.correlate_runs(workspace, Board(path))
    save(workspace, "m0", "s", 50)
    save(workspace, "m1", "t", 50)
    with pytest.raises(InputError, match="2 names in common"):
        correlate.correlate_runs(workspace, Board(path))
    with pytest.raises(InputError, match="no evaluations on 'z'"):
        correlate.correlate_runs(workspace, Board(path), ["z"])


def part(
    workspace: Workspace, model: str, suite: str, right: int, n: int, *, mark: str = ""
) -> None:
    """A run on the first items of a suite, which is another version of it."""
    name = f"eval-{model}-{suite}-{n}"
    run = eval_run(model, suite, accurate(right, n), run_id=name, suite_hash=f"{suite} {n}{mark}")
    if mark:
        items = tuple(replace(item, prompt=f"{item.prompt} {mark}") for item in run.items)
        run = replace(run, items=items)
    workspace.save(run.info, run)


def test_models_of_different_parts_of_a_suite_are_compared_on_what_all_answered(
    workspace: Workspace, tmp_path: Path
) -> None:
    for model, right, n in (("m0", 150, 200), ("m1", 40, 200)):
        part(workspace, model, "s", right, n)
    for model, right in (("m2", 30), ("m3", 20), ("m4", 10)):
        part(workspace, model, "s", right, 60)
    part(workspace, "unlisted", "s", 2, 5)  # not on the board: must not cut the others
    found = correlate.correlate_runs(workspace, Board(board(tmp_path, scores_of(5))))
    assert {one.model: one.utility for one in found.models} == pytest.approx(
        {"m0": 1.0, "m1": 40 / 60, "m2": 0.5, "m3": 20 / 60, "m4": 10 / 60}
    )
    assert [(one.subject, one.n) for one in found.basis] == [("s", 60)]
    assert (found.left_out, found.only_scores, found.only_utility) == ((), (), ("unlisted",))
    (note,) = found.notes
    assert "s is compared on the 60 items that all runs answered" in note
    assert "eval-m0-s-200 200" in note
    document = correlate.to_json(found)
    assert document["basis"] == [{"subject": "s", "n": 60}]
    assert (document["left_out"], document["notes"]) == ([], [note])


def test_an_earlier_run_on_all_items_counts_rather_than_a_newer_one_on_a_few(
    workspace: Workspace, tmp_path: Path
) -> None:
    for index in range(4):
        part(workspace, f"m{index}", "s", 20 * index, 100)
    part(workspace, "m3", "s", 0, 5)
    found = correlate.correlate_runs(workspace, Board(board(tmp_path, scores_of(4))))
    assert (found.models[0].model, found.models[0].utility) == ("m3", 0.6)
    assert found.basis[0].n == 100
    (note,) = found.notes
    assert note == (
        "eval-m3-s-5 (m3) does not count, though newer: most models answered another version or "
        "another part of s."
    )


def test_one_models_further_suite_stands_in_nobodys_way(
    workspace: Workspace, tmp_path: Path
) -> None:
    for index in range(4):
        save(workspace, f"m{index}", "s", 20 * index)
    save(workspace, "m1", "slow", 50)
    path = board(tmp_path, scores_of(4))
    found = correlate.correlate_runs(workspace, Board(path))
    assert [one.model for one in found.models] == ["m3", "m2", "m1", "m0"]
    assert found.notes == ("slow does not count: m0, m2 and m3 did not answer it.",)
    with pytest.raises(InputError, match="1 can be held") as refused:
        correlate.correlate_runs(workspace, Board(path), ["s", "slow"])
    assert "m0: not evaluated on slow; m2: not evaluated on slow" in str(refused.value)


def test_a_model_of_another_version_is_left_out_by_its_true_reason(
    workspace: Workspace, tmp_path: Path
) -> None:
    for index in range(4):
        part(workspace, f"m{index}", "s", 20 * index, 100)
    part(workspace, "m4", "s", 40, 90, mark="edited")
    found = correlate.correlate_runs(workspace, Board(board(tmp_path, scores_of(6))))
    assert len(found.models) == 4
    assert found.basis[0].n == 100
    (left,) = found.left_out
    assert left.model == "m4"
    assert left.reason.startswith("eval-m4-s-90 answered another version of s than eval-m3-s-100")
    assert found.only_scores == ("m5",)  # m4 is measured here, so it is not among them
    assert correlate.to_json(found)["left_out"][0]["model"] == "m4"


def test_what_is_measured_on_other_suites_is_not_called_unmeasured(
    workspace: Workspace, tmp_path: Path
) -> None:
    for index in range(3):
        save(workspace, f"m{index}", "s", 20 * index)
    save(workspace, "m3", "digits", 50, is_task=False)
    save(workspace, "unlisted", "digits", 50, is_task=False)
    path = board(tmp_path, scores_of(5))
    found = correlate.correlate_runs(workspace, Board(path))
    assert found.only_scores == ("m4",)
    assert [(one.model, one.reason) for one in found.left_out] == [
        ("m3", "measured on digits only, which is no task of its own: --suite digits")
    ]
    assert found.only_utility == ()
    save(workspace, "m3", "t", 50)
    asked = correlate.correlate_runs(workspace, Board(path), ["s"])
    assert [one.reason for one in asked.left_out] == [
        "measured on digits and t only, which were not asked for: --suite digits or --suite t"
    ]


def test_where_no_suite_is_a_task_the_suite_to_ask_for_is_named(
    workspace: Workspace, tmp_path: Path
) -> None:
    save(workspace, "m0", "digits", 50, is_task=False)
    with pytest.raises(InputError, match="on digits only, which is no task of its own") as refused:
        correlate.correlate_runs(workspace, Board(board(tmp_path, scores_of(3))))
    assert "--suite digits" in str(refused.value)


def test_too_few_that_can_be_compared_are_told_from_too_few_names(
    workspace: Workspace, tmp_path: Path
) -> None:
    for index in range(3):
        part(workspace, f"m{index}", "s", 20, 50 + index, mark=f"v{index}")
    with pytest.raises(InputError, match="Of the 3 models that board has") as refused:
        correlate.correlate_runs(workspace, Board(board(tmp_path, scores_of(3))))
    assert "another version of s" in str(refused.value)


def test_a_table_gives_the_utility_with_its_uncertainty() -> None:
    items = shared("data", "suites", "ifeval", "per_item_results_17models.csv")
    arena = shared("data", "leaderboards", "arena_hard_20240731.csv")
    found = correlate.correlate_table(Board(arena), items, TableChoice())
    assert [one.model for one in found.models] == [
        "claude-3-5-sonnet-20240620", "gpt-4o-mini-2024-07-18", "claude-3-opus-20240229",
        "claude-3-haiku-20240307",
    ]  # fmt: skip
    assert found.spearman.value == pytest.approx(0.8)
    assert found.verdict == "cannot tell"


def test_real_leaderboards_are_read_by_the_names_of_their_columns() -> None:
    path = shared("data", "leaderboards", "alpaca_eval_benchmarks.csv")
    found = correlate.correlate_utilities(
        Board(path, "AlpacaEval 1.0"), path, "Arena Elo\n[April 18, 2024]"
    )
    assert found.source == "alpaca_eval_benchmarks (AlpacaEval 1.0)"
    assert found.spearman.value == pytest.approx(-0.06, abs=0.005)
    with pytest.raises(InputError, match=r"several columns.*--column: Arena Elo"):
        read_scores(path)


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("model,score\na,1\nb,2.5\n", None, [("a", 1.0), ("b", 2.5)]),
        ("\ufeffName;Points\nx;1\ny;2\n", None, [("x", 1.0), ("y", 2.0)]),
        ("rank,model,score\n1,x,80%\n2,y,-\n3,z,60\n", None, [("x", 80.0), ("z", 60.0)]),
        ("model,p,q\nx,1,2\n", "q", [("x", 2.0)]),
        ('model,score\nx,"1,200"\ny,"1,050.5"\n', None, [("x", 1200.0), ("y", 1050.5)]),
        ("model,score\nx,1200±5\ny,1100 +/- 7\n", None, [("x", 1200.0), ("y", 1100.0)]),
        ("model;score\nx;0,5\ny;1,25\n", None, [("x", 0.5), ("y", 1.25)]),
        ("model;score\nx;1,200.5\ny;1,000\n", None, [("x", 1200.5), ("y", 1000.0)]),
        (
            '[{"Model": "x", "score": 1}, {"Model": "y", "score": 2}]',
            None,
            [("x", 1.0), ("y", 2.0)],
        ),
        ('{"x": 1, "y": 2.5}', "", [("x", 1.0), ("y", 2.5)]),
    ],
)
def test_scores_are_read(
    tmp_path: Path, text: str, column: str | None, expected: list[tuple[str, float]]
) -> None:
    assert read_scores(board(tmp_path, text), column)[1] == expected


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("", None, "no table of scores"),
        ("model\na\n", None, "no table of scores"),
        ("model,score\n", None, "has no scores"),
        ("model,score\na,good\n", None, "row 2: 'good' is no number"),
        ("model,score\na,nan\n", None, "has no scores"),
        ("model,p\na,1\n", "q", "no column 'q'.*It has: model, p"),
        ("model,p,q\na,1,2\n", None, "several columns"),
        ("model;score\na;1,200\nb;1,100\n", None, "'1,200' may be 1200 or 1.200"),
        ('{"a": {"p": 1, "q": {"r": 2}}}', None, "several scores per model.*p, q.r"),
        ('{"a": {"p": 1}}', "z", "no scores 'z'.*--column: p"),
        ('{"a": ', None, "is no JSON"),
        ("[1, 2]", None, "no scores by model"),
    ],
)
def test_what_is_no_leaderboard_is_said(
    tmp_path: Path, text: str, column: str | None, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        read_scores(board(tmp_path, text), column)


def test_json_has_both_intervals(tmp_path: Path) -> None:
    path = board(tmp_path, scores_of(6))
    found = correlate.to_json(correlate.correlate_utilities(Board(path), path, None))
    assert (found["n"], found["verdict"]) == (6, "cannot tell")
    assert found["spearman"]["value"] == pytest.approx(1)
    assert found["spearman"]["p"] == pytest.approx(2 / 720)
    assert found["spearman"]["low_with_items"] is None
    assert found["spearman"]["low"] < 1


def test_leaderboards_in_json_are_read() -> None:
    eval_plus = shared("data", "leaderboards", "evalplus_results.json")
    assert ("OpenCoder-8B-Instruct", 81.7) in read_scores(eval_plus, "pass@1.humaneval")[1]
    arena = shared("data", "leaderboards", "lmarena_text_by_category.json")
    column, scores = read_scores(arena, "full.rating")
    assert column == "rating"
    assert len(scores) > 250


@pytest.mark.parametrize("column", [None, "rating"])
def test_leaderboards_by_category_say_how_to_name_one(column: str | None) -> None:
    arena = shared("data", "leaderboards", "lmarena_text_by_category.json")
    with pytest.raises(InputError, match="lmarena_text_by_category") as refused:
        read_scores(arena, column)
    told = refused.value.fix or ""
    assert "--column CATEGORY.COLUMN, such as " in told
    assert "coding, " in told
    assert "full" in told
    assert "columns: rating, rating_q975, rating_q025." in told
    assert "gemini" not in told


def test_a_column_of_places_has_its_best_first(tmp_path: Path) -> None:
    rows = "".join(f"m{index},{20 - index},{index}\n" for index in range(20))
    path = board(tmp_path, "model,rank,points\n" + rows)
    found = correlate.correlate_utilities(Board(path, "rank"), path, "points")
    assert (found.verdict, found.lower_is_better) == ("predicts", True)
    assert correlate.to_json(found)["lower_is_better"] is True
    told = correlate.correlate_utilities(Board(path, "rank", lower_is_better=False), path, "points")
    assert told.verdict == "reverses"

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.fakes.runs import accurate, eval_run
from weighbridge.core.errors import InputError
from weighbridge.core.provenance import Provenance
from weighbridge.core.runs import EvalRun
from weighbridge.core.units import GIB
from weighbridge.core.verdict import ModelMemory
from weighbridge.decide.statistics import wilson
from weighbridge.decide.verdict import decide

RIGHT = {
    ("tally", "sums"): 180,
    ("tally", "words"): 10,
    ("clerk", "sums"): 20,
    ("clerk", "words"): 170,
    ("porter", "sums"): 140,
    ("porter", "words"): 160,
}
RUNS = [eval_run(model, task, accurate(right, 200)) for (model, task), right in RIGHT.items()]
SIZES = {"tally": 2 * GIB, "clerk": 2 * GIB, "porter": 3 * GIB}


def memory(sizes: dict[str, int]) -> list[ModelMemory]:
    source = Provenance("measured", "test", "2026-01-05")
    return [ModelMemory(model, size, source) for model, size in sizes.items()]


def without(*dropped: tuple[str, str]) -> list[EvalRun]:
    return [run for run in RUNS if (run.info.model, run.suite) not in dropped]


def test_specialists_where_they_fit_one_model_where_they_do_not() -> None:
    verdict = decide(RUNS, memory(SIZES), 4 * GIB)
    assert verdict.chosen.by_task == (("sums", "tally"), ("words", "clerk"))
    assert verdict.chosen.memory_bytes == 4 * GIB
    assert verdict.chosen.accuracy == pytest.approx((0.9 + 0.85) / 2)
    assert verdict.single.models == ("porter",)
    assert verdict.single.accuracy == pytest.approx(0.75)
    assert verdict.tighter == verdict.single
    assert verdict.mix == (("sums", 0.5), ("words", 0.5))
    narrow = decide(RUNS, memory(SIZES), 4 * GIB - 1)
    assert narrow.chosen == narrow.single
    assert narrow.tighter is not None
    assert narrow.tighter.models == ("tally",)


def test_the_mix_of_traffic_decides_which_single_model_is_best() -> None:
    mostly_sums = decide(RUNS, memory(SIZES), None, {"words": 1, "sums": 9})
    assert mostly_sums.mix == (("sums", 0.9), ("words", 0.1))
    assert mostly_sums.single.models == ("tally",)


def test_standings_are_ranked_with_their_intervals_and_the_lead_is_tested() -> None:
    verdict = decide(RUNS, memory(SIZES), None)
    sums, words = verdict.tasks
    assert [each.model for each in sums.standings] == ["tally", "porter", "clerk"]
    assert sums.winner.accuracy == wilson(180, 200)
    assert sums.winner.run == "eval-tally-sums"
    assert sums.is_clear
    assert sums.lead is not None
    assert (sums.lead.a, sums.lead.b, sums.lead.flips_up) == ("porter", "tally", 40)
    assert words.lead is not None
    assert words.lead.difference.value == pytest.approx(0.05)


def test_the_same_runs_in_another_order_give_the_same_decision() -> None:
    turned = decide(RUNS[::-1], memory(SIZES), 4 * GIB)
    straight = decide(RUNS, memory(SIZES), 4 * GIB)
    assert dict(turned.chosen.by_task) == dict(straight.chosen.by_task)
    assert {task.task: task.standings for task in turned.tasks} == {
        task.task: task.standings for task in straight.tasks
    }


def test_models_without_a_memory_are_left_out() -> None:
    verdict = decide(RUNS, memory({"tally": 1, "porter": 1}), None)
    assert {each.model for task in verdict.tasks for each in task.standings} == {"tally", "porter"}


def test_models_of_unknown_size_have_no_tighter_choice() -> None:
    assert decide(RUNS, memory(dict.fromkeys(SIZES, 0)), None).tighter is None


def test_a_model_that_skipped_a_task_is_not_given_it() -> None:
    verdict = decide(without(("clerk", "words")), memory(SIZES), None)
    assert dict(verdict.chosen.by_task)["words"] == "porter"


@pytest.mark.parametrize(
    ("runs", "budget", "mix", "words"),
    [
        ([], None, None, "no evaluations"),
        (RUNS, GIB, None, r"Nothing fits .* 1.00 GiB. The smallest is (tally|clerk) with 2.00"),
        ([*RUNS, RUNS[0]], None, None, "tally has two evaluations on sums"),
        (RUNS, None, {"sums": 1.0}, "disagree about the task 'words'"),
        (RUNS, None, {"sums": 1.0, "words": 1.0, "wrods": 1.0}, "disagree about the task 'wrods'"),
        (RUNS, None, {"sums": 2.0, "words": -1.0}, "must be positive"),
        (RUNS, None, {"sums": 0.0, "words": 0.0}, "must be positive"),
        (without(("tally", "words"), ("clerk", "sums"), ("porter", "sums")), None, None, "No sing"),
        (
            [*without(("clerk", "sums")), eval_run("clerk", "sums", [True], suite_hash="other")],
            None,
            None,
            "different versions of sums",
        ),
    ],
)
def test_what_cannot_be_decided_is_said(
    runs: Iterable[EvalRun], budget: int | None, mix: dict[str, float] | None, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        decide(list(runs), memory(SIZES), budget, mix)

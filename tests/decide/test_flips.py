from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.core.provenance import Interval
from weighbridge.core.tradeoffs import Flip
from weighbridge.core.units import GIB
from weighbridge.core.verdict import Assignment, ModelEvidence, TaskVerdict
from weighbridge.decide import flips
from weighbridge.decide.assignment import solve
from weighbridge.decide.problem import Problem

ACCURACY = {
    "sums": {"tally": 0.9, "clerk": 0.1, "porter": 0.7},
    "words": {"tally": 0.1, "clerk": 0.9, "porter": 0.8},
}
SIZES = {"tally": 2 * GIB, "clerk": 2 * GIB, "porter": 3 * GIB}


def problem(budget: int | None = None, share: float = 0.5, **more: object) -> Problem:
    mix = {"sums": share, "words": 1 - share}
    return Problem(ACCURACY, mix, SIZES, budget_bytes=budget, **more)  # type: ignore[arg-type]


def solved(asked: Problem) -> Assignment:
    found = solve(asked)
    assert found is not None
    return found


def memory(asked: Problem) -> list[Flip]:
    return list(flips.memory_flips(asked, solved(asked)))


def test_memory_flips_down_where_the_choice_no_longer_fits_and_up_where_better_does() -> None:
    less, more = memory(problem(3 * GIB))
    assert (less.now, less.flips_at) == (3 * GIB, 3 * GIB)
    assert less.sentence == "With less memory than 3.00 GiB it is tally for everything."
    assert (more.now, more.flips_at) == (3 * GIB, 4 * GIB)
    assert more.sentence == (
        "From 4.00 GiB on it is tally for sums, clerk for words, 15.0 points better."
    )


def test_memory_that_nothing_more_is_gained_from_says_so() -> None:
    less, more = memory(problem(5 * GIB))
    assert less.flips_at == 4 * GIB
    assert less.sentence == "With less memory than 4.00 GiB it is porter for everything."
    assert (more.flips_at, more.sentence) == (None, "No larger memory budget changes the choice.")
    (only,) = memory(problem())
    assert (only.now, only.flips_at) == (None, 4 * GIB)
    less, _ = memory(problem(2 * GIB))
    assert less.sentence == "With less memory than 2.00 GiB nothing fits."


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 6).map(lambda gib: gib * GIB))
def test_at_its_flips_the_choice_really_changes_and_between_them_it_does_not(budget: int) -> None:
    asked = problem(budget)
    chosen = solved(asked)
    less, more = memory(asked)
    assert less.flips_at is not None
    assert solved(problem(int(less.flips_at))).by_task == chosen.by_task
    below = solve(problem(int(less.flips_at) - 1))
    assert below is None or below.by_task != chosen.by_task
    if more.flips_at is not None:
        assert solved(problem(int(more.flips_at))).accuracy > chosen.accuracy
        assert solved(problem(int(more.flips_at) - 1)).accuracy == pytest.approx(chosen.accuracy)


def test_devices_flip_by_one() -> None:
    fewer, more = memory(problem(device_bytes=(2 * GIB, 2 * GIB)))
    assert fewer.sentence == "With one device less it is tally for everything."
    assert (fewer.now, fewer.flips_at) == (2, 1)
    assert (more.flips_at, more.sentence) == (None, "One device more changes nothing.")
    fewer, more = memory(problem(device_bytes=(2 * GIB,)))
    assert fewer.sentence == "With one device less nothing fits."
    assert more.sentence == "With one device more it is tally for sums, clerk for words."


@pytest.mark.parametrize(
    ("share", "at", "other", "side"),
    # porter: 0.8 - 0.1 s; tally: 0.1 + 0.8 s; clerk: 0.9 - 0.8 s.
    [(0.5, 7 / 9, "tally", "above"), (0.2, 1 / 7, "clerk", "below")],
)
def test_the_share_flips_where_the_lines_of_two_models_cross(
    share: float, at: float, other: str, side: str
) -> None:
    asked = problem(share=share)
    single = solve(Problem(ACCURACY, asked.mix, SIZES, max_models=1))
    assert single is not None
    (flip,) = flips.share_flips(asked, single)
    assert flip.what == "share of sums"
    assert flip.now == pytest.approx(share)
    assert flip.flips_at == pytest.approx(at)
    assert flip.sentence == (
        f"If sums were {side} {100 * at:.0f} % of the traffic ({100 * share:.0f} % now), the best "
        f"single model would be {other} instead of porter."
    )


def test_a_model_that_is_best_at_everything_stays_whatever_the_share() -> None:
    accuracy = {task: {"good": 0.9, "poor": 0.5} for task in ("a", "b", "c")}
    asked = Problem(accuracy, dict.fromkeys(accuracy, 1 / 3), {"good": 1, "poor": 1})
    found = list(flips.share_flips(asked, solved(asked)))
    assert [flip.flips_at for flip in found] == [None, None, None]
    assert found[0].sentence == "Whatever the share of a, good stays the best single model."


def test_a_model_too_large_for_the_budget_is_no_rival() -> None:
    asked = problem(2 * GIB)
    single = solved(Problem(ACCURACY, asked.mix, SIZES, budget_bytes=2 * GIB, max_models=1))
    (flip,) = flips.share_flips(asked, single)
    assert "porter" not in flip.sentence


def test_the_load_flips_where_the_fullest_replicas_are_full() -> None:
    asked = problem(
        demand={"sums": 6.0, "words": 2.0}, capacity={"tally": 4.0, "clerk": 8.0, "porter": 1.0}
    )
    chosen = solved(asked)
    assert dict(chosen.replicas) == {"tally": 2, "clerk": 1}
    (flip,) = flips.load_flips(asked, chosen)
    # tally: 2 × 4 for 6 of 8: the whole load may grow by a third.
    assert flip.now == 8.0
    assert flip.flips_at == pytest.approx(8 * 8 / 6)
    assert flip.sentence == (
        "These replicas are taken to serve up to 10.7 requests/s; beyond that tally needs another "
        "replica."
    )
    (users,) = flips.load_flips(asked, chosen, "users")
    assert "up to 10 users;" in users.sentence
    assert list(flips.load_flips(problem(), solved(problem()))) == []


def test_the_runner_up_lacks_points() -> None:
    standings = tuple(
        ModelEvidence(model, "sums", 9, Interval(value, value, value), "run")
        for model, value in (("tally", 0.9), ("porter", 0.7))
    )
    task = TaskVerdict("sums", standings, None)
    (flip,) = flips.lead_flips(task, Assignment(("tally",), (("sums", "tally"),), 0.9, 1))
    assert flip.sentence == "On sums, porter lacks 20.0 points to tally."
    assert flip.now == pytest.approx(70)
    assert flip.flips_at == pytest.approx(90)
    # What is better already is kept out by another constraint, not by points.
    assert not list(flips.lead_flips(task, Assignment(("porter",), (("sums", "porter"),), 0.7, 1)))

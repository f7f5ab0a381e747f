from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shared_data import shared
from weighbridge.core.ballots import Ballot, Choice, Counts
from weighbridge.core.errors import InputError
from weighbridge.decide.rating_comparisons import comparisons
from weighbridge.decide.rating_results import position_bias, rating_results
from weighbridge.decide.statistics import wilson

LABELS: dict[int, Choice] = {0: "tie", 1: "a", 2: "b"}


def panda_lm() -> list[Ballot]:
    path = shared("data", "votes", "pandalm_testset_v1.json")
    ballots = []
    for row in json.loads(path.read_text(encoding="utf-8")):
        a, b = row["cmp_key"].split("_")
        item = f"{row['instruction']}\n{row['input']}"
        ballots += [
            Ballot(item, f"r{rater}", a, b, LABELS[row[f"annotator{rater}"]]) for rater in (1, 2, 3)
        ]
    return ballots


def test_three_raters_of_published_votes_have_the_published_truth() -> None:
    found = rating_results(panda_lm())
    assert found.counts == Counts(422, 472, 105, 0)
    assert found.votes.total == 2997
    assert [one.kappa for one in found.cohen] == pytest.approx([0.852, 0.879, 0.862], abs=5e-4)
    assert found.ratings is not None
    elo = {one.model: one.elo.value for one in found.ratings.ratings}
    assert elo == pytest.approx(
        {"bloom-7b": 0.0, "cerebras-gpt-6.7B": -90.1, "llama-7b": 129.0, "opt-7b": -39.0,
         "pythia-6.9b": 15.9},
        abs=0.05,
    )  # fmt: skip
    assert all(29 < one.error < 32 for one in found.ratings.ratings if one.error)
    # Every pair always stands in one order there, so no side can be told from a model.
    assert found.position.share is None


def test_turned_sides_change_nothing_but_what_a_means() -> None:
    turn: dict[Choice, Choice] = {"a": "b", "b": "a", "tie": "tie", "both_bad": "both_bad"}
    random_ = random.Random(1)  # noqa: S311 -- a test's
    ballots = panda_lm()
    turned = [
        Ballot(one.item, one.rater, one.b, one.a, turn[one.winner])
        if random_.random() < 0.5
        else one
        for one in ballots
    ]
    plain, mixed = (rating_results(each, order=["bloom-7b"]) for each in (ballots, turned))
    assert plain.ratings is not None
    assert mixed.ratings is not None
    elo = [
        {one.model: one.elo.value for one in ratings.ratings}
        for ratings in (plain.ratings, mixed.ratings)
    ]
    assert elo[0] == pytest.approx(elo[1])
    assert [one.rate for one in mixed.win_rates] == [one.rate for one in plain.win_rates]
    # With sides by chance there is no preference for one in these votes.
    share = mixed.position.share
    assert share is not None
    assert share.low < 0.5 < share.high


@pytest.mark.parametrize(
    ("labels", "majority"),
    [
        ("a", "a"), ("aab", "a"), ("abb", "b"), ("ab", "tie"), ("abt", "tie"), ("at", "tie"),
        ("attx", "tie"), ("axx", "both_bad"), ("tx", "tie"), ("aatx", "tie"), ("aaatx", "a"),
    ],
)  # fmt: skip
def test_the_majority(labels: str, majority: str) -> None:
    choices: dict[str, Choice] = {"a": "a", "b": "b", "t": "tie", "x": "both_bad"}
    ballots = [Ballot("i", f"r{n}", "x", "y", choices[one]) for n, one in enumerate(labels)]
    (found,) = comparisons(ballots)
    assert found.label == majority


def test_raters_who_saw_other_sides_are_turned() -> None:
    ballots = [Ballot("i", "p", "x", "y", "a"), Ballot("i", "q", "y", "x", "b")]
    (found,) = comparisons(ballots)
    assert found.labels == (("p", "a"), ("q", "a"))
    (found,) = comparisons(ballots, ["y", "x"])
    assert found.labels == (("p", "b"), ("q", "b"))
    assert found.score("x") == 1


def test_votes_without_a_name_are_never_merged() -> None:
    ballots = [Ballot("i", "", "x", "y", "a")] * 3
    assert len(comparisons(ballots)) == 3
    found = rating_results(ballots)
    assert found.raters == ()
    assert found.fleiss is None


def test_a_rate_over_few_inputs_is_as_wide_as_its_inputs_are_few() -> None:
    # Ten comparisons on each of eight inputs, all alike within an input: worth eight.
    ballots = [
        Ballot(f"i{item}", f"r{rater}", *pair, "a" if item % 2 else "b")
        for item in range(8)
        for rater in range(1)
        for pair in [("x", f"y{other}") for other in range(10)]
    ]
    rate = next(one for one in rating_results(ballots).win_rates if one.model == "x")
    assert rate.n == 80
    width = rate.rate.high - rate.rate.low
    eight = wilson(4, 8)
    assert width >= eight.high - eight.low


def test_standing_first_is_found_whoever_is_better() -> None:
    random_ = random.Random(7)  # noqa: S311 -- a test's

    def vote(number: int, bias: float) -> Ballot:
        a, b = ("x", "y") if random_.random() < 0.8 else ("y", "x")  # x mostly first, and better
        chance = (0.8 if a == "x" else 0.2) + bias
        return Ballot(f"i{number}", "r", a, b, "a" if random_.random() < chance else "b")

    fair = position_bias([vote(number, 0.0) for number in range(4000)])
    assert fair.share is not None
    assert fair.share.low < 0.5 < fair.share.high
    biased = position_bias([vote(number, 0.12) for number in range(4000)])
    assert biased.share is not None
    assert biased.share.low > 0.55
    assert "standing first helps" in biased.sentence


def test_judges_stand_apart() -> None:
    people = [Ballot(f"i{n}", "p", "x", "y", "a" if n < 20 else "b") for n in range(30)]
    judged = [
        Ballot(f"i{n}", "big", "x", "y", "a" if n < 25 else "b", judge=True, inconsistent=n < 3)
        for n in range(30)
    ]
    found = rating_results([*people, *judged])
    assert found.counts == Counts(20, 10)
    assert found.raters == ("p",)
    (judge,) = found.judges
    assert judge.counts == Counts(25, 5)
    assert judge.inconsistency is not None
    assert judge.inconsistency.value == pytest.approx(0.1)
    assert judge.agreement is not None
    assert judge.agreement.share == pytest.approx(25 / 30)


def test_tasks_apart_and_models_that_never_met() -> None:
    ballots = [
        *(Ballot(f"i{n}", "p", "x", "y", "a" if n % 3 else "b", task="t") for n in range(9)),
        *(Ballot(f"j{n}", "p", "v", "w", "tie", task="u") for n in range(3)),
    ]
    found = rating_results(ballots)
    assert found.ratings is None
    assert "never compared" in found.notes[0]
    first, second = found.tasks
    assert (first.task, first.counts) == ("t", Counts(6, 3))
    assert first.ratings is not None
    assert second.counts == Counts(tie=3)


def test_nothing_to_say() -> None:
    with pytest.raises(InputError, match="no votes"):
        rating_results([])
    with pytest.raises(InputError, match="no vote on 'z'"):
        rating_results([Ballot("i", "p", "x", "y", "a")], reference="z")


BALLOTS = st.lists(
    st.builds(
        Ballot,
        st.sampled_from("ijk"),
        st.sampled_from(("", "p", "q", "r")),
        st.just("x"),
        st.sampled_from("yz"),
        st.sampled_from(("a", "b", "tie", "both_bad")),
    ),
    min_size=1,
    max_size=40,
)


@given(ballots=BALLOTS)
def test_every_vote_is_in_one_comparison(ballots: list[Ballot]) -> None:
    found = comparisons(ballots)
    assert sum(len(one.labels) for one in found) == len(ballots)
    for one in found:
        names = [rater for rater, _ in one.labels]
        assert len(set(names)) == len(names)
    results = rating_results(ballots)
    assert results.counts.total == len(found)
    for rate in results.win_rates:
        assert 0 <= rate.rate.low <= rate.rate.value <= rate.rate.high <= 1


def test_strengths_and_win_rates_do_not_contradict() -> None:
    found = rating_results(
        [Ballot(f"i{n}", "p", "x", "y", "a" if n < 5 else "tie") for n in range(200)]
    )
    assert found.ratings is not None
    assert not found.ratings.differences[0].real
    assert all(one.rate.low < 0.5 < one.rate.high for one in found.win_rates)


def test_both_models_of_ties_are_given() -> None:
    found = rating_results(panda_lm())
    assert found.davidson is not None
    assert found.davidson.nu == pytest.approx(0.251, abs=5e-4)
    decided = rating_results([Ballot(f"i{n}", "p", "x", "y", "ab"[n % 2]) for n in range(40)])  # type: ignore[arg-type]
    assert decided.davidson is None


def test_what_a_and_b_stand_for_does_not_hang_on_the_first_ballot() -> None:
    ballots = [Ballot(f"i{n}", "p", "x", "y", "a") for n in range(30)]
    ballots += [Ballot(f"j{n}", "p", "y", "x", "a") for n in range(10)]
    turned = list(reversed(ballots))
    for each in (ballots, turned):
        found = rating_results(each)
        assert (found.sides, found.counts) == (("x", "y"), Counts(30, 10))
    assert rating_results(ballots, order=["y", "x"]).sides == ("y", "x")
    assert rating_results(panda_lm()).sides is None
    assert rating_results(panda_lm()).counts.decided == 894


def test_notes_on_raters_say_what_is_so() -> None:
    nameless = [Ballot(f"i{n}", "", "x", "y", "a" if n % 2 else "b") for n in range(40)]
    assert rating_results(nameless).notes == (
        "No vote says who cast it: how far raters agree is not known.",
    )
    judged = [Ballot(f"i{n}", "big", "x", "y", "a", judge=True) for n in range(40)]
    assert rating_results(judged).notes == ()

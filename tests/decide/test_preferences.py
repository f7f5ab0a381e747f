from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from tests.shared_data import shared
from weighbridge.core.errors import InputError
from weighbridge.core.preferences import Ratings, Vote, Winner
from weighbridge.decide.preferences import ELO, bradley_terry, davidson
from weighbridge.decide.statistics.multiplicity import holm
from weighbridge.decide.statistics.paired import Floats

WINNERS: dict[int, Winner] = {0: "tie", 1: "a", 2: "b"}
VOTES = st.lists(
    st.builds(
        Vote,
        st.sampled_from("pqrstu"),
        st.just("x"),
        st.sampled_from("yz"),
        st.sampled_from(("a", "b", "tie")),
    ),
    min_size=1,
    max_size=60,
)


def panda_lm() -> list[dict[str, Any]]:
    path = shared("data", "votes", "pandalm_testset_v1.json")
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return rows


def majority(rows: Sequence[dict[str, Any]]) -> list[Vote]:
    votes = []
    for row in rows:
        label = Counter(row[f"annotator{rater}"] for rater in (1, 2, 3)).most_common(1)[0][0]
        a, b = row["cmp_key"].split("_")
        votes.append(Vote(f"{row['instruction']}\n{row['input']}", a, b, WINNERS[label]))
    return votes


def elo(found: Ratings) -> dict[str, float]:
    return {rating.model: rating.elo.value for rating in found.ratings}


def test_real_votes_have_the_published_counts_and_strengths() -> None:
    votes = majority(panda_lm())
    assert Counter(vote.winner for vote in votes) == {"tie": 105, "a": 422, "b": 472}
    found = bradley_terry(votes, reference="bloom-7b")
    assert found.items == 170
    assert elo(found) == pytest.approx(
        {"bloom-7b": 0.0, "cerebras-gpt-6.7B": -90.1, "llama-7b": 129.0, "opt-7b": -39.0,
         "pythia-6.9b": 15.9},
        abs=0.05,
    )  # fmt: skip
    # Clustered by prompt; errors of independent votes would be about 23.
    assert all(29 < one.error < 32 for one in found.ratings if one.model != "bloom-7b")
    assert found.pseudo_votes == 0
    assert found.notes == ()


def test_real_votes_without_ties_have_the_published_strengths() -> None:
    votes = [vote for vote in majority(panda_lm()) if vote.winner != "tie"]
    assert elo(bradley_terry(votes, reference="bloom-7b")) == pytest.approx(
        {"bloom-7b": 0.0, "cerebras-gpt-6.7B": -100.2, "llama-7b": 143.0, "opt-7b": -45.6,
         "pythia-6.9b": 18.8},
        abs=0.05,
    )  # fmt: skip


def test_real_votes_with_ties_modelled_have_the_published_strengths() -> None:
    found = davidson(majority(panda_lm()), reference="bloom-7b")
    assert elo(found) == pytest.approx(
        {"bloom-7b": 0.0, "cerebras-gpt-6.7B": -101.8, "llama-7b": 145.9, "opt-7b": -44.1,
         "pythia-6.9b": 18.0},
        abs=0.05,
    )  # fmt: skip
    assert found.nu == pytest.approx(0.251, abs=0.0005)


def test_davidsons_strengths_are_of_greatest_likelihood() -> None:
    votes = majority(panda_lm())
    models = sorted({name for vote in votes for name in (vote.a, vote.b)})
    place = {model: index for index, model in enumerate(models)}

    def loss(parameters: Floats) -> float:
        strengths, nu = np.append(0.0, parameters[:-1]), math.exp(parameters[-1])
        total = 0.0
        for vote in votes:
            first, second = (math.exp(strengths[place[name]]) for name in (vote.a, vote.b))
            tie = nu * math.sqrt(first * second)
            won = {"a": first, "b": second, "tie": tie}[vote.winner]
            total -= math.log(won / (first + second + tie))
        return total

    best = minimize(loss, np.zeros(len(models)), method="BFGS").x
    ours = elo(davidson(votes, reference=models[0]))
    assert [ours[model] for model in models[1:]] == pytest.approx(ELO * best[:-1], abs=0.05)


def test_two_models_have_the_log_odds_of_their_votes() -> None:
    votes = [Vote(f"i{index}", "x", "y", "a" if index < 30 else "b") for index in range(40)]
    found = bradley_terry(votes, reference="y")
    assert elo(found)["x"] == pytest.approx(400 * math.log10(3))
    # Of independent votes the error is 1 / sqrt(n p q); the sandwich has n / (n − 1) on top.
    error = ELO / math.sqrt(40 * 0.75 * 0.25) * math.sqrt(40 / 39)
    assert found.ratings[0].error == pytest.approx(error)
    assert (found.ratings[0].comparisons, found.ratings[0].wins) == (40, 30)


def test_copies_of_votes_on_an_input_tell_no_more() -> None:
    votes = [Vote(f"i{index}", "x", "y", "a" if index % 3 else "b") for index in range(60)]
    once, often = bradley_terry(votes), bradley_terry(votes * 4)
    assert often.ratings[0].error == pytest.approx(once.ratings[0].error)


@pytest.mark.parametrize("fit", [bradley_terry, davidson])
@given(votes=VOTES)
@settings(max_examples=40, deadline=None)
def test_sides_and_order_do_not_matter(
    fit: Callable[[Sequence[Vote]], Ratings], votes: list[Vote]
) -> None:
    swap: dict[Winner, Winner] = {"a": "b", "b": "a", "tie": "tie"}
    swapped = [Vote(v.item, v.b, v.a, swap[v.winner]) for v in reversed(votes)]
    there, back = fit(votes), fit(swapped)
    assert elo(there) == pytest.approx(elo(back), abs=1e-4)
    errors = {one.model: one.error for one in there.ratings}
    assert errors == pytest.approx({one.model: one.error for one in back.ratings}, abs=1e-3)
    assert sum(elo(there).values()) == pytest.approx(0, abs=1e-6)
    for one in there.ratings:
        assert math.isfinite(one.elo.value)
        assert one.elo.low <= one.elo.value <= one.elo.high


def test_a_model_that_always_wins_has_a_finite_strength_and_a_note() -> None:
    votes = [Vote(f"i{index}", "x", "y", "a") for index in range(30)]
    found = bradley_terry(votes)
    assert found.pseudo_votes == 1
    assert "made-up votes" in found.notes[0]
    best, worst = found.ratings
    assert (best.model, best.comparisons, best.wins) == ("x", 30, 30)
    assert best.elo.value == pytest.approx(ELO * math.log(30.5 / 0.5) / 2)
    assert best.error > 100
    assert worst.elo.value == -best.elo.value
    tied = [*votes, Vote("i30", "x", "y", "tie")]
    assert bradley_terry(tied).pseudo_votes == 0


def test_a_chain_of_models_of_which_each_always_beats_the_next_is_separated() -> None:
    votes = [Vote("i", "x", "y", "a"), Vote("j", "y", "z", "a"), Vote("k", "z", "y", "b")]
    assert bradley_terry(votes).pseudo_votes == 2
    circle = [*votes, Vote("l", "z", "x", "a")]
    assert bradley_terry(circle).pseudo_votes == 0


def test_ties_alone_leave_all_equal() -> None:
    found = davidson([Vote(f"i{index}", "x", "y", "tie") for index in range(30)])
    assert elo(found) == pytest.approx({"x": 0, "y": 0}, abs=1e-6)
    assert found.pseudo_votes == 1
    assert found.nu == pytest.approx(60)  # 30 ties to half a win on each side


def test_without_ties_davidsons_model_is_bradley_and_terrys() -> None:
    votes = [Vote(f"i{index}", "x", "y", "a" if index % 3 else "b") for index in range(30)]
    found = davidson(votes)
    assert elo(found) == elo(bradley_terry(votes))
    assert found.nu == 0


def test_few_inputs_are_said_to_be_few() -> None:
    votes = [Vote(f"i{index % 3}", "x", "y", "a" if index % 2 else "b") for index in range(30)]
    assert "votes on 3 inputs only" in bradley_terry(votes).notes[0]
    one = bradley_terry([Vote("i", "x", "y", "a"), Vote("i", "x", "y", "b")])
    assert math.isinf(one.ratings[0].elo.high)
    assert "votes on 1 input only" in one.notes[0]


def test_votes_that_cannot_be_rated_are_refused() -> None:
    with pytest.raises(InputError, match="no votes"):
        bradley_terry([])
    with pytest.raises(InputError, match="between x and itself"):
        bradley_terry([Vote("i", "x", "x", "a")])
    with pytest.raises(InputError, match="never compared"):
        bradley_terry([Vote("i", "v", "w", "a"), Vote("i", "x", "y", "a")])
    with pytest.raises(InputError, match="no vote on 'z'"):
        bradley_terry([Vote("i", "x", "y", "a")], reference="z")


def test_ties_alone_are_no_certainty() -> None:
    found = bradley_terry([Vote(f"i{n}", "x", "y", "tie") for n in range(200)], reference="x")
    other = next(one for one in found.ratings if one.model == "y")
    # As wide as Bonett and Price's interval of no flip in 200 items.
    assert other.elo.high == pytest.approx(4.8, abs=0.1)
    assert "All 200 votes are ties" in found.notes[0]


@pytest.mark.parametrize(("wins", "tells"), [(5, False), (6, True)])
def test_few_decided_votes_tell_what_the_sign_test_does(wins: int, *, tells: bool) -> None:
    votes = [Vote(f"i{n}", "x", "y", "a" if n < wins else "tie") for n in range(200)]
    found = bradley_terry(votes)
    (difference,) = found.differences
    assert difference.real is tells
    assert difference.p == pytest.approx(2 * 0.5**wins, abs=0.005)
    assert f"of those on x, {wins}" in found.notes[0]


def test_one_input_with_most_of_the_votes_is_not_one_of_many() -> None:
    votes = [Vote("big", "x", "y", "a" if n < 45 else "b") for n in range(60)]
    votes += [Vote(f"i{n // 2}", "x", "y", "a" if n % 2 else "b") for n in range(48)]
    found = bradley_terry(votes)
    assert found.ratings[0].elo.low < 0
    assert "A few of the 25 inputs have most of the votes" in found.notes[-1]


def test_every_pair_has_a_difference_with_holms_p() -> None:
    found = bradley_terry(majority(panda_lm()), reference="bloom-7b")
    assert len(found.differences) == 10
    assert [one.p_adjusted for one in found.differences] == pytest.approx(
        holm([one.p for one in found.differences])
    )
    strengths = elo(found)
    for one in found.differences:
        assert one.elo.value == pytest.approx(strengths[one.b] - strengths[one.a])
        assert one.elo.value >= 0
    to_reference = next(
        one for one in found.differences if (one.a, one.b) == ("bloom-7b", "llama-7b")
    )
    assert to_reference.elo == found.ratings[0].elo
    assert to_reference.sentence.startswith("llama-7b is preferred to bloom-7b (+129 Elo")
    assert [one.real for one in found.differences].count(True) == 6


def test_the_weight_of_ties_has_an_interval() -> None:
    found = davidson(majority(panda_lm()))
    assert found.nu_interval is not None
    assert (found.nu_interval.low, found.nu_interval.high) == pytest.approx(
        (0.161, 0.392), abs=0.001
    )

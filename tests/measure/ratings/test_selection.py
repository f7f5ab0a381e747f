from __future__ import annotations

import random
from collections import Counter

import pytest

from weighbridge.core.ballots import Ballot
from weighbridge.measure.ratings.selection import Field, next_pairing


def field(models: str = "xyz", items: int = 40, *, target: int = 40, seed: int = 1) -> Field:
    names = [f"i{n}" for n in range(items)]
    texts = {(item, model): f"{item} by {model}" for item in names for model in models}
    return Field(list(models), texts, names, seed, target)


def rate(one: Field, rater: str, ballots: list[Ballot], chance: dict[str, float]) -> None:
    random_ = random.Random(rater)  # noqa: S311 -- a test's
    while (found := next_pairing(one, rater, ballots)) is not None:
        a, b = chance[found.a], chance[found.b]
        winner = "a" if random_.random() < a / (a + b) else "b"
        ballots.append(Ballot(found.item, rater, found.a, found.b, winner))  # type: ignore[arg-type]


EVEN = {"x": 1.0, "y": 1.0, "z": 1.0}


def test_a_rater_sees_each_input_once_and_stops_at_the_target() -> None:
    ballots: list[Ballot] = []
    rate(field(), "p", ballots, EVEN)
    assert len(ballots) == 40
    assert len({one.item for one in ballots}) == 40


def test_then_other_pairs_of_the_same_inputs_and_never_one_twice() -> None:
    ballots: list[Ballot] = []
    rate(field(items=5, target=99), "p", ballots, EVEN)
    keys = {(one.item, *sorted((one.a, one.b))) for one in ballots}
    assert len(ballots) == len(keys) == 15
    assert Counter(one.item for one in ballots[:5]).most_common(1)[0][1] == 1


def test_every_rater_begins_with_the_same_comparisons_in_another_order() -> None:
    one, firsts, orders = field(), [], []
    for rater in "pqr":
        ballots: list[Ballot] = []
        rate(one, rater, ballots, EVEN)
        keys = [(b.item, *sorted((b.a, b.b))) for b in ballots[:10]]
        firsts.append(set(keys))
        orders.append(keys)
    assert firsts[0] == firsts[1] == firsts[2]
    assert orders[0] != orders[1]


def test_pairs_are_even_first() -> None:
    ballots: list[Ballot] = []
    rate(field(items=30, target=30), "p", ballots, EVEN)
    counts = Counter(tuple(sorted((one.a, one.b))) for one in ballots)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_then_ballots_go_where_the_order_is_least_certain() -> None:
    ballots: list[Ballot] = []
    # z is far behind; x and y are close.
    one = field(items=400, target=400)
    rate(one, "p", ballots, {"x": 1.0, "y": 0.9, "z": 0.02})
    counts = Counter(tuple(sorted((b.a, b.b))) for b in ballots)
    assert counts["x", "y"] > 1.5 * counts["x", "z"]
    assert min(counts.values()) > 40, "none is starved"


def test_sides_are_drawn_per_rater_and_input_and_come_out_even() -> None:
    lefts: Counter[str] = Counter()
    for rater in range(20):
        ballots: list[Ballot] = []
        rate(field("xy"), f"r{rater}", ballots, EVEN)
        lefts.update(one.a for one in ballots)
    assert 330 < lefts["x"] < 470
    one = next_pairing(field("xy"), "p", [])
    assert one == next_pairing(field("xy"), "p", [])
    orders = {str(next_pairing(field("xy", seed=seed), "p", [])) for seed in range(8)}
    assert len(orders) > 1


@pytest.mark.parametrize("target", [1, 7])
def test_alike_and_missing_answers_are_not_shown(target: int) -> None:
    texts = {("i", "x"): "same", ("i", "y"): "same", ("j", "x"): "one", ("j", "y"): "other",
             ("k", "x"): "alone"}  # fmt: skip
    one = Field(["x", "y"], texts, ["i", "j", "k"], 1, target)
    ballots: list[Ballot] = []
    rate(one, "p", ballots, EVEN)
    assert [b.item for b in ballots] == ["j"]
    assert (one.alike, one.most) == ({("x", "y"): 1}, 1)
    assert one.answered(("x", "y")) == 2

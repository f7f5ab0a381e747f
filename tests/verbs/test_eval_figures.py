from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.runs import accurate, eval_run, item_result
from weighbridge.core.routing import Price
from weighbridge.core.runs import EvalRun
from weighbridge.decide.statistics import wilson
from weighbridge.measure.evals.records import Item, Suite, SuiteFile, make_suite
from weighbridge.measure.evals.subset import chosen
from weighbridge.verbs.eval_dry_run import dry_run
from weighbridge.verbs.eval_figures import (
    accuracy,
    cost_usd,
    live_note,
    notes,
    pass_at,
    powers_up_to,
    to_json,
)


def repeated(rights: list[list[bool]]) -> EvalRun:
    """A run of several answers to each item."""
    run = eval_run("m", "s", [])
    items = tuple(
        replace(item_result(number, correct=right), repeat=repeat)
        for number, told in enumerate(rights)
        for repeat, right in enumerate(told)
    )
    return replace(run, items=items, repeats=len(rights[0]))


def test_one_answer_per_item_has_wilsons_interval() -> None:
    assert accuracy(eval_run("m", "s", accurate(70, 100))) == wilson(70, 100)


def test_asking_more_often_does_not_look_like_knowing_more() -> None:
    once = accuracy(repeated([[True], [False], [True], [True]]))
    often = accuracy(repeated([[True] * 25, [False] * 25, [True] * 25, [True] * 25]))
    assert often == once
    mixed = accuracy(repeated([[True, False], [True, True]]))
    assert (mixed.value, mixed) == (0.75, wilson(1.5, 2))


def test_items_of_a_group_are_counted_as_one_in_the_interval() -> None:
    run = eval_run("m", "s", accurate(60, 100))
    grouped = replace(
        run, items=tuple(replace(item, group=str(n // 10)) for n, item in enumerate(run.items))
    )
    assert accuracy(grouped).value == pytest.approx(0.6)
    assert accuracy(grouped).low == pytest.approx(wilson(6, 10).low)
    assert accuracy(grouped).high == pytest.approx(wilson(6, 10).high)


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=5))
def test_pass_at_k_is_the_share_of_draws_with_a_right_one(rights: list[list[bool]]) -> None:
    run = repeated(rights)
    for k in (1, 2, 4):
        draws = [[any(drawn) for drawn in combinations(told, k)] for told in rights]
        expected = sum(sum(told) / len(told) for told in draws) / len(draws)
        assert pass_at(run, k) == pytest.approx(expected)
    assert pass_at(run, 1) == pytest.approx(run.accuracy)


def test_powers() -> None:
    assert [powers_up_to(n) for n in (1, 2, 3, 8)] == [[1], [1, 2], [1, 2, 3], [1, 2, 4, 8]]


def test_failures_are_listed_one_by_one() -> None:
    run = eval_run("m", "s", [True, False, False])
    failed = replace(run.items[1], error="timeout", detail="too late", answer="")
    told = to_json(replace(run, items=(run.items[0], failed, run.items[2])))
    assert (told["n"], told["correct"], told["errors"]) == (3, 1, 1)
    assert told["failed"] == [
        {"id": "item-1", "repeat": 0, "error": "timeout", "detail": "too late"}
    ]
    assert "pass_at" not in told


def test_costs_are_of_all_tokens() -> None:
    items = [replace(item_result(n, correct=True), prompt_tokens=1000) for n in range(2)]
    assert cost_usd(items, Price(prompt=2.0, output=10.0)) == pytest.approx((4000 + 60) / 1e6)
    assert to_json(eval_run("m", "s", [True]), Price(prompt=1.0))["cost_usd"] == 0


def test_notes_of_scorers_are_summed_up() -> None:
    items = [
        replace(item_result(0, correct=False), notes={"wrong": ["date", "total"]}),
        replace(item_result(1, correct=False), notes={"wrong": ["date"]}),
        replace(item_result(2, correct=True), notes={"inconsistent": True}),
        replace(item_result(3, correct=True), notes={"inconsistent": False}),
    ]
    assert notes(items) == {"wrong": {"date": 2, "total": 1}, "judged": 2, "inconsistent": 0.5}
    assert notes(items[3:]) == {"judged": 1, "inconsistent": 0.0}


def test_the_note_while_it_runs() -> None:
    assert live_note(9, 10) == "90.0 % right [59.6, 98.2]"


# -- Parts of suites, and dry runs ---------------------------------------------------------------


def suite(count: int = 100, **told: object) -> Suite:
    settings = SuiteFile(name="s", prompt="p", scorer="exact", **told)  # type: ignore[arg-type]
    return make_suite(settings, tuple(Item(str(n), "x" * 90, "y") for n in range(count)))


def test_a_random_part_is_the_same_for_a_seed_and_in_order() -> None:
    whole = suite()
    one, again, other = chosen(whole, 10, 1), chosen(whole, 10, 1), chosen(whole, 10, 2)
    assert one == again
    assert one.hash != other.hash
    numbers = [int(item.id) for item in one.items]
    assert numbers == sorted(set(numbers)) != list(range(10))
    assert chosen(whole, 10, None) == whole.head(10)
    assert chosen(whole, None, 1) is chosen(whole, 100, 1) is whole


def test_a_dry_run_tells_how_much_it_would_be() -> None:
    told = dry_run(suite(10, system="s" * 90, max_tokens=50), 3, Price(prompt=1.0, output=2.0))
    assert (told.items, told.samples, told.most_output_tokens) == (10, 30, 1500)
    assert told.prompts == ((("system", "s" * 90), ("user", "x" * 90)),) * 3
    # 180 bytes and 2 turns each: 40 to 60 tokens, and 4 a turn.
    assert told.prompt_tokens == (30 * 48, 30 * 68)
    assert told.most_cost_usd == pytest.approx((30 * 68 + 2 * 1500) / 1e6)
    assert dry_run(suite(1), 1, None).to_json()["cost_usd_most"] is None

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.runs import accurate, eval_run, item_result
from weighbridge.core.provenance import Interval
from weighbridge.core.routing import Price
from weighbridge.core.runs import EvalRun
from weighbridge.decide.model_comparison import compare_models
from weighbridge.decide.statistics import run_accuracy, wilson
from weighbridge.measure.evals.records import Item, Suite, SuiteFile, make_suite
from weighbridge.measure.evals.subset import chosen
from weighbridge.verbs.eval_dry_run import dry_run
from weighbridge.verbs.eval_figures import figures_of, live_note, powers_up_to, to_json
from weighbridge.verbs.run_outcomes import outcomes_of_runs


def repeated(rights: list[list[bool]]) -> EvalRun:
    """A run of several answers to each item."""
    run = eval_run("m", "s", [])
    items = tuple(
        replace(item_result(number, correct=right), repeat=repeat)
        for number, told in enumerate(rights)
        for repeat, right in enumerate(told)
    )
    return replace(run, items=items, repeats=len(rights[0]))


def accuracy(run: EvalRun) -> Interval:
    return figures_of(run).accuracy


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
    groups = tuple(replace(item, group=str(n // 10)) for n, item in enumerate(run.items))
    found = figures_of(replace(run, items=groups))
    assert found.by_groups
    # Ten groups, 6 of them all right: the deviations of the sums are 6 times 4 and 4 times -6, so
    # the error is sqrt(240 * 10 / 9) / 100 = .1633, and t(9) = 2.2622.
    assert found.accuracy.value == pytest.approx(0.6)
    assert found.accuracy.low == pytest.approx(0.6 - 2.2622 * 0.16330, abs=1e-4)
    assert found.accuracy.high == pytest.approx(0.6 + 2.2622 * 0.16330, abs=1e-4)


@pytest.mark.parametrize("repeats", [1, 4])
@pytest.mark.parametrize("of_group", [0, 5])
def test_eval_and_compare_say_the_same_of_a_run(repeats: int, of_group: int) -> None:
    draw = random.Random(repeats)  # noqa: S311 -- guards no secret
    run = repeated([[draw.random() < 0.6 for _ in range(repeats)] for _ in range(60)])
    if of_group:
        grouped = (
            replace(item, group=str(index // repeats // of_group))
            for index, item in enumerate(run.items)
        )
        run = replace(run, items=tuple(grouped))
    other = replace(run, info=replace(run.info, id="eval-2", model="other"))
    (subject,) = compare_models(outcomes_of_runs([run, other])).subjects
    assert subject.standings[0].accuracy == accuracy(run) == run_accuracy(run)


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=5))
def test_pass_at_k_is_the_share_of_draws_with_a_right_one(rights: list[list[bool]]) -> None:
    chances = figures_of(repeated(rights)).pass_at
    assert list(chances) == [1, 2, 4]
    for k, chance in chances.items():
        draws = [[any(drawn) for drawn in combinations(told, k)] for told in rights]
        expected = sum(sum(told) / len(told) for told in draws) / len(draws)
        assert chance == pytest.approx(expected)


def test_pass_at_k_by_hand() -> None:
    told = to_json(repeated([[True, False, False, False], [True, True, False, False]]))
    # 1 - C(3, 2) / C(4, 2) = 1/2 and 1 - C(2, 2) / C(4, 2) = 5/6.
    assert told["pass_at"] == {
        "1": pytest.approx((1 / 4 + 2 / 4) / 2),
        "2": pytest.approx((1 / 2 + 5 / 6) / 2),
        "4": pytest.approx(1.0),
    }


def test_pass_at_k_is_not_told_where_an_item_has_fewer_answers() -> None:
    run = repeated([[True, False], [False, False]])
    assert to_json(replace(run, items=run.items[:3]))["pass_at"] == {"1": pytest.approx(1 / 4)}


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
    run = eval_run("m", "s", [True, True])
    dear = replace(run, items=tuple(replace(item, prompt_tokens=1000) for item in run.items))
    cost = figures_of(dear).cost_usd(Price(prompt=2.0, output=10.0))
    assert cost == pytest.approx((4000 + 60) / 1e6)
    assert to_json(eval_run("m", "s", [True]), Price(prompt=1.0))["cost_usd"] == 0


def noted(*notes: Mapping[str, object]) -> dict[str, object]:
    run = eval_run("m", "s", [False] * len(notes))
    items = zip(run.items, notes, strict=True)
    return figures_of(
        replace(run, items=tuple(replace(item, notes=dict(note)) for item, note in items))
    ).notes


def test_notes_of_scorers_are_summed_up() -> None:
    wrong = ({"wrong": ["date", "total"]}, {"wrong": ["date"]})
    judged = ({"inconsistent": True}, {"inconsistent": False})
    assert noted(*wrong, *judged) == {
        "wrong": {"date": 2, "total": 1}, "judged": 2, "inconsistent": 0.5,
    }  # fmt: skip
    assert noted(judged[1]) == {"judged": 1, "inconsistent": 0.0}
    assert noted({}, {"given_up": True}) == {"given_up": [{"id": "item-1", "repeat": 0}]}


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

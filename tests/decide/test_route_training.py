from __future__ import annotations

import random

import numpy as np
import pytest

from tests.decide.routes import KINDS, graded
from weighbridge.core.errors import InputError
from weighbridge.core.learned_route import decode, encode
from weighbridge.decide import route_guard
from weighbridge.decide.route_evidence import gain, macro_gain, mean_interval
from weighbridge.decide.route_features import folds, matrix
from weighbridge.decide.route_training import TASK_BITS, Graded, train
from weighbridge.serve.routing.classifier import Classifier

DIFFERENT = {"sums": (0.9, 0.5), "code": (0.4, 0.8), "quiz": (0.6, 0.6)}


def test_a_route_that_pays_is_on_and_sends_each_task_to_its_best_model() -> None:
    learned, report = train(graded(DIFFERENT, 300))
    assert report.on
    assert report.gain.bound > 0
    assert report.routed > report.single
    by_name = {task.task: task for task in report.tasks}
    single = report.models[0][0]
    other = {"tally": "code", "clerk": "sums"}[single]
    assert by_name[other].on
    assert not by_name["quiz"].on
    route = Classifier(decode(encode(learned), "it"))
    draw = random.Random(99)  # noqa: S311 -- made-up data
    wanted = by_name[other].best
    said = [route.choose(f"{KINDS[other](draw)} (1)") for _ in range(100)]
    assert sum(one.tied[0] == wanted for one in said) > 80


def test_models_that_do_not_differ_by_task_leave_it_off() -> None:
    same = {"sums": (0.6, 0.6), "code": (0.6, 0.6), "quiz": (0.6, 0.6)}
    on = 0
    for seed in range(10):
        learned, report = train(graded(same, 60, seed))
        on += report.on
        if not report.on:
            assert report.sentence.startswith("Off")
            said = Classifier(learned).choose("Anna buys 3 apples")
            assert said.tied == (report.models[0][0],)
    assert on <= 1  # 5 % by design


def test_few_prompts_show_no_gain_though_the_difference_is_real() -> None:
    _, report = train(graded({"sums": (0.6, 0.5), "code": (0.5, 0.6)}, 25))
    assert not report.on


def test_prompts_of_no_known_kind_get_the_best_single_model() -> None:
    learned, report = train(graded(DIFFERENT, 300))
    route = Classifier(learned)
    single = report.models[0][0]
    strange = (
        "Schreibe ein Gedicht über den Herbst am Meer, in vier Strophen mit Kreuzreim.",
        "Translate into Latin: the ships were burning while the city slept",
        "你好请介绍一下你自己",
        "",
        "asdf qwer zxcv " * 40,
    )
    assert [route.choose(text).tied for text in strange] == [(single,)] * len(strange)
    assert all(route.choose(text).task is None for text in strange)


def test_the_unknown_kind_is_judged_by_leaving_each_task_out() -> None:
    _, report = train(graded(DIFFERENT, 300))
    unseen = [task.unseen_gain for task in report.tasks]
    assert all(one is not None and one >= -0.002 for one in unseen)
    assert 0.5 <= report.coverage <= 0.98


def test_tied_models_come_in_the_order_of_their_cost() -> None:
    rates = {"sums": (0.9, 0.9, 0.2), "code": (0.3, 0.3, 0.8)}
    data = graded(rates, 400, models=("dear", "cheap", "coder"))
    same = data.scores.copy()
    same[:, 1] = same[:, 0]  # the two answer alike, so they are tied for certain
    data = Graded(data.models, data.tasks, data.prompts, same)
    _, by_cost = train(data, order={"dear": 5.0, "cheap": 1.0, "coder": 3.0})
    assert by_cost.tasks[0].tied == ("cheap", "dear")
    assert by_cost.tasks[1].tied == ("coder",)


def test_serving_computes_what_training_computed() -> None:
    data = graded(DIFFERENT, 120)
    learned, _ = train(data)
    route = Classifier(decode(encode(learned), "it"))
    features = matrix(data.prompts, TASK_BITS)
    of = np.array([data.names.index(task) for task in data.tasks])
    seen = route_guard.see(route_guard.fit(features, of, data.names), features)
    for number in range(0, len(data.prompts), 7):
        sums, count = route._sums(data.prompts[number])
        best, second, _ = route._nearest(sums, count)
        assert best[1] == seen.nearest[number]
        assert best[0] - second == pytest.approx(seen.margin[number], abs=0.01)
        norm = [best[0], sums[2 + 3 * best[1]] / count, sums[3 + 3 * best[1]]]
        assert norm == pytest.approx(seen.signals[number].tolist(), abs=0.01)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (graded({"sums": (0.5, 0.5)}, 50), "only one suite"),
        (graded({"sums": (0.5, 0.5), "code": (0.5, 0.5)}, 5), "Fewer than 20"),
        (graded({"sums": (0.5,), "code": (0.5,)}, 50, models=("a",)), "only one answered"),
    ],
)
def test_what_cannot_be_learned_is_refused(data: Graded, said: str) -> None:
    with pytest.raises(InputError, match=said):
        train(data)


def test_equal_prompts_are_held_out_together() -> None:
    parts = folds(["a", "b", "a", "c", "b"])
    assert parts[0] == parts[2]
    assert parts[1] == parts[4]


def test_a_bound_is_rarely_above_the_truth() -> None:
    draw = np.random.default_rng(5)
    misses = 0
    for _ in range(2000):
        differences = draw.choice([-1.0, 0.0, 1.0], size=80, p=[0.15, 0.6, 0.25])
        misses += gain(differences).bound > 0.1
    assert misses / 2000 < 0.065  # 5 % by design


def test_few_or_equal_differences_are_no_certainty() -> None:
    assert gain(np.ones(3)).bound < 0.5
    assert not gain(np.zeros(50)).is_shown
    assert gain(np.zeros(0)).value == 0


def test_tasks_count_alike_however_many_prompts_they_have() -> None:
    found = macro_gain([np.full(1000, 0.1), np.full(10, -0.1)])
    assert found.value == pytest.approx(0.0)
    assert found.n == 1010


def test_intervals_hold_the_mean_and_stay_in_range() -> None:
    for scores in (np.zeros(5), np.ones(5), np.array([0.0, 1.0, 0.5])):
        found = mean_interval(scores)
        assert 0 <= found.low <= found.value <= found.high <= 1

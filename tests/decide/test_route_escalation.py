from __future__ import annotations

import random

import numpy as np
import pytest

from tests.decide.routes import code, quiz
from weighbridge.core.errors import InputError
from weighbridge.core.learned_route import decode, encode
from weighbridge.decide.route_escalation import Pairs, recovered, train_escalation
from weighbridge.serve.routing.classifier import Classifier


def pairs(n: int, *, hard: tuple[float, float], easy: tuple[float, float]) -> Pairs:
    """Half of the prompts are hard; rates of the weak and the strong model on both kinds."""
    draw = random.Random(3)  # noqa: S311 -- made-up data
    prompts, weak, strong = [], [], []
    for number in range(n):
        is_hard = number % 2 == 0
        rates = hard if is_hard else easy
        prompts.append(f"{(code if is_hard else quiz)(draw)} {draw.randrange(10**6)}")
        weak.append(float(draw.random() < rates[0]))
        strong.append(float(draw.random() < rates[1]))
    tasks = ("all",) * n
    return Pairs("small", "large", tuple(prompts), tasks, np.array(weak), np.array(strong))


def test_hard_prompts_go_to_the_strong_model() -> None:
    learned, report = train_escalation(pairs(1000, hard=(0.3, 0.9), easy=(0.9, 0.92)), 0.45)
    assert report.on
    assert report.recovered > 0.8
    assert report.weak_score < report.routed < report.strong_score + 0.05
    route = Classifier(decode(encode(learned), "it"))
    draw = random.Random(8)  # noqa: S311 -- made-up data
    hard = [route.choose(code(draw)).tied[0] for _ in range(100)]
    easy = [route.choose(quiz(draw)).tied[0] for _ in range(100)]
    assert hard.count("large") > 70
    assert easy.count("large") < 10
    assert route.choose(quiz(draw)).then == ("large",)


def test_a_gain_that_no_prompt_foretells_leaves_it_off() -> None:
    learned, report = train_escalation(pairs(600, hard=(0.5, 0.8), easy=(0.5, 0.8)), 0.2)
    assert not report.on
    assert Classifier(learned).choose("def f(x):").tied == ("large",)


def test_the_share_of_strong_calls_is_as_asked() -> None:
    data = pairs(1000, hard=(0.3, 0.9), easy=(0.6, 0.9))
    learned, _ = train_escalation(data, 0.3)
    route = Classifier(learned)
    share = np.mean([route.choose(prompt).tied[0] == "large" for prompt in data.prompts])
    assert 0.2 < share < 0.4


def test_recovered_is_of_the_whole_gap() -> None:
    gaps = np.array([1.0, 0.0, 0.0, 1.0])
    assert recovered(gaps, np.array([9.0, 1.0, 2.0, 3.0]), 0.25) == 0.5
    assert recovered(gaps, np.array([9.0, 1.0, 2.0, 3.0]), 1.0) == 1.0


@pytest.mark.parametrize(
    ("n", "rates", "share", "said"),
    [
        (50, (0.2, 0.9), 0.2, "too few"),
        (400, (0.9, 0.2), 0.2, "not shown to be better"),
        (400, (0.2, 0.9), 1.0, "no share"),
    ],
)
def test_what_cannot_be_learned_is_refused(
    n: int, rates: tuple[float, float], share: float, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        train_escalation(pairs(n, hard=rates, easy=rates), share)

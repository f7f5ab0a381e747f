"""Graded prompts of made-up tasks, on which models differ as told."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import numpy as np

from weighbridge.decide.route_training import Graded

_NOUNS = ("apples", "pears", "trains", "boats", "cities", "rivers", "books", "lamps", "horses")
_VERBS = ("finds", "sells", "paints", "moves", "builds", "counts", "draws", "buys", "keeps")


def sums(draw: random.Random) -> str:
    noun = draw.choice(_NOUNS)
    a, b = draw.randrange(2, 99), draw.randrange(2, 99)
    return f"Anna {draw.choice(_VERBS)} {a} {noun} and then {b} more. How many {noun} has she now?"


def code(draw: random.Random) -> str:
    name = f"{draw.choice(_VERBS)}_{draw.choice(_NOUNS)}"
    return f'def {name}(values: list[int]) -> int:\n    """Return the {draw.choice(_NOUNS)}."""\n'


def quiz(draw: random.Random) -> str:
    options = draw.sample(_NOUNS, 4)
    letters = "".join(f"\n{letter}. {one}" for letter, one in zip("ABCD", options, strict=True))
    return f"Which of these does one who {draw.choice(_VERBS)} prefer?{letters}\nAnswer:"


KINDS = {"sums": sums, "code": code, "quiz": quiz}


def graded(
    rates: Mapping[str, Sequence[float]],
    n: int,
    seed: int = 1,
    models: tuple[str, ...] = ("tally", "clerk"),
) -> Graded:
    """``n`` prompts per task, answered right at each model's rate for it."""
    draw = random.Random(seed)  # noqa: S311 -- made-up data
    tasks, prompts, scores = [], [], []
    for task, right in rates.items():
        for _ in range(n):
            tasks.append(task)
            prompts.append(f"{KINDS[task](draw)} ({draw.randrange(10**6)})")
            scores.append([float(draw.random() < rate) for rate in right])
    return Graded(models, tuple(tasks), tuple(prompts), np.array(scores))

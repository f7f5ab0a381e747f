"""The made-up texts: their questions have one answer, which grows no easier to find by chance."""

from __future__ import annotations

import re

import pytest

from weighbridge.measure.context.texts import TASKS, item, settings
from weighbridge.measure.evals.records import Item


def make(task: str, index: int, characters: int, *, hops: int = 2, seed: int = 1) -> Item:
    return item(task, index, 20, characters, hops=hops, seed=seed)


def solved(prompt: str) -> str:
    """The answer as a careful reader finds it."""
    numbers: dict[str, str] = dict(re.findall(r"access number of (\w+) is (\d+)", prompt))
    if place := re.search(r"what is the access number of (\w+)\?", prompt):
        return numbers[place[1]]
    keys: dict[str, str] = dict(re.findall(r"Locker (\w+) holds the key of locker (\w+)\.", prompt))
    held: dict[str, str] = dict(re.findall(r"Locker (\w+) holds the number (\d+)", prompt))
    begin = re.search(r"open locker (\w+)", prompt)
    assert begin
    locker: str = begin[1]
    while locker in keys:
        locker = keys[locker]
    return held[locker]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("characters", [3000, 40_000])
def test_the_gold_is_what_a_reader_finds(task: str, characters: int) -> None:
    for index in range(20):
        made = make(task, index, characters, hops=3)
        assert made.answer == solved(made.prompt)
        assert abs(len(made.prompt) - characters) < 100
        # Four like facts with a number each: guessing among them is right once in four times.
        assert len(re.findall(r"\d{7}", made.prompt)) == 4


@pytest.mark.parametrize("task", TASKS)
def test_the_question_is_the_same_at_every_length(task: str) -> None:
    short, long = make(task, 3, 2000), make(task, 3, 20_000)
    assert (short.id, short.answer) == (long.id, long.answer)
    assert short.prompt.splitlines()[-1] == long.prompt.splitlines()[-1]
    assert make(task, 3, 2000) == short
    assert make(task, 3, 2000, seed=2).answer != short.answer
    assert make(task, 4, 2000).answer != short.answer


def test_facts_to_retrieve_lie_at_all_depths() -> None:
    depths = []
    for index in range(20):
        made = make("retrieval", index, 20_000)
        depths.append(made.prompt.index(made.answer) / len(made.prompt))
    assert depths == sorted(depths)
    assert depths[0] < 0.06
    assert depths[-1] > 0.94


def test_the_suite_says_what_it_is() -> None:
    suite = settings("multi-hop", 4000, 64)
    assert (suite.name, suite.scorer, suite.max_tokens) == ("context-multi-hop-4000", "number", 64)

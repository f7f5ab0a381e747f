from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.message_words import words
from weighbridge.core.routing import Signals, TaskSignal
from weighbridge.decide.signals import learn_signals, unrecognisable

DEMO = Path(__file__).parents[2] / "src/weighbridge/demo"
SUMS = [f"What is {i} {word} {j}?" for i in range(9) for j, word in enumerate(["plus", "minus"])]
PEOPLE = [f"Extract JSON: {name} is {i} years old." for i, name in enumerate("ABCDEFGH")]

_PROMPT = st.lists(st.sampled_from(["red", "green", "blue", "one", "two", "the"]), max_size=4).map(
    " ".join
)
_TASKS = st.dictionaries(
    st.sampled_from(["x", "y", "z"]), st.lists(_PROMPT, min_size=1, max_size=12), min_size=1
)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def recognise(message: str, signals: Signals) -> str | None:
    """What the gateway makes of a message; its own tests show that it counts like this."""
    bag = words(message)
    hits = {task: len(bag & set(signal.keywords)) for task, signal in signals.task.items()}
    best = [task for task, count in hits.items() if count and count == max(hits.values())]
    return best[0] if len(best) == 1 else None


@pytest.fixture(scope="module")
def demo() -> Signals:
    suites = {"arithmetic": "question", "extraction": "text"}
    return learn_signals(
        {
            task: [item[field] for item in lines(DEMO / "suites" / task / "items.jsonl")]
            for task, field in suites.items()
        }
    )


def test_the_demo_learns_all_its_telling_words_and_no_names(demo: Signals) -> None:
    sums, people = (set(demo.task[task].keywords) for task in ("arithmetic", "extraction"))
    assert {"+", "-", "*", "=", "plus", "minus", "times", "multiply", "add"} <= sums
    assert {"json", "extract", "name", "age", "city", "person"} <= people
    assert not {"lea", "helsinki", "anna"} & people
    assert not sums & people


def test_the_demo_routes_traffic_that_it_was_not_learned_on(demo: Signals) -> None:
    traffic = lines(DEMO / "traffic.jsonl")
    assert len(traffic) == 400
    wrong = [line for line in traffic if recognise(line["prompt"], demo) != line["task"]]
    assert wrong == []


@pytest.mark.parametrize(
    ("message", "task"),
    [
        ("12 * 4", "arithmetic"),
        ("Calculate 12 times 4", "arithmetic"),
        ("multiply 3 by 4", "arithmetic"),
        ("12 - 4", "arithmetic"),
        ("Extract name, age and city: Bob, 31, Paris", "extraction"),
        ("What is the name, age and city in: Bob, 31, Paris", "extraction"),
        # Wordings that no prompt had, and requests of neither task, are not recognised.
        ("product of 3 and 4", None),
        ("What is the capital of France?", None),
        ("How much time is it to lunch?", None),
        ("Sort this list:\n- pears\n- C++ and/or rye", None),
    ],
)
def test_the_demo_recognises_other_wordings(demo: Signals, message: str, task: str | None) -> None:
    assert recognise(message, demo) == task


def test_keywords_cover_their_task_and_shun_the_others() -> None:
    signals = learn_signals({"sums": SUMS, "people": PEOPLE})
    assert signals.task["sums"].keywords == ("minus", "plus")
    assert signals.task["people"].keywords == ("extract", "json", "old", "years")


def test_the_most_telling_word_comes_first() -> None:
    prompts = {"sums": ["plus", "plus", "plus minus", "minus"], "people": ["old"]}
    assert learn_signals(prompts).task["sums"].keywords == ("plus", "minus")


def test_a_word_ten_times_rarer_elsewhere_still_tells() -> None:
    others = ["old"] * 19 + ["old plus"]
    assert learn_signals({"sums": ["plus"] * 20, "people": others}).task["sums"].keywords == (
        "plus",
    )
    more = ["old"] * 17 + ["old plus"] * 3
    assert learn_signals({"sums": ["plus"] * 20, "people": more}).task["sums"].keywords == ()


def test_a_rare_word_is_a_keyword_where_nothing_else_tells() -> None:
    prompts = ["plus"] * 195 + ["plus Anna"] * 2 + ["multiply"] * 2 + ["zebra"]
    assert learn_signals({"sums": prompts, "people": ["old"]}).task["sums"].keywords == (
        "plus",
        "multiply",
    )


def test_grammar_is_no_keyword() -> None:
    prompts = {"sums": ["What is this?"] * 9, "people": ["How old are they?"] * 9}
    signals = learn_signals(prompts)
    assert [signal.keywords for signal in signals.task.values()] == [(), ("old",)]


def test_tasks_that_nothing_tells_apart_get_no_keywords_and_are_named() -> None:
    signals = learn_signals({"a": SUMS, "b": SUMS, "digits": ["1 2", "3"], "people": PEOPLE})
    assert [task for task, signal in signals.task.items() if signal.keywords] == ["people"]
    assert unrecognisable(signals) == ("a", "b", "digits")


def test_a_task_that_is_alone_gets_no_keywords_and_needs_none() -> None:
    signals = learn_signals({"sums": SUMS})
    assert signals == Signals(task={"sums": TaskSignal(keywords=())})
    assert unrecognisable(signals) == ()
    assert unrecognisable(Signals()) == ()


def test_a_task_without_prompts_has_no_keywords() -> None:
    assert learn_signals({"sums": SUMS, "none": []}).task["none"].keywords == ()


def test_at_most_sixteen_keywords() -> None:
    letters = [f"word{chr(97 + i)}" for i in range(25)] * 2
    assert len(learn_signals({"a": letters, "b": ["x"]}).task["a"].keywords) == 16


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("76-83", {"-"}),
        ("7 \u2212 5 = ", {"\u2212", "="}),
        ("29-year-old", {"year", "old"}),
        ("C++ and/or", {"c", "and", "or"}),
        ("- pears\n* 2 plums", {"pears", "plums"}),
    ],
)
def test_signs_count_only_where_they_calculate(text: str, found: set[str]) -> None:
    assert words(text) == found


@given(_TASKS, st.randoms())
def test_signals_do_not_depend_on_any_order(tasks: dict[str, list[str]], random: Random) -> None:
    shuffled = {
        task: random.sample(tasks[task], len(tasks[task]))
        for task in random.sample(list(tasks), len(tasks))
    }
    assert learn_signals(shuffled) == learn_signals(tasks)


@given(_TASKS)
def test_every_keyword_is_of_its_own_task(tasks: dict[str, list[str]]) -> None:
    for task, signal in learn_signals(tasks).task.items():
        for keyword in signal.keywords:
            assert sum(keyword in words(prompt) for prompt in tasks[task]) >= 2

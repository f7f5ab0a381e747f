from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.routing import words
from weighbridge.decide.signals import learn_signals

SUMS = [f"What is {i} {word} {j}?" for i in range(9) for j, word in enumerate(["plus", "minus"])]
PEOPLE = [f"Extract JSON: {name} is {i} years old." for i, name in enumerate("ABCDEFGH")]

_PROMPT = st.lists(st.sampled_from(["red", "green", "blue", "one", "two", "the"]), max_size=4).map(
    " ".join
)
_TASKS = st.dictionaries(
    st.sampled_from(["x", "y", "z"]), st.lists(_PROMPT, min_size=1, max_size=12), min_size=1
)


def test_keywords_cover_their_task_and_shun_the_others() -> None:
    signals = learn_signals({"sums": SUMS, "people": PEOPLE})
    sums, people = signals.task["sums"].keywords, signals.task["people"].keywords
    assert all(words(prompt) & set(sums) for prompt in SUMS)
    assert all(words(prompt) & set(people) for prompt in PEOPLE)
    assert not any(words(prompt) & set(sums) for prompt in PEOPLE)
    assert "is" not in sums + people  # both tasks say it


def test_the_widest_word_comes_first_and_one_that_covers_all_is_enough() -> None:
    assert learn_signals({"sums": SUMS, "people": PEOPLE}).task["sums"].keywords == ("what",)
    bare = learn_signals({"sums": ["plus", "plus", "minus", "plus minus"], "people": ["old"]})
    assert bare.task["sums"].keywords == ("plus", "minus")


def test_a_word_ten_times_rarer_elsewhere_still_tells() -> None:
    others = ["old"] * 19 + ["old plus"]
    assert learn_signals({"sums": ["plus"] * 20, "people": others}).task["sums"].keywords == (
        "plus",
    )
    more = ["old"] * 17 + ["old plus"] * 3
    assert learn_signals({"sums": ["plus"] * 20, "people": more}).task["sums"].keywords == ()


def test_a_rare_word_is_no_keyword() -> None:
    prompts = ["plus"] * 98 + ["zebra"]
    assert learn_signals({"sums": prompts, "people": ["old"]}).task["sums"].keywords == ("plus",)


def test_tasks_that_nothing_tells_apart_get_no_keywords() -> None:
    signals = learn_signals({"a": SUMS, "b": SUMS, "digits": ["1 2", "3"], "none": []})
    assert all(signal.keywords == () for signal in signals.task.values())


def test_at_most_sixteen_keywords() -> None:
    letters = [f"word{chr(97 + i)}" for i in range(25)]
    assert len(learn_signals({"a": letters, "b": ["x"]}).task["a"].keywords) == 16


@given(_TASKS, st.randoms())
def test_signals_do_not_depend_on_any_order(tasks: dict[str, list[str]], random: Random) -> None:
    shuffled = {
        task: random.sample(tasks[task], len(tasks[task]))
        for task in random.sample(list(tasks), len(tasks))
    }
    assert learn_signals(shuffled) == learn_signals(tasks)


@given(_TASKS)
def test_every_keyword_earns_its_place(tasks: dict[str, list[str]]) -> None:
    for task, signal in learn_signals(tasks).task.items():
        left = [words(prompt) for prompt in tasks[task]]
        for keyword in signal.keywords:
            covered = [bag for bag in left if keyword in bag]
            assert covered
            left = [bag for bag in left if keyword not in bag]

"""By which words a task can be told from the others, read off its own prompts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from weighbridge.core.routing import Signals, TaskSignal, words

# A keyword stands in at least this share of its task's prompts …
_COMMON = 0.03
# … and is this many times rarer in every other task's.
_TELLING = 10
_MOST_KEYWORDS = 16


def learn_signals(prompts: Mapping[str, Sequence[str]]) -> Signals:
    """Keywords per task: a greedy cover of the task's prompts by words that others rarely use.

    A task that nothing tells apart gets no keywords, and so is never recognised.
    """
    bags = {task: [words(prompt) for prompt in texts] for task, texts in prompts.items()}
    shares = {task: _shares(texts) for task, texts in bags.items()}
    return Signals(
        task={
            task: TaskSignal(keywords=_cover(bags[task], _telling(task, shares)))
            for task in prompts
        }
    )


def _shares(bags: Sequence[frozenset[str]]) -> dict[str, float]:
    counts = Counter(word for bag in bags for word in bag)
    return {word: count / len(bags) for word, count in counts.items()}


def _telling(task: str, shares: Mapping[str, Mapping[str, float]]) -> set[str]:
    others = [table for name, table in shares.items() if name != task]
    return {
        word
        for word, share in shares[task].items()
        if share >= _COMMON and all(share >= _TELLING * table.get(word, 0.0) for table in others)
    }


def _cover(bags: Sequence[frozenset[str]], candidates: set[str]) -> tuple[str, ...]:
    chosen: list[str] = []
    open_bags = list(bags)
    while open_bags and len(chosen) < _MOST_KEYWORDS:
        counts = Counter(word for bag in open_bags for word in bag & candidates)
        if not counts:
            break
        word = min(counts, key=lambda word: (-counts[word], word))
        chosen.append(word)
        open_bags = [bag for bag in open_bags if word not in bag]
    return tuple(chosen)

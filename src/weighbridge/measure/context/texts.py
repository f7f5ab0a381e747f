"""Long texts with a question about them, made by a seed: the same question at every length.

Two tasks. ``retrieval``: one of several like facts, somewhere in the text. ``multi-hop``: a chain
of facts, scattered and in no order, beside other chains of the same form.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from weighbridge.measure.evals.records import Item, SuiteFile

TASKS: Final = ("retrieval", "multi-hop")

_PLACES: Final = (
    "Aldmoor", "Brenning", "Carrowick", "Dunley", "Eastmere", "Farrowby", "Glanton", "Harwick",
    "Inverlow", "Jessop", "Kelmarsh", "Lindow", "Marrick", "Nethercote", "Orford", "Penhallow",
)  # fmt: skip
_WHO: Final = (
    "The gardener", "A visitor", "The clerk", "One of the neighbours", "The old captain",
    "A young teacher", "The baker", "Somebody from the mill", "The postman", "The librarian",
)  # fmt: skip
_DOES: Final = (
    "walked along", "spoke about", "painted", "remembered", "looked at", "wrote a letter about",
    "swept", "waited near", "made a drawing of", "asked about",
)  # fmt: skip
_WHAT: Final = (
    "the narrow bridge", "the market hall", "an orchard in bloom", "the quiet harbour",
    "the western gate", "a row of lime trees", "the station yard", "the long meadow",
    "a broken fence", "the chapel", "the weather vane", "the ferry landing",
)  # fmt: skip
_WHEN: Final = (
    "before breakfast", "in the rain", "after the concert", "on the first warm day",
    "while the bells rang", "late in the evening", "without any hurry", "for the third time",
)  # fmt: skip
_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
_OTHERS: Final = 3


@dataclass(frozen=True, slots=True)
class Puzzle:
    """Facts to put into a text, and the question about them.

    Attributes:
        facts: sentences; their order in the text is drawn.
        question: what is asked after the text.
        answer: the number it asks for.
        needle: which fact's place is set by the item's number, so that all depths are seen.
    """

    facts: tuple[str, ...]
    question: str
    answer: str
    needle: int | None


def settings(task: str, length: int, max_tokens: int) -> SuiteFile:
    """The suite of one task at one length."""
    return SuiteFile(
        name=f"context-{task}-{length}",
        prompt="{prompt}",
        scorer="number",
        max_tokens=max_tokens,
        description=f"{task} in texts of about {length} tokens",
    )


def item(task: str, index: int, count: int, characters: int, *, hops: int, seed: int) -> Item:
    """Item ``index`` of ``count``: about so many characters, facts and question by seed alone."""
    made = puzzle(task, random.Random(f"{seed} {task} {index}"), hops)  # noqa: S311 -- no secret
    head = "Read the text. A question follows it.\n\n"
    tail = f"\n\n{made.question} Answer with the number only."
    own = len(head) + len(tail) + sum(len(fact) + 1 for fact in made.facts)
    generator = random.Random(f"{seed} {task} {index} {characters}")  # noqa: S311
    sentences = filler(generator, characters - own)
    depth = (index + 0.5) / count
    return Item(
        f"{task}-{index}", head + " ".join(_mixed(generator, sentences, made, depth)) + tail,
        made.answer,
    )  # fmt: skip


def puzzle(task: str, generator: random.Random, hops: int) -> Puzzle:
    """The facts and the question of one item."""
    return _retrieval(generator) if task == "retrieval" else _chain(generator, hops)


def filler(generator: random.Random, characters: int) -> list[str]:
    """Sentences without any number, about so many characters of them, one at least."""
    sentences: list[str] = []
    length = 0
    while not sentences or length < characters:
        parts = (generator.choice(words) for words in (_WHO, _DOES, _WHAT, _WHEN))
        sentences.append(" ".join(parts) + ".")
        length += len(sentences[-1]) + 1
    return sentences


def _retrieval(generator: random.Random) -> Puzzle:
    places = generator.sample(_PLACES, 1 + _OTHERS)
    numbers = _numbers(generator, 1 + _OTHERS)
    facts = tuple(
        f"The access number of {place} is {number}."
        for place, number in zip(places, numbers, strict=True)
    )
    question = f"Question: what is the access number of {places[0]}?"
    return Puzzle(facts, question, numbers[0], needle=0)


def _chain(generator: random.Random, hops: int) -> Puzzle:
    """One chain that is asked for, and as many others as there are other facts in retrieval."""
    names = _names(generator, (hops + 1) * (1 + _OTHERS))
    numbers = _numbers(generator, 1 + _OTHERS)
    facts: list[str] = []
    for chain, number in enumerate(numbers):
        lockers = names[chain * (hops + 1) : (chain + 1) * (hops + 1)]
        facts.extend(
            f"Locker {one} holds the key of locker {other}." for one, other in pairwise(lockers)
        )
        facts.append(f"Locker {lockers[-1]} holds the number {number}.")
    question = (
        f"Question: open locker {names[0]} and go on with each key that you find. "
        "Which number do you come to?"
    )
    return Puzzle(tuple(facts), question, numbers[0], needle=None)


def _numbers(generator: random.Random, count: int) -> list[str]:
    return [str(number) for number in generator.sample(range(1_000_000, 10_000_000), count)]


def _names(generator: random.Random, count: int) -> list[str]:
    names: dict[str, None] = {}
    while len(names) < count:
        names["".join(generator.choices(_LETTERS, k=3))] = None
    return list(names)


def _mixed(
    generator: random.Random, sentences: Sequence[str], made: Puzzle, depth: float
) -> list[str]:
    """The facts among the sentences, the needle at its depth and the others anywhere."""
    places = [(generator.random(), fact) for fact in made.facts]
    if made.needle is not None:
        places[made.needle] = (depth, made.facts[made.needle])
    mixed = [((number + 0.5) / len(sentences), text) for number, text in enumerate(sentences)]
    return [text for _, text in sorted(mixed + places, key=lambda one: one[0])]

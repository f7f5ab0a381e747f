"""The two synthetic tasks of the demo models, and the rule that keeps their splits apart.

Each task draws *facts* (``17 + 35``; a person's name, age and city) and words each fact as one of
many prompts. The split of an example is decided by the sha256 of its fact alone, so every wording
of a fact, and both orders of a sum or a product, land in the same split.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

Task = Literal["arithmetic", "extraction"]
Split = Literal["train", "suite", "traffic"]
Answer = str | dict[str, str | int]

TASKS: Final[tuple[Task, ...]] = ("arithmetic", "extraction")


@dataclass(frozen=True, slots=True)
class Example:
    """One prompt and its only right answer."""

    task: Task
    fact: str
    prompt: str
    answer: Answer

    @property
    def completion(self) -> str:
        """The text a model must write: the answer itself, or its JSON without spaces."""
        if isinstance(self.answer, str):
            return self.answer
        return json.dumps(self.answer, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Operation:
    """An arithmetic operation: how it is written, what it draws from, how often it appears."""

    symbol: str
    word: str
    left: range
    right: range
    share: float
    commutes: bool
    apply: Callable[[int, int], int]
    own_phrasing: str


OPERATIONS: Final = (
    Operation(
        "+", "plus", range(100), range(100), 0.4, True, lambda a, b: a + b, "Add {a} and {b}."
    ),
    Operation(
        "-",
        "minus",
        range(100),
        range(100),
        0.4,
        False,
        lambda a, b: a - b,
        "Subtract {b} from {a}.",
    ),
    Operation(
        "*",
        "times",
        range(2, 6),
        range(2, 100),
        0.2,
        True,
        lambda a, b: a * b,
        "Multiply {a} by {b}.",
    ),
)

PHRASINGS: Final = (
    "{a}{symbol}{b}=",
    "{a} {symbol} {b} =",
    "{a} {word} {b} equals",
    "What is {a} {word} {b}?",
    "What is {a} {symbol} {b}?",
    "How much is {a} {word} {b}?",
    "Compute {a} {symbol} {b}.",
)

INSTRUCTIONS: Final = (
    "Extract JSON: ",
    "Name, age and city as JSON: ",
    "Return the person as JSON: ",
)

SENTENCES: Final = (
    "{name} is {age} years old and lives in {city}.",
    "{name}, {age}, lives in {city}.",
    "{age}-year-old {name} comes from {city}.",
    "In {city} lives {name}, aged {age}.",
    "{city} is home to {name}, who is {age}.",
    "My friend {name} from {city} is {age} years old.",
    "Meet {name} from {city}, {age} years old.",
    "{name} turned {age} this year and works in {city}.",
    "The {age}-year-old {name} has a flat in {city}.",
    "At the age of {age}, {name} moved to {city}.",
)

NAMES: Final = (
    *("Ada", "Ahmed", "Amina", "Anna", "Anna Maria", "Ben", "Carla", "Carlos", "Chen", "Clara"),
    *("Daniel", "David", "Diego", "Elena", "Elif", "Emma", "Eva", "Fatima", "Felix", "Finn"),
    *("Grace", "Hana", "Hugo", "Ida", "Ivan", "Jan", "Jean Luc", "John", "Jonas", "Kenji"),
    *("Lars", "Lea", "Leo", "Li Wei", "Lina", "Lucas", "Luis", "Maria", "Mario", "Mary Ann"),
    *("Mehmet", "Mia", "Miguel", "Nadia", "Nina", "Noah", "Nora", "Olga", "Oscar", "Paul"),
    *("Peter", "Priya", "Ravi", "Rosa", "Sara", "Tom", "Uma", "Viktor", "Yuki", "Zoë"),
)

CITIES: Final = (
    *("Accra", "Amsterdam", "Athens", "Berlin", "Bern", "Bogota", "Boston", "Buenos Aires"),
    *("Cairo", "Cape Town", "Chicago", "Dakar", "Delhi", "Dublin", "Geneva", "Hamburg"),
    *("Hanoi", "Helsinki", "Hong Kong", "Istanbul", "Kyoto", "Lagos", "Lima", "Lisbon"),
    *("London", "Los Angeles", "Madrid", "Mexico City", "Milan", "Montreal", "Mumbai", "Munich"),
    *("Nairobi", "New York", "Oslo", "Paris", "Porto", "Prague", "Quito", "Rio de Janeiro"),
    *("Rome", "San Francisco", "Seoul", "Stockholm", "Sydney", "Tallinn", "Tokyo", "Toronto"),
    *("Tunis", "Turin", "Vienna", "Vilnius", "Warsaw", "Zürich"),
)

AGES: Final = range(18, 96)

PERSON_SCHEMA: Final[dict[str, object]] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "city": {"type": "string"},
    },
    "required": ["name", "age", "city"],
    "additionalProperties": False,
}


def split_of(fact: str) -> Split:
    """The split a fact belongs to: eight tenths train, one tenth suite, one tenth traffic."""
    bucket = int.from_bytes(hashlib.sha256(fact.encode()).digest()[:8], "big") % 10
    return "suite" if bucket == 0 else "traffic" if bucket == 1 else "train"


def arithmetic(rng: Random) -> Example:
    """One calculation, of any split."""
    operation = rng.choices(OPERATIONS, [each.share for each in OPERATIONS])[0]
    a, b = rng.choice(operation.left), rng.choice(operation.right)
    if operation.commutes and rng.random() < 0.5:
        a, b = b, a
    first, second = sorted((a, b)) if operation.commutes else (a, b)
    phrasing = rng.choice((*PHRASINGS, operation.own_phrasing))
    return Example(
        task="arithmetic",
        fact=f"{first}{operation.symbol}{second}",
        prompt=phrasing.format(a=a, b=b, symbol=operation.symbol, word=operation.word),
        answer=str(operation.apply(a, b)),
    )


def extraction(rng: Random) -> Example:
    """One sentence about a person, of any split."""
    name, age, city = rng.choice(NAMES), rng.choice(AGES), rng.choice(CITIES)
    sentence = rng.choice(SENTENCES).format(name=name, age=age, city=city)
    return Example(
        task="extraction",
        fact=f"{name}|{age}|{city}",
        prompt=rng.choice(INSTRUCTIONS) + sentence,
        answer={"name": name, "age": age, "city": city},
    )


GENERATORS: Final[dict[Task, Callable[[Random], Example]]] = {
    "arithmetic": arithmetic,
    "extraction": extraction,
}


def draw(task: Task, split: Split, rng: Random) -> Example:
    """One example of ``task`` whose fact belongs to ``split``."""
    while True:
        example = GENERATORS[task](rng)
        if split_of(example.fact) == split:
            return example


def draw_distinct(task: Task, split: Split, count: int, rng: Random) -> list[Example]:
    """``count`` examples of ``task`` in ``split``, no two about the same fact."""
    found: dict[str, Example] = {}
    while len(found) < count:
        example = draw(task, split, rng)
        found.setdefault(example.fact, example)
    return list(found.values())

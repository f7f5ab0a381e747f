"""What load runs send: the user's own prompts, or synthetic ones of which no two are alike."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec

from weighbridge.core.errors import InputError

_SUBJECTS = (
    "harbour",
    "bakery",
    "railway",
    "orchard",
    "library",
    "glacier",
    "market",
    "observatory",
)
_ASKS = (
    "Describe the {subject} of town {number} in a few sentences.",
    "Write a short letter about the {subject} in district {number}.",
    "List reasons to visit the {subject} at number {number}.",
    "Summarise the history of {subject} {number} for a visitor.",
)


def synthetic_prompts(count: int, seed: int) -> list[str]:
    """``count`` different prompts: a leading number keeps servers from reusing cached prefixes."""
    generator = random.Random(seed)  # noqa: S311 -- reproducible, not secret
    numbers = generator.sample(range(100_000, 1_000_000 + 10 * count), count)
    return [
        f"{number}: "
        + generator.choice(_ASKS).format(subject=generator.choice(_SUBJECTS), number=number)
        for number in numbers
    ]


def read_prompts(path: Path) -> list[str]:
    """Prompts from a file: one a line, or JSON lines with a ``prompt``.

    Raises:
        InputError: the file cannot be read, is empty, or a JSON line has no ``prompt``.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a UTF-8 text file.") from None
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.", fix="Check the path.") from None
    # Not splitlines(): JSON strings may contain U+2028 and its like.
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        raise InputError(f"{path} has no prompts.", fix="Write one prompt a line.")
    if path.suffix not in (".jsonl", ".ndjson"):
        return [line for _, line in lines]
    return [_prompt(line, path, number) for number, line in lines]


class _Line(msgspec.Struct):
    prompt: str


def _prompt(line: str, path: Path, number: int) -> str:
    try:
        return msgspec.json.decode(line, type=_Line).prompt
    except msgspec.DecodeError as error:
        raise InputError(
            f"{path}, line {number}: {error}.", fix='Each line is an object with a "prompt".'
        ) from None

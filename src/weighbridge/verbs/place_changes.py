"""What would make all fit: the smallest changes of a file for ``weigh place``, tried one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from weighbridge.core.errors import InputError
from weighbridge.core.units import format_tokens, parse_tokens
from weighbridge.verbs.place_file import (
    PUBLISHED,
    ModelBlock,
    PlacementFile,
    TaskBlock,
    Traffic,
)

# As quality suffers. vLLM makes fp8 itself; of int4 there has to be a checkpoint.
_FORMATS: Final = (("fp8",), ("fp8", "awq"))
_TOLD: Final = 2

Fits = Callable[[PlacementFile], bool]
"""Whether all that a file requires has a place."""


def what_helps(file: PlacementFile, fits: Fits, time_limit_s: float) -> tuple[str, ...]:
    """The first changes with which all that is required fits, as sentences.

    After the time limit no other change is tried.
    """
    found: list[str] = []
    deadline = time.perf_counter() + time_limit_s
    for kind in (_formats, _contexts, _users):
        for sentence, other in kind(file):
            if time.perf_counter() > deadline:
                return tuple(found)
            if _does_fit(other, fits):
                found.append(sentence)
                break
        if len(found) == _TOLD:
            break
    return tuple(found)


def _does_fit(file: PlacementFile, fits: Fits) -> bool:
    try:
        return fits(file)
    except (
        InputError
    ):  # such a format or so short a context cannot be, or nothing was found in time
        return False


def _formats(file: PlacementFile) -> Iterator[tuple[str, PlacementFile]]:
    """Shorter number formats, for all that do not offer them."""
    for more in _FORMATS:

        def shorter(one: Traffic, more: tuple[str, ...] = more) -> dict[str, object]:
            had = one.formats or file.formats or [PUBLISHED]
            return {"formats": [*had, *(name for name in more if name not in had)]}

        listed = ", ".join([PUBLISHED, *more])
        yield f"All would fit with `formats: [{listed}]`.", _changed(file, shorter)


def _contexts(file: PlacementFile) -> Iterator[tuple[str, PlacementFile]]:
    """Half and a quarter of the context, where all have the same."""
    said = {one.context for one in (file, *file.models, *file.tasks) if one.context is not None}
    if len(said) != 1:
        return
    longest = parse_tokens(str(said.pop()))
    for part in (2, 4):
        less = longest // part

        def shorter(_one: Traffic, less: int = less) -> dict[str, object]:
            return {"context": less}

        sentence = f"All would fit with a context of {format_tokens(less)} tokens."
        yield sentence, _changed(file, shorter)


def _users(file: PlacementFile) -> Iterator[tuple[str, PlacementFile]]:
    """Half and a quarter of the requests in flight, where it is said how many."""
    if all(one.users is None for one in (file, *file.models, *file.tasks)):
        return
    for part, words in ((2, "half"), (4, "a quarter of")):

        def fewer(one: Traffic, part: int = part) -> dict[str, object]:
            said = one.users or file.users
            return {"users": said and max(1, said // part)}

        yield f"All would fit with {words} the `users`.", _changed(file, fewer)


def _changed(file: PlacementFile, change: Callable[[Traffic], dict[str, object]]) -> PlacementFile:
    def each(one: ModelBlock | TaskBlock) -> ModelBlock | TaskBlock:
        return msgspec.structs.replace(one, **change(one))

    return msgspec.structs.replace(
        file,
        models=[each(one) for one in file.models],
        tasks=[each(one) for one in file.tasks],
    )

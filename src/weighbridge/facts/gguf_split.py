"""Models in several GGUF files, as llama.cpp's ``llama-gguf-split`` writes them.

The first part has all metadata; each part has the header of its own tensors, and says which part it
is and of how many. Only the files' names tell where the others lie.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from weighbridge.core.errors import FormatError, InputError
from weighbridge.facts.gguf import GgufHeader

MAX_PARTS: Final = 4096

_NAME: Final = re.compile(
    r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<end>\.gguf)", re.IGNORECASE
)
_SAME_PLACE: Final = "All parts must lie in one place, under the names that they were made with."

ReadAll = Callable[[Sequence[str]], Sequence[GgufHeader]]


@dataclass(frozen=True, slots=True)
class PartName:
    """The name of a part: ``stem-00002-of-00003.gguf``; ``stem`` may have folders in it.

    Attributes:
        stem: what all parts share.
        number: which part it is, from 1.
        count: how many there are.
        end: ``.gguf``, in the file's own case.
    """

    stem: str
    number: int
    count: int
    end: str

    @property
    def all(self) -> tuple[str, ...]:
        """The names of all parts, in their order."""
        return tuple(
            f"{self.stem}-{number:05}-of-{self.count:05}{self.end}"
            for number in range(1, self.count + 1)
        )


def part_name(name: str) -> PartName | None:
    """The name of a file taken apart, if parts of a model are called so.

    >>> part_name("Q8_0/big-00002-of-00003.gguf").all[0]
    'Q8_0/big-00001-of-00003.gguf'
    >>> part_name("small.gguf") is None
    True
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    number, count = int(match["number"]), int(match["count"])
    if not 1 <= number <= count <= MAX_PARTS or count == 1:
        return None
    return PartName(match["stem"], number, count, match["end"])


def one_per_model(names: Sequence[str]) -> list[str]:
    """The names without further parts of models of which a part stands before."""
    kept: list[str] = []
    seen: set[tuple[str, int]] = set()
    for name in names:
        part = part_name(name)
        if part is None:
            kept.append(name)
        elif (part.stem, part.count) not in seen:
            seen.add((part.stem, part.count))
            kept.append(name)
    return kept


def missing(name: str, count: int) -> InputError:
    """The refusal of a model of ``count`` parts of which the file ``name`` is not there."""
    return InputError(f"The model has {count} parts, of which {name} is missing.", fix=_SAME_PLACE)


def complete(header: GgufHeader, name: str, read_all: ReadAll) -> GgufHeader:
    """The header of a whole model, given that of one of its parts.

    Args:
        header: of a file; returned as it is when the file holds a whole model.
        name: of that file, by which the others are found.
        read_all: the headers of other files, by their names; raises :func:`missing`.

    Raises:
        InputError: a part is not there, or its name does not tell where.
        FormatError: the parts do not belong together, or one is damaged.
    """
    count = header.metadata.get("split.count")
    if not isinstance(count, int) or count <= 1:
        return header
    part = part_name(name)
    if part is None or part.count != count:
        raise InputError(
            f"{name} is one of {count} parts of a model, but its name does not tell those of the"
            " others.",
            fix=f"Name it as it was made: NAME-00001-of-{count:05}.gguf.",
        )
    others = [other for other in part.all if other != part.all[part.number - 1]]
    headers = list(read_all(others))
    headers.insert(part.number - 1, header)
    for number, (own, each) in enumerate(zip(part.all, headers, strict=True)):
        _check_place(each, own, number, count)
    return _joined(headers, name)


def _check_place(header: GgufHeader, name: str, number: int, count: int) -> None:
    """Each part must say that it is the one that its name says."""
    stated = header.metadata.get("split.no"), header.metadata.get("split.count")
    if stated != (number, count):
        raise FormatError(
            f"{name} should be number {number} (from 0) of the {count} parts of its model,"
            f" but its header says number {stated[0]} of {stated[1]}.",
            fix="Fetch the parts again, all from one place.",
        )


def _joined(headers: Sequence[GgufHeader], name: str) -> GgufHeader:
    tensors = tuple(tensor for header in headers for tensor in header.tensors)
    stated = headers[0].metadata.get("split.tensors.count")
    twice = len(tensors) - len({tensor.name for tensor in tensors})
    fix = "Fetch the parts again, all from one place."
    if twice:
        raise FormatError(f"The parts of {name} hold {twice} tensors twice.", fix=fix)
    if isinstance(stated, int) and stated != len(tensors):
        raise FormatError(
            f"The parts of {name} hold {len(tensors)} tensors, but should hold {stated}.", fix=fix
        )
    metadata = {key: value for key, value in headers[0].metadata.items() if key[:6] != "split."}
    file_bytes = sum(header.file_bytes for header in headers)
    return replace(headers[0], metadata=metadata, tensors=tensors, file_bytes=file_bytes)

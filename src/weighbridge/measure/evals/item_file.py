"""Items that stay in their file: in memory is only where the line of each one is."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

from weighbridge.core.errors import InputError
from weighbridge.facts.file_reader import ReadAt
from weighbridge.measure.evals.records import Item


@dataclass(slots=True)
class Places:
    """Where lines are, with a checksum of each: 16 bytes a line."""

    starts: array[int] = field(default_factory=lambda: array("q"))
    sizes: array[int] = field(default_factory=lambda: array("I"))
    sums: array[int] = field(default_factory=lambda: array("I"))

    def add(self, start: int, line: bytes) -> None:
        """Another line."""
        self.starts.append(start)
        self.sizes.append(len(line))
        self.sums.append(zlib.crc32(line))

    def at(self, indices: Iterable[int]) -> Places:
        """Some of them."""
        found = Places()
        for index in indices:
            found.starts.append(self.starts[index])
            found.sizes.append(self.sizes[index])
            found.sums.append(self.sums[index])
        return found


class ItemFile(Sequence[Item]):
    """Items of a file, each read when it is asked for."""

    def __init__(
        self, path: Path, read: ReadAt, places: Places, parse: Callable[[bytes], Item]
    ) -> None:
        self._path = path
        self._read = read
        self._places = places
        self._parse = parse

    def __len__(self) -> int:
        return len(self._places.starts)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> ItemFile: ...
    def __getitem__(self, index: int | slice) -> Item | ItemFile:
        if isinstance(index, slice):
            return self.at(range(*index.indices(len(self))))
        places = self._places
        line = self._read(places.starts[index], places.sizes[index])
        if zlib.crc32(line) != places.sums[index]:
            raise InputError(
                f"{self._path} was changed while its items were being asked.",
                fix="Start again; answers to questions that are still the same are kept.",
            )
        return self._parse(line)

    def __iter__(self) -> Iterator[Item]:
        return map(self.__getitem__, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # compared by what it holds

    def at(self, indices: Iterable[int]) -> ItemFile:
        """Some of the items, which stay in the file as well."""
        return ItemFile(self._path, self._read, self._places.at(indices), self._parse)

"""The errors of a load run by kind, each with its first example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weighbridge.core.load import LoadRun
from weighbridge.report.load_words import shape_words

_MEANINGS: Final = {
    "timeout": "the server was silent for longer than allowed",
    "connect": "nobody answered at the address",
    "endpoint": "the server did not do what its protocol promises",
    "protocol": "what arrived was no valid answer",
}


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One kind of failure.

    Attributes:
        kind: as the records name it.
        meaning: in words, or nothing.
        by_level: the loads at which it came, and how often.
        example: what the first said.
        where: level and request of the first, or nothing.
    """

    kind: str
    meaning: str
    by_level: tuple[tuple[str, int], ...]
    example: str
    where: str

    @property
    def count(self) -> int:
        """In the whole run."""
        return sum(count for _, count in self.by_level)


def errors_of(run: LoadRun) -> list[ErrorKind]:
    """Every kind of failure, most frequent first."""
    tables = [dict(level.error_kinds) for level in run.levels]
    kinds = dict.fromkeys(kind for table in tables for kind in table)
    found = [
        ErrorKind(
            kind,
            _meaning(kind),
            tuple(
                (shape_words(level), table[kind])
                for level, table in zip(run.levels, tables, strict=True)
                if kind in table
            ),
            *_first(run, kind),
        )
        for kind in kinds
    ]
    return sorted(found, key=lambda one: -one.count)


def _meaning(kind: str) -> str:
    if kind.startswith("http_"):
        return f"the server answered with status {kind.removeprefix('http_')}"
    return _MEANINGS.get(kind, "")


def _first(run: LoadRun, kind: str) -> tuple[str, str]:
    """What the first failure of a kind said, and which request it was."""
    for record in run.requests:
        if record.error == kind:
            return record.message, f"level {record.level + 1}, request {record.index + 1}"
    # Without raw records, a level still tells its very first failure, of its only kind for sure.
    for level in run.levels:
        if len(level.error_kinds) == 1 and level.error_kinds[0][0] == kind:
            return level.first_error, ""
    return "", ""

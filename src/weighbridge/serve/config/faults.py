"""What is wrong with a configuration, and where: one fault a line, all of them at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from weighbridge.core.errors import ConfigError

Path = tuple[str | int, ...]
"""Where something stands in the document: keys, and numbers of list items."""

_PLAIN = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that cannot be.

    Attributes:
        path: where it stands.
        text: a sentence without its full stop; never contains a secret.
        line: in the file, from 1; 0 where it has none.
    """

    path: Path
    text: str
    line: int = 0

    @property
    def where(self) -> str:
        """The path as people write it: ``models.tally.url[1]``; empty for the whole document."""
        return place(self.path)

    def __str__(self) -> str:
        line = f"line {self.line}: " if self.line else ""
        where = f"{self.where}: " if self.path else ""
        stop = "" if self.text.endswith(("?", ".")) else "."
        return f"{line}{where}{self.text}{stop}"


class FaultyConfigError(ConfigError):
    """A configuration has faults; the message has a line for each."""

    def __init__(self, origin: str, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        lines = [str(fault) for fault in self.faults]
        if len(lines) == 1:
            message = f"{origin}, {lines[0]}" if self.faults[0].line else f"{origin}: {lines[0]}"
        else:
            message = "\n  ".join([f"{origin} has {len(lines)} faults:", *lines])
        super().__init__(message)


def place(path: Path) -> str:
    """A path as people write it; names with dots or blanks in quotation marks."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
            continue
        name = step if _PLAIN.fullmatch(step) else f'"{step}"'
        text += f".{name}" if text else name
    return text


def near(name: str, known: Iterable[str]) -> str:
    """`` (did you mean 'x'?)`` for the known name most like ``name``; empty where none is."""
    like = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {like[0]!r}?)" if like else ""


def listed(names: Iterable[str]) -> str:
    """Names in backticks, the last after "or"."""
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"

"""Tolerant reading of documents that others define: what is not understood is told, never lost."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from weighbridge.core.routing import RouterConfig

_SECRET = re.compile(r"(?i)key|token|secret|password|credential")
_WORD = re.compile(r"[a-z][a-z_-]{0,39}")


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a configuration of another gateway.

    Attributes:
        config: ours, as it would be written: variables are not filled in.
        notes: a sentence for everything that is not, or not quite, taken over.
    """

    config: RouterConfig
    notes: tuple[str, ...]


@dataclass(slots=True)
class Notes:
    """Collects sentences, each once."""

    sentences: list[str] = field(default_factory=list)

    def add(self, sentence: str) -> None:
        """Note ``sentence``."""
        if sentence not in self.sentences:
            self.sentences.append(sentence)

    def left_out(self, at: str, table: dict[str, Any], taken: Iterable[str]) -> None:
        """Note every key of ``table`` that is not among those ``taken``, and says something."""
        known = set(taken)
        for key, value in table.items():
            if key not in known and value not in (None, "", [], {}):
                self.add(f"`{at}{key}` is not taken over{_said(key, value)}.")


def mapping(value: Any, at: str, notes: Notes) -> dict[str, Any]:  # noqa: ANN401 -- YAML
    """A mapping with text as keys; anything else is noted and counts as empty."""
    if isinstance(value, dict):
        return {str(key): inner for key, inner in value.items()}
    if value is not None:
        notes.add(f"`{at}` is no mapping, so it is not taken over.")
    return {}


def items(value: Any, at: str, notes: Notes) -> list[Any]:  # noqa: ANN401
    """A list; anything else is noted and counts as empty."""
    if isinstance(value, list):
        return value
    if value is not None:
        notes.add(f"`{at}` is no list, so it is not taken over.")
    return []


def text(value: Any) -> str | None:  # noqa: ANN401
    """Text that says something; numbers are text too."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).strip() or None


def number(value: Any, at: str, notes: Notes) -> float | None:  # noqa: ANN401
    """A number that is not negative, also where it is written as text."""
    if value is None or isinstance(value, bool):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        found = -1.0
    if not 0 <= found < 1e15:
        notes.add(f"`{at}` is no number that can be used, so it is not taken over.")
        return None
    return found


def _said(key: str, value: Any) -> str:  # noqa: ANN401
    """The value in a note, where it is short and cannot be a secret."""
    if _SECRET.search(key) or not isinstance(value, bool | int | float | str):
        return ""
    is_word = not isinstance(value, str) or _WORD.fullmatch(value)
    return f" ({str(value).lower()})" if is_word else ""

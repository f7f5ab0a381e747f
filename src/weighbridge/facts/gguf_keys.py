"""Typed access to the metadata of one architecture, whose keys begin with its name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from weighbridge.core.errors import FormatError
from weighbridge.facts.gguf import GgufHeader, Value

_MAX_TEXT = 200


@dataclass(frozen=True, slots=True)
class Keys:
    """The metadata under ``{arch}.`` of a header; a value of an unexpected type reads as None."""

    arch: str
    metadata: dict[str, Value]

    def value(self, key: str) -> Value | None:
        """Whatever ``{arch}.{key}`` holds."""
        return self.metadata.get(f"{self.arch}.{key}")

    def integer(self, key: str) -> int | None:
        """A number that is not negative."""
        return _natural(self.value(key))

    def per_layer(self, key: str, depth: int) -> tuple[int, ...] | None:
        """One number per layer, whether the file writes one for all or an array."""
        value = self.value(key)
        if isinstance(value, tuple):
            numbers = [_natural(int(item) if isinstance(item, bool) else item) for item in value]
            known = tuple(number for number in numbers[:depth] if number is not None)
            return known if len(known) == depth else None
        number = _natural(value)
        return None if number is None else (number,) * depth

    def under(self, prefix: str) -> Iterator[str]:
        """The keys that begin with ``{arch}.{prefix}``, without ``{arch}.``."""
        start = len(self.arch) + 1
        whole = f"{self.arch}.{prefix}"
        return (key[start:] for key in self.metadata if key.startswith(whole))


def keys_of(header: GgufHeader, name: str) -> Keys:
    """The keys of the architecture that the header names.

    Raises:
        FormatError: it names none.
    """
    arch = text(header.metadata.get("general.architecture"))
    if arch is None:
        raise FormatError(
            f"{name} does not say which architecture it holds (general.architecture).",
            fix="Fetch a GGUF that was converted with current llama.cpp.",
        )
    return Keys(arch, header.metadata)


def text(value: Value | None) -> str | None:
    """A short text fit for a terminal: control characters and excess length removed."""
    if not isinstance(value, str):
        return None
    printable = "".join(character if character.isprintable() else " " for character in value)
    return " ".join(printable[:_MAX_TEXT].split()) or None


def _natural(value: Value | None) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return value

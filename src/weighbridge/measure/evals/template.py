"""Prompt templates: plain fields in braces, and nothing that a foreign file could abuse."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from typing import Any

from weighbridge.core.errors import ConfigError


def template(text: str, where: str) -> Callable[[Mapping[str, Any], str], str]:
    """A function that fills ``text`` with an item's fields, having parsed it once.

    ``{field}`` stands for a field, ``{{`` and ``}}`` for braces. Only plain names are placeholders:
    no attribute, index or format tricks from a foreign file.

    Raises:
        ConfigError: the text is broken; later, that a placeholder is not among the fields.
    """
    try:
        pieces = list(string.Formatter().parse(text))
    except ValueError as error:
        raise ConfigError(f"{where}: the prompt template is broken: {error}.") from None

    def fill_in(fields: Mapping[str, Any], where: str) -> str:
        parts: list[str] = []
        for literal, name, spec, conversion in pieces:
            if literal:
                parts.append(literal)
            if name is None:
                continue
            if name not in fields or spec or conversion:
                raise ConfigError(
                    f"{where}: the prompt's placeholder {{{name}}} is not a field of the item.",
                    fix=f"Fields: {', '.join(sorted(fields))}.",
                )
            parts.append(str(fields[name]))
        return "".join(parts)

    return fill_in


def fill(text: str, fields: Mapping[str, Any], where: str) -> str:
    """The template with ``{field}`` replaced, for one that is filled once.

    Raises:
        ConfigError: a placeholder is not a plain name or not among the fields.
    """
    return template(text, where)(fields, where)

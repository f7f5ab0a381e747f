"""The JSON Schema of ``router.config.yaml``, for editors: made from the Structs, never by hand."""

from __future__ import annotations

import inspect
import re
from typing import Any

import msgspec

from weighbridge.core import routing

_ATTRIBUTE = re.compile(r"^(\w+): ", re.MULTILINE)
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The schema, each key described by the docstring of its Struct."""
    # As JSON has it: no tuples.
    made = msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(routing.RouterConfig)))
    for name, part in made["$defs"].items():
        struct = getattr(routing, name)
        about, attributes = _documented(struct)
        part["description"] = about
        for key, text in attributes.items():
            part["properties"][key]["description"] = text
    return {
        "$schema": _DIALECT,
        "title": "router.config.yaml",
        "description": "The configuration of Weighbridge's gateway: `weigh serve`.",
        **made,
    }


def _documented(struct: type[msgspec.Struct]) -> tuple[str, dict[str, str]]:
    """What a Struct's docstring says of it, and of each attribute."""
    text = inspect.getdoc(struct) or ""
    about, _, rest = text.partition("Attributes:\n")
    parts = _ATTRIBUTE.split(inspect.cleandoc(rest))[1:]
    return _plain(about), {
        key: _plain(said) for key, said in zip(parts[::2], parts[1::2], strict=True)
    }


def _plain(text: str) -> str:
    """One line, with backticks as people write them."""
    return " ".join(text.split()).replace("``", "`")

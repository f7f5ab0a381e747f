"""JSON Schemas of files that people write, for editors: made from the Structs, never by hand."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import msgspec

from weighbridge.core import routing

_ATTRIBUTE = re.compile(r"^(\w+): ", re.MULTILINE)
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The schema, each key described by the docstring of its Struct."""
    return schema_of(
        routing.RouterConfig,
        (routing,),
        "router.config.yaml",
        "The configuration of Weighbridge's gateway: `weigh serve`.",
    )


def schema_of(
    struct: type[msgspec.Struct], modules: Sequence[ModuleType], title: str, about: str
) -> dict[str, Any]:
    """The schema of a document that is ``struct``, whose parts are defined in ``modules``."""
    # As JSON has it: no tuples.
    made = msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(struct)))
    for name, part in made["$defs"].items():
        kind = next(getattr(module, name) for module in modules if hasattr(module, name))
        part["description"] = _documented(kind)[0]
        for key in part["properties"]:
            part["properties"][key]["description"] = _description(kind, key)
    return {"$schema": _DIALECT, "title": title, "description": about, **made}


def _description(struct: type[msgspec.Struct], key: str) -> str:
    """What the Struct says of a key, or the one that it extends."""
    for kind in struct.__mro__:
        attributes = _documented(kind)[1]
        if key in attributes:
            return attributes[key]
    raise KeyError(key)


def _documented(struct: type) -> tuple[str, dict[str, str]]:
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

"""What the classes of transformers take for keys that a config.json omits.

The table lies beside this module, one model type per line, made by
``tools/make_config_defaults.py`` from the configuration classes of transformers. It holds plain
numbers, flags and words, and none that would add a feature to a checkpoint that does not name it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

SOURCE: Final = "transformers 5.23.0"

_EMPTY: Final[Mapping[str, Any]] = {}


def class_defaults(model_type: str) -> Mapping[str, Any]:
    """The defaults of a model type; none for a type that the table does not know."""
    return _table().get(model_type, _EMPTY)


@cache
def _table() -> Mapping[str, Mapping[str, Any]]:
    # Not importlib.resources: it costs 10 ms of the start of every command.
    text = Path(__file__).with_name("defaults.json").read_text("utf-8")
    table: Mapping[str, Mapping[str, Any]] = json.loads(text)
    return table

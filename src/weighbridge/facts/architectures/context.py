"""How long a text may be: as trained, and as stretched by scaling of rotary positions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from weighbridge.facts.architectures.keys import Keys, printable
from weighbridge.facts.architectures.limits import LARGEST

_STRETCHING: Final = frozenset({"yarn", "longrope", "su", "linear", "dynamic", "ntk"})
"""Scalings that reach beyond what was trained first; ``llama3`` is part of the training itself."""
# Their max_position_embeddings is what the scaling reaches already (Gemma 3 report, section 2).
_STRETCHED_ALREADY: Final = ("gemma3",)


def contexts_of(keys: Keys) -> tuple[int | None, int | None]:
    """Tokens it was trained for, and tokens it reaches by scaling (None without)."""
    most = keys.maybe("max_position_embeddings")
    scaling = _scaling(keys)
    _say_unread(keys, scaling)
    kind = scaling.get("rope_type", scaling.get("type"))
    already = keys.model_type.startswith(_STRETCHED_ALREADY)
    if not isinstance(kind, str) or kind not in _STRETCHING or already:
        return most, None
    native = _number(scaling.get("original_max_position_embeddings")) or keys.maybe(
        "original_max_position_embeddings"
    )
    factor = scaling.get("factor")
    if native is None:
        native = most
    if native is None:
        return None, None
    stretched = most or native
    if isinstance(factor, int | float) and 1 <= factor < LARGEST:
        stretched = max(stretched, int(native * factor))
    return native, stretched if stretched > native else None


def _scaling(keys: Keys) -> Mapping[str, Any]:
    """The scaling of full-attention layers."""
    for key in ("rope_scaling", "rope_parameters"):
        value = keys.value(key)
        if isinstance(value, Mapping):
            nested = value.get("full_attention", value.get("main"))
            return nested if isinstance(nested, Mapping) else value
    return {}


def _say_unread(keys: Keys, scaling: Mapping[str, Any]) -> None:
    """What stands where a scaling belongs, but is none."""
    unread = "which is not read: the context is that of max_position_embeddings."
    for key in ("rope_scaling", "rope_parameters"):
        value = keys.value(key)
        if value is not None and not isinstance(value, Mapping):
            keys.assume(f"{key} is {printable(str(value)[:40])}, not an object, {unread}")
    for key in ("factor", "original_max_position_embeddings"):
        value = scaling.get(key)
        if value is not None and _number(value) is None:
            shown = printable(str(value)[:40])
            keys.assume(f"{key} of the rope scaling is {shown}, not a number, {unread}")


def _number(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 < value <= LARGEST else None

"""What kind of layer stands at each depth, before its weights are counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FIRST: Final = "first"
"""The detail of a first layer that is built unlike the others."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One layer by the words of its configuration.

    Attributes:
        mixer: the kind, in the vocabulary of transformers: ``full_attention``,
            ``sliding_attention``, ``chunked_attention``, ``linear_attention``, ``mamba``, ``conv``,
            ``none`` …
        mlp: ``dense``, ``sparse`` (experts), ``both``, ``none`` or ``unknown``.
        heads: query heads where they differ from layer to layer.
        kv_heads: key and value heads, likewise.
        width: of the MLP, likewise.
        overrides: keys that this layer states for itself, and their numbers.
        detail: whatever else tells this layer from others of its kind.
    """

    mixer: str
    mlp: str
    heads: int | None = None
    kv_heads: int | None = None
    width: int | None = None
    detail: str = ""
    overrides: tuple[tuple[str, int], ...] = ()

"""Stacks of layers that a token passes several times (HRM-Text).

Every pass keeps keys and values of its own, so there are more caches than layers with weights; the
weights of the stacks are counted once, outside the passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from weighbridge.core.architecture import Layer, Part
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import part

_STACKS: Final = 2
"""A slow one and a fast one, equally deep."""


def bare(layers: Sequence[Layer]) -> list[Layer]:
    """The layers without their weights: what is kept of a sequence, once per pass."""
    kinds = {layer: replace(layer, parts=()) for layer in dict.fromkeys(layers)}
    return [kinds[layer] for layer in layers]


def stack_parts(keys: Keys, layers: Sequence[Layer]) -> tuple[Part, ...]:
    """The weights of the stacks, and the state from which the fast one starts."""
    count = _STACKS * keys.size("num_layers_per_stack")
    repeated = tuple(_times(count, len(layers), item) for item in layers[0].parts)
    return (*repeated, part("other", "initial state", (("hidden", keys.size("hidden_size")),)))


def _times(count: int, passes: int, item: Part) -> Part:
    """One part of a layer, for all layers of the stacks, which a token passes so often in all."""
    terms = [f"layers {count} × {term}" for term in item.formula.split(" + ")]
    again = max(passes - count, 0) * item.parameters
    return Part(
        item.component,
        item.name,
        count * item.parameters,
        " + ".join(terms),
        count * item.idle,
        again,
    )

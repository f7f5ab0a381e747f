"""Keys that tell layers apart and that a file does not state: what its class takes, and is said."""

from __future__ import annotations

from typing import Final

from weighbridge.facts.architectures.defaults import SOURCE
from weighbridge.facts.architectures.dialects import translated
from weighbridge.facts.architectures.keys import Keys

_PATTERNS: Final = (
    "layer_types",
    "layers_block_type",
    "mlp_layer_types",
    "mlp_only_layers",
    "first_k_dense_replace",
    "cross_attention_layers",
    "indexer_types",
    "enable_moe_block",
)
# Their class knows no list: the translation says the same in our words.
_NEVER_LISTED: Final = frozenset({"longcat_flash", "recurrent_gemma"})


def translate(keys: Keys) -> None:
    """Put the keys under their common names; what the class supplied of a pattern is said."""
    stated = keys.raw
    keys.raw = translated(stated, keys.model_type)
    if keys.model_type in _NEVER_LISTED:
        return
    for key in _PATTERNS:
        if stated.get(key) is None and keys.raw.get(key) is not None:
            say_supplied(keys, key)


def say_supplied(keys: Keys, key: str) -> None:
    """One sentence for a pattern that a reader took from the class."""
    keys.assume(
        f"The configuration does not state {key}: the layers are those that the class of"
        f" {keys.model_type} makes without it in {SOURCE}."
    )

"""Weights that a checkpoint may hold and that its class does not make, or that no reader counts."""

from __future__ import annotations

from typing import Final

from weighbridge.facts.architectures.keys import Keys

_SHARED_KV: Final = frozenset({"gemma3n_text"})
"""Published with keys and values of the layers that read those of an earlier one."""

_CROSS_COUNTED: Final = frozenset({"gpt2"})


def say_unmade(keys: Keys) -> None:
    """Say what of the checkpoint is beside the count."""
    _say_shared(keys)
    if keys.raw.get("add_cross_attention") is True and keys.model_type not in _CROSS_COUNTED:
        keys.leave_out(
            "layers",
            "The layers attend to an encoder too (add_cross_attention), which is not modelled for"
            f" {keys.model_type}: those weights are left out.",
        )


def _say_shared(keys: Keys) -> None:
    """Gemma 3n: projections that were trained and are never used."""
    shared = keys.number("num_kv_shared_layers") if keys.model_type in _SHARED_KV else 0
    if not shared:
        return
    size = keys.size("head_dim")
    kv = keys.maybe("num_key_value_heads") or keys.size("num_attention_heads")
    unused = shared * (2 * keys.size("hidden_size") * kv * size + size)
    keys.assume(
        f"The checkpoint also holds the key and value projections of the last {shared} layers,"
        f" {unused:,} weights that the model does not use: they are not counted."
    )

"""Layers that a search made unlike each other (Nemotron-NAS, ``block_configs``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.limits import DEEPEST
from weighbridge.facts.architectures.plan import Plan

_MULTIPLE: Final = 256
"""Widths of MLPs are rounded up to a multiple of this."""


def block_plans(keys: Keys, depth: int) -> list[Plan] | None:
    """One plan per layer; None where there are no ``block_configs``."""
    blocks = keys.items("block_configs")
    if not blocks:
        return None
    return [_plan(keys, block) for block in keys.whole("block_configs", blocks[:DEEPEST], depth)]


def _plan(keys: Keys, block: object) -> Plan:
    if not isinstance(block, Mapping):
        raise keys.wrong("block_configs", block, "a list of objects")
    attention = keys.beside(_object(keys, block, "attention"), "")
    ffn = keys.beside(_object(keys, block, "ffn"), "")
    mlp, width = "dense", None
    if ffn.flag("no_op"):
        mlp = "none"
    elif ffn.flag("replace_with_linear"):
        mlp = "unknown"
    else:
        multiple = ffn.real("ffn_mult")
        width = ffn.maybe("intermediate_size")
        if width is None and multiple:
            wide = int(2 * multiple * keys.size("hidden_size") / 3)
            width = -(-wide // _MULTIPLE) * _MULTIPLE
    if attention.flag("no_op"):
        return Plan("none", mlp, width=width)
    if attention.flag("replace_with_linear"):
        return Plan("linear replacement", mlp, width=width)
    heads = keys.size("num_attention_heads")
    group = attention.maybe("n_heads_in_group")
    kv = attention.maybe("num_key_value_heads") or (heads // group if group else None)
    return Plan("full_attention", mlp, kv_heads=kv, width=width)


def _object(keys: Keys, block: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = block.get(key)
    if not isinstance(value, Mapping):
        raise keys.wrong(f"block_configs.{key}", value, "an object")
    return value

"""Gemma 3n and 4: other heads on full layers, keys that double as values, shared caches."""

from __future__ import annotations

from weighbridge.core.architecture import Cache, Mixer, Part
from weighbridge.facts.architectures.attention import Heads, check_groups, mixer_of, setting
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import bias, kept, part
from weighbridge.facts.architectures.plan import Plan
from weighbridge.facts.architectures.traits import Traits

SHARED = "shared"
"""The layer reads the keys and values of an earlier one."""


def gemma(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mixer, tuple[Part, ...]]:
    """The mixer and weights of one layer."""
    full = plan.mixer != "sliding_attention"
    same = full and keys.flag("attention_k_eq_v")
    count = keys.size("num_attention_heads")
    kv = keys.maybe("num_key_value_heads") or count
    if same:
        kv = keys.maybe("num_global_key_value_heads") or kv
    check_groups(keys, count, kv)
    size = keys.size("head_dim")
    if full:
        size = keys.maybe("global_head_dim") or size
    heads = Heads(count, kv, size, size)
    mixer = mixer_of(keys, heads, plan)
    if plan.detail == SHARED:
        mixer = Mixer(mixer.kind, f"{mixer.name}, shared KV", mixer.numbers, Cache())
    return mixer, _parts(keys, traits, heads, same, plan.detail == SHARED)


def _parts(keys: Keys, traits: Traits, heads: Heads, same: bool, shared: bool) -> tuple[Part, ...]:
    hidden = ("hidden", keys.size("hidden_size"))
    count, kv, size = ("heads", heads.count), ("kv_heads", heads.kv), ("head_dim", heads.key)
    biased = setting(keys, traits.qkv_bias)
    stored = ("", 0 if shared else 1 if same else 2)
    norms = 1 if shared else 2
    width = heads.kv * heads.key * stored[1]
    return kept(
        part("attention", "query", (hidden, count, size), bias(heads.count * heads.key, biased)),
        part(
            "attention",
            "key (also value)" if same else "key and value",
            (stored, hidden, kv, size),
            bias(width, biased),
        ),
        part("attention", "output", (count, size, hidden), bias(hidden[1], biased)),
        part("norm", "query and key norm", (("", norms), size)),
    )


def shared_layers(keys: Keys, depth: int) -> int:
    """How many of the last layers keep no cache of their own."""
    return min(keys.number("num_kv_shared_layers"), depth)

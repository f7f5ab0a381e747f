"""Attention blocks whose weights several layers share (Zamba, Zamba2).

A hybrid layer runs one of a few transformer blocks over its input beside the embedding, adds the
result by a projection of its own to what goes into its Mamba mixer, and keeps keys and values of
its own. The weights of the blocks are stored once, so they stand outside the layers; a layer counts
what it has alone: the projection, the adapters of Zamba2, the Mamba mixer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from weighbridge.core.architecture import Cache, Mixer, Mlp, Part
from weighbridge.facts.architectures.attention import Heads, check_groups, setting
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import bias, kept, part
from weighbridge.facts.architectures.patterns import HYBRID, mixer_pattern
from weighbridge.facts.architectures.traits import Traits

_INPUTS: Final = 2
"""The blocks see the layer's input and the embedding side by side."""


def shared_mixer(keys: Keys, ssm: Mixer) -> Mixer:
    """What a hybrid layer keeps: keys and values of its own, and the state of its Mamba mixer."""
    heads = shared_heads(keys)
    state = ssm.cache or Cache()
    cache = Cache(heads.kv * (heads.key + heads.value), (), state.state, state.state_float32)
    name = "MHA" if heads.kv == heads.count else "MQA" if heads.kv == 1 else "GQA"
    numbers = (
        ("heads", heads.count),
        ("kv_heads", heads.kv),
        ("key_dim", heads.key),
        ("value_dim", heads.value),
        *((f"ssm_{label}", number) for label, number in ssm.numbers),
    )
    return Mixer("parallel", f"shared {name} + {ssm.name}", numbers, cache)


def shared_mlp(keys: Keys) -> Mlp:
    """The feed-forward part that the block brings with it."""
    return Mlp("dense", width=_width(keys))


def own_parts(keys: Keys) -> tuple[Part, ...]:
    """What a hybrid layer has beside its Mamba mixer and the shared block."""
    hidden, width = ("hidden", keys.size("hidden_size")), ("width", _width(keys))
    rank = ("rank", keys.size("adapter_rank") if keys.has("adapter_rank") else 0)
    wide = ("input", _INPUTS * hidden[1])
    adapted = 3 * int(keys.flag("use_shared_attention_adapter"))
    return kept(
        part("linear_mixer", "projection of the shared block", (hidden, hidden)),
        part("attention", "adapters of the shared block", (("", 2), ("", adapted), wide, rank)),
        part("mlp", "adapters of the shared block", (hidden, rank), (rank, ("", 2), width)),
    )


def shared_parts(keys: Keys, traits: Traits, depth: int, *, tied: bool) -> tuple[Part, ...]:
    """The weights of the shared blocks, once each."""
    if not traits.shared_blocks:
        return ()
    if not tied:
        keys.leave_out(
            "layers",
            f"{keys.model_type} shares its attention blocks only where tie_word_embeddings is true;"
            " they are counted as if it were.",
        )
    users = mixer_pattern(keys, traits, depth).count(HYBRID)
    count = min(keys.maybe("num_mem_blocks") or 1, users)
    blocks, hidden = ("blocks", count), ("hidden", keys.size("hidden_size"))
    wide = ("input", keys.maybe("attention_hidden_size") or _INPUTS * hidden[1])
    heads, width = shared_heads(keys), ("width", _width(keys))
    key, many, kv = ("head_dim", heads.key), ("heads", heads.count), ("kv_heads", heads.kv)
    biased = setting(keys, traits.mlp_bias)
    parts = kept(
        part("attention", "shared query", (blocks, wide, many, key)),
        part("attention", "shared key and value", (blocks, wide, ("", 2), kv, key)),
        part("attention", "shared output", (blocks, many, key, hidden)),
        part(
            "mlp",
            "shared gate, up and down",
            (blocks, ("", 3), hidden, width),
            bias(count * (2 * width[1] + hidden[1]), biased),
        ),
        part("norm", "norms of the shared blocks", (blocks, wide), (blocks, hidden)),
    )
    further = users - count
    return tuple(replace(one, again=further * (one.parameters // count)) for one in parts)


def shared_heads(keys: Keys) -> Heads:
    """The heads of a block: they divide the doubled width among them unless a key says more."""
    count = keys.size("num_attention_heads")
    kv = keys.maybe("num_key_value_heads") or count
    check_groups(keys, count, kv)
    size = keys.maybe("attention_head_dim") or _INPUTS * keys.size("hidden_size") // count
    return Heads(count, kv, size, size)


def _width(keys: Keys) -> int:
    return keys.maybe("intermediate_size") or 4 * keys.size("hidden_size")

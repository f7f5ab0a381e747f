"""Linear attention: a matrix per head instead of a list of tokens.

Gated DeltaNet (Qwen3-Next, Olmo-Hybrid), KDA (Kimi Linear, Ling), lightning attention (MiniMax).
Their states are kept in float32; the last inputs of the short convolution in the cache's format.
"""

from __future__ import annotations

from weighbridge.core.architecture import Cache, Mixer, Part
from weighbridge.facts.architectures.attention import heads_of
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import kept, part
from weighbridge.facts.architectures.plan import Plan
from weighbridge.facts.architectures.traits import Traits


def delta(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mixer, tuple[Part, ...]]:
    """Gated DeltaNet: H·(2K + 2V) + H·2n + (2K + V)·k + 2n + d_v + V·H weights."""
    del traits, plan
    hidden = ("hidden", keys.size("hidden_size"))
    key_heads, value_heads = keys.size("linear_num_key_heads"), keys.size("linear_num_value_heads")
    key_dim, value_dim = keys.size("linear_key_head_dim"), keys.size("linear_value_head_dim")
    kernel = keys.size("linear_conv_kernel_dim")
    channels = 2 * key_heads * key_dim + value_heads * value_dim
    heads = ("value_heads", value_heads)
    value = (heads, ("value_dim", value_dim))
    numbers = (
        ("key_heads", key_heads),
        ("value_heads", value_heads),
        ("key_dim", key_dim),
        ("value_dim", value_dim),
        ("kernel", kernel),
    )
    cache = Cache(state=channels * (kernel - 1), state_float32=value_heads * key_dim * value_dim)
    parts = kept(
        part("linear_mixer", "query, key and value", (hidden, ("channels", channels))),
        part("linear_mixer", "output gate", (hidden, *value)),
        part("linear_mixer", "decay and beta", (hidden, ("", 2), heads), (("", 2), heads)),
        part("linear_mixer", "convolution", (("channels", channels), ("kernel", kernel))),
        part("linear_mixer", "output", (*value, hidden)),
        part("norm", "output norm", (("value_dim", value_dim),)),
    )
    return Mixer("linear", "gated DeltaNet", numbers, cache), parts


def kda(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mixer, tuple[Part, ...]]:
    """Kimi delta attention: DeltaNet with a decay per channel, often by low-rank projections."""
    del plan
    nested = keys.under("linear_attn_config") or keys
    hidden = ("hidden", keys.size("hidden_size"))
    size = nested.maybe("linear_head_dim", "head_dim") or 0
    count = nested.maybe("linear_num_heads", "num_heads") or keys.size("num_attention_heads")
    kernel = nested.maybe("linear_conv_kernel_dim", "short_conv_kernel_size") or 4
    heads, dim = ("heads", count), ("head_dim", size)
    numbers = (("heads", count), ("key_dim", size), ("value_dim", size), ("kernel", kernel))
    cache = Cache(state=3 * count * size * (kernel - 1), state_float32=count * size * size)
    wide = (hidden, heads, dim)
    gate = (wide,) if traits.kda_full_rank else ((hidden, dim), (dim, heads, dim))
    parts = kept(
        part("linear_mixer", "query, key and value", (("", 3), *wide)),
        part("linear_mixer", "convolution", (("", 3), heads, dim, ("kernel", kernel))),
        part("linear_mixer", "decay", *gate, (heads, dim), (heads,)),
        part("linear_mixer", "beta", (hidden, heads)),
        part("linear_mixer", "output gate", *gate),
        part("linear_mixer", "output", (heads, dim, hidden)),
        part("norm", "output norm", (dim,)),
    )
    return Mixer("linear", "KDA", numbers, cache), parts


def lightning(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mixer, tuple[Part, ...]]:
    """Lightning attention: a fixed decay per head, so no weights for it."""
    del traits
    hidden = ("hidden", keys.size("hidden_size"))
    shape = heads_of(keys, plan)
    heads, dim = ("heads", shape.count), ("head_dim", shape.key)
    numbers = (("heads", shape.count), ("key_dim", shape.key), ("value_dim", shape.key))
    cache = Cache(state_float32=shape.count * shape.key * shape.key)
    parts = kept(
        part("linear_mixer", "query, key and value", (hidden, ("", 3), heads, dim)),
        part("linear_mixer", "output gate", (hidden, heads, dim)),
        part("linear_mixer", "output", (heads, dim, hidden)),
        part("norm", "output norm", (heads, dim)),
    )
    return Mixer("linear", "lightning attention", numbers, cache), parts

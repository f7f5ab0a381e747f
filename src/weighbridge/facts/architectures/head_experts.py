"""Attention whose query and output projections are a mixture of experts (JetMoe).

Every expert has as many heads as there are keys and values; a token's heads are those of the
experts that it is routed to. Keys and values are common to all.
"""

from __future__ import annotations

from weighbridge.core.architecture import Mixer, Part
from weighbridge.facts.architectures.attention import Heads, mixer_of
from weighbridge.facts.architectures.experts import experts_of
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import part
from weighbridge.facts.architectures.plan import Plan
from weighbridge.facts.architectures.traits import Traits


def head_experts(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mixer, tuple[Part, ...]]:
    """The mixer and weights of one layer."""
    hidden = ("hidden", keys.size("hidden_size"))
    kv, size = keys.size("num_key_value_heads"), keys.size("kv_channels")
    numbers = experts_of(keys, traits)
    experts, heads = ("experts", numbers.count), ("kv_heads", kv)
    key = ("head_dim", size)
    idle = (numbers.count - numbers.active) * 2 * hidden[1] * kv * size
    parts = (
        part("router", "router of attention", (hidden, experts)),
        part(
            "attention",
            "query and output experts",
            (experts, ("", 2), hidden, heads, key),
            idle=idle,
        ),
        part("attention", "key and value", (hidden, ("", 2), heads, key)),
        part("attention", "output bias", (hidden,)),
    )
    shape = Heads(kv * numbers.active, kv, size, size)
    mixer = mixer_of(keys, shape, plan)
    return Mixer(mixer.kind, f"MoA, {mixer.name}", mixer.numbers, mixer.cache), parts

"""RWKV-4: a running weighted mean of values per channel instead of attention.

A layer keeps the input of its two halves for the shift by one token, and numerator, denominator and
largest exponent of the mean in float32.
"""

from __future__ import annotations

from weighbridge.core.architecture import Cache, Mixer, Part
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import part
from weighbridge.facts.architectures.plan import Plan
from weighbridge.facts.architectures.traits import Traits


def rwkv(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mixer, tuple[Part, ...]]:
    """Time mixing; what the channel mixing has beside two matrices is :func:`channel_parts`."""
    del traits, plan
    hidden = ("hidden", keys.size("hidden_size"))
    wide = ("channels", keys.maybe("attention_hidden_size") or hidden[1])
    parts = (
        part("linear_mixer", "key, value and receptance", (("", 3), hidden, wide)),
        part("linear_mixer", "output", (wide, hidden)),
        part("linear_mixer", "decay and first", (("", 2), wide)),
        part("linear_mixer", "token shift", (("", 3), hidden)),
    )
    cache = Cache(state=2 * hidden[1], state_float32=3 * wide[1])
    return Mixer("linear", "RWKV-4", (wide,), cache), parts


def channel_parts(keys: Keys) -> tuple[Part, ...]:
    """The receptance of the channel mixing, and its shift by one token."""
    hidden = ("hidden", keys.size("hidden_size"))
    return (
        part("mlp", "receptance", (hidden, hidden)),
        part("mlp", "token shift", (("", 2), hidden)),
    )

"""Short convolutions as mixers (LFM2)."""

from __future__ import annotations

from weighbridge.core.architecture import Cache, Mixer, Part
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import bias, kept, part
from weighbridge.facts.architectures.plan import Plan
from weighbridge.facts.architectures.traits import Traits


def conv(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mixer, tuple[Part, ...]]:
    """A gated convolution over the last ``conv_L_cache`` tokens of every channel."""
    del traits, plan
    hidden = ("hidden", keys.size("hidden_size"))
    kernel = keys.size("conv_L_cache")
    biased = keys.flag("conv_bias")
    parts = kept(
        part("linear_mixer", "input", (hidden, ("", 3), hidden), bias(3 * hidden[1], biased)),
        part("linear_mixer", "convolution", (hidden, ("kernel", kernel)), bias(hidden[1], biased)),
        part("linear_mixer", "output", (hidden, hidden), bias(hidden[1], biased)),
    )
    cache = Cache(state=hidden[1] * (kernel - 1))
    return Mixer("conv", "short convolution", (("kernel", kernel),), cache), parts

"""The real-gated linear recurrent unit of RecurrentGemma (Griffin): one number per channel."""

from __future__ import annotations

from weighbridge.core.architecture import Cache, Mixer, Part
from weighbridge.core.errors import FormatError
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import part
from weighbridge.facts.architectures.plan import Plan
from weighbridge.facts.architectures.traits import Traits


def rglru(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mixer, tuple[Part, ...]]:
    """Two branches, one through a short convolution and the recurrence, multiplied and joined."""
    del traits, plan
    hidden, heads = ("hidden", keys.size("hidden_size")), keys.size("num_attention_heads")
    wide = ("width", keys.maybe("lru_width") or hidden[1])
    kernel = ("kernel", keys.size("conv1d_width"))
    if wide[1] % heads:
        raise FormatError(
            f"{keys.name}: {wide[1]} channels of a recurrent layer do not divide among {heads}"
            " heads.",
            fix="Fetch the model's own config.json: this one was edited or damaged.",
        )
    block = ("block", wide[1] // heads)
    parts = (
        part("linear_mixer", "input and gate", (hidden, ("", 2), wide), (("", 2), wide)),
        part("linear_mixer", "convolution", (wide, kernel), (wide,)),
        part("linear_mixer", "decay", (wide,)),
        part("linear_mixer", "gates of the recurrence", (("", 2), wide, block), (("", 2), wide)),
        part("linear_mixer", "output", (wide, hidden), (hidden,)),
    )
    cache = Cache(state=wide[1] * (kernel[1] - 1), state_float32=wide[1])
    return Mixer("linear", "RG-LRU", (wide, kernel), cache), parts

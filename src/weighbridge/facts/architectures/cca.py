"""Compressed convolutional attention (ZAYA): queries and keys pass two short convolutions.

Half of every value comes from the token before. So a layer keeps, beside keys and values, the last
inputs of the convolutions and one delayed half of a value.
"""

from __future__ import annotations

from dataclasses import replace

from weighbridge.core.architecture import Cache, Mixer, Part
from weighbridge.facts.architectures.attention import heads_of, mixer_of
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import bias, kept, part
from weighbridge.facts.architectures.plan import Plan
from weighbridge.facts.architectures.traits import Traits


def cca(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mixer, tuple[Part, ...]]:
    """The mixer and weights of one layer."""
    del traits
    heads, hidden = heads_of(keys, plan), ("hidden", keys.size("hidden_size"))
    count, kv, size = ("heads", heads.count), ("kv_heads", heads.kv), ("head_dim", heads.key)
    wide, value = (heads.count + heads.kv) * heads.key, heads.kv * heads.key
    first, second = ("kernel", keys.size("cca_time0")), ("kernel", keys.size("cca_time1"))
    channels, biased = ("channels", wide), keys.flag("attention_bias")
    parts = kept(
        part("attention", "query", (hidden, count, size), bias(heads.count * heads.key, biased)),
        part("attention", "key", (hidden, kv, size), bias(value, biased)),
        part("attention", "value", (hidden, kv, size), bias(value, biased)),
        part("attention", "convolutions", (channels, first), (channels, second, size)),
        part("attention", "biases of the convolutions", (("", 2), channels)),
        part("attention", "output", (count, size, hidden), bias(hidden[1], biased)),
        part("norm", "temperature of keys", (kv,)),
    )
    mixer = mixer_of(keys, heads, plan)
    past = first[1] + second[1] - 2
    cache = replace(mixer.cache or Cache(), state=wide * past + value // 2)
    return replace(mixer, name=f"CCA, {mixer.name}", cache=cache), parts


def router_parts(keys: Keys, first: bool) -> tuple[Part, ...]:
    """A small network as router, with one class more than experts: none of them."""
    hidden, width = ("hidden", keys.size("hidden_size")), ("width", keys.size("router_hidden_size"))
    classes = ("classes", keys.size("num_experts") + 1)
    return kept(
        part("router", "input", (hidden, width), (width,)),
        part("router", "norm", (width,)),
        part("router", "hidden layers", (("", 2), width, width), (("", 2), width)),
        part("router", "output", (width, classes)),
        part("router", "scale of the layer before", (("", int(not first)), width)),
    )

"""Layers that attend to an image only (Llama 3.2 Vision): nothing is kept per token of text."""

from __future__ import annotations

from weighbridge.core.architecture import Cache, Mixer, Part
from weighbridge.facts.architectures.attention import attention_parts, heads_of
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import part
from weighbridge.facts.architectures.plan import Plan
from weighbridge.facts.architectures.traits import Traits


def cross(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mixer, tuple[Part, ...]]:
    """The mixer and weights of one cross-attention layer, its two gates and norms included."""
    heads = heads_of(keys, plan)
    numbers = (("heads", heads.count), ("kv_heads", heads.kv), ("key_dim", heads.key))
    mixer = Mixer("cross", "cross-attention", numbers, Cache())
    keys.assume(
        "Cross-attention layers keep keys and values of the image only; the KV cache shown is that"
        " of the text."
    )
    own = (
        part("attention", "gates", (("", 2),)),
        part("norm", "query and key norm", (("", 2), ("head_dim", heads.key))),
    )
    return mixer, (*attention_parts(keys, traits, plan, heads), *own)

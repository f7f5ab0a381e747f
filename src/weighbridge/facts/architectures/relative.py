"""Attention with short convolutions of keys and values and learned relative positions (Inkling).

Two further convolutions follow attention and MLP. A layer keeps the last inputs of all four, in
float32 as the class computes them.
"""

from __future__ import annotations

from dataclasses import replace

from weighbridge.core.architecture import Cache, Mixer, Part
from weighbridge.facts.architectures.attention import heads_of, softmax, window_of
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import Term, kept, part
from weighbridge.facts.architectures.patterns import FULL
from weighbridge.facts.architectures.plan import FIRST, Plan
from weighbridge.facts.architectures.traits import Traits


def relative(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mixer, tuple[Part, ...]]:
    """The mixer and weights of one layer."""
    mixer, parts = softmax(keys, traits, plan)
    heads, hidden = heads_of(keys, plan), ("hidden", keys.size("hidden_size"))
    rank = ("rank", keys.size("d_rel"))
    extent = ("extent", window_of(keys, plan) or keys.size("rel_extent"))
    kernel = _kernel(keys)
    own = (
        part("attention", "relative positions", (hidden, ("heads", heads.count), rank)),
        part("attention", "logits of relative positions", (rank, extent)),
        part("attention", "convolutions of key and value", *_convolution(keys, traits, plan)),
        part("other", "convolutions after attention and MLP", (("", 2), hidden, kernel)),
    )
    channels = 2 * heads.kv * heads.key + 2 * hidden[1]
    cache = replace(mixer.cache or Cache(), state_float32=channels * (kernel[1] - 1))
    return replace(mixer, cache=cache), (*parts, *own)


def _convolution(keys: Keys, traits: Traits, plan: Plan) -> tuple[Term, ...]:
    """Fixed taps per channel; on full layers of Inkling 2, taps that follow from the token too."""
    heads, kernel = heads_of(keys, plan), _kernel(keys)
    kv = ("kv_heads", heads.kv)
    fixed = (("", 2), kv, ("head_dim", heads.key), kernel)
    if not traits.dynamic_taps or plan.mixer != FULL:
        return (fixed,)
    return fixed, (("", 2), ("hidden", keys.size("hidden_size")), kv, kernel)


def _kernel(keys: Keys) -> tuple[str, int]:
    return "kernel", keys.maybe("sconv_kernel_size") or keys.size("conv_kernel_size")


def second_parts(keys: Keys, plan: Plan) -> tuple[Part, ...]:
    """What Inkling 2 adds: sinks by projection, clipped norms, inputs weighed by learned queries.

    Queries pick among what earlier layers gave: one for the MLP, and one for attention beyond the
    first layer; full layers have one each for query, key and value, with a norm each.
    """
    heads, hidden = heads_of(keys, plan), ("hidden", keys.size("hidden_size"))
    count, full = ("heads", heads.count), plan.mixer == FULL
    inputs = 3 if full else 0 if plan.detail == FIRST else 1
    clipped = ("dims", heads.key + keys.size("d_rel"))
    return kept(
        part("attention", "sinks by projection", (hidden, count)),
        part("norm", "scales of clipped norms", (count, clipped)),
        part("other", "queries of inputs", (("", inputs + 1), hidden)),
        part("norm", "norms of key and value inputs", (("", 2 * int(full)), hidden)),
    )


def router_parts(keys: Keys) -> tuple[Part, ...]:
    """Shared experts are weighed by the router too, and its output has a scale."""
    hidden, shared = (
        ("hidden", keys.size("hidden_size")),
        ("shared", keys.number("n_shared_experts")),
    )
    return (part("router", "shared experts and scale", (hidden, shared), (("scale", 1),)),)

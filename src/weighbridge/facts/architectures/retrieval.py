"""A very large number of experts of width one, found by product keys (Doge)."""

from __future__ import annotations

from math import isqrt

from weighbridge.core.architecture import Mlp, Part
from weighbridge.facts.architectures.dense import dense
from weighbridge.facts.architectures.experts import experts_of
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import part
from weighbridge.facts.architectures.plan import Plan
from weighbridge.facts.architectures.traits import Traits


def retrieved(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mlp, tuple[Part, ...]]:
    """A dense MLP, and experts that are one row down and one row up each."""
    beside, beside_parts = dense(keys, traits, plan)
    numbers = experts_of(keys, traits)
    hidden, experts = ("hidden", keys.size("hidden_size")), ("experts", numbers.count)
    mlp = Mlp(
        "dense + experts",
        width=beside.width,
        experts=numbers.count,
        active=numbers.active,
        expert_width=1,
    )
    return mlp, (
        *beside_parts,
        part("router", "router", (hidden, ("", 2), ("keys", isqrt(numbers.count)))),
        part(
            "experts",
            "routed experts",
            (experts, ("", 2), hidden),
            idle=(numbers.count - numbers.active) * 2 * hidden[1],
        ),
    )

"""Dense feed-forward parts: gated (SwiGLU and kin) or not."""

from __future__ import annotations

from weighbridge.core.architecture import Mlp, Part
from weighbridge.facts.architectures.attention import setting
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import bias, part
from weighbridge.facts.architectures.plan import Plan
from weighbridge.facts.architectures.traits import Traits


def width_of(keys: Keys, traits: Traits, plan: Plan) -> int:
    """Width of the dense MLP of one layer."""
    stated = plan.width or keys.maybe(
        "intermediate_size_mlp", "dense_intermediate_size", "intermediate_size"
    )
    if stated:
        return stated
    if traits.mlp_width:
        return traits.mlp_width * keys.size("hidden_size")
    return keys.size("intermediate_size")


def dense(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mlp, tuple[Part, ...]]:
    """The dense MLP of one layer and its weights."""
    width = width_of(keys, traits, plan)
    return Mlp("dense", width=width), (dense_part(keys, traits, width),)


def dense_part(keys: Keys, traits: Traits, width: int) -> Part:
    """Up and down projections, and the gate where there is one."""
    hidden = keys.size("hidden_size")
    matrices = 3 if traits.gated else 2
    has_bias = setting(keys, traits.mlp_bias)
    return part(
        "mlp",
        "gate, up and down" if traits.gated else "up and down",
        (("", matrices), ("hidden", hidden), ("width", width)),
        bias(width * (matrices - 1) + hidden, has_bias),
        (("scalars", traits.mlp_scalars),),
    )

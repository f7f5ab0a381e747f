"""Mixture of experts: routed and shared experts and their router."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.core.architecture import Mlp, Part
from weighbridge.core.errors import FormatError
from weighbridge.facts.architectures.attention import setting
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import bias, kept, part
from weighbridge.facts.architectures.plan import Plan
from weighbridge.facts.architectures.traits import Traits


@dataclass(frozen=True, slots=True)
class Experts:
    """The numbers of one mixture.

    Attributes:
        count: routed experts.
        active: of which see each token.
        width: of a routed expert.
        shared: experts that see every token.
        shared_width: of all shared experts together.
    """

    count: int
    active: int
    width: int
    shared: int
    shared_width: int


def stated(keys: Keys) -> bool:
    """Whether the file, or the class, has a number of experts."""
    return keys.number("num_experts") > 0


def experts_of(keys: Keys, traits: Traits) -> Experts:
    """The numbers of the mixture, whatever the family calls them.

    Raises:
        FormatError: more experts are active than there are.
    """
    count = keys.size("num_experts")
    active = keys.maybe("num_experts_per_tok")
    if active is None:
        keys.assume(
            "The configuration does not say how many experts see each token: active parameters are"
            " those of all experts, an upper bound."
        )
        active = count
    if active > count:
        raise FormatError(
            f"{keys.name}: {active} of {count} experts are active per token.",
            fix="Fetch the model's own config.json: this one was edited or damaged.",
        )
    if isinstance(keys.value("moe_intermediate_size"), list):
        raise FormatError(
            f"{keys.name}: moe_intermediate_size is a list, a form that is not modelled.",
            fix="Inspect its weight files, or a GGUF of it.",
        )
    beside = traits.dense_beside_experts
    width = keys.maybe("moe_intermediate_size") or (
        keys.size("moe_intermediate_size" if beside else "intermediate_size")
    )
    shared = keys.number("n_shared_experts") or traits.shared
    total = keys.maybe(
        "shared_expert_intermediate_size",
        "moe_shared_expert_intermediate_size",
        "share_expert_dim",
        "shared_intermediate_size",
    )
    if total is None:
        total = shared * width
    return Experts(count, active, width, shared or int(total > 0), total)


def sparse(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mlp, tuple[Part, ...]]:
    """The mixture of one layer and its weights."""
    del plan
    numbers = experts_of(keys, traits)
    mlp = Mlp(
        "experts",
        experts=numbers.count,
        active=numbers.active,
        expert_width=numbers.width,
        shared=numbers.shared,
    )
    return mlp, expert_parts(keys, traits, numbers)


def expert_parts(keys: Keys, traits: Traits, numbers: Experts) -> tuple[Part, ...]:
    """Router, routed experts and shared experts."""
    hidden = keys.size("hidden_size")
    empty = keys.number("zero_expert_num")
    if empty:
        keys.assume(f"{empty} experts are empty: active parameters are an upper bound.")
    matrices = 3 if traits.gated else 2
    latent = keys.number("moe_latent_size")
    seen = ("latent", latent) if latent else ("hidden", hidden)
    inner = numbers.width * (matrices - 1) + hidden if traits.expert_bias else 0
    inner += traits.expert_scale
    each = matrices * seen[1] * numbers.width + inner
    plain = int(traits.plain_router)
    return kept(
        part(
            "router",
            "router",
            (("hidden", hidden), ("experts", plain * (numbers.count + empty))),
            (("bias", traits.router_bias), ("experts", numbers.count)),
            (("scale", traits.router_scale), ("hidden", hidden)),
        ),
        part(
            "experts",
            "routed experts",
            (("experts", numbers.count), ("", matrices), seen, ("width", numbers.width)),
            (("experts", numbers.count), ("bias and scale", inner)),
            idle=(numbers.count - numbers.active) * each,
        ),
        part(
            "experts",
            "latent projections",
            (("", 2), ("hidden", hidden), ("latent", latent)),
            bias(hidden + latent, latent > 0 and setting(keys, traits.mlp_bias)),
        ),
        part(
            "shared_expert",
            "shared expert",
            (("", matrices), ("hidden", hidden), ("width", numbers.shared_width)),
            bias(hidden, traits.shared_gate and numbers.shared_width > 0),
            bias(
                numbers.shared_width * (matrices - 1) + hidden,
                setting(keys, traits.mlp_bias) and numbers.shared_width > 0,
            ),
        ),
    )

"""State-space mixers: Mamba and Mamba-2, under the names of four conventions."""

from __future__ import annotations

from weighbridge.core.architecture import Cache, Mixer, Part
from weighbridge.core.errors import FormatError
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import bias, kept, part
from weighbridge.facts.architectures.plan import Plan
from weighbridge.facts.architectures.traits import Traits


def mamba2(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mixer, tuple[Part, ...]]:
    """Mamba-2, i = heads × dim: H·(2i + 2gs + n) + (i + 2gs)·(k + 1) + 3n + i + i·H weights."""
    del plan
    hidden = ("hidden", keys.size("hidden_size"))
    heads = keys.maybe("mamba_num_heads", "mamba_n_heads", "n_mamba_heads") or keys.size(
        "num_heads"
    )
    inner = _inner(keys, hidden[1], heads)
    state = keys.maybe("ssm_state_size", "mamba_d_state") or keys.size("state_size")
    groups = keys.maybe("mamba_n_groups", "mamba_ngroups", "n_groups") or 1
    kernel = keys.maybe("mamba_d_conv", "conv_kernel") or keys.size("conv_kernel_size")
    channels = inner + 2 * groups * state
    projected = inner + channels + heads
    biased = _biased(keys, traits)
    out_biased = keys.flag("projectors_bias") if traits.only == "parallel" else biased
    normed = traits.ssm_norm if isinstance(traits.ssm_norm, bool) else keys.flag(traits.ssm_norm)
    numbers = (("heads", heads), ("head_dim", inner // heads), ("state", state), ("groups", groups))
    parts = kept(
        part("linear_mixer", "input", (hidden, ("width", projected)), bias(projected, biased)),
        part(
            "linear_mixer",
            "convolution",
            (("channels", channels), ("kernel", kernel)),
            bias(channels, conv_bias(keys)),
        ),
        part("linear_mixer", "decay, skip and step", (("", 3), ("heads", heads))),
        part("norm", "output norm", (("inner", inner if normed else 0),)),
        part("linear_mixer", "output", (("inner", inner), hidden), bias(hidden[1], out_biased)),
    )
    cache = Cache(state=channels * (kernel - 1), state_float32=inner * state)
    return Mixer("ssm", "Mamba-2", (*numbers, ("kernel", kernel)), cache), parts


def mamba1(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mixer, tuple[Part, ...]]:
    """Mamba: H·2i + i·(k + 1) + i·(r + 2s) + r·i + i + i·s + i + i·H weights."""
    del plan
    hidden = ("hidden", keys.size("hidden_size"))
    inner = _inner1(keys, hidden[1])
    state = keys.maybe("mamba_d_state") or keys.size("state_size")
    kernel = keys.maybe("mamba_d_conv") or keys.size("conv_kernel")
    rank = _rank(keys, hidden[1])
    biased = keys.flag("mamba_proj_bias") or keys.flag("use_bias")
    wide = ("inner", inner)
    select = ("rank + 2 × state", rank + 2 * state)
    parts = kept(
        part("linear_mixer", "input", (hidden, ("", 2), wide), bias(2 * inner, biased)),
        part(
            "linear_mixer",
            "convolution",
            (wide, ("kernel", kernel)),
            bias(inner, conv_bias(keys)),
        ),
        part("linear_mixer", "selection", (wide, select)),
        part("linear_mixer", "step", (("rank", rank), wide), (wide,)),
        part("linear_mixer", "decay and skip", (wide, ("state", state)), (wide,)),
        part("linear_mixer", "output", (wide, hidden), bias(hidden[1], biased)),
        part("norm", "selection norms", (select,) if traits.ssm_norm is True else (("", 0),)),
    )
    numbers = (("inner", inner), ("state", state), ("rank", rank), ("kernel", kernel))
    cache = Cache(state=inner * (kernel - 1), state_float32=inner * state)
    return Mixer("ssm", "Mamba", numbers, cache), parts


def _biased(keys: Keys, traits: Traits) -> bool:
    """Whether the projections have biases."""
    names = (
        (traits.ssm_bias,)
        if traits.ssm_bias
        else ("mamba_proj_bias", "use_bias", "add_bias_linear")
    )
    return any(keys.flag(name) for name in names)


def conv_bias(keys: Keys) -> bool:
    """Whether the short convolution has a bias; the commonest is that it has."""
    for key in ("mamba_conv_bias", "use_conv_bias"):
        if keys.has(key):
            return keys.flag(key)
    return not keys.has("mamba_proj_bias")


def _inner(keys: Keys, hidden: int, heads: int) -> int:
    """Channels inside a Mamba-2 layer: stated, heads × dim, or a multiple of hidden."""
    stated = keys.maybe("mamba_d_ssm")
    if stated:
        return stated
    for key in ("mamba_head_dim", "mamba_d_head", "mamba_headdim", "head_dim"):
        if isinstance(keys.value(key), int):
            return heads * keys.size(key)
    inner = hidden * (keys.maybe("mamba_expand", "expand") or 2)
    if inner % heads:
        raise FormatError(
            f"{keys.name}: {inner} channels of a Mamba layer do not divide among {heads} heads.",
            fix="Fetch the model's own config.json: this one was edited or damaged.",
        )
    return inner


def _inner1(keys: Keys, hidden: int) -> int:
    """Channels inside a Mamba layer."""
    expand = keys.maybe("mamba_expand", "expand")
    if keys.stated("mamba_expand") and expand:
        return hidden * expand
    if keys.stated("intermediate_size") and not keys.has("mamba_d_state"):
        return keys.size("intermediate_size")
    return hidden * (expand or 2)


def _rank(keys: Keys, hidden: int) -> int:
    """Rank of the step projection; ``auto`` is a sixteenth of hidden, rounded up."""
    for key in ("mamba_dt_rank", "time_step_rank"):
        value = keys.value(key)
        if value is not None and value != "auto":
            return keys.size(key)
    return -(-hidden // 16)

"""Layers from plans: what stands at each depth, and the weights of each kind once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from weighbridge.core.architecture import Cache, Layer, Mixer, Mlp, Part
from weighbridge.core.errors import FormatError
from weighbridge.facts.architectures import extras
from weighbridge.facts.architectures.attention import heads_of, indexed, softmax
from weighbridge.facts.architectures.cca import cca
from weighbridge.facts.architectures.compressed import compressed, ratios_of
from weighbridge.facts.architectures.conv import conv
from weighbridge.facts.architectures.cross import cross
from weighbridge.facts.architectures.dense import dense, width_of
from weighbridge.facts.architectures.experts import sparse
from weighbridge.facts.architectures.gemma import SHARED, gemma, shared_layers
from weighbridge.facts.architectures.head_experts import head_experts
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.latent import indexer_pattern, latent
from weighbridge.facts.architectures.limits import DEEPEST
from weighbridge.facts.architectures.linear import delta, kda, lightning
from weighbridge.facts.architectures.mamba import mamba1, mamba2
from weighbridge.facts.architectures.nas import block_plans
from weighbridge.facts.architectures.outside import norm_weights
from weighbridge.facts.architectures.parts import kept, part
from weighbridge.facts.architectures.patterns import (
    CHUNKED,
    FULL,
    HYBRID,
    LINEAR,
    RECURRENT,
    SLIDING,
    UNLISTED,
    UNLOCATED,
    mixer_pattern,
)
from weighbridge.facts.architectures.peculiar import peculiar_parts
from weighbridge.facts.architectures.placement import mlp_pattern
from weighbridge.facts.architectures.plan import FIRST, Plan
from weighbridge.facts.architectures.relative import relative
from weighbridge.facts.architectures.retrieval import retrieved
from weighbridge.facts.architectures.rglru import rglru
from weighbridge.facts.architectures.rwkv import rwkv
from weighbridge.facts.architectures.shared_blocks import own_parts, shared_mixer, shared_mlp
from weighbridge.facts.architectures.traits import Traits
from weighbridge.facts.architectures.xlstm import mlstm

MixerReader = Callable[[Keys, Traits, Plan], tuple[Mixer, tuple[Part, ...]]]
MlpReader = Callable[[Keys, Traits, Plan], tuple[Mlp, tuple[Part, ...]]]

_READERS: Final[Mapping[str, MixerReader]] = {
    "softmax": softmax,
    "latent": latent,
    "compressed": compressed,
    "gemma": gemma,
    "delta": delta,
    "kda": kda,
    "lightning": lightning,
    "rwkv": rwkv,
    "mlstm": mlstm,
    "rglru": rglru,
    "head_experts": head_experts,
    "cca": cca,
    "relative": relative,
    "mamba1": mamba1,
    "mamba2": mamba2,
    "conv": conv,
    "cross": cross,
    "minimax_m3_sparse": indexed,
}


_WITHOUT: Final[Mapping[str, Mixer]] = {
    "none": Mixer("none", "no mixer"),
    UNLISTED: Mixer("unknown", "kind not stated", cache=None),
}
"""Mixers of which no weights are counted."""

_ATTENDING: Final = frozenset({FULL, SLIDING, CHUNKED, "minimax_m3_sparse"})


def layers_of(keys: Keys, traits: Traits, depth: int) -> list[Layer]:
    """Every layer; equal plans share one record."""
    built: dict[Plan, Layer] = {}
    layers: list[Layer] = []
    for plan in plans_of(keys, traits, depth):
        if plan not in built:
            built[plan] = layer_of(keys, traits, plan)
        layers.append(built[plan])
    return layers


def plans_of(keys: Keys, traits: Traits, depth: int) -> list[Plan]:
    """What stands at each depth."""
    plans = block_plans(keys, depth)
    if plans is None:
        mixers = mixer_pattern(keys, traits, depth)
        mlps = mlp_pattern(keys, depth, traits.dense_first)
        plans = [_plan(mixer, mlp, traits) for mixer, mlp in zip(mixers, mlps, strict=True)]
    return _detailed(keys, traits, plans)


def _plan(mixer: str, mlp: str, traits: Traits) -> Plan:
    """One layer; where mixers and MLPs alternate (Nemotron-H) a layer has one of them."""
    if mixer in ("mlp", "moe"):
        return Plan("none", "dense" if mixer == "mlp" else "sparse")
    if traits.alternating:
        return Plan(mixer, "none")
    return Plan(mixer, mlp)


def _detailed(keys: Keys, traits: Traits, plans: list[Plan]) -> list[Plan]:
    """Add what differs from layer to layer beside the kinds."""
    depth = len(plans)
    heads = keys.per_layer("num_attention_heads_per_layer", depth)
    heads = heads or keys.per_layer("num_attention_heads", depth)
    kv_heads = keys.per_layer("num_key_value_heads", depth)
    widths = keys.per_layer("intermediate_size", depth)
    details = _details(keys, traits, depth)
    first_shared = depth - shared_layers(keys, depth) if traits.mixer == "gemma" else depth
    doubled = keys.flag("use_double_wide_mlp")
    overrides = _overrides(keys)
    result: list[Plan] = []
    for index, plan in enumerate(plans):
        shared = index >= first_shared
        width = widths[index] if widths else plan.width
        if shared and doubled:
            width = 2 * (width or keys.size("intermediate_size"))
        result.append(
            replace(
                plan,
                heads=heads[index] if heads else plan.heads,
                kv_heads=kv_heads[index] if kv_heads else plan.kv_heads,
                width=width,
                detail=SHARED if shared else details[index],
                overrides=overrides.get(index, ()),
            )
        )
    return result


def _overrides(keys: Keys) -> dict[int, tuple[tuple[str, int], ...]]:
    """What single layers state for themselves (``per_layer_config`` of transformers 5)."""
    nested = keys.value("per_layer_config")
    if not isinstance(nested, Mapping):
        return {}
    stated: dict[int, tuple[tuple[str, int], ...]] = {}
    for index, numbers in list(nested.items())[:DEEPEST]:
        if isinstance(index, str) and index.isdecimal() and len(index) < 6:
            own = Keys(numbers if isinstance(numbers, Mapping) else {}, "", keys.name)
            pairs = [(key, own.maybe(key)) for key in sorted(own.raw) if type(own.raw[key]) is int]
            stated[int(index)] = tuple((key, number) for key, number in pairs if number is not None)
    return stated


def _details(keys: Keys, traits: Traits, depth: int) -> tuple[str, ...]:
    """What tells layers of one kind apart, by family of mixer."""
    if traits.mixer == "compressed":
        return tuple(str(ratio) for ratio in ratios_of(keys, depth))
    if traits.mixer == "latent":
        return indexer_pattern(keys, depth)
    if (traits.first_norms or traits.mixer in ("cca", "relative")) and depth:
        return (FIRST, *("",) * (depth - 1))
    words = keys.words("layer_types")
    if words and "minimax_m3_sparse" in words:
        kinds = keys.whole("layer_types", words, depth)
        return tuple("index" if kind == "minimax_m3_sparse" else "" for kind in kinds)
    nested = keys.under("sparse_attention_config")
    flags = nested.per_layer("sparse_attention_freq", depth) if nested else None
    if flags:
        return tuple("index" if flag else "" for flag in flags)
    return ("",) * depth


def layer_of(keys: Keys, traits: Traits, plan: Plan) -> Layer:
    """One layer: mixer, MLP, norms and extras."""
    if plan.overrides:
        keys = keys.overlaid(dict(plan.overrides))
    mixer, mixer_parts = mixer_of(keys, traits, plan)
    mlp, mlp_parts = mlp_of(keys, traits, plan)
    parts = (
        *mixer_parts,
        *mlp_parts,
        *_norms(keys, traits, plan),
        *extras.hyper_connections(keys, traits.hyper_outputs),
        *extras.per_layer_input(keys),
        *extras.altup(keys),
        *peculiar_parts(keys, plan),
    )
    return Layer(mixer, mlp, parts)


def mixer_of(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mixer, tuple[Part, ...]]:
    """The mixer of one layer; a kind that no reader knows keeps an unknown amount."""
    if plan.mixer in _WITHOUT:
        return _WITHOUT[plan.mixer], ()
    if plan.mixer == "parallel":
        return _parallel(keys, traits, plan)
    if plan.mixer == HYBRID and traits.shared_blocks:
        return _shared(keys, traits, plan)
    kinds = {LINEAR: traits.linear, RECURRENT: traits.linear, "mamba": traits.ssm}
    name = {**kinds, "conv": "conv", "cross": "cross"}.get(
        plan.mixer,
        "minimax_m3_sparse"
        if plan.detail == "index"
        else traits.mixer
        if plan.mixer in _ATTENDING
        else "",
    )
    if name in _READERS:
        return _read(keys, traits, plan, _READERS[name])
    if plan.mixer == UNLOCATED:
        keys.assume(
            "The configuration states a sliding window, but not on which layers; the KV cache is"
            " not computed."
        )
        mixer, parts = softmax(keys, traits, plan)
        return replace(mixer, cache=None), parts
    return _unknown(keys, plan.mixer)


def _read(
    keys: Keys, traits: Traits, plan: Plan, reader: MixerReader
) -> tuple[Mixer, tuple[Part, ...]]:
    """What a reader says; for an unknown family, a reader that lacks keys says nothing."""
    if traits.known:
        return reader(keys, traits, plan)
    try:
        return reader(keys, traits, plan)
    except FormatError:
        return _unknown(keys, plan.mixer)


def _unknown(keys: Keys, kind: str) -> tuple[Mixer, tuple[Part, ...]]:
    keys.leave_out(
        "layers",
        f"Layers of kind {kind!r} are not modelled: their weights and their cache are left out.",
    )
    return Mixer("unknown", kind, cache=None), ()


def refused(keys: Keys, layers: list[Layer], why: str) -> list[Layer]:
    """As many layers, of which nothing is claimed to be known: not even a least size."""
    keys.leave_out("layers", why)
    return [Layer(Mixer("unknown", keys.model_type, cache=None), Mlp("unknown"))] * len(layers)


def _parallel(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mixer, tuple[Part, ...]]:
    """Attention and a state-space mixer side by side (Falcon-H1)."""
    attention, attention_parts = softmax(keys, traits, replace(plan, mixer=FULL))
    ssm, ssm_parts = _READERS[traits.ssm](keys, traits, plan)
    one, two = attention.cache or Cache(), ssm.cache or Cache()
    cache = Cache(
        per_token=one.per_token + two.per_token,
        windows=(*one.windows, *two.windows),
        state=one.state + two.state,
        state_float32=one.state_float32 + two.state_float32,
    )
    numbers = (*attention.numbers, *((f"ssm_{name}", number) for name, number in ssm.numbers))
    mixer = Mixer("parallel", f"{attention.name} + {ssm.name}", numbers, cache)
    return mixer, (*attention_parts, *ssm_parts)


def _shared(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mixer, tuple[Part, ...]]:
    """A shared attention block before a state-space mixer of the layer's own (Zamba)."""
    ssm, ssm_parts = _READERS[traits.ssm](keys, traits, plan)
    return shared_mixer(keys, ssm), (*own_parts(keys), *ssm_parts)


def mlp_of(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mlp, tuple[Part, ...]]:
    """The feed-forward part of one layer."""
    if plan.mixer == HYBRID and traits.shared_blocks:
        return shared_mlp(keys), ()
    if plan.mlp == "none":
        return Mlp("none"), ()
    if plan.mlp == "dense":
        return dense(keys, traits, plan)
    if plan.mlp in ("sparse", "both"):
        return _mixture(keys, traits, plan)
    keys.leave_out(
        "layers",
        "Some feed-forward parts are replaced by something that is not modelled."
        if plan.mlp == "unknown"
        else f"Feed-forward parts of kind {plan.mlp!r} are not modelled; left out.",
    )
    return Mlp("unknown"), ()


def _mixture(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mlp, tuple[Part, ...]]:
    """Experts, alone or beside a dense MLP."""
    if traits.retrieval:
        return retrieved(keys, traits, plan)
    mlp, parts = sparse(keys, traits, plan)
    if plan.mlp != "both" and not traits.dense_beside_experts:
        return mlp, parts
    beside, beside_parts = dense(keys, traits, plan)
    return replace(mlp, kind="dense + experts", width=beside.width), (*beside_parts, *parts)


def _norms(keys: Keys, traits: Traits, plan: Plan) -> tuple[Part, ...]:
    """The norms over the residual stream, and those inside attention and MLP."""
    count = traits.norms
    if "none" in (plan.mixer, plan.mlp):
        count = traits.mlp_norms
    if plan.mlp == "sparse":
        count += traits.sparse_norms
    if plan.detail == FIRST and traits.first_norms:
        count = traits.first_norms
    if traits.norms_key and keys.flag(traits.norms_key):
        count += traits.norms_if
    hidden = ("hidden", keys.size("hidden_size"))
    layer = part("norm", "layer norms", (("", count), ("", norm_weights(traits)), hidden))
    if not traits.sub_norms:
        return kept(layer)
    heads = heads_of(keys, plan)
    inner = part(
        "norm",
        "norms before output projections",
        (("heads", heads.count), ("head_dim", heads.value)),
        (("width", width_of(keys, traits, plan)),),
    )
    return kept(layer, inner)

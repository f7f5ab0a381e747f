"""Weights that the classes of single families have beside those of all others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from weighbridge.core.architecture import Part
from weighbridge.facts.architectures.attention import heads_of
from weighbridge.facts.architectures.cca import router_parts as zaya_router
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import bias, kept, part
from weighbridge.facts.architectures.plan import FIRST, Plan
from weighbridge.facts.architectures.relative import router_parts as inkling_router
from weighbridge.facts.architectures.relative import second_parts
from weighbridge.facts.architectures.rwkv import channel_parts


def peculiar_parts(keys: Keys, plan: Plan) -> tuple[Part, ...]:
    """Of one layer."""
    own = _IN_LAYERS.get(keys.model_type)
    return () if own is None else own(keys, plan)


def peculiar_outside(keys: Keys) -> tuple[Part, ...]:
    """Outside the layers."""
    own = _OUTSIDE.get(keys.model_type)
    return () if own is None else own(keys)


def _rwkv(keys: Keys, plan: Plan) -> tuple[Part, ...]:
    del plan
    return channel_parts(keys)


def _diffllama(keys: Keys, plan: Plan) -> tuple[Part, ...]:
    """Differential attention: four vectors that weigh the difference of two attentions."""
    return (part("attention", "lambdas", (("", 4), ("head_dim", heads_of(keys, plan).key))),)


def _doge(keys: Keys, plan: Plan) -> tuple[Part, ...]:
    """A mask computed from the values, and weights of the residual stream."""
    heads = heads_of(keys, plan)
    kv, size = ("kv_heads", heads.kv), ("head_dim", heads.value)
    biased = keys.flag("attention_bias")
    return (
        part("attention", "dynamic mask", (kv, size, kv), (kv,), bias(heads.kv, biased)),
        part("other", "residual weights", (("", 2), ("hidden", keys.size("hidden_size")))),
    )


def _jetmoe(keys: Keys, plan: Plan) -> tuple[Part, ...]:
    del plan
    return (part("experts", "output bias", (("hidden", keys.size("hidden_size")),)),)


def _xlstm(keys: Keys, plan: Plan) -> tuple[Part, ...]:
    """Norms of the residual stream have biases where projections do."""
    del plan
    count = 2 * int(keys.flag("use_bias"))
    return kept(
        part("norm", "biases of norms", (("", count), ("hidden", keys.size("hidden_size"))))
    )


def _axk2(keys: Keys, plan: Plan) -> tuple[Part, ...]:
    """Low-rank gates of norms: of both in layers with experts, of the first in others."""
    count = 2 if plan.mlp == "sparse" else 1
    hidden, rank = ("hidden", keys.size("hidden_size")), ("rank", keys.size("gated_norm_rank"))
    return (part("norm", "gates of norms", (("", 2 * count), hidden, rank)),)


def _dots3(keys: Keys, plan: Plan) -> tuple[Part, ...]:
    """A norm of the rotary part of keys."""
    del plan
    return (part("norm", "rotary key norm", (("rope_dim", keys.size("qk_rope_head_dim")),)),)


def _hrm_text(keys: Keys, plan: Plan) -> tuple[Part, ...]:
    heads = heads_of(keys, plan)
    biased = keys.flag("attention_bias")
    wide = heads.count * heads.value
    return kept(part("attention", "bias of the output gate", bias(wide, biased)))


def _zaya(keys: Keys, plan: Plan) -> tuple[Part, ...]:
    """Its router, and scales and biases of the two streams after attention and after the MLP."""
    scales = part("other", "residual scales", (("", 8), ("hidden", keys.size("hidden_size"))))
    return (*zaya_router(keys, plan.detail == FIRST), scales)


def _inkling(keys: Keys, plan: Plan) -> tuple[Part, ...]:
    return inkling_router(keys) if plan.mlp == "sparse" else ()


def _inkling2_input(keys: Keys) -> tuple[Part, ...]:
    """The query that picks what enters the output head."""
    return (part("other", "query of the output", (("hidden", keys.size("hidden_size")),)),)


def _beam(keys: Keys, plan: Plan) -> tuple[Part, ...]:
    return (part("attention", "bias of the output gate", (("heads", heads_of(keys, plan).count),)),)


def _gpt_neox_japanese(keys: Keys) -> tuple[Part, ...]:
    """Only the last layer's attention has a bias at its output."""
    hidden = ("hidden", keys.size("hidden_size"))
    return (part("attention", "output bias of the last layer", (hidden,)),)


def _cpmant(keys: Keys) -> tuple[Part, ...]:
    """Prompts as rows of the embedding, segments, and learned biases of relative positions."""
    hidden, heads = (
        ("hidden", keys.size("hidden_size")),
        ("heads", keys.size("num_attention_heads")),
    )
    segments = keys.size("segment_types")
    prompts = (("prompts", keys.size("prompt_types")), ("length", keys.size("prompt_length")))
    buckets = ("buckets", keys.size("position_bias_num_buckets"))
    pair = (("segments", segments), ("segments", segments))
    return (
        part("embedding", "prompt embedding", (*prompts, hidden)),
        part("embedding", "segment embedding", (("segments", segments), hidden)),
        part("attention", "position bias", (buckets, heads), (*pair, heads)),
    )


def _bert_generation(keys: Keys) -> tuple[Part, ...]:
    """A head of its own has the bias twice."""
    tied = keys.flag("tie_word_embeddings", default=True)
    return kept(
        part("lm_head", "second bias", (("vocabulary", 0 if tied else keys.size("vocab_size")),))
    )


def _modernbert(keys: Keys) -> tuple[Part, ...]:
    """What stands between the last layer and the tied output head."""
    hidden = ("hidden", keys.size("hidden_size"))
    biased = bias(hidden[1], keys.flag("classifier_bias"))
    weights = 2 if keys.flag("norm_bias") else 1
    return (
        part("lm_head", "dense layer of the head", (hidden, hidden), biased),
        part("norm", "norm of the head", (("", weights), hidden)),
    )


def _zaya_input(keys: Keys) -> tuple[Part, ...]:
    """A scale and a bias of what enters the first layer."""
    return (
        part(
            "other", "scale and bias of the input", (("", 2), ("hidden", keys.size("hidden_size")))
        ),
    )


def _opt(keys: Keys) -> tuple[Part, ...]:
    """OPT-350M: an embedding narrower than the layers, and projections to them and back."""
    hidden = ("hidden", keys.size("hidden_size"))
    width = ("embedding", keys.maybe("word_embed_proj_dim") or hidden[1])
    count = 0 if width[1] == hidden[1] else 2
    return kept(part("other", "projections of the embedding", (("", count), hidden, width)))


def _gpt2(keys: Keys, plan: Plan) -> tuple[Part, ...]:
    """Attention to an encoder beside its own, where the file asks for it."""
    del plan
    if not keys.flag("add_cross_attention"):
        return ()
    hidden = ("hidden", keys.size("hidden_size"))
    return (
        part("attention", "cross-attention", (("", 4), hidden, hidden), (("", 4), hidden)),
        part("norm", "norm of cross-attention", (("", 2), hidden)),
    )


_IN_LAYERS: Final[Mapping[str, Callable[[Keys, Plan], tuple[Part, ...]]]] = {
    "gpt2": _gpt2,
    "rwkv": _rwkv,
    "diffllama": _diffllama,
    "doge": _doge,
    "jetmoe": _jetmoe,
    "beam": _beam,
    "xlstm": _xlstm,
    "hrm_text": _hrm_text,
    "zaya": _zaya,
    "inkling_text": _inkling,
    "inkling2_text": second_parts,
    "axk2": _axk2,
    "dots3_note_text": _dots3,
}
_OUTSIDE: Final[Mapping[str, Callable[[Keys], tuple[Part, ...]]]] = {
    "gpt_neox_japanese": _gpt_neox_japanese,
    "cpmant": _cpmant,
    "opt": _opt,
    "zaya": _zaya_input,
    "inkling2_text": _inkling2_input,
    "modernbert-decoder": _modernbert,
    "bert-generation": _bert_generation,
}

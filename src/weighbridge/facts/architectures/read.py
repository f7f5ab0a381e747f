"""From the raw keys of a config.json to a :class:`ModelArchitecture`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from weighbridge.core.architecture import Layer, Mixer, Mlp, ModelArchitecture, fold
from weighbridge.core.errors import FormatError
from weighbridge.facts.architectures import extras
from weighbridge.facts.architectures.context import contexts_of
from weighbridge.facts.architectures.defaults import class_defaults
from weighbridge.facts.architectures.families import FAMILIES
from weighbridge.facts.architectures.infer import NOT_MODELLED, gaps, inferred
from weighbridge.facts.architectures.keys import Keys, printable
from weighbridge.facts.architectures.layers import layers_of, refused
from weighbridge.facts.architectures.limits import DEEPEST
from weighbridge.facts.architectures.looped import bare, stack_parts
from weighbridge.facts.architectures.mtp import mtp_parameters
from weighbridge.facts.architectures.outside import outside_parts
from weighbridge.facts.architectures.peculiar import peculiar_outside
from weighbridge.facts.architectures.refusals import refuse_by_name
from weighbridge.facts.architectures.shared_blocks import shared_parts
from weighbridge.facts.architectures.supplied import translate
from weighbridge.facts.architectures.ties import nested_tie
from weighbridge.facts.architectures.towers import tower_parts_of
from weighbridge.facts.architectures.traits import Traits
from weighbridge.facts.architectures.unmade import say_unmade
from weighbridge.facts.architectures.unread import changed_experts, say_unread

_WINDOW_KEYS: Final = (
    "sliding_window",
    "sliding_window_size",
    "window_size",
    "sliding_window_pattern",
    "use_sliding_window",
    "max_window_layers",
    "global_attn_every_n_layers",
)
_TEXT_KEYS: Final = ("text_config", "llm_config", "language_config", "thinker_config")


def read_config(raw: Mapping[str, Any], *, name: str) -> ModelArchitecture:
    """The architecture that a config.json describes.

    Raises:
        FormatError: it is not a model's configuration, or its numbers cannot be.
    """
    if not isinstance(raw, Mapping):
        raise FormatError(
            f"{name} is not a model's configuration: its outermost value is not an object.",
            fix="Point at the config.json of a model.",
        )
    model_type = _word(raw.get("model_type"))
    top = Keys(raw, model_type, name)
    translate(top)
    refuse_by_name(top)
    keys = text_keys(top)
    if raw.get("is_encoder_decoder") is True:
        raise FormatError(
            f"{name} is an encoder with a decoder ({model_type}), which is not modelled.",
            fix="Inspect a decoder-only model.",
        )
    traits = settled(keys, FAMILIES.get(keys.model_type) or inferred(keys))
    depth = depth_of(keys)
    tied = tied_of(top, keys, traits)
    layers = known_layers(top, keys, traits, depth)
    native, extended = contexts_of(keys)
    looped = stack_parts(keys, layers) if traits.looped and layers else ()
    outside = (
        *outside_parts(keys, traits, tied),
        *looped,
        *shared_parts(keys, traits, depth, tied=tied),
        *peculiar_outside(keys),
        *extras.hyper_head(keys),
        *extras.altup_outside(keys),
        *extras.per_layer_table(keys, depth),
        *tower_parts_of(top, keys),
    )
    if traits.known:
        say_unread(keys)
    say_unmade(keys)
    return ModelArchitecture(
        name=name,
        model_type=top.model_type or "unknown",
        hidden=keys.size("hidden_size"),
        vocabulary=keys.size("vocab_size"),
        runs=fold(bare(layers) if traits.looped else layers),
        outside=outside,
        context=native,
        context_extended=extended,
        tied_embeddings=tied,
        mtp_parameters=mtp_parameters(keys, traits, layers),
        assumptions=(*keys.assumptions, *used_defaults(keys, layers)),
        incomplete=tuple(top.left_out),
    )


def settled(keys: Keys, traits: Traits) -> Traits:
    """The traits, with norms that a key of the file strips of weights or biases."""
    if traits.norm_key and not keys.flag(traits.norm_key, default=True):
        return replace(traits, norm="none")
    if traits.norm_bias and not keys.flag(traits.norm_bias):
        return replace(traits, norm="rms")
    return traits


def text_keys(top: Keys) -> Keys:
    """The keys of the language model, wherever it is nested."""
    keys = top
    for _ in range(4):
        for key in _TEXT_KEYS:
            kind = _usual_text(keys, key)
            nested = keys.under(key, model_type=kind)
            if nested is None and kind and not keys.stated("hidden_size"):
                own = class_defaults(keys.model_type).get(f"{key}.own", {})
                nested = keys.beside(own, kind)
            if nested is not None:
                given = class_defaults(keys.model_type).get(f"{key}.given", {})
                nested.raw = {**given, **nested.raw}
                translate(nested)
                keys = nested
                break
        else:
            return keys
    return keys


def _usual_text(keys: Keys, key: str) -> str:
    """The type of a nested text model that does not state its own: the class's, or the outer one.

    ``step3p7`` around an unnamed object of text keys is read as ``step3p7``.
    """
    default = class_defaults(keys.model_type).get(key)
    if isinstance(default, str):
        return default
    stated = isinstance(keys.raw.get(key), Mapping)
    return keys.model_type if stated and keys.model_type in FAMILIES else ""


def known_layers(top: Keys, keys: Keys, traits: Traits, depth: int) -> list[Layer]:
    """The layers; where something in them is not known, their mixers are not claimed to be."""
    what = NOT_MODELLED.get(keys.model_type) or NOT_MODELLED.get(top.model_type)
    if what:
        keys.leave_out(
            "layers",
            f"The layers of {keys.model_type} hold {what}, which is not modelled: their weights and"
            " their cache are left out.",
        )
        layer = Layer(Mixer("unknown", keys.model_type, cache=None), Mlp("unknown"))
        return [layer] * depth
    layers = layers_of(keys, traits, depth)
    unread = changed_experts(keys) if traits.known else gaps(keys)
    if unread:
        why = (
            f"The configuration states {', '.join(printable(key) for key in unread)}, which no"
            " reader knows: what the layers hold is not claimed, their weights and their cache are"
            " left out."
        )
        return refused(keys, layers, why)
    return layers


def used_defaults(keys: Keys, layers: list[Layer]) -> Iterator[str]:
    """The class defaults that entered a number, as at most one sentence."""
    kinds = {layer.mixer.kind for layer in layers}
    if not kinds & {"sliding", "compressed"}:
        for key in _WINDOW_KEYS:
            keys.defaulted.pop(key, None)
    if "chunked" not in kinds:
        keys.defaulted.pop("attention_chunk_size", None)
    return keys.default_sentence()


def depth_of(keys: Keys) -> int:
    """Number of layers: stated, or as many as a pattern names.

    Raises:
        FormatError: it is absent, or more than any model has.
    """
    for key in ("layers_block_type", "layer_types", "hybrid_override_pattern"):
        value = keys.value(key)
        if isinstance(value, list | str) and value and not keys.stated("num_hidden_layers"):
            return min(len(value), DEEPEST)
    depth = keys.size("num_hidden_layers")
    if depth > DEEPEST:
        raise keys.wrong("num_hidden_layers", depth, f"at most {DEEPEST}")
    return depth


def tied_of(top: Keys, keys: Keys, traits: Traits) -> bool:
    """Whether the output head is the embedding."""
    if not traits.ties:
        return False
    whole = top.under("thinker_config") or top
    nested = nested_tie(whole, keys, usual=traits.tied)
    if nested is not None:
        return nested
    for source in (top, keys):
        if source.stated("tie_word_embeddings"):
            return source.flag("tie_word_embeddings")
    return top.flag("tie_word_embeddings") or keys.flag("tie_word_embeddings", traits.tied)


def _word(value: object) -> str:
    return printable(value) if isinstance(value, str) else ""

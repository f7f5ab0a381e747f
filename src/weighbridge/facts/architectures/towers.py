"""Vision and audio towers of a model, and what joins them to the language model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from weighbridge.core.architecture import Part
from weighbridge.facts.architectures.defaults import SOURCE, class_defaults
from weighbridge.facts.architectures.keys import Keys, printable
from weighbridge.facts.architectures.mllama import mllama_parts
from weighbridge.facts.architectures.parts import Term, part
from weighbridge.facts.architectures.vision import TOWERS, shape_of, tower_parts

Joiner = Callable[[Keys, Keys, int], tuple[Part, ...]]

_SIZES: Final = (
    "hidden_size", "num_hidden_layers", "num_layers", "hidden_dim", "depth", "params",
    "text_config", "embed_dim", "d_model", "encoder_layers", "dit_config",
)  # fmt: skip
_TEXT_KEYS: Final = frozenset({"text_config", "llm_config", "language_config"})
_WORDS: Final = {
    "vision": "vision", "visual": "vision", "image": "vision", "vit": "vision", "vq": "vision",
    "audio": "audio", "speech": "audio", "talker": "audio", "wav": "audio", "tts": "audio",
    "codec": "audio", "mtp": "mtp",
}  # fmt: skip
_VISION_KEYS: Final = ("vision_config", "visual", "vision_tower_config", "img_processor")


def tower_parts_of(top: Keys, text: Keys) -> tuple[Part, ...]:
    """The weights of all towers; what is not modelled is left out and said."""
    _say_audio(top)
    _say_unread(top)
    parts: tuple[Part, ...] = ()
    if text is not top or top.stated("vision_config") or top.model_type in _ALWAYS:
        parts = _vision(top, text)
    _say_nested(top, top.raw, text.raw, deep=True)
    what = _UNSEEN.get(top.model_type, "")
    if what and not parts and what not in top.left_out:
        top.leave_out(what, f"The {what} tower of {top.model_type} is not modelled; left out.")
    return parts


def _vision(top: Keys, text: Keys) -> tuple[Part, ...]:
    vision = _vision_keys(top)
    if vision is None:
        return ()
    hidden = text.size("hidden_size")
    if vision.model_type == "mllama_vision_model":
        return mllama_parts(vision, hidden)
    tower = TOWERS.get(vision.model_type)
    joiner = _JOINERS.get(top.model_type)
    if tower is None or joiner is None:
        top.leave_out(
            "vision",
            f"The vision tower ({vision.model_type or 'unnamed'} in {top.model_type or 'no type'})"
            " is not modelled; its weights are left out.",
        )
        return ()
    parts = (*tower_parts(vision, tower), *joiner(top, vision, hidden))
    if vision.defaulted:
        listed = ", ".join(f"{key} {value}" for key, value in sorted(vision.defaulted.items()))
        top.assume(
            f"The vision tower took defaults of {vision.model_type} in {SOURCE}: {listed[:300]}."
        )
    return parts


def _vision_keys(top: Keys) -> Keys | None:
    """The keys of the tower; where a class with a tower states none, those of its defaults."""
    kind = class_defaults(top.model_type).get("vision_config")
    default = kind if isinstance(kind, str) else ""
    default = _KINDS.get(top.model_type, default)
    if "vision_config" not in top.raw:
        if not default or _text_only(top):
            return None
        return top.beside({}, default)
    top.seen.add("vision_config")
    nested = top.under("vision_config", model_type=default)
    if nested is None:
        # An explicit null is what converters write for the defaults of the class.
        return top.beside({}, default) if _needs_tower(top, default) else None
    if nested.model_type not in TOWERS and nested.model_type != "mllama_vision_model":
        nested.model_type = default or nested.model_type
    return nested


def _text_only(top: Keys) -> bool:
    names = top.raw.get("architectures")
    if top.model_type in _ALWAYS:
        return False
    return isinstance(names, list) and any(
        isinstance(name, str) and name.endswith("ForCausalLM") for name in names
    )


def _needs_tower(top: Keys, default: str) -> bool:
    return bool(default) and top.model_type != "gemma4" and not _text_only(top)


def _say_audio(top: Keys) -> None:
    """An audio tower, or one that the class has where the file does not mention it."""
    top.seen.add("audio_config")
    default = class_defaults(top.model_type).get("audio_config")
    implied = "audio_config" not in top.raw and bool(default) and not _text_only(top)
    if top.raw.get("audio_config") or (implied and top.model_type != "gemma4"):
        top.leave_out("audio", "The audio tower is not modelled; its weights are left out.")


def _say_nested(top: Keys, raw: Mapping[str, Any], text: Mapping[str, Any], deep: bool) -> None:
    """Other models nested in the file: encoders, codecs, talkers."""
    for key, value in raw.items():
        if not isinstance(value, Mapping) or not isinstance(key, str) or value is text:
            continue
        if not key.endswith("_config") or (deep and key in top.seen and key != "thinker_config"):
            continue
        if key == "thinker_config":
            _say_nested(top, value, text, deep=False)
        elif key not in _TEXT_KEYS and any(size in value for size in _SIZES):
            sentence = f"What {printable(key)!r} describes is not modelled; left out."
            top.leave_out(_component(key), sentence)


def _component(key: str) -> str:
    """What a nested model counts as, by its name."""
    for word, component in _WORDS.items():
        if word in key:
            return component
    return "other"


def _say_unread(top: Keys) -> None:
    """A tower under a name of one publisher's own."""
    for key in _VISION_KEYS[1:]:
        if isinstance(top.raw.get(key), Mapping):
            top.leave_out(
                "vision",
                f"The vision tower under {key!r} is not modelled; its weights are left out.",
            )


def _linear(name: str, inputs: int, outputs: int, biased: bool) -> Part:
    terms: list[Term] = [(("in", inputs), ("out", outputs))]
    if biased:
        terms.append((("bias", outputs),))
    return part("vision", name, *terms)


def _norm(size: int, weights: int) -> Part:
    return part("vision", "projector norm", (("", weights), ("dim", size)))


def _gemma3(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    del top
    inner = shape_of(vision).hidden
    return _linear("projector", inner, hidden, biased=False), _norm(inner, 1)


def _gemma4(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    del top
    return (_linear("projector", shape_of(vision).hidden, hidden, biased=False),)


def _two_layers(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    layers = top.value("vision_feature_layer")
    inner = shape_of(vision).hidden * (len(layers) if isinstance(layers, list) else 1)
    biased = top.flag("multimodal_projector_bias", default=True)
    return (
        _linear("projector 1", inner, hidden, biased),
        _linear("projector 2", hidden, hidden, biased),
    )


def _two_layers_newline(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    line = part("vision", "image newline", (("hidden", hidden),))
    return (*_two_layers(top, vision, hidden), line)


def _merger(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """Qwen: neighbours are joined, then two projections."""
    del top
    inner = shape_of(vision).hidden
    merged = inner * (vision.maybe("spatial_merge_size") or 2) ** 2
    out = vision.maybe("out_hidden_size")
    if out is None:
        out = vision.maybe("hidden_size") or hidden
    norm = 1 if vision.model_type == "qwen2_5_vl_vision" else 2
    return (
        _norm(inner, norm),
        _linear("merger 1", merged, merged, biased=True),
        _linear("merger 2", merged, out, biased=True),
    )


def _deepstack(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """Qwen3-VL: a merger more for each layer whose output is mixed in."""
    indexes = vision.items("deepstack_visual_indexes")
    count = 3 if indexes is None else len(indexes)
    merged = shape_of(vision).hidden * (vision.maybe("spatial_merge_size") or 2) ** 2
    out = vision.maybe("out_hidden_size") or hidden
    times = ("mergers", count)
    more = part(
        "vision",
        "deepstack mergers",
        (times, ("in", merged), ("out", merged)),
        (times, ("in", merged), ("out", out)),
        (times, ("norm and biases", 3 * merged + out)),
    )
    return (*_merger(top, vision, hidden), more)


def _llama4(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    del top
    adapter = vision.maybe("projector_input_dim") or 4096
    out = vision.maybe("projector_output_dim") or 4096
    joined = vision.maybe("vision_output_dim") or 7680
    return (
        _linear("adapter 1", shape_of(vision).width, adapter, biased=False),
        _linear("adapter 2", out, out, biased=False),
        _linear("projector", joined, hidden, biased=False),
    )


def _kimi(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    del top
    inner = shape_of(vision).hidden
    sides = vision.integers("merge_kernel_size") or (2, 2)
    merged = inner
    for side in sides[:2]:
        merged *= side
    return (
        _norm(inner, 2),
        _linear("projector 1", merged, merged, biased=True),
        _linear("projector 2", merged, hidden, biased=True),
    )


def _step3(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """Two strided convolutions of 3 × 3 that each double the channels, then a projection."""
    inner = shape_of(vision).hidden
    biased = top.flag("projector_bias")
    return (
        _linear("downsampler 1", 9 * inner, 2 * inner, biased=True),
        _linear("downsampler 2", 9 * 2 * inner, 4 * inner, biased=True),
        _linear("projector", 4 * inner, hidden, biased),
    )


def _mistral3(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    inner = shape_of(vision).hidden
    merged = inner * (top.maybe("spatial_merge_size") or 2) ** 2
    biased = top.flag("multimodal_projector_bias")
    return (
        _norm(inner, 1),
        _linear("patch merger", merged, inner, biased=False),
        _linear("projector 1", inner, hidden, biased),
        _linear("projector 2", hidden, hidden, biased),
    )


def _idefics3(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    inner = shape_of(vision).hidden * (top.maybe("scale_factor") or 2) ** 2
    return (_linear("connector", inner, hidden, biased=False),)


def _internvl(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    ratio = top.real("downsample_ratio") or 0.5
    merged = shape_of(vision).hidden * round(1 / ratio) ** 2
    return (
        _norm(merged, 2),
        _linear("projector 1", merged, hidden, biased=True),
        _linear("projector 2", hidden, hidden, biased=True),
    )


def _paligemma(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    del top
    return (_linear("projector", shape_of(vision).hidden, hidden, biased=True),)


def _glm(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """GLM-4V: a strided convolution of 2 × 2, then a gated MLP."""
    del top
    inner = shape_of(vision).hidden
    out = vision.maybe("out_hidden_size") or hidden
    side = vision.maybe("spatial_merge_size") or 2
    return (
        _linear("downsampler", side * side * inner, out, biased=True),
        _linear("merger projection", out, out, biased=False),
        _norm(out, 2),
        part(
            "vision",
            "merger gate, up and down",
            (("", 3), ("out", out), ("width", vision.size("intermediate_size"))),
        ),
    )


def _lfm2(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    merged = shape_of(vision).hidden * (top.maybe("downsample_factor") or 2) ** 2
    inner = top.maybe("projector_hidden_size") or 2560
    biased = top.flag("projector_bias", default=True)
    return (
        _norm(merged, 2 * top.flag("projector_use_layernorm", default=True)),
        _linear("projector 1", merged, inner, biased),
        _linear("projector 2", inner, hidden, biased),
    )


def _minimax_m3(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    del top
    inner = shape_of(vision).hidden
    merged = hidden * (vision.maybe("spatial_merge_size") or 2) ** 2
    return (
        _linear("projector 1", inner, hidden, biased=True),
        _linear("projector 2", hidden, hidden, biased=True),
        _linear("merger 1", merged, hidden, biased=True),
        _linear("merger 2", hidden, hidden, biased=True),
    )


def _cohere2(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    merged = shape_of(vision).hidden * (top.maybe("downsample_factor") or 2) ** 2
    inner = top.maybe("alignment_intermediate_size") or 36_864
    return (
        _linear("projector 1", merged, inner, biased=True),
        _linear("projector 2", inner // 2, hidden, biased=True),
    )


_JOINERS: Final[dict[str, Joiner]] = {
    "gemma3": _gemma3,
    "gemma4": _gemma4,
    "llava": _two_layers,
    "llava_next": _two_layers_newline,
    "llava_onevision": _two_layers_newline,
    "qwen2_vl": _merger,
    "qwen2_5_vl": _merger,
    "qwen3_vl": _deepstack,
    "qwen3_vl_moe": _deepstack,
    "qwen3_5": _merger,
    "qwen3_5_moe": _merger,
    "llama4": _llama4,
    "kimi_k25": _kimi,
    "step3p7": _step3,
    "mistral3": _mistral3,
    "idefics3": _idefics3,
    "smolvlm": _idefics3,
    "internvl": _internvl,
    "paligemma": _paligemma,
    "glm4v": _glm,
    "glm46v": _glm,
    "glm4v_moe": _glm,
    "lfm2_vl": _lfm2,
    "minimax_m3_vl": _minimax_m3,
    "cohere2_vision": _cohere2,
    "deepseek_vl": _two_layers,
    "llava_next_video": _two_layers_newline,
    "cosmos3_omni": _deepstack,
}

# Types whose files may say nothing of the tower that their class has.
_UNSEEN: Final = {
    "audioflamingo3": "audio",
    "deepseek_vl_v2": "vision",
    "fuyu": "vision",
    "glmasr": "audio",
    "granite_speech": "audio",
    "janus": "vision",
    "molmo": "vision",
    "phi3_v": "vision",
    "qwen2_5_omni": "audio",
    "qwen2_audio": "audio",
    "qwen3_omni_moe": "audio",
    "voxtral": "audio",
}

# Published under the name of a text class, with a tower.
_ALWAYS: Final = frozenset({"step3p7"})

# Towers that a class finds by a type of its own, not of transformers' table.
_KINDS: Final = {"gemma4": "gemma4_vision"}

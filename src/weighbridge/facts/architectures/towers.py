"""Vision and audio towers of a model, and what joins them to the language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from weighbridge.core.architecture import Component, Part
from weighbridge.core.errors import FormatError
from weighbridge.facts.architectures.defaults import SOURCE, class_defaults
from weighbridge.facts.architectures.hearing import HEARERS, heard
from weighbridge.facts.architectures.joiners import JOINERS
from weighbridge.facts.architectures.keys import Keys, printable
from weighbridge.facts.architectures.mllama import mllama_parts
from weighbridge.facts.architectures.mobilenet import mobilenet_parts
from weighbridge.facts.architectures.pieces import linear
from weighbridge.facts.architectures.resamplers import idefics2
from weighbridge.facts.architectures.sam import sam_parts
from weighbridge.facts.architectures.tower_kinds import TOWERS
from weighbridge.facts.architectures.vision import tower_parts

_SIZES: Final = (
    "hidden_size", "num_hidden_layers", "num_layers", "hidden_dim", "depth", "params",
    "text_config", "embed_dim", "d_model", "encoder_layers", "dit_config",
)  # fmt: skip
_TEXT_KEYS: Final = frozenset({"text_config", "llm_config", "language_config", "thinker_config"})
_WORDS: Final[dict[str, Component]] = {
    "vision": "vision", "visual": "vision", "image": "vision", "vit": "vision", "vq": "vision",
    "audio": "audio", "speech": "audio", "talker": "audio", "wav": "audio", "tts": "audio",
    "codec": "audio", "acoustic": "audio", "mtp": "mtp",
}  # fmt: skip
_VISION_KEYS: Final = ("vision_config", "visual", "vision_tower_config", "img_processor")
# Names under which publishers' own code keeps a tower, or the name of one to load.
_ELSEWHERE: Final[dict[str, Component]] = {
    "mm_vision_tower": "vision", "mm_audio_tower": "audio", "vision_tower": "vision",
    "audio_tower": "audio", "audio_processor": "audio", "embd_layer": "vision",
    "audio_model_id": "audio",
}  # fmt: skip
_AUDIO_KEYS: Final = {"granite_speech": "encoder_config", "granite_speech_plus": "encoder_config"}
_VOICES: Final = ("talker_config", "token2wav_config", "code2wav_config")
_SAM: Final = frozenset({"got_ocr2_vision", "pp_chart2table_vision"})
_UNLIKE: Final = _SAM | {"mllama_vision_model", "gemma3n_vision"}


def tower_parts_of(top: Keys, text: Keys) -> tuple[Part, ...]:
    """The weights of all towers; what is not modelled is left out and said."""
    _refuse_two_stacks(top, text)
    holder = _holder(top, text)
    _say_unread(top)
    seen: tuple[Part, ...] = ()
    if text is not top or top.stated("vision_config") or top.model_type in _ALWAYS | _FLAT:
        seen = _vision(holder, text)
    parts = (*seen, *_audio(holder, text))
    _skip_voice(top)
    for keys in (top,) if holder is top else (top, holder):
        _say_nested(keys, text.raw)
        _say_absent(keys)
    what = _UNSEEN.get(top.model_type, "")
    if what and not parts and what not in top.left_out:
        top.leave_out(what, f"The {what} tower of {top.model_type} is not modelled; left out.")
    return parts


def _refuse_two_stacks(top: Keys, text: Keys) -> None:
    """Refuse a language model that is an encoder with a decoder (BLIP-2 with FLAN-T5).

    Raises:
        FormatError: it is one.
    """
    if text is not top and (text.raw.get("is_encoder_decoder") is True or text.model_type == "t5"):
        raise FormatError(
            f"The language model of {top.name} is an encoder with a decoder ({text.model_type}),"
            " which is not modelled.",
            fix="Inspect a model whose language model is decoder-only.",
        )


def _holder(top: Keys, text: Keys) -> Keys:
    """The keys that hold the towers: those of the thinker in models that also speak."""
    if text is top:
        return top
    kind = class_defaults(top.model_type).get("thinker_config")
    found = top.under("thinker_config", model_type=kind if isinstance(kind, str) else "")
    if found is None:
        return top if not isinstance(kind, str) else top.beside({}, kind)
    return found


def _skip_voice(top: Keys) -> None:
    """Without audio output, the class makes no talker and no vocoder."""
    if top.value("enable_audio_output") is False:
        top.seen.update(_VOICES)


def _nested(top: Keys, key: str, kind: str) -> Keys:
    """The keys of an object, or what the class of the whole takes where the file has none."""
    found = top.under(key, model_type=kind)
    if found is not None:
        return found
    own = class_defaults(top.model_type).get(f"{key}.own", {})
    top.assume(
        f"The configuration does not describe {key}: it is taken as {top.model_type} has it in"
        f" {SOURCE}."
    )
    return top.beside(own, kind)


def _vision(top: Keys, text: Keys) -> tuple[Part, ...]:
    hidden = text.size("hidden_size")
    if top.model_type == "fuyu":
        inputs = top.size("patch_size") ** 2 * top.size("num_channels")
        return (linear("vision", "patch embedding", inputs, hidden, biased=True),)
    vision = _vision_keys(top)
    if vision is None:
        return ()
    parts = _seen(top, vision, text, hidden)
    if parts is None:
        top.leave_out(
            "vision",
            f"The vision tower ({vision.model_type or 'unnamed'} in {top.model_type or 'no type'})"
            " is not modelled; its weights are left out.",
        )
        return ()
    _say_defaults(top, vision, "vision")
    return parts


def _seen(top: Keys, vision: Keys, text: Keys, hidden: int) -> tuple[Part, ...] | None:
    """The weights of a vision tower and its joiner; None where one of them is not modelled."""
    if vision.model_type == "mllama_vision_model":
        return mllama_parts(vision, hidden)
    if vision.model_type == "gemma3n_vision" and top.model_type == "gemma3n":
        return mobilenet_parts(vision, hidden)
    joiner, tower = JOINERS.get(top.model_type), TOWERS.get(vision.model_type)
    if vision.model_type in _SAM and joiner is not None:
        return (*sam_parts(vision), *joiner(top, vision, hidden))
    if tower is not None and top.model_type == "idefics2":
        return (*tower_parts(vision, tower), *idefics2(top, vision, text))
    if tower is None or joiner is None:
        return None
    return (*tower_parts(vision, tower), *joiner(top, vision, hidden))


def _say_defaults(top: Keys, tower: Keys, what: str) -> None:
    if tower.defaulted:
        listed = ", ".join(f"{key} {value}" for key, value in sorted(tower.defaulted.items()))
        top.assume(
            f"The {what} tower took defaults of {tower.model_type} in {SOURCE}: {listed[:300]}."
        )


def _vision_keys(top: Keys) -> Keys | None:
    """The keys of the tower; where a class with a tower states none, those of its defaults."""
    kind = class_defaults(top.model_type).get("vision_config")
    default = kind if isinstance(kind, str) else ""
    default = _KINDS.get(top.model_type, default)
    if "vision_config" not in top.raw:
        top.seen.add("vision_config")
        if not _needs_tower(top, default):
            return None
        return _nested(top, "vision_config", default)
    nested = top.under("vision_config", model_type=default)
    if nested is None:
        # An explicit null is what converters write for the defaults of the class.
        return _nested(top, "vision_config", default) if _needs_tower(top, default) else None
    if nested.model_type not in TOWERS and nested.model_type not in _UNLIKE:
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


def _audio(top: Keys, text: Keys) -> tuple[Part, ...]:
    """An audio tower, or one that the class has where the file does not mention it."""
    key = _AUDIO_KEYS.get(top.model_type, "audio_config")
    top.seen.add(key)
    kind = class_defaults(top.model_type).get(key)
    default = kind if isinstance(kind, str) else _KINDS_OF_SOUND.get(top.model_type, "")
    implied = key not in top.raw and isinstance(kind, str) and not _text_only(top)
    if not top.raw.get(key) and not implied:
        return ()
    joiner = HEARERS.get(top.model_type)
    if joiner is not None and (text is not top or top.model_type in _ALWAYS):
        audio = _nested(top, key, default)
        parts = heard(audio)
        if parts is not None:
            joined = joiner(top, audio, text)
            _say_defaults(top, audio, "audio")
            return (*parts, *joined)
    top.leave_out("audio", "The audio tower is not modelled; its weights are left out.")
    return ()


def _say_nested(keys: Keys, text: Mapping[str, Any]) -> None:
    """Other models nested in the file: encoders, codecs, talkers."""
    for key, value in keys.raw.items():
        if not isinstance(value, Mapping) or not isinstance(key, str) or value is text:
            continue
        if not key.endswith("_config") or key in keys.seen or key in _TEXT_KEYS:
            continue
        if key in class_defaults(keys.model_type) or any(size in value for size in _SIZES):
            sentence = f"What {printable(key)!r} describes is not modelled; left out."
            keys.leave_out(_component(key), sentence)


def _say_absent(keys: Keys) -> None:
    """Other models that the class makes although the file does not mention them."""
    if _text_only(keys):
        return
    for key, kind in class_defaults(keys.model_type).items():
        if not key.endswith("_config") or not isinstance(kind, str) or key in _TEXT_KEYS:
            continue
        if key not in keys.seen and key not in keys.raw:
            sentence = f"{keys.model_type} has a part ({kind}) that is not modelled; left out."
            keys.leave_out(_component(key), sentence)


def _component(key: str) -> Component:
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
    for key, what in _ELSEWHERE.items():
        if top.raw.get(key):
            top.leave_out(what, f"What {key!r} names is not modelled; its weights are left out.")


# Types whose files may say nothing of the tower that their class has.
_UNSEEN: Final = {
    "audioflamingo3": "audio",
    "chameleon": "vision",
    "deepseek_vl_v2": "vision",
    "emu3": "vision",
    "fuyu": "vision",
    "git": "vision",
    "glmasr": "audio",
    "granite_speech": "audio",
    "janus": "vision",
    "molmo": "vision",
    "musicflamingo": "audio",
    "phi3_v": "vision",
    "qwen2_5_omni": "audio",
    "qwen2_audio": "audio",
    "qwen3_omni_moe": "audio",
    "voxtral": "audio",
}

# Published under the name of a text class, with a tower.
_ALWAYS: Final = frozenset({"phi4_multimodal", "step3p7"})

# Published with the keys of the text model beside those of the tower.
_FLAT: Final = frozenset({"qwen2_vl", "qwen2_5_vl"})

# Towers that a class finds by a type of its own, not of transformers' table.
_KINDS: Final = {"gemma4": "gemma4_vision"}
_KINDS_OF_SOUND: Final = {"gemma4": "gemma4_audio"}

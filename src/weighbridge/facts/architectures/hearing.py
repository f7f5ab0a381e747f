"""What joins an audio encoder to the language model, and which encoder stands in which model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from weighbridge.core.architecture import Part
from weighbridge.facts.architectures import conformers
from weighbridge.facts.architectures.audio import ENCODERS, encoder_parts
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import part
from weighbridge.facts.architectures.pieces import linear, norm
from weighbridge.facts.architectures.resamplers import qformer

Joiner = Callable[[Keys, Keys, Keys], tuple[Part, ...]]
"""From the keys of the model, those of its encoder and those of its text model to parts."""

_DELAY_RANK: Final = 32


def heard(audio: Keys) -> tuple[Part, ...] | None:
    """The weights of an encoder; None where its kind is not modelled."""
    kind = ENCODERS.get(audio.model_type)
    if kind is not None:
        return encoder_parts(audio, kind)
    reader = _CONFORMERS.get(audio.model_type)
    return None if reader is None else reader(audio)


def _two(inner: int, middle: int, hidden: int, *, biased: bool) -> tuple[Part, ...]:
    return (
        linear("audio", "projector 1", inner, middle, biased=biased),
        linear("audio", "projector 2", middle, hidden, biased=biased),
    )


def _nothing(top: Keys, audio: Keys, text: Keys) -> tuple[Part, ...]:
    """The encoder itself ends in the text model's width."""
    del top, audio, text
    return ()


def _voxtral(top: Keys, audio: Keys, text: Keys) -> tuple[Part, ...]:
    del top
    hidden = text.size("hidden_size")
    return _two(audio.size("intermediate_size"), hidden, hidden, biased=False)


def _realtime(top: Keys, audio: Keys, text: Keys) -> tuple[Part, ...]:
    """Voxtral Realtime: two projections; each text layer is scaled by how long it waits."""
    hidden = text.size("hidden_size")
    inner = audio.size("hidden_size") * (top.maybe("downsample_factor") or 4)
    layers = ("layers", text.size("num_hidden_layers"))
    delay = part(
        "other", "scale by delay", (layers, ("", 2), ("hidden", hidden), ("rank", _DELAY_RANK))
    )
    return (*_two(inner, hidden, hidden, biased=False), delay)


def _qwen2_audio(top: Keys, audio: Keys, text: Keys) -> tuple[Part, ...]:
    del top
    hidden = text.size("hidden_size")
    return (linear("audio", "projector", audio.size("hidden_size"), hidden, biased=True),)


def _qwen3_asr(top: Keys, audio: Keys, text: Keys) -> tuple[Part, ...]:
    del top, text
    inner = audio.size("hidden_size")
    return _two(inner, inner, audio.size("output_dim"), biased=True)


def _flamingo(top: Keys, audio: Keys, text: Keys) -> tuple[Part, ...]:
    hidden = text.size("hidden_size")
    biased = top.flag("projector_bias", default=True)
    return _two(audio.size("hidden_size"), hidden, hidden, biased=biased)


def _glmasr(top: Keys, audio: Keys, text: Keys) -> tuple[Part, ...]:
    del top
    hidden = text.size("hidden_size")
    return _two(audio.size("intermediate_size"), 2 * hidden, hidden, biased=True)


def _moss(top: Keys, audio: Keys, text: Keys) -> tuple[Part, ...]:
    hidden = text.size("hidden_size")
    inner = audio.size("hidden_size") * (top.maybe("audio_merge_size") or 4)
    biased = top.flag("projector_bias", default=True)
    return (*_two(inner, hidden, hidden, biased=biased), norm("audio", hidden, 2))


def _gemma4(top: Keys, audio: Keys, text: Keys) -> tuple[Part, ...]:
    del top
    hidden = text.size("hidden_size")
    return (linear("audio", "projector", audio.size("output_proj_dims"), hidden, biased=False),)


def _gemma3n(top: Keys, audio: Keys, text: Keys) -> tuple[Part, ...]:
    """Gemma 3n: a vocabulary of its own beside the projection, each with a norm."""
    del top
    hidden = text.size("hidden_size")
    inner = ("hidden", audio.size("hidden_size"))
    return (
        part("audio", "audio embedding", (("vocabulary", audio.size("vocab_size")), inner)),
        part("audio", "embedding norms", (("", 2), inner)),
        linear("audio", "projector", inner[1], hidden, biased=False),
    )


def _phi4(top: Keys, audio: Keys, text: Keys) -> tuple[Part, ...]:
    """Phi-4 multimodal: a projector for speech alone, another for speech beside images."""
    del top
    hidden = text.size("hidden_size")
    inner = audio.size("hidden_size") * (audio.maybe("downsample_rate") or 1)
    pair = _two(inner, hidden, hidden, biased=True)
    return (*pair, *(replace(item, name=f"{item.name} beside images") for item in pair))


def _granite(top: Keys, audio: Keys, text: Keys) -> tuple[Part, ...]:
    """Granite Speech: queries through a Q-Former per window, then one projection."""
    hidden = text.size("hidden_size")
    del audio
    top.seen.add("projector_config")
    kind = "blip_2_qformer"
    keys = top.under("projector_config", model_type=kind) or top.beside({}, kind)
    size = keys.size("hidden_size")
    queries = top.size("window_size") // max(top.size("downsample_rate"), 1)
    return (
        part("audio", "queries", (("queries", queries), ("hidden", size))),
        *qformer(keys, keys.size("encoder_hidden_size"), "audio"),
        linear("audio", "projector", size, hidden, biased=True),
    )


_CONFORMERS: Final[dict[str, Callable[[Keys], tuple[Part, ...]]]] = {
    "gemma3n_audio": conformers.gemma,
    "gemma4_audio": conformers.gemma,
    "granite_speech_encoder": conformers.granite,
    "granite_speech_plus_encoder": conformers.granite,
    "phi4_multimodal_audio": conformers.phi4,
}

HEARERS: Final[dict[str, Joiner]] = {
    "audioflamingo3": _flamingo,
    "gemma3n": _gemma3n,
    "gemma4": _gemma4,
    "glmasr": _glmasr,
    "granite_speech": _granite,
    "granite_speech_plus": _granite,
    "moss_transcribe_diarize": _moss,
    "musicflamingo": _flamingo,
    "phi4_multimodal": _phi4,
    "qwen2_5_omni": _nothing,
    "qwen2_5_omni_thinker": _nothing,
    "qwen2_audio": _qwen2_audio,
    "qwen3_asr": _qwen3_asr,
    "qwen3_omni_moe": _nothing,
    "qwen3_omni_moe_thinker": _nothing,
    "voxtral": _voxtral,
    "voxtral_realtime": _realtime,
}

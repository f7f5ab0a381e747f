"""Audio encoders of Whisper's kind: convolutions, transformer layers, norms; a row per kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weighbridge.core.architecture import Part
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import kept, part
from weighbridge.facts.architectures.pieces import chosen, convolution, linear, norm

STEM: Final = "convolution"


@dataclass(frozen=True, slots=True)
class Encoder:
    """What the class of an audio encoder hard-codes; the defaults describe Whisper's.

    Attributes:
        positions: whether its positions are learned: a table of ``max_source_positions``.
        planar: whether its convolutions run over time and pitch, three of them.
        key_bias: whether the key projection has a bias like the others.
        norm: weights per channel of its norms.
        gated: whether the MLP has a gate, and biases on its last projection only.
        grouped: whether the class reads ``head_dim`` and ``num_key_value_heads``.
        output: projections after the layers: into ``output_dim``, or ``twice``, or none.
        marks: learned vectors of the output's width that mark begin and end.
    """

    positions: bool = True
    planar: bool = False
    key_bias: bool = False
    norm: int = 2
    gated: bool = False
    grouped: bool = False
    output: str = ""
    marks: int = 0


_WHISPER = Encoder()

ENCODERS: Final[dict[str, Encoder]] = {
    "qwen2_audio_encoder": _WHISPER,
    "voxtral_encoder": _WHISPER,
    "audioflamingo3_encoder": _WHISPER,
    "moss_transcribe_diarize_audio": _WHISPER,
    "glmasr_encoder": Encoder(positions=False, grouped=True),
    "qwen2_5_omni_audio_encoder": Encoder(positions=False, output="once", marks=2),
    "qwen3_asr_encoder": Encoder(positions=False, planar=True, key_bias=True),
    "qwen3_omni_moe_audio_encoder": Encoder(
        positions=False, planar=True, key_bias=True, output="twice"
    ),
    "voxtral_realtime_encoder": Encoder(positions=False, norm=1, gated=True, grouped=True),
}


@dataclass(frozen=True, slots=True)
class Hearing:
    """Dimensions of an encoder under the names of all families.

    ``queries`` and ``shared`` are the widths of the query and of the key and value projections.
    """

    hidden: int
    depth: int
    width: int
    queries: int
    shared: int


def hearing_of(keys: Keys, kind: Encoder) -> Hearing:
    """The dimensions that the keys state."""
    hidden = keys.size("hidden_size")
    heads = chosen(keys, "encoder_attention_heads", "num_attention_heads")
    head = hidden // heads
    shared = heads
    if kind.grouped:
        head = keys.maybe("head_dim") or head
        shared = keys.maybe("num_key_value_heads") or heads
    return Hearing(
        hidden=hidden,
        depth=chosen(keys, "encoder_layers", "num_hidden_layers"),
        width=chosen(keys, "encoder_ffn_dim", "intermediate_size"),
        queries=heads * head if kind.grouped else hidden,
        shared=shared * head if kind.grouped else hidden,
    )


def encoder_parts(keys: Keys, kind: Encoder) -> tuple[Part, ...]:
    """Convolutions, positions, layers, norm and output of one encoder."""
    shape = hearing_of(keys, kind)
    rows = keys.size("max_source_positions") if kind.positions else 0
    return kept(
        *(_planar(keys, shape) if kind.planar else _stem(keys, shape)),
        part("audio", "positions", (("positions", rows), ("hidden", shape.hidden))),
        _layers(shape, kind),
        norm("audio", shape.hidden, kind.norm, "norm"),
        *_output(keys, shape, kind),
    )


def _stem(keys: Keys, shape: Hearing) -> tuple[Part, ...]:
    """Two convolutions over time."""
    bins = keys.size("num_mel_bins")
    first = convolution(f"{STEM} 1", 3, bins, shape.hidden, biased=True, component="audio")
    second = convolution(f"{STEM} 2", 3, shape.hidden, shape.hidden, biased=True, component="audio")
    return first, second


def _planar(keys: Keys, shape: Hearing) -> tuple[Part, ...]:
    """Three convolutions of stride 2 over time and pitch, then a projection."""
    inner, bins = keys.size("downsample_hidden_size"), keys.size("num_mel_bins")
    for _ in range(3):
        bins = (bins + 1) // 2
    return (
        convolution(f"{STEM} 1", 9, 1, inner, biased=True, component="audio"),
        convolution(f"{STEM} 2", 9, inner, inner, biased=True, component="audio"),
        convolution(f"{STEM} 3", 9, inner, inner, biased=True, component="audio"),
        linear("audio", "stem projection", inner * bins, shape.hidden, biased=False),
    )


def _layers(shape: Hearing, kind: Encoder) -> Part:
    hidden, width = shape.hidden, shape.width
    biases = shape.queries + shape.shared * (1 + kind.key_bias) + hidden
    biases += hidden if kind.gated else width + hidden
    small = biases + 2 * kind.norm * hidden
    layers, dim = ("layers", shape.depth), ("hidden", hidden)
    return part(
        "audio",
        "layers",
        (layers, ("", 2), dim, ("queries", shape.queries)),
        (layers, ("", 2), dim, ("keys", shape.shared)),
        (layers, ("", 3 if kind.gated else 2), dim, ("width", width)),
        (layers, ("norms and biases", small)),
    )


def _output(keys: Keys, shape: Hearing, kind: Encoder) -> tuple[Part, ...]:
    if not kind.output:
        return ()
    out = keys.size("output_dim")
    twice = shape.hidden if kind.output == "twice" else 0
    return (
        part("audio", "output 1", (("hidden", twice), ("hidden", twice)), (("bias", twice),)),
        linear("audio", "output", shape.hidden, out, biased=True),
        part("audio", "marks", (("marks", kind.marks), ("out", out))),
    )

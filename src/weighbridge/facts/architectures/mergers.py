"""Mergers: neighbouring patches become one vector on their way into the language model."""

from __future__ import annotations

from typing import Final

from weighbridge.core.architecture import Part
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import part
from weighbridge.facts.architectures.pieces import linear, norm
from weighbridge.facts.architectures.vision import shape_of

_RMS_MERGERS: Final = frozenset(
    {"qwen2_5_vl_vision", "qwen2_5_omni_vision_encoder", "exaone4_5_vision"}
)


def _linear(name: str, inputs: int, outputs: int, biased: bool) -> Part:
    return linear("vision", name, inputs, outputs, biased=biased)


def _norm(size: int, weights: int) -> Part:
    return norm("vision", size, weights)


def merger(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """Qwen: neighbours are joined, then two projections."""
    del top
    inner = shape_of(vision).hidden
    merged = inner * (vision.maybe("spatial_merge_size") or 2) ** 2
    out = vision.maybe("out_hidden_size")
    if out is None:
        out = vision.maybe("hidden_size") or hidden
    weights = 1 if vision.model_type in _RMS_MERGERS else 2
    return (
        _norm(inner, weights),
        _linear("merger 1", merged, merged, biased=True),
        _linear("merger 2", merged, out, biased=True),
    )


def deepstack(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
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
    return (*merger(top, vision, hidden), more)


def llama4(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """Llama 4: an adapter over shuffled pixels, then a projection."""
    del top
    adapter = vision.maybe("projector_input_dim") or 4096
    out = vision.maybe("projector_output_dim") or 4096
    joined = vision.maybe("vision_output_dim") or 7680
    return (
        _linear("adapter 1", shape_of(vision).width, adapter, biased=False),
        _linear("adapter 2", out, out, biased=False),
        _linear("projector", joined, hidden, biased=False),
    )


def kimi(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """Kimi: a norm over each patch, then two projections of joined neighbours."""
    inner = shape_of(vision).hidden
    sides = vision.integers("merge_kernel_size") or (2, 2)
    merged = inner
    for side in sides[:2]:
        merged *= side
    return (
        _norm(top.maybe("projection_hidden_size") or inner, 2),
        _linear("projector 1", merged, merged, biased=True),
        _linear("projector 2", merged, hidden, biased=True),
    )


def step3(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """Two strided convolutions of 3 × 3 that each double the channels, then a projection."""
    inner = shape_of(vision).hidden
    biased = top.flag("projector_bias")
    return (
        _linear("downsampler 1", 9 * inner, 2 * inner, biased=True),
        _linear("downsampler 2", 9 * 2 * inner, 4 * inner, biased=True),
        _linear("projector", 4 * inner, hidden, biased),
    )


def mistral3(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """Mistral 3 and LightOnOCR: neighbours merged to one patch, then two projections."""
    inner = shape_of(vision).hidden
    merged = inner * (top.maybe("spatial_merge_size") or 2) ** 2
    biased = top.flag("multimodal_projector_bias")
    return (
        _norm(inner, 1),
        _linear("patch merger", merged, inner, biased=False),
        _linear("projector 1", inner, hidden, biased),
        _linear("projector 2", hidden, hidden, biased),
    )


def idefics3(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """Idefics3 and SmolVLM: one projection of shuffled pixels."""
    inner = shape_of(vision).hidden * (top.maybe("scale_factor") or 2) ** 2
    return (_linear("connector", inner, hidden, biased=False),)


def internvl(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """InternVL: a norm over joined neighbours, then two projections."""
    ratio = top.real("downsample_ratio") or 0.5
    merged = shape_of(vision).hidden * round(1 / ratio) ** 2
    return (
        _norm(merged, 2),
        _linear("projector 1", merged, hidden, biased=True),
        _linear("projector 2", hidden, hidden, biased=True),
    )


def glm(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """GLM-4V: a strided convolution of 2 × 2, then a gated MLP."""
    del top
    return _glm(vision, hidden, vision.size("intermediate_size"))


def glm_ocr(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """GLM-OCR: the same; the width is that of the output times the colours of an image."""
    del top
    out = vision.maybe("out_hidden_size") or hidden
    return _glm(vision, hidden, out * shape_of(vision).channels)


def _glm(vision: Keys, hidden: int, width: int) -> tuple[Part, ...]:
    inner = shape_of(vision).hidden
    out = vision.maybe("out_hidden_size") or hidden
    side = vision.maybe("spatial_merge_size") or 2
    return (
        _linear("downsampler", side * side * inner, out, biased=True),
        _linear("merger projection", out, out, biased=False),
        _norm(out, 2),
        part("vision", "merger gate, up and down", (("", 3), ("out", out), ("width", width))),
    )


def lfm2(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """LFM2-VL: the same; its norm and its biases are optional."""
    merged = shape_of(vision).hidden * (top.maybe("downsample_factor") or 2) ** 2
    inner = top.maybe("projector_hidden_size") or 2560
    biased = top.flag("projector_bias", default=True)
    return (
        _norm(merged, 2 * top.flag("projector_use_layernorm", default=True)),
        _linear("projector 1", merged, inner, biased),
        _linear("projector 2", inner, hidden, biased),
    )


def minimax_m3(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """MiniMax M3: two projections of each patch, then two of joined neighbours."""
    inner = shape_of(vision).hidden
    width = top.maybe("projector_hidden_size") or hidden
    merged = hidden * (vision.maybe("spatial_merge_size") or 2) ** 2
    return (
        _linear("projector 1", inner, width, biased=True),
        _linear("projector 2", width, hidden, biased=True),
        _linear("merger 1", merged, width, biased=True),
        _linear("merger 2", width, hidden, biased=True),
    )

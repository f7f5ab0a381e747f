"""What joins a vision tower to the language model: projectors, mergers and adapters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from weighbridge.core.architecture import Part
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.mergers import (
    deepstack,
    glm,
    glm_ocr,
    idefics3,
    internvl,
    kimi,
    lfm2,
    llama4,
    merger,
    minimax_m3,
    mistral3,
    step3,
)
from weighbridge.facts.architectures.parts import part
from weighbridge.facts.architectures.pieces import linear, norm
from weighbridge.facts.architectures.resamplers import aria, blip2, minicpm
from weighbridge.facts.architectures.sam import deepseek_hybrid, got_ocr
from weighbridge.facts.architectures.tower_kinds import TOWERS
from weighbridge.facts.architectures.vision import shape_of, tower_parts
from weighbridge.facts.architectures.vqgan import janus

Joiner = Callable[[Keys, Keys, int], tuple[Part, ...]]
"""From the keys of the model, those of its tower and the width of the text model to parts."""


def _linear(name: str, inputs: int, outputs: int, biased: bool) -> Part:
    return linear("vision", name, inputs, outputs, biased=biased)


def _norm(size: int, weights: int) -> Part:
    return norm("vision", size, weights)


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


def _paligemma(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    out = top.maybe("projection_dim") or hidden
    return (_linear("projector", shape_of(vision).hidden, out, biased=True),)


def _cohere2(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    merged = shape_of(vision).hidden * (top.maybe("downsample_factor") or 2) ** 2
    inner = top.maybe("alignment_intermediate_size") or 36_864
    return (
        _linear("projector 1", merged, inner, biased=True),
        _linear("projector 2", inner // 2, hidden, biased=True),
    )


def _aya(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """Aya Vision: a norm over joined neighbours, then a gated pair of projections."""
    merged = shape_of(vision).hidden * (top.maybe("downsample_factor") or 2) ** 2
    inner = top.maybe("alignment_intermediate_size") or hidden
    return (
        _norm(merged, 2),
        _linear("projector 1", merged, inner, biased=True),
        _linear("projector 2", inner // 2, hidden, biased=True),
    )


def _vipllava(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """ViP-LLaVA: a norm over the outputs of several layers, then two projections."""
    layers = top.value("vision_feature_layers") or top.value("vision_feature_layer")
    several = len(layers) if isinstance(layers, list) else 1 if isinstance(layers, int) else 5
    inner = shape_of(vision).hidden * several
    return (
        _norm(inner, 2),
        _linear("projector 1", inner, hidden, biased=True),
        _linear("projector 2", hidden, hidden, biased=True),
    )


def _video_llava(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """Video-LLaVA: a tower for images, another for videos, one projector for both."""
    return (
        *tower_parts(vision, TOWERS[vision.model_type]),
        *_two_layers(top, vision, hidden),
    )


def _video_llama(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    del top
    return (
        _linear("projector 1", shape_of(vision).hidden, hidden, biased=True),
        _linear("projector 2", hidden, hidden, biased=True),
    )


def _paddle(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    del top
    inner = shape_of(vision).hidden
    merged = inner * (vision.maybe("spatial_merge_size") or 2) ** 2
    return (
        _norm(inner, 2),
        _linear("projector 1", merged, merged, biased=True),
        _linear("projector 2", merged, hidden, biased=True),
    )


def _hyperclovax(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """HyperCLOVA X: Qwen2.5's merger, then one projection more."""
    out = vision.maybe("out_hidden_size") or hidden
    return (*merger(top, vision, hidden), _linear("projector", out, hidden, biased=True))


def _phi4(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """Phi-4 multimodal: two projections, and learned vectors between the crops of an image."""
    del top
    inner = shape_of(vision).hidden
    return (
        part("vision", "crop separators", (("", 2), ("hidden", inner))),
        _linear("projector 1", inner, hidden, biased=True),
        _linear("projector 2", hidden, hidden, biased=True),
    )


def _ovis2(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """Ovis2: each patch becomes a distribution over a vocabulary of looks, embedded like words."""
    words = vision.size("vocab_size")
    kinds = words - (vision.maybe("num_visual_indicator_tokens") or 0)
    merged = shape_of(vision).hidden * (vision.maybe("hidden_stride") or 1) ** 2
    if top.maybe("hidden_size") not in (None, hidden) and not top.flag("tie_word_embeddings"):
        top.leave_out(
            "lm_head", "The output head has another width than the text model; it is left out."
        )
    return (
        _linear("visual head", merged, kinds, biased=False),
        _norm(kinds, 2),
        part(
            "vision",
            "visual embedding",
            (("vocabulary", words), ("hidden", top.maybe("hidden_size") or hidden)),
        ),
    )


JOINERS: Final[dict[str, Joiner]] = {
    "gemma3": _gemma3,
    "gemma4": _gemma4,
    "llava": _two_layers,
    "llava_next": _two_layers_newline,
    "llava_onevision": _two_layers_newline,
    "qwen2_vl": merger,
    "qwen2_5_vl": merger,
    "qwen3_vl": deepstack,
    "qwen3_vl_moe": deepstack,
    "qwen3_5": merger,
    "qwen3_5_moe": merger,
    "llama4": llama4,
    "kimi_k25": kimi,
    "step3p7": step3,
    "mistral3": mistral3,
    "idefics3": idefics3,
    "smolvlm": idefics3,
    "internvl": internvl,
    "paligemma": _paligemma,
    "glm4v": glm,
    "glm46v": glm,
    "glm4v_moe": glm,
    "lfm2_vl": lfm2,
    "minimax_m3_vl": minimax_m3,
    "cohere2_vision": _cohere2,
    "deepseek_vl": _two_layers,
    "llava_next_video": _two_layers_newline,
    "cosmos3_omni": deepstack,
    "aria": aria,
    "aya_vision": _aya,
    "blip-2": blip2,
    "deepseek_vl_hybrid": deepseek_hybrid,
    "exaone4_5": merger,
    "glm_ocr": glm_ocr,
    "glmga": glm,
    "got_ocr2": got_ocr,
    "hyperclovax_vision_v2": _hyperclovax,
    "instructblip": blip2,
    "janus": janus,
    "instructblipvideo": blip2,
    "lighton_ocr": mistral3,
    "minicpm_ocr": minicpm,
    "minicpmv4_6": minicpm,
    "minicpmv4_7": minicpm,
    "ovis2": _ovis2,
    "paddleocr_vl": _paddle,
    "phi4_multimodal": _phi4,
    "pp_chart2table": got_ocr,
    "qianfan_ocr": internvl,
    "qwen2_5_omni": merger,
    "qwen2_5_omni_thinker": merger,
    "qwen3_omni_moe": deepstack,
    "qwen3_omni_moe_thinker": deepstack,
    "shieldgemma2": _gemma3,
    "video_llama_3": _video_llama,
    "video_llava": _video_llava,
    "vipllava": _vipllava,
}

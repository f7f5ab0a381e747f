"""Whose word counts on tied embeddings where a model nests its text model.

Some classes read the key of the whole, some that of the text model, some either; some tie nothing.
"""

from __future__ import annotations

from typing import Final

from weighbridge.facts.architectures.keys import Keys

_KEY: Final = "tie_word_embeddings"

_WHOLE: Final = frozenset(
    {
        "aria", "aya_vision", "cohere2_vision", "deepseek_vl", "deepseek_vl_hybrid", "exaone4_5",
        "fuyu", "gemma3", "gemma4", "glm46v", "glmasr", "got_ocr2", "granite_speech",
        "hyperclovax_vision_v2", "idefics2", "idefics3", "internvl", "janus", "kimi_k25", "lfm2_vl",
        "lighton_ocr", "llava_next", "minicpm_ocr", "minicpmv4_6", "mistral3",
        "moss_transcribe_diarize", "ovis2",
        "paligemma", "qianfan_ocr", "qwen2_5_omni_thinker", "qwen3_5", "qwen3_5_moe", "qwen3_asr",
        "qwen3_omni_moe_thinker", "qwen3_vl", "qwen3_vl_moe", "smolvlm", "video_llava", "vipllava",
        "voxtral_realtime",
    }
)  # fmt: skip
_EITHER: Final = frozenset(
    {
        "blip-2", "glm4v", "glm4v_moe", "glm_ocr", "instructblip", "llava", "llava_next_video",
        "llava_onevision", "minimax_m3_vl", "paddleocr_vl", "qwen2_5_vl", "qwen2_vl",
        "video_llama_3",
    }
)  # fmt: skip
_TEXT: Final = frozenset({"llama4", "shieldgemma2"})
_NONE: Final = frozenset({"audioflamingo3", "musicflamingo", "qwen2_audio", "voxtral"})


def nested_tie(whole: Keys, text: Keys, *, usual: bool) -> bool | None:
    """Whether the head is the embedding; None where the class of the whole is not known.

    ``usual`` is what the class of the text model does where no key says it.
    """
    kind = whole.model_type
    if text is whole:
        return None
    if kind in _WHOLE:
        return whole.flag(_KEY)
    if kind in _EITHER:
        return whole.flag(_KEY) or text.flag(_KEY, usual)
    if kind in _TEXT:
        return text.flag(_KEY, usual)
    return False if kind in _NONE else None

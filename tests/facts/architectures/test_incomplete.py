"""What is not modelled is said so, and never counted as if it were the whole."""

from __future__ import annotations

from typing import Any

import pytest

from tests.facts.architectures.fixtures import PARAMETERS, raw
from tests.facts.architectures.test_read import LLAMA, read
from tests.facts.architectures.test_truth import UNLIKE_ITS_FILE, rows
from weighbridge.core.errors import FormatError
from weighbridge.facts.architectures.infer import NOT_MODELLED

LLAMA_KEYS = {key: value for key, value in LLAMA.items() if key != "model_type"}
AUDIO = {"model_type": "whisper_like", "d_model": 8}


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_our_fixtures_are_complete(name: str) -> None:
    assert read(raw(name)).incomplete == ()


def test_what_is_counted_exactly_is_complete() -> None:
    partial = [
        row["name"]
        for row, found in rows()
        if row["exact_params_meta"] and row["name"] not in UNLIKE_ITS_FILE and found.incomplete
    ]
    assert partial == []


@pytest.mark.parametrize("model_type", sorted(NOT_MODELLED))
def test_types_refused_by_name_are_incomplete(model_type: str) -> None:
    assert "layers" in read({**LLAMA, "model_type": model_type}).incomplete


@pytest.mark.parametrize(
    ("keys", "missing"),
    [
        ({**LLAMA, "layer_types": ["frob_attention"] * 32}, "layers"),
        ({**LLAMA, "model_type": "brand_new", "my_ssm_width": 64}, "layers"),
        ({**LLAMA, "model_type": "phi3_v"}, "vision"),
        ({**LLAMA, "model_type": "molmo"}, "vision"),
        ({**LLAMA, "model_type": "fuyu"}, "vision"),
        ({**LLAMA, "model_type": "llava", "mm_vision_tower": "a/clip"}, "vision"),
        ({**LLAMA, "model_type": "phi4mm", "audio_processor": {"name": "cascades"}}, "audio"),
        ({**LLAMA, "audio_config": AUDIO}, "audio"),
        ({"model_type": "voxtral", "text_config": LLAMA, "audio_config": AUDIO}, "audio"),
        ({"model_type": "kyutai_speech_to_text", **LLAMA_KEYS}, "audio"),
        ({"model_type": "emu3", "text_config": LLAMA}, "vision"),
        (
            {
                "model_type": "gemma3n",
                "text_config": LLAMA,
                "vision_config": {"architecture": "mobilenet_of_tomorrow"},
            },
            "vision",
        ),
        ({"model_type": "new_vl", "text_config": LLAMA, "vision_config": {"a": 1}}, "vision"),
        (
            {
                "model_type": "qwen2_5_omni",
                "thinker_config": {"text_config": LLAMA, "vision_config": {"depth": 32}},
            },
            "audio",
        ),
        ({**LLAMA, "codec_config": {"hidden_size": 8}}, "audio"),
    ],
)
def test_weights_that_are_left_out_are_named(keys: dict[str, Any], missing: str) -> None:
    assert missing in read(keys).incomplete


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"model_type": "bert"}, "is an encoder, which keeps no cache"),
        ({"model_type": "modernbert"}, "is an encoder, which keeps no cache"),
        ({"model_type": "x", "architectures": ["XForMaskedLM"]}, "is an encoder"),
        ({"model_type": "whisper"}, "speech"),
        ({"model_type": "t5"}, "an encoder with a decoder"),
        ({"model_type": "blt"}, "a form that is not modelled"),
    ],
)
def test_what_is_no_decoder_is_refused_by_name(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(FormatError, match=says):
        read({**LLAMA, **keys})


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"num_key_value_heads": True}, "num_key_value_heads"),
        ({"num_key_value_heads": 64}, "num_key_value_heads"),
        ({"num_key_value_heads": 5}, "num_key_value_heads"),
        (
            {"n_routed_experts": None, "moe_intermediate_size": 8, "num_experts_per_tok": 2},
            "n_routed_experts",
        ),
        (
            {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": [8, 4]},
            "moe_intermediate_size is a list, a form that is not modelled",
        ),
    ],
)
def test_bad_values_are_refused_by_their_key(change: dict[str, Any], key: str) -> None:
    with pytest.raises(FormatError, match=key):
        read({**LLAMA, **change})


@pytest.mark.parametrize("scaling", ["yarn", {"factor": "x"}])
def test_a_scaling_that_is_not_read_is_said(scaling: object) -> None:
    sentences = read({**LLAMA, "rope_scaling": scaling}).assumptions
    assert any("which is not read" in sentence for sentence in sentences)


def test_a_default_that_entered_no_number_is_not_reported() -> None:
    keys = {**LLAMA, "model_type": "qwen2", "use_sliding_window": False}
    assert not any("sliding" in sentence for sentence in read(keys).assumptions)

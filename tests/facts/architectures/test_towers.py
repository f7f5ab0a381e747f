"""Towers for images and sound: counted exactly, taken from the class where the file is silent."""

from __future__ import annotations

from typing import Any

import pytest

from tests.facts.architectures.fixtures import raw
from tests.facts.architectures.test_read import LLAMA, read
from weighbridge.core.errors import FormatError


def without(config: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in keys}


@pytest.mark.parametrize(
    ("name", "component"),
    [
        ("voxtral", "audio"),
        ("qwen2_audio", "audio"),
        ("granite_speech", "audio"),
        ("gemma4", "audio"),
        ("phi4_multimodal", "audio"),
        ("got_ocr2", "vision"),
        ("idefics2", "vision"),
        ("instructblip", "vision"),
        ("minicpmv4_6", "vision"),
        ("mllama", "vision"),
    ],
)
def test_towers_count_as_what_they_are(name: str, component: Any) -> None:
    assert read(raw(name)).by_component[component] > 0


def test_a_thinker_is_counted_without_the_voice_that_it_is_published_without() -> None:
    thinker = raw("qwen3_omni_moe_thinker")
    silent = {
        "model_type": "qwen3_omni_moe",
        "enable_audio_output": False,
        "thinker_config": thinker,
        "talker_config": {"hidden_size": 64},
    }
    assert read(silent).incomplete == ()
    assert read(silent).parameters == read(thinker).parameters


def test_a_talker_is_left_out_and_said() -> None:
    speaking = {"model_type": "qwen3_omni_moe", "thinker_config": raw("qwen3_omni_moe_thinker")}
    assert read(speaking).incomplete == ("audio",)


def test_a_tower_that_the_file_leaves_to_its_class_is_counted_and_said() -> None:
    stated = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24,
              "num_attention_heads": 16, "image_size": 336, "patch_size": 14}  # fmt: skip
    llava = raw("llava")
    silent = read(without(llava, "vision_config"))
    whole = read({**llava, "vision_config": {"model_type": "clip_vision_model", **stated}})
    assert silent.parameters == whole.parameters
    assert any("does not describe vision_config" in said for said in silent.assumptions)


def test_biases_of_a_vision_tower_follow_their_key() -> None:
    config = raw("glm4v")
    vision = config["vision_config"]
    biased = {**config, "vision_config": {**vision, "attention_bias": True}}
    more = read(biased).by_component["vision"] - read(config).by_component["vision"]
    assert more == 3 * vision["hidden_size"] * vision["depth"]


def test_queries_of_blip2_read_a_text_only_where_a_key_says_so() -> None:
    config = raw("blip-2")
    reading = {
        **config,
        "qformer_config": {**config["qformer_config"], "use_qformer_text_input": True},
    }
    queries = config["qformer_config"]
    hidden, width = queries["hidden_size"], queries["intermediate_size"]
    second_mlp = 2 * hidden * width + width + 3 * hidden
    grown = read(reading).by_component["vision"] - read(config).by_component["vision"]
    assert grown == queries["num_hidden_layers"] * second_mlp


def test_gemma3n_knows_its_network_by_name() -> None:
    config = {"model_type": "gemma3n", "text_config": {"model_type": "gemma3n_text"}}
    known = read({**config, "vision_config": {"architecture": "mobilenetv5_300m_enc"}})
    changed = {"architecture": "mobilenetv5_300m_enc", "model_args": {"width": 2}}
    assert known.incomplete == ()
    assert read({**config, "vision_config": changed}).incomplete == ("vision",)


def test_a_language_model_of_two_stacks_is_refused() -> None:
    with pytest.raises(FormatError, match="an encoder with a decoder"):
        read({**raw("blip-2"), "text_config": {**LLAMA, "is_encoder_decoder": True}})


@pytest.mark.parametrize(
    ("model_type", "outer", "inner", "tied"),
    [
        ("qwen3_vl_moe", None, True, False),
        ("qwen3_vl_moe", True, False, True),
        ("internvl", None, False, True),
        ("llava", False, True, True),
        ("llama4", True, False, False),
        ("voxtral", True, True, False),
    ],
)
def test_each_class_says_where_tied_embeddings_are_stated(
    model_type: str, outer: bool | None, inner: bool, tied: bool
) -> None:
    config = raw(model_type)
    text = {**config["text_config"], "tie_word_embeddings": inner}
    whole = {**config, "text_config": text}
    if outer is not None:
        whole["tie_word_embeddings"] = outer
    assert read(whole).tied_embeddings is tied


def test_a_bad_list_of_windows_is_refused_by_its_key() -> None:
    audio = {"model_type": "gemma3n_audio", "sscp_conv_kernel_size": [[3, 3], "x"]}
    with pytest.raises(FormatError, match="sscp_conv_kernel_size"):
        read({"model_type": "gemma3n", "text_config": LLAMA, "audio_config": audio})

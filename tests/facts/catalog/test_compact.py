from __future__ import annotations

from tests.facts.catalog.samples import CONFIG
from weighbridge.facts.catalog.compact import compact


def test_what_says_how_a_model_is_built_is_kept() -> None:
    assert compact(CONFIG) == CONFIG
    text = {"architectures": ["LlamaForCausalLM"]}  # says that there is no vision tower
    assert compact(text) == text
    rope = {"rope_scaling": {"factor": 4.0, "original_max_position_embeddings": 32768}}
    assert compact(rope) == rope
    assert compact({"sliding_window": None, "q_lora_rank": None}) == {
        "sliding_window": None,
        "q_lora_rank": None,
    }


def test_training_tokens_and_bookkeeping_are_left_out() -> None:
    idle = {
        "bos_token_id": 1,
        "attention_dropout": 0.0,
        "initializer_range": 0.02,
        "transformers_version": "5.0",
        "id2label": {"0": "x"},
        "use_cache": True,
        "top_k": 50,
    }
    assert compact(CONFIG | idle | {"text_config": CONFIG | idle}) == CONFIG | {
        "text_config": CONFIG
    }

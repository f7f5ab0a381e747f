"""A configuration without the keys that say nothing about how the model is built."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Keys that say nothing about how a model is built: training, generation, tokens, bookkeeping.
_IDLE = re.compile(
    r"""_name_or_path|_attn_implementation.*|_from_model_config|auto_map
    |transformers_version|.*_token_ids?|.*_token_index|.*dropout.*|.*pdrop|.*_drop|initializer.*
    |.*_loss_.*|.*loss_coef|aux_loss_alpha|.*2id|id2.*|output_(hidden_states|attentions|scores)
    |output_router_logits|return_dict.*|use_cache|pruned_heads|torchscript|.*bfloat16|bf16|fp16|fp32
    |tf_legacy_loss|chunk_size_feed_forward|is_(encoder_)?decoder|add_cross_attention
    |cross_attention_hidden_size|tie_encoder_decoder|.*_length_penalty|length_penalty|num_beams.*
    |num_beam_groups|diversity_penalty|temperature|top_p|typical_p|repetition_penalty|bad_words_ids
    |.*_ngram_size|num_return_sequences|remove_invalid_values|do_sample|early_stopping|max_length
    |min_length|suppress_tokens|begin_suppress_tokens|prefix|problem_type|finetuning_task
    |task_specific_params|tokenizer_class|pretraining_tp|.*_norm_eps|rms_norm_eps|norm_eps|hc_eps
    |layer_norm_epsilon|.*_aux_.*|onnx_safe|.*jitter.*|use_mamba_kernels|gradient_.*|ignore_index
    |.*placeholder|seq_aux|ep_size|router_aux_loss_coef|tf_.*|standardize|.*rescale.*""",
    re.VERBOSE,
)  # fmt: skip


def compact(config: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a configuration that say how the model is built."""
    kept: dict[str, Any] = {}
    for key, value in config.items():
        if _IDLE.fullmatch(key) or value in ({}, []) or (key == "top_k" and value == 50):
            continue
        kept[key] = compact(value) if isinstance(value, dict) else value
    return kept

"""Keys that sound like sizes and that no reader asked for: weights may hang on them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from weighbridge.facts.architectures.defaults import class_defaults
from weighbridge.facts.architectures.keys import Keys, printable, same_number

_SIZE: Final = re.compile(
    r"(_size|_dims?|_ranks?|_heads|_width|_layers|_blocks|_streams|_modules|_experts|_groups"
    r"|_slots|_memory|_memories)$|^(num|n)_|^d_|experts|memory"
)
"""Names of numbers on which shapes can depend."""

_HARMLESS: Final = re.compile(
    r"^((no_repeat|encoder_no_repeat)_ngram_size|num_beams|num_beam_groups|num_return_sequences"
    r"|num_logits_to_keep|num_labels|n_group|topk_group|num_expert_groups?|n_ctx|ep_size|rotary_dim"
    r"|qk_head_dim|max_window_layers|num_hash_layers|mtp_transformer_layers|num_query_groups"
    r"|num_image_tokens|block_size|group_size|blocksparse_.*|dense_attention_every_n_layers"
    r"|conv_dim|.*chunk_size.*|.*batch_size|.*_per_tok(en)?|.*tensor_parallel.*|pretraining_tp"
    r"|image_size|patch_size|num_channels|.*image.*|.*vision.*|.*audio.*|.*speech.*|mm_.*)$"
)
"""Of sampling, of kernels, of training, of routing and of rotation: no weight depends on these."""

# Readers ask for them after the layers are read.
_LATER: Final = (
    "vocab_size", "max_position_embeddings", "num_nextn_predict_layers", "num_kv_shared_layers",
    "vocab_size_per_layer_input",
)  # fmt: skip
# Known under another name, or only of rotation there.
_TRANSLATED: Final = {
    "deepseek_ref": {"qk_rope_head_dim"},
    "deepseek_v4": {"qk_rope_head_dim"},
    "mamba2": {"time_step_rank"},
    "xlstm": {"embedding_dim", "num_blocks"},
}
_MOST: Final = 6


def unread_sizes(keys: Keys) -> tuple[str, ...]:
    """Names of numbers on which shapes can depend and that nothing read, at most six.

    Of a known family, those that its class has are no news: its weights were checked with them.
    """
    known = class_defaults(keys.model_type)
    return _listed(keys, lambda key: key in known or _excused(keys, key))


def changed_experts(keys: Keys) -> tuple[str, ...]:
    """Those that change the experts of a known family: ``routed_expert_hidden_size`` of Kimi K3."""
    if not keys.number("num_experts"):
        return ()
    return tuple(key for key in unread_sizes(keys) if "expert" in key or "moe" in key)


def unclaimed_sizes(keys: Keys) -> tuple[str, ...]:
    """The same for a family that is not known, of whose class nothing is."""
    return _listed(keys, lambda key: _latent(keys, key))


def _excused(keys: Keys, key: str) -> bool:
    """Whether readers that know the family have no use for the key."""
    if key in _TRANSLATED.get(keys.model_type, ()):
        return True
    if key == "moe_intermediate_size":
        return not keys.number("num_experts")
    return _latent(keys, key) or (key == "sliding_window_size" and "sliding_window" in keys.raw)


def _latent(keys: Keys, key: str) -> bool:
    """Whether attention is to latents, whose widths have keys of their own."""
    return "qk_nope_head_dim" in keys.seen and key in ("head_dim", "num_key_value_heads")


def _listed(keys: Keys, excused: Callable[[str], bool]) -> tuple[str, ...]:
    later = set(_LATER) | {name for key in _LATER for name in same_number(key)}
    found = [
        key
        for key, value in keys.raw.items()
        if isinstance(key, str)
        and type(value) is int
        and value > 0
        and key not in keys.seen
        and key not in later
        and _SIZE.search(key)
        and not _HARMLESS.search(key)
        and not excused(key)
        and not any(name in keys.seen for name in same_number(key))
    ]
    return tuple(sorted(found))[:_MOST]


def say_unread(keys: Keys) -> None:
    """One sentence about the numbers of a known family that nothing reads."""
    unread = [printable(key) for key in unread_sizes(keys)]
    if unread:
        one = len(unread) == 1
        keys.assume(
            f"The {'key' if one else 'keys'} {', '.join(unread)} {'is' if one else 'are'} not read:"
            f" where weights depend on {'it' if one else 'them'}, the count is wrong."
        )

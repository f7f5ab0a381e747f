"""What each layer keeps of the past: a mixer where the header proves it, else unknown.

A number of KV cache is only worth showing when it is right. So a layer counts as attention only if
its metadata describe softmax attention and its tensors have the shapes that follow from that; the
other kinds of mixer are held to the same (``gguf_mixers``). Everything else is unknown, with a
sentence that says why.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from weighbridge.core.architecture import Mixer, attention
from weighbridge.facts.gguf_blocks import Block
from weighbridge.facts.gguf_keys import Keys
from weighbridge.facts.gguf_mixers import (
    NO_MIXER,
    UNKNOWN,
    Found,
    compressed,
    in_blocks,
    latent,
    recurrent,
    shared,
)

# Keys of llama.cpp (src/llama-arch.cpp) that change nothing about what is cached.
_HARMLESS: Final = frozenset(
    f"attention.{name}"
    for name in (
        "causal",
        "clamp_kqv",
        "decay_lora_rank",
        "gate_lora_rank",
        "group_norm_epsilon",
        "group_norm_groups",
        "head_count",
        "head_count_kv",
        "iclr_lora_rank",
        "key_length",
        "key_length_mla",
        "key_length_swa",
        "kv_lora_rank",
        "layer_norm_epsilon",
        "layer_norm_rms_epsilon",
        "max_alibi_bias",
        "output_scale",
        "q_lora_rank",
        "recurrent_layers",
        "relative_buckets_count",
        "rope_pattern",
        "scale",
        "shared_kv_layers",
        "sliding_window",
        "sliding_window_pattern",
        "temperature_length",
        "temperature_scale",
        "value_length",
        "value_length_mla",
        "value_length_swa",
        "value_residual_mix_lora_rank",
        "value_scale",
    )
)

# Keys that are only understood together with others: of an indexer beside latents (DeepSeek V3.2,
# GLM-5), of DeepSeek V4 and of MiniMax-M3. Which layers have an indexer, their tensors say.
_OF_INDEXERS: Final = frozenset(
    f"attention.indexer.{name}"
    for name in (
        "head_count",
        "key_length",
        "skip_top_k_offset",
        "top_k",
        "top_k_frequency",
        "types",
    )
)
_OF_COMPRESSION: Final = frozenset(
    f"attention.{name}"
    for name in (
        "compress_ratios",
        "compress_rope_freq_base",
        "output_group_count",
        "output_lora_rank",
    )
)
_OF_BLOCKS: Final = frozenset({"attention.indexer.block_size", "attention.indexer.local_blocks"})
_COMPRESSED: Final = "deepseek4"
_IN_BLOCKS: Final = "minimax-m3"
_SHARING: Final = frozenset({"gemma3n", "gemma4"})

# Keys that make the formula of softmax attention wrong for the whole model.
_BEYOND: Final = (
    ("attention.indexer.", "keeps an index of keys beside its cache (sparse attention)"),
    ("attention.compress_ratios", "caches compressed blocks of tokens"),
    ("decoder_block_count", "is an encoder with a decoder"),
    ("hrm.", "runs its layers in cycles"),
)

# One layer in so many attends to everything, the last of each group; the others slide. GGUF states
# the window but seldom the pattern: it is in llama.cpp's src/models/<name>.cpp, `set_swa_pattern`.
_SLIDING_PERIOD: Final = {"cohere2": 4, "gemma2": 2, "gemma3": 6, "gpt-oss": 2}

# Every layer slides where a window is stated. (llama.cpp itself keeps them at full length.)
_ALL_SLIDE: Final = frozenset({"phi3", "phimoe"})

_NOT_COMPUTED: Final = "so its KV cache is not computed."


@dataclass(frozen=True, slots=True)
class Mixers:
    """The mixer of every layer, and what had to be assumed or left out."""

    layers: tuple[Mixer, ...]
    assumptions: tuple[str, ...]


def mixers_of(keys: Keys, blocks: dict[int, Block], depth: int, hidden: int) -> Mixers:
    """The mixers of the first ``depth`` layers, in a residual stream ``hidden`` wide."""
    beyond = _beyond_formula(keys)
    if beyond is not None:
        return Mixers((UNKNOWN,) * depth, (beyond,))
    heads = keys.per_layer("attention.head_count", depth)
    kv_heads = keys.per_layer("attention.head_count_kv", depth)
    if heads is None or (kv_heads is None and keys.value("attention.head_count_kv") is not None):
        return Mixers(
            (UNKNOWN,) * depth, (f"The header does not say how many heads, {_NOT_COMPUTED}",)
        )
    frame = _frame(keys, depth, heads, kv_heads or heads)
    layers: list[Mixer] = []
    reasons: dict[str, list[int]] = {}
    for layer in range(depth):
        mixer, reason = _mixer(keys, hidden, blocks.get(layer, Block({})), frame, layer)
        layers.append(mixer)
        if reason:
            reasons.setdefault(reason, []).append(layer)
    sentences = [frame.assumption] if frame.assumption else []
    sentences += [f"{_name_layers(where)} {why}" for why, where in reasons.items()]
    return Mixers(tuple(layers), tuple(sentences))


@dataclass(frozen=True, slots=True)
class _Frame:
    """What the header says of every layer.

    Attributes:
        heads: query heads per layer.
        kv_heads: key-value heads per layer; 0 where nothing attends.
        windows: tokens that a layer sees, None without a limit.
        ratios: tokens per compressed block and layer (DeepSeek V4), or None.
        first_shared: layers from here on read the keys and values of earlier ones.
        assumption: what had to be assumed of the windows.
    """

    heads: tuple[int, ...]
    kv_heads: tuple[int, ...]
    windows: list[int | None]
    ratios: tuple[int, ...] | None
    first_shared: int
    assumption: str


def _frame(keys: Keys, depth: int, heads: tuple[int, ...], kv_heads: tuple[int, ...]) -> _Frame:
    ratios = keys.per_layer("attention.compress_ratios", depth)
    windows, assumption = _windows(keys, depth)
    if ratios is not None:  # the window stands beside the compressed blocks, on every layer
        windows, assumption = [None] * depth, ""
    first_shared = depth - (keys.integer("attention.shared_kv_layers") or 0)
    return _Frame(heads, kv_heads, windows, ratios, first_shared, assumption)


def _mixer(keys: Keys, hidden: int, block: Block, frame: _Frame, layer: int) -> Found:
    """The mixer of one layer, and why it is unknown or what else is to be said."""
    heads, window = frame.heads[layer], frame.windows[layer]
    claimed = _claimed(keys, hidden, heads, frame.kv_heads[layer], window)
    if block.recurrent:
        return _recurrent(keys, hidden, block, claimed)
    if frame.ratios is not None:
        return compressed(keys, block, hidden, heads, frame.ratios[layer])
    if block.has("attn_kv_a_mqa") and heads and window is None:
        return latent(keys, block, hidden, heads)
    if not frame.kv_heads[layer] and block.feeds_forward and not block.mixes:
        return NO_MIXER, ""
    if keys.arch == _IN_BLOCKS and block.indexed:
        attention, why = _proven(claimed, block)
        return (UNKNOWN, why) if why else in_blocks(keys, block, hidden, attention)
    return _softmax(keys, block, claimed, reads_earlier=layer >= frame.first_shared)


def _recurrent(keys: Keys, hidden: int, block: Block, claimed: Mixer | None) -> Found:
    """A state, with attention beside it where the header claims some (Falcon-H1)."""
    if claimed is None or not block.has("attn_output"):
        return recurrent(keys, block, hidden, None)
    attention, why = _proven(claimed, block)
    return (UNKNOWN, why) if why else recurrent(keys, block, hidden, attention)


def _softmax(keys: Keys, block: Block, claimed: Mixer | None, *, reads_earlier: bool) -> Found:
    """Softmax attention, whose cache may be that of an earlier layer."""
    if keys.integer("attention.kv_lora_rank") or keys.integer("attention.key_length_mla"):
        return UNKNOWN, "have other tensors than latent attention (MLA), which the header states."
    if block.indexed:
        return UNKNOWN, "have an indexer (sparse attention) of a kind that is not modelled."
    mixer, why = _proven(claimed, block, reads_earlier=reads_earlier)
    return (shared(mixer), "") if reads_earlier and not why else (mixer, why)


def linear_layers(keys: Keys, blocks: dict[int, Block], depth: int) -> frozenset[int]:
    """Recurrent layers whose ``attn_*`` tensors feed the linear mixer: they have no KV heads.

    Qwen3-Next writes one number of KV heads for all layers, but no ``attn_output`` in linear ones.
    """
    kv_heads = keys.per_layer("attention.head_count_kv", depth)
    return frozenset(
        layer
        for layer, block in blocks.items()
        if block.recurrent
        and (not block.has("attn_output") or (kv_heads and layer < depth and not kv_heads[layer]))
    )


def _beyond_formula(keys: Keys) -> str | None:
    """Why softmax attention's formula does not hold for any layer, or None if it may hold."""
    model = f"This model ({keys.arch})"
    known = _understood(keys)
    for prefix, what in _BEYOND:
        if any(keys.value(key) != 0 for key in keys.under(prefix) if key not in known):
            return f"{model} {what}, which is not modelled yet, {_NOT_COMPUTED}"
    if keys.integer("attention.shared_kv_layers") and keys.arch not in _SHARING:
        return f"{model} shares KV between layers, which is not modelled yet, {_NOT_COMPUTED}"
    if (keys.integer("num_loops") or 1) > 1:
        return f"{model} runs its layers several times, {_NOT_COMPUTED}"
    if keys.value("attention.causal") is False:
        return f"{model} looks at whole texts at once (not causal), {_NOT_COMPUTED}"
    unknown = sorted(key for key in keys.under("attention.") if key not in known)
    if unknown:
        return f"{model} states {unknown[0]!r}, which this version does not know, {_NOT_COMPUTED}"
    return None


def _understood(keys: Keys) -> frozenset[str]:
    """The keys of attention that this header's architecture lets us read."""
    if keys.arch == _COMPRESSED:
        return _HARMLESS | _OF_INDEXERS | _OF_COMPRESSION
    if keys.arch == _IN_BLOCKS:
        return _HARMLESS | _OF_INDEXERS | _OF_BLOCKS
    return _HARMLESS | _OF_INDEXERS if keys.integer("attention.kv_lora_rank") else _HARMLESS


def _windows(keys: Keys, depth: int) -> tuple[list[int | None], str]:
    """Each layer's window, None where it attends to everything; and what is assumed."""
    full: list[int | None] = [None] * depth
    window = keys.value("attention.sliding_window")
    upper_bound = (
        "all layers are counted as attending to everything: an upper bound of the KV cache."
    )
    if not window:
        if keys.arch == "llama4" or keys.arch in _SLIDING_PERIOD:
            return (
                full,
                f"{keys.arch} limits some layers, but not how far in its header; {upper_bound}",
            )
        return full, ""
    slides = _sliding_layers(keys, depth)
    if slides is None or not isinstance(window, int) or window < 0:
        unknown = f"Which layers slide (window {window}) is not known for {keys.arch}"
        return full, f"{unknown}; {upper_bound}"
    return [window if slide else None for slide in slides], ""


def _sliding_layers(keys: Keys, depth: int) -> list[bool] | None:
    """Which layers slide, or None when neither header nor family tells."""
    stated = keys.value("attention.sliding_window_pattern")
    if isinstance(stated, tuple):
        flags = keys.per_layer("attention.sliding_window_pattern", depth)
        return None if flags is None else [bool(flag) for flag in flags]
    if stated is None and keys.arch in _ALL_SLIDE:
        return [True] * depth
    if keys.arch not in _SLIDING_PERIOD:
        return None  # a stated period does not say whether the full layer is first or last
    period = keys.integer("attention.sliding_window_pattern") or _SLIDING_PERIOD[keys.arch]
    return [layer % period < period - 1 for layer in range(depth)]


def _claimed(
    keys: Keys, hidden: int, heads: int, kv_heads: int, window: int | None
) -> Mixer | None:
    """The attention that the metadata describe; without stated widths a head has hidden / heads."""
    if heads == 0 or kv_heads == 0:
        return None
    default = hidden // heads
    key_dim = keys.integer("attention.key_length") or default
    value_dim = keys.integer("attention.value_length") or default
    if window is not None:
        key_dim = keys.integer("attention.key_length_swa") or key_dim
        value_dim = keys.integer("attention.value_length_swa") or value_dim
    return attention(heads, kv_heads, key_dim, value_dim, window)


def _proven(claimed: Mixer | None, block: Block, *, reads_earlier: bool = False) -> Found:
    """The claimed attention if the layer's tensors have its shapes, else unknown and the reason.

    Args:
        claimed: by the metadata.
        block: the layer's tensors.
        reads_earlier: whether keys and values are those of an earlier layer, so that none need be
            here.
    """
    if block.has("attn_kv_a_mqa", "attn_kv_b", "attn_k_b"):
        return UNKNOWN, "cache compressed latents (MLA) in a way that is not modelled."
    if claimed is None or not block.has(
        "attn_k", "attn_qkv", *(["attn_q"] if reads_earlier else [])
    ):
        return UNKNOWN, "have no attention that the header describes."
    of = dict(claimed.numbers)
    keys = of["kv_heads"] * of["key_dim"]
    values = of["kv_heads"] * of["value_dim"]
    rows = {
        "attn_qkv": of["heads"] * of["key_dim"] + keys + values,
        "attn_q": of["heads"] * of["key_dim"] if reads_earlier else 0,
        "attn_k": keys,
        "attn_v": values,
    }
    for name, expected in rows.items():
        tensor = block.weights.get(name)
        if (
            expected
            and tensor is not None
            and (len(tensor.shape) != 2 or tensor.shape[1] != expected)
        ):
            found = "x".join(map(str, tensor.shape))
            return UNKNOWN, (
                f"have {name} tensors of shape {found}, where the header's head counts imply"
                f" {expected} rows; their KV cache is not computed."
            )
    return claimed, ""


def _name_layers(layers: Iterable[int]) -> str:
    """Layer numbers as people write them.

    >>> _name_layers([0, 1, 2, 5])
    'Layers 0-2, 5'
    """
    spans: list[list[int]] = []
    for layer in layers:
        if spans and spans[-1][1] == layer - 1:
            spans[-1][1] = layer
        else:
            spans.append([layer, layer])
    words = [str(first) if first == last else f"{first}-{last}" for first, last in spans]
    return f"Layers {', '.join(words)}"

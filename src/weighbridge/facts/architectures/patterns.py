"""Which mixer stands in which layer: lists, periods, offsets and letters of many families."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from weighbridge.facts.architectures.defaults import SOURCE
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.supplied import say_supplied
from weighbridge.facts.architectures.traits import Traits

FULL: Final = "full_attention"
SLIDING: Final = "sliding_attention"
CHUNKED: Final = "chunked_attention"
LINEAR: Final = "linear_attention"
HYBRID: Final = "hybrid"
RECURRENT: Final = "recurrent"
UNLOCATED: Final = "unlocated window"
UNLISTED: Final = "unlisted"
"""Layers of several kinds, and nothing says which stands where."""

Pattern = tuple[str, ...]

# Other words and letters for the same kinds of layer.
_WORDS: Final = {
    "attention": FULL,
    "full": FULL,
    "*": FULL,
    "sliding": SLIDING,
    "swa": SLIDING,
    "local": SLIDING,
    "global": FULL,
    "M": "mamba",
    "mamba2": "mamba",
    "-": "mlp",
    "E": "moe",
    "recurrent": RECURRENT,
    "short_conv": "conv",
    "deepseek_sparse_attention": FULL,
    "indexed_attention": FULL,
    "mla": FULL,
    "hybrid": HYBRID,
}


def mixer_word(word: str) -> str:
    """The common word for a kind of layer."""
    return _WORDS.get(word, word)


def mixer_pattern(keys: Keys, traits: Traits, depth: int) -> Pattern:
    """The kind of mixer of every layer, from the first of the sources that says it."""
    for source in _SOURCES:
        pattern = source(keys, traits, depth)
        if pattern is not None:
            return pattern
    if traits.otherwise == UNLISTED:
        keys.leave_out(
            "layers",
            f"The configuration does not say which layers of {keys.model_type} attend and which do"
            " not: their mixers and their cache are left out.",
        )
    elif traits.otherwise:
        say_supplied(keys, "layer_types")
    return (traits.otherwise or FULL,) * depth


def _cross(keys: Keys, traits: Traits, depth: int) -> Pattern | None:
    """Indexes of the layers that attend to an image."""
    del traits
    indexes = keys.integers("cross_attention_layers")
    if not indexes:
        return None
    return tuple("cross" if layer in set(indexes) else FULL for layer in range(depth))


def _by_family(keys: Keys, traits: Traits, depth: int) -> Pattern | None:
    """All layers alike, by family."""
    del keys
    return (traits.only,) * depth if traits.only else None


def _listed(keys: Keys, traits: Traits, depth: int) -> Pattern | None:
    """One word per layer."""
    del traits
    for key in ("layer_types", "layers_block_type"):
        words = keys.words(key)
        if words:
            return tuple(_WORDS.get(word, word) for word in keys.whole(key, words, depth))
    return None


def _letters(keys: Keys, traits: Traits, depth: int) -> Pattern | None:
    """One letter per layer: ``M-*E`` of Nemotron-H; ``LLLG`` repeats."""
    del traits
    letters = keys.value("hybrid_override_pattern")
    if isinstance(letters, str):
        return tuple(
            _WORDS.get(letter, letter)
            for letter in keys.whole("hybrid_override_pattern", tuple(letters[:8192]), depth)
        )
    letters = keys.value("sliding_window_pattern")
    if isinstance(letters, str) and letters:
        kinds = [SLIDING if letter == "L" else FULL for letter in letters[:depth]]
        return tuple(kinds[layer % len(kinds)] for layer in range(depth))
    return None


def _numbered(keys: Keys, traits: Traits, depth: int) -> Pattern | None:
    """One number per layer: MiniMax (1 = softmax), MiMo (1 = sliding)."""
    del traits
    kinds = keys.per_layer("attn_type_list", depth)
    if kinds is not None:
        return tuple(FULL if kind == 1 else LINEAR for kind in kinds)
    kinds = keys.per_layer("hybrid_layer_pattern", depth)
    if kinds is not None:
        return tuple(SLIDING if kind == 1 else FULL for kind in kinds)
    return None


def _linear_config(keys: Keys, traits: Traits, depth: int) -> Pattern | None:
    """Kimi: the numbers of the full layers, counted from 1, in a nested object."""
    del traits
    nested = keys.under("linear_attn_config")
    if nested is None:
        return None
    full = nested.integers("full_attn_layers")
    linear = nested.integers("kda_layers")
    if linear is not None:
        return tuple(LINEAR if layer + 1 in set(linear) else FULL for layer in range(depth))
    if full is not None:
        return tuple(FULL if layer + 1 in set(full) else LINEAR for layer in range(depth))
    return None


def _indexed(keys: Keys, traits: Traits, depth: int) -> Pattern | None:
    """Indexes of the layers that attend: LFM2, Bamba, Zamba."""
    del traits
    for key, other in (("full_attn_idxs", "conv"), ("attn_layer_indices", "mamba")):
        indexes = keys.integers(key)
        if indexes is not None:
            return tuple(FULL if layer in set(indexes) else other for layer in range(depth))
    return None


def _intervals(keys: Keys, traits: Traits, depth: int) -> Pattern | None:
    """A period and an offset: Qwen3-Next, Jamba."""
    interval = keys.maybe("full_attention_interval")
    if not interval and traits.interval:
        interval = traits.interval
        _say_period(keys, interval)
    if interval:
        return tuple(LINEAR if (layer + 1) % interval else FULL for layer in range(depth))
    period = keys.maybe("attn_layer_period")
    if period:
        offset = keys.number("attn_layer_offset")
        return tuple(FULL if layer % period == offset else "mamba" for layer in range(depth))
    return None


def _say_period(keys: Keys, period: int) -> None:
    """A period that the class has where no key states one."""
    keys.assume(
        f"The configuration does not say which layers attend to everything: one of each {period},"
        f" as {keys.model_type} has them in {SOURCE}."
    )


def _block_types(keys: Keys, traits: Traits, depth: int) -> Pattern | None:
    """A list that repeats: RecurrentGemma."""
    del traits
    words = keys.words("block_types")
    if not words:
        return None
    kinds = [_WORDS.get(word, word) for word in words]
    return tuple(kinds[layer % len(kinds)] for layer in range(depth))


def _chunked(keys: Keys, traits: Traits, depth: int) -> Pattern | None:
    """Llama 4: layers without rotary positions attend to everything, the others to their chunk."""
    del traits
    if not keys.maybe("attention_chunk_size"):
        return None
    rope = keys.per_layer("no_rope_layers", depth) if keys.items("no_rope_layers") else None
    if rope is None:
        every = keys.maybe("no_rope_layer_interval", "nope_layer_interval")
        if not every:
            say_supplied(keys, "no_rope_layers")
        every = every or 4
        rope = tuple(int((layer + 1) % every != 0) for layer in range(depth))
    return tuple(CHUNKED if flag else FULL for flag in rope)


def _windowed(keys: Keys, traits: Traits, depth: int) -> Pattern | None:
    """A window, with or without a period."""
    if not keys.maybe("sliding_window"):
        return None
    if keys.stated("use_sliding_window") and not keys.flag("use_sliding_window"):
        return None
    period = keys.maybe("sliding_window_pattern", "global_attn_every_n_layers")
    if not period and traits.period:
        period = traits.period
        _say_period(keys, period)
    if period:
        first = 0 if traits.first_full else -1
        return tuple(
            SLIDING if (layer + 1) % period and layer != first else FULL for layer in range(depth)
        )
    if traits.window == "late" and keys.flag("use_sliding_window"):
        first = keys.number("max_window_layers")
        return tuple(SLIDING if layer >= first else FULL for layer in range(depth))
    kind = {"all": SLIDING, "unknown": UNLOCATED}.get(traits.window)
    return None if kind is None else (kind,) * depth


_SOURCES: Final[tuple[Callable[[Keys, Traits, int], Pattern | None], ...]] = (
    _by_family,
    _cross,
    _listed,
    _letters,
    _numbered,
    _linear_config,
    _indexed,
    _block_types,
    _intervals,
    _chunked,
    _windowed,
)

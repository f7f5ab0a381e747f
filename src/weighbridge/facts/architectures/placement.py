"""Which feed-forward part stands in which layer: dense or experts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from weighbridge.facts.architectures.experts import stated
from weighbridge.facts.architectures.keys import Keys, same_number
from weighbridge.facts.architectures.supplied import say_supplied

Placement = tuple[str, ...]

DENSE: Final = "dense"
SPARSE: Final = "sparse"

# Published with some dense layers first; their classes have none where no key says it.
_OFTEN_DENSE_FIRST: Final = frozenset({"deepseek_v2", "dots1", "kimi_k2"})

_WORDS: Final = {"moe": SPARSE, "experts": SPARSE, "mlp": DENSE, "hash_moe": SPARSE}


def mlp_pattern(keys: Keys, depth: int, dense_first: int = 0) -> Placement:
    """``dense`` or ``sparse`` for every layer, from the first of the sources that says it."""
    if not stated(keys):
        _refuse_lost_experts(keys)
        return (DENSE,) * depth
    for source in _SOURCES:
        placement = source(keys, depth)
        if placement is not None:
            return placement
    if dense_first or keys.model_type in _OFTEN_DENSE_FIRST:
        say_supplied(keys, "first_k_dense_replace")
    dense = min(dense_first, depth)
    return (DENSE,) * dense + (SPARSE,) * (depth - dense)


def _refuse_lost_experts(keys: Keys) -> None:
    """Experts with a width and a number per token, but without a number of them: damage."""
    names = ("num_experts", *same_number("num_experts"))
    if any(keys.raw.get(name) is not None for name in names):
        return
    lost = [name for name in names if name in keys.raw] or ["num_experts"]
    if keys.stated("moe_intermediate_size") and _stated_number(keys, "num_experts_per_tok"):
        raise keys.wrong(lost[0], None, "a number, as the other keys of the experts are there")


def _stated_number(keys: Keys, key: str) -> bool:
    return keys.stated(key) and keys.number(key) > 0


def _listed(keys: Keys, depth: int) -> Placement | None:
    """One word per layer."""
    words = keys.words("mlp_layer_types")
    if not words:
        return None
    return tuple(_WORDS.get(word, word) for word in keys.whole("mlp_layer_types", words, depth))


def _indexed(keys: Keys, depth: int) -> Placement | None:
    """Indexes of the layers with experts: Llama 4; as text: Step 3."""
    for key in ("moe_layers", "moe_layers_enum", "moe_layer_indices"):
        value: Any = keys.value(key)
        if isinstance(value, str):
            words = [word.strip() for word in value[:65536].split(",")]
            chosen = {int(word) for word in words if word.isdecimal() and len(word) < 6}
        elif value:
            chosen = set(keys.integers(key) or ())
        else:
            continue
        return tuple(SPARSE if layer in chosen else DENSE for layer in range(depth))
    return None


def _frequency(keys: Keys, depth: int) -> Placement | None:
    """DeepSeek and kin: dense layers first, then every so many; or one flag per layer."""
    flags = keys.per_layer("moe_layer_freq", depth)
    if flags is not None:
        return tuple(SPARSE if flag else DENSE for flag in flags)
    first = keys.maybe("first_k_dense_replace", "num_dense_layers", "first_k_dense_layers")
    if first is None:
        return None
    every = keys.maybe("moe_layer_freq") or 1
    return tuple(
        SPARSE if layer >= first and layer % every == 0 else DENSE for layer in range(depth)
    )


def _range(keys: Keys, depth: int) -> Placement | None:
    """ERNIE: from a layer to a layer, every so many."""
    start = keys.maybe("moe_layer_start_index")
    if start is None:
        return None
    end = keys.value("moe_layer_end_index")
    last = depth - 1 if not isinstance(end, int) or end < 0 else end
    every = keys.maybe("moe_layer_interval") or 1
    return tuple(
        SPARSE if start <= layer <= last and (layer + 1) % every == 0 else DENSE
        for layer in range(depth)
    )


def _steps(keys: Keys, depth: int) -> Placement | None:
    """Qwen and Llama 4: every so many layers, with exceptions."""
    every = keys.maybe("decoder_sparse_step", "interleave_moe_layer_step")
    if not every:
        return None
    dense = set(keys.integers("mlp_only_layers") or ())
    return tuple(
        SPARSE if (layer + 1) % every == 0 and layer not in dense else DENSE
        for layer in range(depth)
    )


def _offset(keys: Keys, depth: int) -> Placement | None:
    """Jamba: a period and an offset."""
    period = keys.maybe("expert_layer_period")
    if not period:
        return None
    offset = keys.number("expert_layer_offset")
    return tuple(SPARSE if layer % period == offset else DENSE for layer in range(depth))


_SOURCES: Final[tuple[Callable[[Keys, int], Placement | None], ...]] = (
    _listed,
    _indexed,
    _frequency,
    _range,
    _steps,
    _offset,
)

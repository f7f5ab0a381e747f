"""How vLLM lays a model's cache out in blocks, and what its start-up log says of it.

One pool of blocks of equal size serves all kinds of layers. Layers are put into groups of equal
many: a block is one page of each layer of a group, and every group takes blocks of its own for a
sequence. So a model with one full layer to five sliding ones has six groups; a sequence takes
blocks for its whole length in one of them, and for little more than a window in five. States of
linear layers take one page, and the blocks of attention are made long enough for a state to fit in.
Facts: vLLM's source, v1/core/kv_cache_utils.py and v1/kv_cache_interface.py of 0.11 to 0.23.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from weighbridge.predict.memory.footprint import CacheLayers, Footprint
from weighbridge.predict.memory.shards import kv_share
from weighbridge.predict.versions import Version

_STATES: Final = frozenset({"linear", "ssm", "conv"})
_BLOCK: Final = 16
_BLOCK_LATENT: Final = 64
# Sliding layers have blocks of their own since; before, they were kept at full length.
HYBRID_SINCE: Final = Version(0, 10)
# Since, the size in tokens is told as concurrency × longest sequence.
_TOKENS_FROM_CONCURRENCY_SINCE: Final = Version(0, 21)
# Layers of one kind are not split while they are less than this many times those of the other kind,
# by version: vllm-project/vllm#29303 of November 2025, and #36684 of March 2026. Before, always.
_SPLIT_ABOVE: Final = ((Version(0, 18), 1.5), (Version(0, 12), 1.25))
# A token of sparse MLA in fp8: 512 values, four scales in float32, 64 rotary values in 16 bits.
_SPARSE_FP8_BYTES: Final = 656
# The keys of its indexer: always fp8, a float32 scale per 128.
_INDEX_GROUP: Final = 128
# Families whose states vLLM keeps in 32 bits by default; others are kept as the model computes.
_FLOAT32_STATES: Final = ("qwen3_5", "nemotron_h", "kimi_linear")


@dataclass(frozen=True, slots=True)
class Group:
    """Layers that share a block table.

    Attributes:
        block_tokens: tokens per block; 0 for states, which take one block for a sequence.
        window: tokens after which old ones are dropped, or None.
        groups: how many such groups there are.
        pages: of states, how many blocks a sequence takes: one more per token guessed ahead.
    """

    block_tokens: int
    window: int | None
    groups: int
    pages: int = 1


@dataclass(frozen=True, slots=True)
class Pages:
    """A model's cache as one device lays it out.

    Attributes:
        block_bytes: of one block: a page of every layer of a group.
        groups: the groups that take blocks.
    """

    block_bytes: float
    groups: tuple[Group, ...]

    @property
    def group_count(self) -> int:
        """Block tables of one sequence."""
        return sum(group.groups for group in self.groups)

    def blocks(self, tokens: int, batched: int) -> int:
        """Blocks that a sequence of so many tokens takes, ``batched`` of them at a time."""
        return sum(group.groups * _blocks(group, tokens, batched) for group in self.groups)

    def sequence_bytes(self, tokens: int, batched: int) -> float:
        """Bytes of a sequence of so many tokens."""
        return self.blocks(tokens, batched) * self.block_bytes

    def concurrency(self, pool_bytes: float, tokens: int, batched: int) -> float:
        """Sequences of so many tokens that a pool holds: what the log calls maximum concurrency."""
        needed = self.blocks(tokens, batched)
        return self._pool(pool_bytes) / needed if needed else math.inf

    def tokens(self, pool_bytes: float, context: int, batched: int, version: Version) -> float:
        """What the log calls the size of the cache in tokens."""
        if version >= _TOKENS_FROM_CONCURRENCY_SINCE:
            return math.floor(self.concurrency(pool_bytes, context, batched) * context)
        smallest = min((g.block_tokens for g in self.groups if g.block_tokens), default=context)
        return self._pool(pool_bytes) // max(self.group_count, 1) * smallest

    def _pool(self, pool_bytes: float) -> int:
        return math.floor(max(pool_bytes, 0.0) / self.block_bytes) if self.block_bytes else 0


def pages(
    shape: Footprint,
    tensor: int,
    kv_bytes_per_value: float,
    version: Version,
    *,
    part: float = 1.0,
    guessed: int = 0,
) -> Pages | None:
    """The layout on one device; None where it is not known to us.

    Args:
        shape: the model.
        tensor: devices that share each layer.
        kv_bytes_per_value: of keys and values.
        version: of vLLM.
        part: the share of layers that the device has.
        guessed: tokens that multi-token prediction guesses ahead, by one further layer.
    """
    if shape.caches is None or any(layers.kind == "compressed" for layers in shape.caches):
        return None
    attention = [layers for layers in shape.caches if layers.kind not in _STATES]
    states = [layers for layers in shape.caches if layers.kind in _STATES]
    if not attention:
        return _states_only(shape, states, tensor, part)
    if guessed:
        widest = max(attention, key=lambda layers: (layers.window is None, layers.count))
        at = attention.index(widest)
        attention[at] = replace(widest, count=widest.count + 1)
    per_token = {layers: _token_bytes(layers, tensor, kv_bytes_per_value) for layers in attention}
    windowed = version >= HYBRID_SINCE
    kinds = {
        (layers.window if windowed and layers.kind == "sliding" else None) for layers in attention
    }
    if len(kinds) == 1 and not states:
        # All layers need equally many tokens: each has pages of its own size.
        latent = any(layers.kind == "latent" for layers in attention)
        block = _BLOCK_LATENT if latent else _BLOCK
        size = sum(per_token[layers] * layers.count for layers in attention) * block
        return Pages(size * part, (Group(block, kinds.pop(), 1),))
    sizes = [_state_bytes(shape, layers, tensor, guessed) for layers in states]
    found = _hybrid(per_token, states, max(sizes, default=0.0), part=part, version=version)
    return _with_guesses(found, guessed) if guessed and found else found


def _hybrid(
    per_token: dict[CacheLayers, float],
    states: list[CacheLayers],
    state_page: float,
    *,
    part: float,
    version: Version,
) -> Pages | None:
    """Groups of layers that share one pool; None where their blocks cannot be of one size."""
    smallest = _BLOCK
    windowed = version >= HYBRID_SINCE
    if states:
        tokens = math.ceil(state_page / min(per_token.values()))
        smallest = max(_BLOCK, math.ceil(tokens / _BLOCK) * _BLOCK)
    page = max(per_token.values()) * smallest
    if not states and any(page % (size * smallest) for size in per_token.values()):
        return None  # vLLM refuses to start ("Cannot unify by adjusting block_size")
    kinds: dict[tuple[int, int | None], int] = {}
    for layers, size in per_token.items():
        block = smallest * max(1, math.floor(page / (size * smallest)))
        window = layers.window if windowed and layers.kind == "sliding" else None
        kinds[block, window] = kinds.get((block, window), 0) + layers.count
    for layers in states:
        kinds[0, None] = kinds.get((0, None), 0) + layers.count
    together = _together(min(kinds.values()), max(kinds.values()), version)
    groups = tuple(
        Group(block, window, math.ceil(count / together))
        for (block, window), count in kinds.items()
    )
    return Pages(page * together * part, groups)


def _together(fewest: int, most: int, version: Version) -> int:
    """How many layers stand in one group; the last group of a kind is filled up with padding."""
    above = next((ratio for since, ratio in _SPLIT_ABOVE if version >= since), 1.0)
    return most if most < fewest * above else fewest


def _with_guesses(found: Pages, guessed: int) -> Pages:
    """A state is kept for each token guessed ahead, until it is known which of them hold."""
    groups = (g if g.block_tokens else replace(g, pages=1 + guessed) for g in found.groups)
    return Pages(found.block_bytes, tuple(groups))


def _states_only(
    shape: Footprint, states: list[CacheLayers], tensor: int, part: float
) -> Pages | None:
    size = sum(_state_bytes(shape, layers, tensor) * layers.count for layers in states)
    return Pages(size * part, (Group(0, None, 1),)) if size else None


def _token_bytes(layers: CacheLayers, tensor: int, kv_bytes_per_value: float) -> float:
    """Bytes of one token in one layer on one device."""
    if layers.kind == "latent":
        index = layers.index_values * (1 + 4 / _INDEX_GROUP)
        values = layers.whole_values - layers.index_values
        sparse = layers.index_values > 0 and kv_bytes_per_value <= 1
        return (_SPARSE_FP8_BYTES if sparse else values * kv_bytes_per_value) + index
    shared = layers.split_values * kv_share(layers.kv_heads, tensor)
    return (shared + layers.whole_values) * kv_bytes_per_value


def _state_bytes(shape: Footprint, layers: CacheLayers, tensor: int, guessed: int = 0) -> float:
    """Bytes of one layer's state on one device."""
    wide = 4 if shape.model_type.startswith(_FLOAT32_STATES) else 2
    numbers = layers.state + guessed * layers.state_step
    return (numbers * 2 + layers.state_float32 * wide) / tensor


def _blocks(group: Group, tokens: int, batched: int) -> int:
    if not group.block_tokens:
        return group.pages
    if group.window is None:
        return math.ceil(tokens / group.block_tokens)
    # Tokens of the step at hand are written before those that fall out of the window are dropped,
    # and a window rarely begins at the start of a block.
    kept = min(group.window - 1 + batched, tokens)
    return math.ceil(kept / group.block_tokens) + 1

"""Attention over compressed blocks of tokens beside a short window (DeepSeek V4: CSA and HCA).

Every layer keeps the last ``sliding_window`` tokens, one vector of ``head_dim`` each. A layer with
a ratio r keeps one such vector more for every r tokens; with the small ratio, also one key of the
indexer that picks among them.
"""

from __future__ import annotations

from typing import Final

from weighbridge.core.architecture import Cache, Mixer, Part
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import kept, part
from weighbridge.facts.architectures.plan import Plan
from weighbridge.facts.architectures.supplied import say_supplied
from weighbridge.facts.architectures.traits import Traits

SPARSE_KIND: Final = "compressed_sparse_attention"
HEAVY_KIND: Final = "heavily_compressed_attention"

_INDEXED_RATIO: Final = 4
"""Layers compressed no more than this have an indexer (CSA); others attend to all blocks (HCA)."""


def compressed(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mixer, tuple[Part, ...]]:
    """The mixer and weights of one layer; ``plan.detail`` is its ratio."""
    del traits
    ratio = int(plan.detail or 0)
    indexed = 0 < ratio <= _INDEXED_RATIO
    size = keys.size("head_dim")
    index = keys.size("index_head_dim") if indexed else 0
    window = keys.size("sliding_window")
    per_token = (size + index) / ratio if ratio else 0.0
    numbers = [("heads", keys.size("num_attention_heads")), ("kv_heads", 1), ("key_dim", size)]
    numbers += [("window", window), ("ratio", ratio)]
    if indexed:
        numbers.append(("index_dim", index))
    name = "CSA" if indexed else "HCA" if ratio else "MQA"
    cache = Cache(per_token=per_token, windows=((size, window),))
    mixer = Mixer("compressed" if ratio else "sliding", name, tuple(numbers), cache)
    parts = [*_attention(keys), *_compressor(keys, ratio, indexed)]
    return mixer, tuple(parts)


def _attention(keys: Keys) -> tuple[Part, ...]:
    """Low-rank query, one shared key-value head, low-rank output in groups."""
    hidden = ("hidden", keys.size("hidden_size"))
    heads, size = ("heads", keys.size("num_attention_heads")), ("head_dim", keys.size("head_dim"))
    rank, out = ("rank", keys.size("q_lora_rank")), ("rank", keys.size("o_lora_rank"))
    groups = ("groups", keys.size("o_groups"))
    return kept(
        part("attention", "query down", (hidden, rank)),
        part("attention", "query up", (rank, heads, size)),
        part("attention", "key-value", (hidden, size)),
        part("attention", "output down", (heads, size, out)),
        part("attention", "output up", (groups, out, hidden)),
        part("attention", "sinks", (heads,)),
        part("norm", "query and key-value norms", (rank,), (size,)),
    )


def _compressor(keys: Keys, ratio: int, indexed: bool) -> tuple[Part, ...]:
    """What pools a block into one entry, and the indexer that picks among entries."""
    if not ratio:
        return ()
    hidden = ("hidden", keys.size("hidden_size"))
    wide: tuple[tuple[str, int], ...] = (("head_dim", keys.size("head_dim")),)
    if indexed:
        wide = (("", 2), *wide)
    pooled = part(
        "indexer",
        "compressor",
        (("", 2), hidden, *wide),
        (("ratio", ratio), *wide),
    )
    norm = part("indexer", "compressor norm", (("head_dim", keys.size("head_dim")),))
    if not indexed:
        return (pooled, norm)
    heads, index = ("heads", keys.size("index_n_heads")), ("dim", keys.size("index_head_dim"))
    indexer = part(
        "indexer",
        "indexer",
        (("", 2), hidden, ("", 2), index),
        (("ratio", ratio), ("", 2), index),
        (index,),
        (("rank", keys.size("q_lora_rank")), heads, index),
        (hidden, heads),
    )
    return (pooled, norm, indexer)


def ratios_of(keys: Keys, depth: int) -> tuple[int, ...]:
    """The ratio of every layer: listed, or by the kinds of layers."""
    listed = keys.integers("compress_ratios")
    if listed is not None:
        return keys.whole("compress_ratios", listed, depth)
    words = keys.words("layer_types")
    rates = keys.under("compress_rates")
    low = rates.maybe(SPARSE_KIND) if rates else None
    high = rates.maybe(HEAVY_KIND) if rates else None
    by_kind = {SPARSE_KIND: low or 4, HEAVY_KIND: high or 128}
    if words is None:
        say_supplied(keys, "compress_ratios")
        # The class alternates heavy and sparse, with two heavy layers first.
        kinds = [SPARSE_KIND if layer > 1 and layer % 2 else HEAVY_KIND for layer in range(depth)]
        return tuple(by_kind[kind] for kind in kinds)
    return tuple(by_kind.get(word, 0) for word in keys.whole("layer_types", words, depth))

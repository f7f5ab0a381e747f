"""Multi-head latent attention (MLA): one compressed vector per token instead of keys and values.

Sparse attention with an indexer (DeepSeek V3.2, GLM-5) is this with one more key per token, on the
layers that have an indexer of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.core.architecture import Cache, Mixer, Part
from weighbridge.facts.architectures.attention import setting, softmax, window_of
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import bias, kept, part
from weighbridge.facts.architectures.plan import Plan
from weighbridge.facts.architectures.traits import Traits


@dataclass(frozen=True, slots=True)
class Latent:
    """Dimensions of MLA; a query rank of 0 means a plain query projection."""

    heads: int
    query_rank: int
    rank: int
    nope: int
    rope: int
    value: int


def latent_of(keys: Keys) -> Latent:
    """The dimensions that the keys state."""
    return Latent(
        heads=keys.size("num_attention_heads"),
        query_rank=keys.number("q_lora_rank"),
        rank=keys.size("kv_lora_rank"),
        nope=keys.size("qk_nope_head_dim"),
        rope=keys.number("qk_rope_head_dim"),
        value=keys.maybe("v_head_dim")
        or keys.size("hidden_size") // keys.size("num_attention_heads"),
    )


def latent(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mixer, tuple[Part, ...]]:
    """The mixer and weights of one layer; plain attention where the file turns MLA off."""
    if keys.value("use_mla") is False or (
        "kv_lora_rank" in keys.raw and keys.raw["kv_lora_rank"] is None
    ):
        return softmax(keys, traits, plan)
    shape = latent_of(keys)
    window = window_of(keys, plan)
    indexer = indexer_parts(keys, shape) if plan.detail == "indexer" and not window else ()
    index = keys.size("index_head_dim") if indexer else 0
    numbers = [("heads", shape.heads), ("latent", shape.rank), ("rope_dim", shape.rope)]
    numbers += [("key_dim", shape.nope + shape.rope), ("value_dim", shape.value)]
    if indexer:
        numbers.append(("index_dim", index))
    values = shape.rank + shape.rope + index
    cache = Cache(windows=((values, window),)) if window else Cache(per_token=values)
    if window:
        numbers.append(("window", window))
    name = "sparse MLA" if indexer or (plan.detail == "shared indexer" and not window) else "MLA"
    mixer = Mixer("latent", name, tuple(numbers), cache)
    return mixer, (*latent_parts(keys, traits, shape), *indexer)


def latent_parts(keys: Keys, traits: Traits, shape: Latent) -> tuple[Part, ...]:
    """Projections down to the latents and up again, and the norms between."""
    hidden = ("hidden", keys.size("hidden_size"))
    heads, rank = ("heads", shape.heads), ("rank", shape.rank)
    query_rank = ("rank", shape.query_rank)
    down = setting(keys, traits.qkv_bias)
    compressed = shape.rank + shape.rope
    return kept(
        *_query_parts(keys, traits, shape),
        part(
            "attention", "key-value down", (hidden, ("latent", compressed)), bias(compressed, down)
        ),
        part("attention", "key-value up", (rank, heads, ("dims", shape.nope + shape.value))),
        part(
            "attention",
            "output",
            (heads, ("value_dim", shape.value), hidden),
            bias(hidden[1], setting(keys, traits.o_bias)),
        ),
        _gate_part(traits, shape, hidden),
        part("attention", "sinks", (("heads", shape.heads if traits.sinks else 0),)),
        part("norm", "latent norms", (query_rank,), (rank,)),
    )


def _query_parts(keys: Keys, traits: Traits, shape: Latent) -> tuple[Part, ...]:
    """Projections of the query: plain, low-rank, or low-rank together with the output gate."""
    hidden, heads = ("hidden", keys.size("hidden_size")), ("heads", shape.heads)
    rank, key = ("rank", shape.query_rank), ("key_dim", shape.nope + shape.rope)
    if not shape.query_rank:
        return (part("attention", "query", (hidden, heads, key)),)
    biased = bias(shape.query_rank, setting(keys, traits.qkv_bias))
    down = part("attention", "query down", (hidden, rank), biased)
    if traits.gate == "query":
        both = ("query and gate dims", key[1] + shape.value)
        return down, part("attention", "query up and gate", (("", 2), rank, heads, both))
    return down, part("attention", "query up", (rank, heads, key))


def _gate_part(traits: Traits, shape: Latent, hidden: tuple[str, int]) -> Part:
    """The projection of an output gate: one number per head, or one per channel."""
    heads = ("heads", shape.heads if traits.gate in ("heads", "full") else 0)
    if traits.gate == "full":
        return part("attention", "output gate", (hidden, heads, ("value_dim", shape.value)))
    return part("attention", "output gate", (hidden, heads))


def indexer_parts(keys: Keys, shape: Latent) -> tuple[Part, ...]:
    """The small attention that picks which tokens the layer attends to."""
    hidden = ("hidden", keys.size("hidden_size"))
    heads, size = ("heads", keys.size("index_n_heads")), ("dim", keys.size("index_head_dim"))
    rank = ("rank", shape.query_rank) if shape.query_rank else hidden
    return (
        part(
            "indexer",
            "indexer",
            (rank, heads, size),
            (hidden, size),
            (hidden, heads),
            (("", 2), size),
        ),
    )


def indexer_pattern(keys: Keys, depth: int) -> tuple[str, ...]:
    """Which layers have an indexer of their own, and which use that of an earlier layer."""
    if not keys.maybe("index_topk") or not keys.maybe("index_head_dim"):
        return ("",) * depth
    words = keys.words("indexer_types")
    if words:
        kinds = keys.whole("indexer_types", words, depth)
        return tuple("indexer" if kind == "full" else "shared indexer" for kind in kinds)
    every = keys.maybe("index_topk_freq") or 1
    offset = keys.number("index_skip_topk_offset")
    return tuple(
        "indexer" if layer < offset or (layer - offset + 1) % every == 0 else "shared indexer"
        for layer in range(depth)
    )

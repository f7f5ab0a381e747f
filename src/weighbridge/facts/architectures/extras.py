"""What layers of some families have beside mixer, MLP and norms."""

from __future__ import annotations

from weighbridge.core.architecture import Part
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import Term, kept, part


def hyper_connections(keys: Keys, per_stream: int = 0) -> tuple[Part, ...]:
    """Several residual streams, mixed before and after attention and MLP (DeepSeek V4, Hy 4)."""
    streams = keys.number("hc_mult")
    if not streams:
        return ()
    outputs = streams * (per_stream or streams + 2)
    terms: tuple[Term, ...] = (
        (("outputs", outputs), ("streams", streams), ("hidden", keys.size("hidden_size"))),
        (("outputs", outputs),),
        (("scales", per_stream or 3),),
    )
    return (
        part("attention", "hyper-connection", *terms),
        part("mlp", "hyper-connection", *terms),
    )


def hyper_head(keys: Keys) -> tuple[Part, ...]:
    """What joins the residual streams before the output head."""
    streams = keys.number("hc_mult")
    if not streams:
        return ()
    return (
        part(
            "other",
            "hyper-connection of the head",
            (("streams", streams), ("streams", streams), ("hidden", keys.size("hidden_size"))),
            (("streams", streams),),
            (("scale", 1),),
        ),
    )


def per_layer_input(keys: Keys) -> tuple[Part, ...]:
    """Gemma 3n and 4: a gate and a projection that mix in the layer's own embedding."""
    size = keys.number("hidden_size_per_layer_input")
    hidden = ("hidden", keys.size("hidden_size"))
    return kept(
        part(
            "per_layer_embedding",
            "per-layer gate, projection and norm",
            (("", 2 if size else 0), hidden, ("per_layer", size)),
            (hidden, ("", int(size > 0))),
        )
    )


def per_layer_table(keys: Keys, depth: int) -> tuple[Part, ...]:
    """Gemma 3n and 4: one more embedding per layer, looked up once per token."""
    size = keys.number("hidden_size_per_layer_input")
    if not size:
        return ()
    rows = keys.maybe("vocab_size_per_layer_input") or keys.size("vocab_size")
    layers, dim = ("layers", depth), ("per_layer", size)
    return (
        part(
            "per_layer_embedding",
            "per-layer embedding",
            (("vocabulary", rows), layers, dim),
        ),
        part(
            "per_layer_embedding",
            "per-layer projection and norm",
            (("hidden", keys.size("hidden_size")), layers, dim),
            (dim,),
        ),
    )


def altup(keys: Keys) -> tuple[Part, ...]:
    """Gemma 3n: alternating updates of several residual streams, and a low-rank bypass."""
    streams, rank = keys.number("altup_num_inputs"), keys.number("laurel_rank")
    if not streams:
        return ()
    hidden = ("hidden", keys.size("hidden_size"))
    count = ("streams", streams)
    return (
        part(
            "other",
            "alternating updates",
            (count, hidden),
            (hidden,),
            (count, count),
            (count, count, count),
        ),
        part("other", "low-rank bypass", (("", 2), hidden, ("rank", rank))),
        part("norm", "norms of streams and bypass", (("", 2), hidden)),
    )


def altup_outside(keys: Keys) -> tuple[Part, ...]:
    """Gemma 3n: what splits the embedding into streams and joins them again."""
    streams = keys.number("altup_num_inputs")
    if streams < 2:
        return ()
    hidden = ("hidden", keys.size("hidden_size"))
    return (
        part("other", "stream projections", (("", 2), ("streams", streams - 1), hidden, hidden)),
    )

"""Connectors that attend: learned queries that read an image or a sound."""

from __future__ import annotations

from collections.abc import Mapping

from weighbridge.core.architecture import Component, Part
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import kept, part
from weighbridge.facts.architectures.pieces import linear, norm
from weighbridge.facts.architectures.vision import shape_of

_LAYER_NORM = 2


def aria(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """Aria: two attentions in a row over the image, then two projections."""
    inner = shape_of(vision).hidden
    side = ("hidden", inner)
    stated = top.value("projector_patch_to_query_dict")
    counts = stated.values() if isinstance(stated, Mapping) else ()
    most = max((count for count in counts if type(count) is int), default=256)
    queries = top.maybe("max_value_projector_patch_to_query_dict") or most
    return (
        part("vision", "queries", (("queries", queries), side)),
        part(
            "vision",
            "cross attention",
            (("", 3), side, side),
            (("", 4), side, side),
            (("", 4), side),
            (side, side),
            (("bias", inner),),
        ),
        norm("vision", inner, 3 * _LAYER_NORM, "connector norms"),
        linear("vision", "projector 1", inner, hidden, biased=False),
        linear("vision", "projector 2", hidden, hidden, biased=False),
    )


def idefics2(top: Keys, vision: Keys, text: Keys) -> tuple[Part, ...]:
    """Idefics2: a gated projection, then a perceiver with latents of the text model's width."""
    out, width = text.size("hidden_size"), text.size("intermediate_size")
    inner = shape_of(vision).hidden
    top.seen.add("perceiver_config")
    keys = top.under("perceiver_config", model_type="idefics2_perceiver")
    keys = keys or top.beside({}, "idefics2_perceiver")
    size = out  # whatever the perceiver's own hidden_size says
    head = keys.size("resampler_head_dim")
    queries = ("heads", keys.size("resampler_n_heads") * head)
    shared = ("kv_heads", keys.size("num_key_value_heads") * head)
    layers, dim = ("layers", keys.size("resampler_depth")), ("hidden", size)
    return (
        part(
            "vision",
            "modality projection",
            (("", 2), ("in", inner), ("width", width)),
            (("width", width), ("out", out)),
        ),
        part("vision", "latents", (("latents", keys.size("resampler_n_latents")), dim)),
        part(
            "vision",
            "perceiver",
            (layers, ("", 2), dim, queries),
            (layers, ("", 2), dim, shared),
            (layers, ("", 12), dim, dim),
            (layers, ("norms", 3), dim),
            (dim,),
        ),
    )


def minicpm(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """MiniCPM-V: attention over a window between two layers of the tower, then a merger."""
    shape = shape_of(vision)
    inner, width = shape.hidden, shape.width
    window = 1
    for side in vision.integers("window_kernel_size") or (2, 2):
        window *= side
    times = max(top.maybe("merger_times") or 1, 1)
    return (
        part(
            "vision",
            "window merger",
            (("", 4), ("hidden", inner), ("hidden", inner)),
            (("norm and biases", 6 * inner),),
            (("norm", 2 * window * inner),),
            (("window", window * inner), ("width", window * width)),
            (("window", window), ("width", width), ("hidden", inner)),
            (("biases", window * width + inner),),
        ),
        *_downsamplers(inner, inner, times - 1),
        *_downsamplers(inner, hidden, 1),
    )


def _downsamplers(inner: int, outputs: int, times: int) -> tuple[Part, ...]:
    size = 4 * inner
    count = ("times", times)
    return kept(
        part(
            "vision",
            "merger",
            (count, ("in", size), ("out", size)),
            (count, ("in", size), ("out", outputs)),
            (count, ("norm and biases", 3 * size + outputs)),
        )
    )


def qformer(
    keys: Keys, seen: int, component: Component, *, embeds: bool = False
) -> tuple[Part, ...]:
    """A Q-Former: a BERT whose queries attend to ``seen`` channels in every n-th layer.

    Where it reads a text beside its queries, its layers have a second MLP; ``embeds`` says that it
    has an embedding of its own for that text.
    """
    hidden = keys.size("hidden_size")
    width, depth = keys.size("intermediate_size"), keys.size("num_hidden_layers")
    every = max(keys.maybe("cross_attention_frequency") or 2, 1)
    layers, crossing = ("layers", depth), ("layers", -(-depth // every))
    dim, wide = ("hidden", hidden), ("width", width)
    ways = ("", 1 + (embeds or keys.flag("use_qformer_text_input")))
    rows = keys.size("vocab_size") + keys.size("max_position_embeddings") if embeds else 0
    return kept(
        part(component, "Q-Former embedding", (("rows", rows), dim)),
        part(component, "Q-Former norm", (("", 2), dim)),
        part(
            component,
            "Q-Former layers",
            (layers, ("", 4), dim, dim),
            (layers, ways, ("", 2), dim, wide),
            (layers, ("norm and biases", 6 * hidden)),
            (layers, ways, ("norm and biases", 3 * hidden + width)),
        ),
        part(
            component,
            "Q-Former cross attention",
            (crossing, ("", 2), dim, dim),
            (crossing, ("", 2), ("seen", seen), dim),
            (crossing, ("norm and biases", 6 * hidden)),
        ),
    )


def blip2(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """BLIP-2 and InstructBLIP: learned queries through a Q-Former, then one projection."""
    reads = top.model_type.startswith("instructblip")
    kind = "instructblip_qformer" if reads else "blip_2_qformer"
    if top.model_type == "instructblipvideo":
        kind = "instructblipvideo_qformer"
    top.seen.add("qformer_config")
    keys = top.under("qformer_config", model_type=kind) or top.beside({}, kind)
    size = keys.size("hidden_size")
    queries = top.size("num_query_tokens")
    return (
        part("vision", "queries", (("queries", queries), ("hidden", size))),
        *qformer(keys, shape_of(vision).hidden, "vision", embeds=reads),
        linear("vision", "projector", size, hidden, biased=True),
    )

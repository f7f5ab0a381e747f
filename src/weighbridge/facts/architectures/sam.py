"""SAM's encoder, as DeepSeek-VL and GOT-OCR use it: windows, relative positions and a neck."""

from __future__ import annotations

from weighbridge.core.architecture import Part
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import kept, part
from weighbridge.facts.architectures.pieces import linear
from weighbridge.facts.architectures.vision import shape_of

_GLOBAL = (2, 5, 8, 11)


def sam_parts(keys: Keys) -> tuple[Part, ...]:
    """Embeddings, layers and neck of one encoder."""
    hidden, depth = keys.size("hidden_size"), keys.size("num_hidden_layers")
    head = hidden // keys.size("num_attention_heads")
    patch, channels = keys.size("patch_size"), keys.maybe("num_channels") or 3
    width = keys.maybe("mlp_dim") or int(hidden * (keys.real("mlp_ratio") or 4.0))
    side = keys.size("image_size") // max(patch, 1)
    biases = 3 * hidden * keys.flag("qkv_bias", default=True) + 6 * hidden + width
    layers, dim = ("layers", depth), ("hidden", hidden)
    seen = side if keys.flag("use_abs_pos", default=True) else 0
    return kept(
        part(
            "vision",
            "SAM patch embedding",
            (("channels", channels), ("patch", patch), ("patch", patch), dim),
            (dim,),
        ),
        part("vision", "SAM positions", (("side", seen), ("side", side), dim)),
        part(
            "vision",
            "SAM layers",
            (layers, ("", 4), dim, dim),
            (layers, ("", 2), dim, ("width", width)),
            (layers, ("norms and biases", biases)),
        ),
        part(
            "vision",
            "SAM relative positions",
            (("", 2), ("offsets", _offsets(keys, side, depth)), ("head_dim", head)),
        ),
        neck("SAM neck", hidden, keys.maybe("output_channels") or 256),
    )


def neck(name: str, hidden: int, outputs: int) -> Part:
    """Two convolutions, each with a norm."""
    out = ("out", outputs)
    return part(
        "vision", name, (("in", hidden), out), (("window", 9), out, out), (("norms", 4), out)
    )


def _offsets(keys: Keys, side: int, depth: int) -> int:
    """Relative positions along one axis, over all layers: of a window, or of the whole image."""
    if not keys.flag("use_rel_pos", default=True):
        return 0
    listed = keys.integers("global_attn_indexes")
    whole = {index for index in (_GLOBAL if listed is None else listed) if index < depth}
    window = keys.maybe("window_size") or side
    return len(whole) * (2 * side - 1) + (depth - len(whole)) * (2 * window - 1)


def got_ocr(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """GOT-OCR 2: two strided convolutions, then a projection."""
    del top
    outputs = vision.maybe("output_channels") or 256
    return (
        linear("vision", "downsampler 1", 9 * outputs, 2 * outputs, biased=False),
        linear("vision", "downsampler 2", 9 * 2 * outputs, hidden, biased=False),
        linear("vision", "projector", hidden, hidden, biased=True),
    )


def deepseek_hybrid(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """DeepSeek-VL 7B: SigLIP for the whole image and SAM for its details, joined by an aligner."""
    top.seen.add("high_res_vision_config")
    kind = "sam_vision_model"
    high = top.under("high_res_vision_config", model_type=kind) or top.beside({}, kind)
    outputs = high.maybe("output_channels") or 256
    half = hidden // 2
    return (
        *sam_parts(high),
        neck("high-resolution neck", high.size("hidden_size"), outputs),
        part("vision", "high-resolution scale", (("scale", 1),)),
        linear("vision", "downsampler 1", 9 * outputs, 2 * outputs, biased=False),
        linear("vision", "downsampler 2", 9 * 2 * outputs, 4 * outputs, biased=False),
        linear("vision", "aligner of the image", shape_of(vision).hidden, half, biased=True),
        linear("vision", "aligner of its details", 4 * outputs, half, biased=True),
        linear("vision", "aligner", hidden, hidden, biased=True),
    )

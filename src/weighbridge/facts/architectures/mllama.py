"""The vision tower of Llama 3.2: tiles, gated positions, local and global layers."""

from __future__ import annotations

from weighbridge.core.architecture import Part
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import part
from weighbridge.facts.architectures.tower_kinds import Tower
from weighbridge.facts.architectures.vision import layers_part, shape_of

_TOWER = Tower(qkv_bias=False, o_bias=False)


def mllama_parts(keys: Keys, text_hidden: int) -> tuple[Part, ...]:
    """All weights of the tower and of the projector into ``text_hidden``."""
    shape = shape_of(keys)
    hidden = ("hidden", shape.hidden)
    tiles = keys.maybe("max_num_tiles") or 4
    ratios = keys.items("supported_aspect_ratios")
    shapes = ("tile shapes", (8 if ratios is None else len(ratios)) + 1)
    side = (keys.maybe("image_size") or 448) // max(shape.patch, 1)
    positions = ("positions", side * side + 1)
    tile = ("tiles", tiles)
    globals_ = keys.maybe("num_global_layers") or 8
    output = ("output", keys.maybe("vision_output_dim") or 7680)
    return (
        part("vision", "patch embedding", (("channels", shape.channels), ("patch", shape.patch),
             ("patch", shape.patch), hidden), (hidden,)),
        part(
            "vision",
            "positions",
            (positions, hidden),
            (shapes, tile, positions, hidden),
            (("", 2), shapes, tile, hidden),
            (("gates", 3),),
        ),
        layers_part(shape, _TOWER),
        layers_part(shape, _TOWER, depth=globals_, extra=2),
        part("vision", "norms", (("", 4), hidden)),
        part("vision", "projector", (output, ("out", text_hidden)), (("bias", text_hidden),)),
    )  # fmt: skip

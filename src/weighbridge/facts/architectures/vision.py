"""Vision towers: patches, transformer layers, norms."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from weighbridge.core.architecture import Part
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import Term, kept, part
from weighbridge.facts.architectures.tower_kinds import PLAIN, TOWERS, Tower
from weighbridge.facts.architectures.traits import Setting

_NORM: Final = {"rms": 1, "layer": 2}


@dataclass(frozen=True, slots=True)
class Shape:
    """Dimensions of a tower under the names of all families.

    ``queries`` and ``shared`` are the widths of the query and of the key and value projections.
    """

    hidden: int
    queries: int
    shared: int
    depth: int
    heads: int
    width: int
    patch: int
    channels: int
    frames: int


def shape_of(keys: Keys, tower: Tower | None = None) -> Shape:
    """The dimensions that the keys state."""
    tower = tower or TOWERS.get(keys.model_type, PLAIN)
    hidden = keys.maybe("embed_dim", "vt_hidden_size", "width") or keys.size("hidden_size")
    heads = keys.maybe("vt_num_attention_heads", "attention_heads")
    heads = heads or keys.size("num_attention_heads")
    head = hidden // heads
    shared = heads
    if tower.grouped:
        head = keys.maybe("head_dim") or head
        shared = keys.maybe("num_key_value_heads") or heads
    names = (tower.depth_key,) if tower.depth_key else ("depth", "vt_num_hidden_layers", "layers")
    return Shape(
        hidden=hidden,
        queries=heads * head if tower.grouped else hidden,
        shared=shared * head if tower.grouped else hidden,
        depth=keys.maybe(*names) or keys.size("num_hidden_layers"),
        heads=heads,
        width=_width(keys, tower, hidden),
        patch=_first(keys, "patch_size", 14),
        channels=keys.maybe("num_channels", "in_channels", "in_chans") or 3,
        frames=keys.maybe("temporal_patch_size") or 1,
    )


def _width(keys: Keys, tower: Tower, hidden: int) -> int:
    """The width of the MLP: stated, or a multiple of the tower's own."""
    ratio = keys.real("mlp_ratio")
    width = keys.maybe("vt_intermediate_size", "intermediate_size")
    if tower.width_key:
        width = keys.maybe(tower.width_key)
    if (width is None or keys.stated("mlp_ratio") or tower.ratio) and ratio:
        width = int(hidden * ratio)
    return width or keys.size("intermediate_size")


def settled(keys: Keys, tower: Tower) -> Tower:
    """The tower with what its keys decide decided."""
    rms = bool(tower.norm_key) and keys.value(tower.norm_key) == "rms_norm"
    more = bool(tower.post_norm_unless) and not _on(keys, tower.post_norm_unless)
    return replace(
        tower,
        norm="rms" if rms else tower.norm,
        post_norm=tower.post_norm + more,
        qkv_bias=_on(keys, tower.qkv_bias),
        o_bias=_on(keys, tower.o_bias),
        mlp_bias=_on(keys, tower.mlp_bias),
        qk_norm=tower.qk_norm if _on(keys, tower.qk_norm_key or True) else "",
        positions=tower.positions if _on(keys, tower.positions_key or True) else "none",
    )


def _on(keys: Keys, setting: Setting) -> bool:
    return keys.flag(setting) if isinstance(setting, str) else setting


def tower_parts(keys: Keys, tower: Tower) -> tuple[Part, ...]:
    """Embeddings, layers, norms and head of one tower."""
    tower = settled(keys, tower)
    shape = shape_of(keys, tower)
    hidden = ("hidden", shape.hidden)
    norm = ("", _NORM[tower.norm])
    rows = positions_of(keys, tower, shape)
    return kept(
        part(
            "vision",
            "patch embedding",
            (
                ("channels", shape.channels * shape.frames),
                ("patch", shape.patch),
                ("patch", shape.patch),
                hidden,
            ),
            (hidden, ("", int(tower.patch_bias))),
        ),
        part(
            "vision",
            "positions and class token",
            (("tables", tower.position_tables), ("positions", rows), hidden),
            (hidden, ("", int(tower.class_token) + int(_on(keys, tower.mask_key or False)))),
        ),
        layers_part(shape, tower),
        part("vision", "norms", (("", tower.pre_norm + tower.post_norm), norm, hidden)),
        _head(keys, shape, tower),
    )


def layers_part(shape: Shape, tower: Tower, depth: int | None = None, extra: int = 0) -> Part:
    """All transformer layers; ``extra`` weights stand in each layer beside the usual ones."""
    hidden, width = shape.hidden, shape.width
    matrices = 3 if tower.gated else 2
    biases = (shape.queries + 2 * shape.shared) * bool(tower.qkv_bias)
    biases += hidden * bool(tower.o_bias)
    biases += (width * (matrices - 1) + hidden) * bool(tower.mlp_bias)
    small = tower.norms * _NORM[tower.norm] * hidden + 2 * hidden * tower.layer_scale + extra
    normed = {"": 0, "head": shape.queries // shape.heads, "flat": hidden}[tower.qk_norm]
    small += 2 * tower.qk_weights * normed
    layers, dim = ("layers", shape.depth if depth is None else depth), ("hidden", hidden)
    attention: tuple[Term, ...] = ((layers, ("", 4), dim, dim),)
    if shape.queries != hidden or shape.shared != hidden:
        attention = (
            (layers, ("", 2), dim, ("queries", shape.queries)),
            (layers, ("", 2), dim, ("keys", shape.shared)),
        )
    return part(
        "vision",
        "layers",
        *attention,
        (layers, ("", matrices), dim, ("width", width)),
        (layers, ("norms and biases", biases + small)),
    )


def positions_of(keys: Keys, tower: Tower, shape: Shape) -> int:
    """How many positions are learned."""
    if tower.positions == "none":
        return 0
    if tower.positions.startswith("image"):
        side = _first(keys, "image_size", 336) // max(shape.patch, 1)
        return side * side + int(tower.positions != "image")
    if tower.positions == "grid":
        height = keys.maybe("pos_emb_height", "init_pos_emb_height") or 64
        return height * (keys.maybe("pos_emb_width", "init_pos_emb_width") or 64)
    return keys.size(tower.positions)


def _head(keys: Keys, shape: Shape, tower: Tower) -> Part:
    """SigLIP's pooling head: one more attention and MLP with a learned query."""
    if not tower.head or keys.value("vision_use_head") is False:
        return part("vision", "pooling head")
    hidden, width = ("hidden", shape.hidden), ("width", shape.width)
    return part(
        "vision",
        "pooling head",
        (("", 4), hidden, hidden),
        (("", 2), hidden, width),
        (("", 8), hidden),
        (width,),
    )


def _first(keys: Keys, key: str, otherwise: int) -> int:
    """A number, or the first of a pair (InternVL writes sizes as height and width)."""
    if isinstance(keys.value(key), list | tuple):
        numbers = keys.integers(key)
        return numbers[0] if numbers else otherwise
    return keys.maybe(key) or otherwise

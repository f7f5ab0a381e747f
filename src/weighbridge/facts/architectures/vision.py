"""Vision towers: patches, transformer layers, norms; one row of a table per kind of tower."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from weighbridge.core.architecture import Part
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import kept, part

_NORM: Final = {"rms": 1, "layer": 2}


@dataclass(frozen=True, slots=True)
class Tower:
    """What the class of a vision tower hard-codes; the defaults describe SigLIP.

    Attributes:
        norm: weights per channel of its norms.
        norms: per layer.
        patch_bias: whether the patch projection has a bias.
        qkv_bias: of the attention.
        o_bias: of its output projection.
        gated: whether the MLP has a gate.
        mlp_bias: of the MLP.
        positions: where the number of learned positions comes from: the ``image`` in patches,
            ``image + 1`` with a class token, a ``grid`` of the keys, ``none``, or a key.
        position_tables: how many such tables.
        class_token: whether there is one.
        pre_norm: norms before the layers.
        post_norm: norms after them.
        qk_norm: whether queries and keys have norms over one head.
        layer_scale: whether each layer scales attention and MLP.
        ratio: whether the width of the MLP is always ``mlp_ratio`` times hidden.
        width_key: the key of that width, where it is not ``intermediate_size``.
        head: whether it ends in SigLIP's pooling head, unless ``vision_use_head`` is false.
    """

    norm: Literal["rms", "layer"] = "layer"
    norms: int = 2
    patch_bias: bool = True
    qkv_bias: bool = True
    o_bias: bool = True
    gated: bool = False
    mlp_bias: bool = True
    positions: str = "image"
    position_tables: int = 1
    class_token: bool = False
    pre_norm: int = 0
    post_norm: int = 1
    qk_norm: bool = False
    layer_scale: bool = False
    head: bool = False
    ratio: bool = False
    width_key: str = ""


_SIGLIP = Tower(head=True)
_CLIP = Tower(patch_bias=False, positions="image + 1", class_token=True, pre_norm=1)
_QWEN2 = Tower(patch_bias=False, positions="none", post_norm=0)
_QWEN3 = Tower(positions="num_position_embeddings", post_norm=0)
_IDEFICS = Tower()
_GLM = Tower(
    norm="rms", qkv_bias=False, o_bias=False, gated=True, mlp_bias=False, pre_norm=1,
    width_key="out_hidden_size",
)  # fmt: skip

TOWERS: Final[dict[str, Tower]] = {
    "siglip_vision_model": _SIGLIP,
    "siglip2_vision_model": Tower(head=True, positions="num_patches"),
    "clip_vision_model": _CLIP,
    "qwen2_vl_vision": _QWEN2,
    "qwen2_5_vl_vision": Tower(
        norm="rms", patch_bias=False, gated=True, positions="none", post_norm=0
    ),
    "qwen3_vl_vision": _QWEN3,
    "qwen3_vl_moe_vision": _QWEN3,
    "qwen3_5_vision": _QWEN3,
    "qwen3_5_moe_vision": _QWEN3,
    "llama4_vision_model": Tower(
        patch_bias=False, positions="image + 1", class_token=True, pre_norm=1
    ),
    "kimi_k25_vision": Tower(positions="grid"),
    "gemma4_vision": Tower(
        norm="rms", norms=4, patch_bias=False, qkv_bias=False, o_bias=False, gated=True,
        mlp_bias=False, positions="position_embedding_size", position_tables=2, post_norm=0,
        qk_norm=True,
    ),
    "step3p5_vision": Tower(
        patch_bias=False, positions="max_position_embeddings", pre_norm=1, post_norm=0,
        layer_scale=True, ratio=True,
    ),
    "pixtral": Tower(
        norm="rms", patch_bias=False, qkv_bias=False, o_bias=False, gated=True, mlp_bias=False,
        positions="none", pre_norm=1, post_norm=0,
    ),
    "idefics3_vision": _IDEFICS,
    "smolvlm_vision": _IDEFICS,
    "internvl_vision": Tower(
        qkv_bias=False, positions="image + 1", class_token=True, post_norm=0, layer_scale=True
    ),
    "glm4v_vision": _GLM,
    "glm4v_moe_vision": _GLM,
    "minimax_m3_vl_vision": Tower(patch_bias=False, positions="none", pre_norm=1, post_norm=0),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """Dimensions of a tower under the names of all families."""

    hidden: int
    depth: int
    heads: int
    width: int
    patch: int
    channels: int
    frames: int


def shape_of(keys: Keys, tower: Tower | None = None) -> Shape:
    """The dimensions that the keys state."""
    hidden = keys.maybe("embed_dim", "vt_hidden_size", "width") or keys.size("hidden_size")
    ratio = keys.real("mlp_ratio")
    width = keys.maybe("vt_intermediate_size", "intermediate_size")
    if tower is not None and tower.width_key:
        width = keys.maybe(tower.width_key)
    always = keys.stated("mlp_ratio") or (tower is not None and tower.ratio)
    if (width is None or always) and ratio:
        width = int(hidden * ratio)
    return Shape(
        hidden=hidden,
        depth=keys.maybe("depth", "vt_num_hidden_layers", "layers")
        or keys.size("num_hidden_layers"),
        heads=keys.maybe("vt_num_attention_heads", "attention_heads")
        or keys.size("num_attention_heads"),
        width=width or keys.size("intermediate_size"),
        patch=_first(keys, "patch_size", 14),
        channels=keys.maybe("num_channels", "in_channels", "in_chans") or 3,
        frames=keys.maybe("temporal_patch_size") or 1,
    )


def tower_parts(keys: Keys, tower: Tower) -> tuple[Part, ...]:
    """Embeddings, layers, norms and head of one tower."""
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
            (hidden, ("", int(tower.class_token))),
        ),
        layers_part(shape, tower),
        part("vision", "norms", (("", tower.pre_norm + tower.post_norm), norm, hidden)),
        _head(keys, shape, tower),
    )


def layers_part(shape: Shape, tower: Tower, depth: int | None = None, extra: int = 0) -> Part:
    """All transformer layers; ``extra`` weights stand in each layer beside the usual ones."""
    hidden, width = shape.hidden, shape.width
    matrices = 3 if tower.gated else 2
    biases = 3 * hidden * tower.qkv_bias + hidden * tower.o_bias
    biases += (width * (matrices - 1) + hidden) * tower.mlp_bias
    small = tower.norms * _NORM[tower.norm] * hidden + 2 * hidden * tower.layer_scale
    small += 2 * (hidden // shape.heads) * tower.qk_norm + extra
    layers = ("layers", shape.depth if depth is None else depth)
    return part(
        "vision",
        "layers",
        (layers, ("", 4), ("hidden", hidden), ("hidden", hidden)),
        (layers, ("", matrices), ("hidden", hidden), ("width", width)),
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

"""What the class of each kind of vision tower hard-codes: one row of a table per kind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from weighbridge.facts.architectures.traits import Setting


@dataclass(frozen=True, slots=True)
class Tower:
    """What the class of a vision tower hard-codes; the defaults describe SigLIP.

    Attributes:
        norm: weights per channel of its norms.
        norm_key: a key whose ``rms_norm`` makes them RMSNorm.
        norms: per layer.
        patch_bias: whether the patch projection has a bias.
        qkv_bias: of the attention: always, never, or by the key of that name.
        o_bias: of its output projection.
        gated: whether the MLP has a gate.
        mlp_bias: of the MLP.
        positions: where the number of learned positions comes from: the ``image`` in patches,
            ``image + 1`` with a class token, a ``grid`` of the keys, ``none``, or a key.
        position_tables: how many such tables.
        class_token: whether there is one.
        pre_norm: norms before the layers.
        post_norm: norms after them.
        post_norm_unless: a key that, where false, adds one more of them.
        mask_key: a key that, where true, adds a token for masked patches.
        positions_key: a key that, where false, takes the positions away.
        qk_norm: norms of queries and keys: over one ``head``, or over all channels (``flat``).
        qk_norm_key: where that is not "", they exist only where this key is true.
        qk_weights: weights per channel of these norms.
        grouped: whether the class reads ``head_dim`` and ``num_key_value_heads``.
        layer_scale: whether each layer scales attention and MLP.
        ratio: whether the width of the MLP is always ``mlp_ratio`` times hidden.
        width_key: the key of that width, where it is not ``intermediate_size``.
        depth_key: the key of the depth, where ``depth`` means something else.
        head: whether it ends in SigLIP's pooling head, unless ``vision_use_head`` is false.
    """

    norm: Literal["rms", "layer"] = "layer"
    norm_key: str = ""
    norms: int = 2
    patch_bias: bool = True
    qkv_bias: Setting = True
    o_bias: Setting = True
    gated: bool = False
    mlp_bias: Setting = True
    positions: str = "image"
    positions_key: str = ""
    position_tables: int = 1
    class_token: bool = False
    pre_norm: int = 0
    post_norm: int = 1
    post_norm_unless: str = ""
    mask_key: str = ""
    qk_norm: Literal["", "head", "flat"] = ""
    qk_norm_key: str = ""
    qk_weights: int = 1
    grouped: bool = False
    layer_scale: bool = False
    head: bool = False
    ratio: bool = False
    width_key: str = ""
    depth_key: str = ""


PLAIN = Tower()
_SIGLIP = Tower(head=True)
_CLIP = Tower(patch_bias=False, positions="image + 1", class_token=True, pre_norm=1)
_QWEN2 = Tower(patch_bias=False, positions="none", post_norm=0)
_QWEN3 = Tower(positions="num_position_embeddings", post_norm=0)
_IDEFICS = PLAIN
_GLM = Tower(
    norm="rms", qkv_bias="attention_bias", o_bias=False, gated=True, mlp_bias=False, pre_norm=1,
    width_key="out_hidden_size",
)  # fmt: skip
_QWEN2_5 = Tower(norm="rms", patch_bias=False, gated=True, positions="none", post_norm=0)
_INTERNVL = Tower(
    norm_key="norm_type", post_norm_unless="use_mean_pooling", mask_key="use_mask_token",
    qkv_bias="attention_bias", positions="image + 1", class_token=True, post_norm=0,
    positions_key="use_absolute_position_embeddings", qk_norm="flat", qk_norm_key="use_qk_norm",
    layer_scale=True,
)  # fmt: skip

TOWERS: Final[dict[str, Tower]] = {
    "siglip_vision_model": _SIGLIP,
    "phi4_multimodal_vision": _SIGLIP,
    "siglip2_vision_model": Tower(head=True, positions="num_patches"),
    "clip_vision_model": _CLIP,
    "qwen2_vl_vision": _QWEN2,
    "qwen2_5_vl_vision": _QWEN2_5,
    "qwen2_5_omni_vision_encoder": _QWEN2_5,
    "exaone4_5_vision": replace(_QWEN2_5, grouped=True),
    "qwen3_vl_vision": _QWEN3,
    "qwen3_vl_moe_vision": _QWEN3,
    "qwen3_omni_moe_vision_encoder": _QWEN3,
    "qwen3_5_vision": _QWEN3,
    "qwen3_5_moe_vision": _QWEN3,
    "llama4_vision_model": Tower(
        patch_bias=False, positions="image + 1", class_token=True, pre_norm=1
    ),
    "kimi_k25_vision": Tower(positions="grid"),
    "gemma4_vision": Tower(
        norm="rms", norms=4, patch_bias=False, qkv_bias=False, o_bias=False, gated=True,
        mlp_bias=False, positions="position_embedding_size", position_tables=2, post_norm=0,
        qk_norm="head", grouped=True,
    ),
    "step3p5_vision": Tower(
        patch_bias=False, pre_norm=1, post_norm=0,
        layer_scale=True, ratio=True,
    ),
    "pixtral": Tower(
        norm="rms", patch_bias=False, qkv_bias=False, o_bias=False, gated=True, mlp_bias=False,
        positions="none", pre_norm=1, post_norm=0,
    ),
    "idefics3_vision": _IDEFICS,
    "smolvlm_vision": _IDEFICS,
    "internvl_vision": _INTERNVL,
    "qianfan_ocr_vision": _INTERNVL,
    "glm4v_vision": _GLM,
    "glm4v_moe_vision": _GLM,
    "glm_ocr_vision": Tower(
        norm="rms", qkv_bias="attention_bias", o_bias="attention_bias", gated=True,
        mlp_bias="attention_bias", positions="none", qk_norm="head",
    ),
    "idefics2_vision": _IDEFICS,
    "minicpm_ocr_vision": _IDEFICS,
    "minicpmv4_6_vision": _IDEFICS,
    "minicpmv4_7_vision": _IDEFICS,
    "paddleocr_vl_vision": _IDEFICS,
    "video_llama_3_vision": Tower(positions="none"),
    "ovis2_vision": Tower(
        norm="rms", qkv_bias="qkv_bias", o_bias="qkv_bias", gated=True, mlp_bias="mlp_bias",
        pre_norm=1,
    ),
    "janus_vision_model": Tower(
        qkv_bias="attention_bias", qk_norm="flat", qk_norm_key="use_qk_norm", qk_weights=2,
        ratio=True, depth_key="num_hidden_layers",
    ),
    "blip_2_vision_model": Tower(
        qkv_bias="qkv_bias", positions="image + 1", class_token=True
    ),
    "instructblip_vision_model": Tower(
        qkv_bias="qkv_bias", positions="image + 1", class_token=True
    ),
    "instructblipvideo_vision_model": Tower(
        qkv_bias="qkv_bias", positions="image + 1", class_token=True
    ),
    "minimax_m3_vl_vision": Tower(patch_bias=False, positions="none", pre_norm=1, post_norm=0),
}  # fmt: skip

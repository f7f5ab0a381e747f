"""The GGUF file that llama.cpp's converter makes of a config.json, as far as mixers go.

Keys and tensors by the names and rules of llama.cpp's conversion/*.py. Widths of feed-forward parts
do not matter here, so every layer with one has the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from tests.facts.gguf_models import Model, Tensors
from tests.facts.gguf_writer import Array, stored_bytes
from weighbridge.core.architecture import TensorInfo
from weighbridge.facts.architectures.families import FAMILIES
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.layers import plans_of
from weighbridge.facts.architectures.patterns import FULL, LINEAR, SLIDING
from weighbridge.facts.architectures.plan import Plan
from weighbridge.facts.architectures.read import depth_of, text_keys
from weighbridge.facts.gguf import GgufHeader, Value

_WIDTH = 64

Metadata = dict[str, object]


class Converter:
    """One configuration on its way to a GGUF file; ``own`` collects keys below the architecture."""

    def __init__(self, raw: Mapping[str, Any], arch: str) -> None:
        self.keys = text_keys(Keys(raw, raw["model_type"], "m"))
        self.arch = arch
        self.depth = depth_of(self.keys)
        self.plans = plans_of(self.keys, FAMILIES[self.keys.model_type], self.depth)
        self.hidden = self.keys.size("hidden_size")
        self.heads = self.keys.maybe("num_attention_heads") or 0
        self.own: Metadata = {
            "block_count": self.depth,
            "embedding_length": self.hidden,
            "context_length": 4096,
            "feed_forward_length": _WIDTH,
            "attention.head_count": self.heads,
        }
        self.tensors: Tensors = {"token_embd.weight": ((self.hidden, 96), "F16")}

    def put(self, layer: int, **shapes: tuple[int, ...]) -> None:
        """Tensors of one layer; ``__`` stands for a dot, ssm_a has no suffix."""
        for name, shape in shapes.items():
            suffix = "" if name == "ssm_a" else ".weight"
            self.tensors[f"blk.{layer}.{name.replace('__', '.')}{suffix}"] = (shape, "F16")

    def kv_heads(self, attends: Callable[[Plan], bool]) -> None:
        """Key-value heads by layer: none where nothing attends."""
        count = self.keys.maybe("num_key_value_heads") or self.heads
        per_layer = [count if attends(plan) else 0 for plan in self.plans]
        self.own["attention.head_count_kv"] = Array(5, per_layer)

    def head_size(self) -> int:
        return self.keys.maybe("head_dim") or self.hidden // self.heads

    def softmax(self, layer: int, *, kv: int = 0, size: int = 0, gated: bool = False) -> None:
        size = size or self.head_size()
        kv = (kv or self.keys.maybe("num_key_value_heads") or self.heads) * size
        query = self.heads * size
        self.put(
            layer,
            attn_q=(self.hidden, 2 * query if gated else query),
            attn_k=(self.hidden, kv),
            attn_v=(self.hidden, kv),
            attn_output=(query, self.hidden),
        )

    def feed_forward(self, layer: int) -> None:
        self.put(layer, ffn_up=(self.hidden, _WIDTH), ffn_down=(_WIDTH, self.hidden))

    def model(self) -> Model:
        general: Metadata = {"general.architecture": self.arch, "general.file_type": 1}
        own = {f"{self.arch}.{key}": value for key, value in self.own.items()}
        return general | own, self.tensors


def latent(self: Converter) -> None:
    """DeepSeek V2 and V3: heads of the absorbed form in key_length, of the plain one beside it."""
    keys, own = self.keys, self.own
    rank, rope = keys.size("kv_lora_rank"), keys.size("qk_rope_head_dim")
    nope, value = keys.size("qk_nope_head_dim"), keys.size("v_head_dim")
    own |= {
        "attention.head_count_kv": 1,
        "attention.q_lora_rank": keys.number("q_lora_rank"),
        "attention.kv_lora_rank": rank,
        "attention.key_length": rank + rope,
        "attention.value_length": rank,
        "attention.key_length_mla": nope + rope,
        "attention.value_length_mla": value,
        "rope.dimension_count": rope,
    }
    for layer, plan in enumerate(self.plans):
        if plan.mixer == FULL:
            self.put(
                layer,
                attn_kv_a_mqa=(self.hidden, rank + rope),
                attn_k_b=(nope, rank, self.heads),
                attn_v_b=(rank, value, self.heads),
                attn_output=(self.heads * value, self.hidden),
            )
        self.feed_forward(layer)


def expanded(self: Converter) -> None:
    """MiniCPM3, and DeepSeek files from before latents were cached."""
    latent(self)
    keys, own = self.keys, self.own
    nope, rope = keys.size("qk_nope_head_dim"), keys.size("qk_rope_head_dim")
    value = keys.maybe("v_head_dim") or self.hidden // self.heads
    own["attention.key_length"], own["attention.value_length"] = nope + rope, value
    del own["attention.key_length_mla"], own["attention.value_length_mla"]
    for layer in range(self.depth):
        del self.tensors[f"blk.{layer}.attn_k_b.weight"]
        del self.tensors[f"blk.{layer}.attn_v_b.weight"]
        self.put(layer, attn_kv_b=(keys.size("kv_lora_rank"), self.heads * (nope + value)))


def sparse(self: Converter) -> None:
    """DeepSeek V3.2 and GLM-5: an indexer's tensors on the layers that have one of their own."""
    latent(self)
    heads, size = self.keys.size("index_n_heads"), self.keys.size("index_head_dim")
    self.own |= {
        "attention.indexer.head_count": heads,
        "attention.indexer.key_length": size,
        "attention.indexer.top_k": self.keys.size("index_topk"),
    }
    for layer, plan in enumerate(self.plans):
        if plan.detail == "indexer":
            self.put(layer, indexer__attn_k=(self.hidden, size), indexer__proj=(self.hidden, heads))


def compressed(self: Converter) -> None:
    keys, head, index = self.keys, self.head_size(), self.keys.size("index_head_dim")
    ratios = [int(plan.detail) for plan in self.plans]
    self.own |= {
        "attention.head_count_kv": 1,
        "attention.key_length": head,
        "attention.value_length": head,
        "attention.sliding_window": keys.size("sliding_window"),
        "attention.compress_ratios": Array(4, ratios),
        "attention.output_lora_rank": keys.size("o_lora_rank"),
        "attention.output_group_count": keys.size("o_groups"),
        "attention.indexer.head_count": keys.size("index_n_heads"),
        "attention.indexer.key_length": index,
        "attention.indexer.top_k": 512,
    }
    for layer, ratio in enumerate(ratios):
        wide = 2 if ratio == 4 else 1
        self.put(layer, attn_kv=(self.hidden, head))
        if ratio:
            self.put(layer, attn_compressor_kv=(self.hidden, wide * head))
        if ratio == 4:
            self.put(layer, indexer_compressor_kv=(self.hidden, 2 * index))
        self.feed_forward(layer)


def delta(self: Converter) -> None:
    keys = self.keys
    key_heads, value_heads = keys.size("linear_num_key_heads"), keys.size("linear_num_value_heads")
    key_dim, kernel = keys.size("linear_key_head_dim"), keys.size("linear_conv_kernel_dim")
    inner = value_heads * keys.size("linear_value_head_dim")
    self.own |= {
        "attention.head_count_kv": keys.size("num_key_value_heads"),
        "attention.key_length": self.head_size(),
        "attention.value_length": self.head_size(),
        "ssm.conv_kernel": kernel,
        "ssm.state_size": key_dim,
        "ssm.group_count": key_heads,
        "ssm.time_step_rank": value_heads,
        "ssm.inner_size": inner,
        "full_attention_interval": 4,
    }
    channels = inner + 2 * key_heads * key_dim
    for layer, plan in enumerate(self.plans):
        if plan.mixer == LINEAR:
            self.put(
                layer,
                attn_qkv=(self.hidden, channels),
                ssm_conv1d=(kernel, channels),
                ssm_a=(value_heads,),
                ssm_ba=(self.hidden, 2 * value_heads),
                ssm_out=(inner, self.hidden),
            )
        else:
            self.softmax(layer, gated=True)
        self.feed_forward(layer)


def kimi(self: Converter) -> None:
    latent(self)
    nested = self.keys.under("linear_attn_config") or self.keys
    size = nested.maybe("linear_head_dim", "head_dim") or 0
    kernel = nested.maybe("linear_conv_kernel_dim", "short_conv_kernel_size") or 4
    heads = nested.maybe("linear_num_heads", "num_heads") or self.heads
    per_layer = [int(plan.mixer == FULL) for plan in self.plans]
    self.own["attention.head_count_kv"] = Array(5, per_layer)
    self.own |= {"ssm.conv_kernel": kernel, "kda.head_dim": size}
    wide = heads * size
    for layer, plan in enumerate(self.plans):
        if plan.mixer == LINEAR:
            for which in "qkv":
                self.put(
                    layer,
                    **{f"attn_{which}": (self.hidden, wide)},
                    **{f"ssm_conv1d_{which}": (kernel, 1, wide)},
                )
            self.put(layer, ssm_a=(1, heads), attn_output=(wide, self.hidden))


def mamba1(self: Converter) -> None:
    keys = self.keys
    inner = keys.maybe("intermediate_size") if self.arch == "mamba" else None
    inner = inner or self.hidden * (keys.maybe("mamba_expand", "expand") or 2)
    state = keys.maybe("mamba_d_state") or keys.size("state_size")
    kernel = keys.maybe("mamba_d_conv") or keys.size("conv_kernel")
    rank = keys.maybe("time_step_rank") if self.arch == "mamba" else None
    self.own |= {
        "ssm.conv_kernel": kernel,
        "ssm.inner_size": inner,
        "ssm.state_size": state,
        "ssm.time_step_rank": rank or -(-self.hidden // 16),
    }
    if self.heads:
        self.kv_heads(lambda plan: plan.mixer == FULL)
    for layer, plan in enumerate(self.plans):
        if plan.mixer == FULL:
            self.softmax(layer)
        else:
            self.put(
                layer,
                ssm_conv1d=(kernel, inner),
                ssm_a=(state, inner),
                ssm_out=(inner, self.hidden),
            )
        if self.heads:
            self.feed_forward(layer)


def mamba2(self: Converter) -> None:
    """Mamba-2, its hybrids, and Falcon-H1 with attention beside it in every layer."""
    keys = self.keys
    heads = keys.maybe("mamba_num_heads", "mamba_n_heads") or keys.size("num_heads")
    size = keys.maybe("mamba_head_dim", "mamba_d_head") or keys.size("head_dim")
    state = keys.maybe("ssm_state_size", "mamba_d_state") or keys.size("state_size")
    groups = keys.maybe("mamba_n_groups", "n_groups") or 1
    kernel = keys.maybe("mamba_d_conv", "conv_kernel") or 4
    self.own |= {
        "ssm.conv_kernel": kernel,
        "ssm.inner_size": heads * size,
        "ssm.state_size": state,
        "ssm.time_step_rank": heads,
        "ssm.group_count": groups,
    }
    if self.arch != "mamba2":
        self.own |= {
            "attention.key_length": self.head_size(),
            "attention.value_length": self.head_size(),
        }
        self.kv_heads(lambda plan: plan.mixer in {FULL, "parallel"})
    else:
        self.own["attention.head_count"] = 0
    for layer, plan in enumerate(self.plans):
        if plan.mixer in {FULL, "parallel"}:
            self.softmax(layer)
        if plan.mixer in {"mamba", LINEAR, "parallel"}:
            self.put(
                layer,
                ssm_conv1d=(kernel, heads * size + 2 * groups * state),
                ssm_a=(1, heads),
                ssm_out=(heads * size, self.hidden),
            )
        self.put(layer, attn_norm=(self.hidden,))
        if plan.mlp != "none":
            self.feed_forward(layer)


def conv(self: Converter) -> None:
    kernel = self.keys.size("conv_L_cache")
    self.kv_heads(lambda plan: plan.mixer == FULL)
    self.own["shortconv.l_cache"] = kernel
    for layer, plan in enumerate(self.plans):
        if plan.mixer == FULL:
            self.softmax(layer)
        else:
            self.put(
                layer,
                shortconv__conv=(kernel, self.hidden),
                shortconv__in_proj=(self.hidden, 3 * self.hidden),
                shortconv__out_proj=(self.hidden, self.hidden),
            )
        self.feed_forward(layer)


def gemma(self: Converter) -> None:
    """Gemma 3n and 4: the last layers have no keys and values, or do not use theirs."""
    keys = self.keys
    own_size, full_size = keys.size("head_dim"), keys.maybe("global_head_dim")
    kept = self.depth - keys.number("num_kv_shared_layers")
    slides = [plan.mixer == SLIDING for plan in self.plans]
    few, many = keys.maybe("num_global_key_value_heads"), keys.size("num_key_value_heads")
    counts = [
        many if slide or not keys.flag("attention_k_eq_v") else few or many for slide in slides
    ]
    self.own |= {
        "attention.head_count_kv": Array(5, counts),
        "attention.key_length": full_size or own_size,
        "attention.value_length": full_size or own_size,
        "attention.sliding_window": keys.size("sliding_window"),
        "attention.sliding_window_pattern": Array(7, slides),
        "attention.shared_kv_layers": self.depth - kept,
    }
    if full_size:
        swa = {"attention.key_length_swa": own_size, "attention.value_length_swa": own_size}
        self.own |= swa
    for layer, slide in enumerate(slides):
        self.softmax(layer, kv=counts[layer], size=own_size if slide else full_size or own_size)
        if layer >= kept and self.arch == "gemma4":
            del self.tensors[f"blk.{layer}.attn_k.weight"]
        if self.arch == "gemma4" and (
            layer >= kept or (keys.flag("attention_k_eq_v") and not slide)
        ):
            del self.tensors[f"blk.{layer}.attn_v.weight"]
        self.feed_forward(layer)


def plain(self: Converter) -> None:
    """Softmax attention on every layer; a window by family or by layer."""
    self.own |= {
        "attention.head_count_kv": self.keys.maybe("num_key_value_heads") or self.heads,
        "attention.key_length": self.head_size(),
        "attention.value_length": self.head_size(),
    }
    slides = [plan.mixer == SLIDING for plan in self.plans]
    if any(slides):
        self.own["attention.sliding_window"] = self.keys.size("sliding_window")
        if self.arch in {"olmo2", "exaone4"}:
            self.own["attention.sliding_window_pattern"] = Array(7, slides)
    for layer in range(self.depth):
        self.softmax(layer)
        self.feed_forward(layer)


def in_blocks(self: Converter) -> None:
    """MiniMax-M3: an indexer's tensors on the sparse layers."""
    plain(self)
    nested = self.keys.under("sparse_attention_config") or self.keys
    size = nested.maybe("sparse_index_dim", "index_head_dim") or 0
    heads = nested.maybe("sparse_num_index_heads", "index_n_heads") or 0
    self.own |= {
        "attention.indexer.head_count": heads,
        "attention.indexer.key_length": size,
        "attention.indexer.top_k": 16,
        "attention.indexer.block_size": 128,
        "attention.indexer.local_blocks": 1,
    }
    for layer, plan in enumerate(self.plans):
        if plan.detail == "index":
            q_proj, k_proj = (self.hidden, heads * size), (self.hidden, size)
            self.put(layer, indexer__q_proj=q_proj, indexer__k_proj=k_proj)


# A configuration of tests/data/configs, the architecture that llama.cpp files it under, and how.
CONVERSIONS: dict[str, tuple[str, Callable[[Converter], None]]] = {
    "llama": ("llama", plain),
    "qwen3": ("qwen3", plain),
    "gemma2": ("gemma2", plain),
    "gemma3_text": ("gemma3", plain),
    "cohere2": ("cohere2", plain),
    "olmo3": ("olmo2", plain),
    "gpt_oss": ("gpt-oss", plain),
    "phi3": ("phi3", plain),
    "phimoe": ("phimoe", plain),
    "deepseek_v2": ("deepseek2", latent),
    "deepseek_v3": ("deepseek2", latent),
    "glm4_moe_lite": ("deepseek2", latent),
    "mistral4": ("mistral4", latent),
    "deepseek_v32": ("deepseek32", sparse),
    "glm_moe_dsa": ("glm-dsa", sparse),
    "deepseek_v4": ("deepseek4", compressed),
    "minimax_m3_vl_text": ("minimax-m3", in_blocks),
    "qwen3_next": ("qwen3next", delta),
    "qwen3_5_text": ("qwen35", delta),
    "qwen3_5_moe_text": ("qwen35moe", delta),
    "kimi_linear": ("kimi-linear", kimi),
    "falcon_mamba": ("mamba", mamba1),
    "jamba": ("jamba", mamba1),
    "mamba2": ("mamba2", mamba2),
    "granitemoehybrid": ("granitehybrid", mamba2),
    "bamba": ("granitehybrid", mamba2),
    "nemotron_h": ("nemotron_h_moe", mamba2),
    "falcon_h1": ("falcon-h1", mamba2),
    "lfm2": ("lfm2", conv),
    "lfm2_moe": ("lfm2moe", conv),
    "gemma4_text": ("gemma4", gemma),
}


def converted(raw: Mapping[str, Any], arch: str, fill: Callable[[Converter], None]) -> Model:
    """The file as a model of the GGUF writer."""
    converter = Converter(raw, arch)
    fill(converter)
    return converter.model()


def header_of(model: Model) -> GgufHeader:
    """The header of a file too large to be written."""
    metadata, tensors = model
    values = {
        key: tuple(value.items) if isinstance(value, Array) else value
        for key, value in metadata.items()
    }
    table = tuple(
        TensorInfo(name, tuple(shape), dtype, stored_bytes(shape, dtype))
        for name, (shape, dtype) in tensors.items()
    )
    return GgufHeader(3, cast("dict[str, Value]", values), table, 0, 32, 0)

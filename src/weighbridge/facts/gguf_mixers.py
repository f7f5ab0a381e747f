"""Mixers beyond plain attention: a header's keys, translated for the readers of a config.json.

What a layer keeps is computed in one place, ``facts/architectures``, so that a GGUF file and the
config.json it was made from give the same numbers. Here stand only the translation, by the names
that llama.cpp gives keys and tensors (gguf-py/gguf/constants.py, conversion/*.py), and the proof:
the layer's tensors must have as many weights as the translated numbers imply.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from weighbridge.core.architecture import Cache, Mixer
from weighbridge.facts.architectures.families import FAMILIES
from weighbridge.facts.architectures.keys import Keys as ConfigKeys
from weighbridge.facts.architectures.layers import mixer_of
from weighbridge.facts.architectures.patterns import FULL, LINEAR
from weighbridge.facts.architectures.plan import Plan
from weighbridge.facts.gguf_blocks import Block
from weighbridge.facts.gguf_keys import Keys

UNKNOWN: Final = Mixer("unknown", "", cache=None)
NO_MIXER: Final = Mixer("none", "no mixer")

_NOT_COMPUTED: Final = "so their KV cache is not computed."

# Width, width of a state, kernel, heads and groups of mixers whose heads have one decay each.
_HEADED: Final = (
    *("ssm.inner_size", "ssm.state_size", "ssm.conv_kernel"),
    *("ssm.time_step_rank", "ssm.group_count"),
)

Found = tuple[Mixer, str]
"""A mixer, and why it is unknown or what else is to be said of it; empty when nothing is."""


class _UnstatedError(Exception):
    """A key that a kind of mixer cannot do without."""


Weights = dict[str, int]
"""Tensors of a layer, and how many weights the numbers of its mixer imply for each."""

Claim = tuple[Mixer, Weights]
"""What a header's keys say of a layer, and what must be true of its tensors then."""


def recurrent(keys: Keys, block: Block, hidden: int, attention: Mixer | None) -> Found:
    """The mixer of a layer that keeps a state instead of, or beside, a list of tokens.

    Args:
        keys: of the header.
        block: the layer's tensors.
        hidden: width of the residual stream.
        attention: what stands beside the state (Falcon-H1), proven; None when nothing does.
    """
    reader = _RECURRENT.get(keys.arch)
    if reader is None:
        kind = f"keep a recurrent state of a kind that is not modelled for {keys.arch}"
        return UNKNOWN, f"{kind}, {_NOT_COMPUTED}"
    try:
        mixer, weights = reader(keys, block, hidden)
    except _UnstatedError as error:
        return UNKNOWN, f"keep a recurrent state, but the header lacks {error}, {_NOT_COMPUTED}"
    why = _contradiction(weights, block)
    if why:
        return UNKNOWN, why
    return (_beside(attention, mixer) if attention else mixer), ""


def latent(keys: Keys, block: Block, hidden: int, heads: int) -> Found:
    """Multi-head latent attention, with or without an indexer of its own."""
    try:
        mixer, weights = _latent(keys, block, hidden, heads)
    except _UnstatedError as error:
        return UNKNOWN, f"cache compressed latents (MLA), but lack {error}, {_NOT_COMPUTED}"
    why = _contradiction(weights, block)
    if why:
        return UNKNOWN, why
    return mixer, "" if block.has("attn_k_b") else _expanded(mixer)


def in_blocks(keys: Keys, block: Block, hidden: int, attention: Mixer) -> Found:
    """Softmax attention, already proven, to blocks that an indexer picks (MiniMax-M3)."""
    index = keys.integer("attention.indexer.key_length")
    if not index:
        return UNKNOWN, f"have an indexer, but the header lacks its key_length, {_NOT_COMPUTED}"
    of = dict(attention.numbers)
    raw = {
        "hidden_size": hidden,
        "num_attention_heads": of["heads"],
        "num_key_value_heads": of["kv_heads"],
        "head_dim": of["key_dim"],
        "v_head_dim": of["value_dim"],
        "index_head_dim": index,
        "index_n_heads": 1,
    }
    why = _contradiction({"indexer.k_proj": hidden * index}, block)
    if why or attention.kind != "full":
        return UNKNOWN, why or f"have an indexer beside a window, {_NOT_COMPUTED}"
    return _read("minimax_m3_vl_text", Plan(FULL, "none", detail="index"), raw, keys), ""


def compressed(keys: Keys, block: Block, hidden: int, heads: int, ratio: int) -> Found:
    """Attention over compressed blocks of tokens beside a window (DeepSeek V4)."""
    try:
        head, window = _sizes(keys, "attention.key_length", "attention.sliding_window")
        index = _size(keys, "attention.indexer.key_length")
    except _UnstatedError as error:
        return UNKNOWN, f"cache compressed blocks, but the header lacks {error}, {_NOT_COMPUTED}"
    unused = dict.fromkeys(("q_lora_rank", "o_lora_rank", "o_groups", "index_n_heads"), 1)
    raw = {"num_attention_heads": heads, "head_dim": head, "sliding_window": window}
    raw |= {"hidden_size": hidden, "index_head_dim": index, **unused}
    mixer = _read("deepseek_v4", Plan(FULL, "none", detail=str(ratio)), raw, keys)
    indexed = mixer.number("index_dim") is not None
    weights = {"attn_kv": hidden * head}
    if ratio:
        weights["attn_compressor_kv"] = hidden * head * (2 if indexed else 1)
    why = _contradiction(weights, block)
    if not why and block.has("attn_compressor_kv") != bool(ratio):
        why = f"have a compressor, but the compression ratio {ratio}, {_NOT_COMPUTED}"
    return (UNKNOWN, why) if why else (mixer, "")


def shared(mixer: Mixer) -> Mixer:
    """The same attention on a layer that reads the keys and values of an earlier one."""
    return Mixer(mixer.kind, f"{mixer.name}, shared KV", mixer.numbers, Cache())


def _contradiction(weights: Weights, block: Block) -> str:
    """What in a layer's tensors is not as its header's keys imply; empty when nothing is."""
    for name, implied in weights.items():
        tensor = block.weights.get(name)
        if tensor is None:
            return f"lack the tensor {name} that their kind of layer has, {_NOT_COMPUTED}"
        if tensor.parameters != implied:
            found = "x".join(map(str, tensor.shape))
            return (
                f"have {name} tensors of shape {found}, where the header's keys imply {implied}"
                f" weights, {_NOT_COMPUTED}"
            )
    return ""


def _read(family: str, plan: Plan, raw: Mapping[str, Any], keys: Keys) -> Mixer:
    """The mixer that the readers of a config.json see in numbers under that file's names."""
    return mixer_of(ConfigKeys(raw, "", keys.arch), FAMILIES[family], plan)[0]


def _expanded(mixer: Mixer) -> str:
    """What llama.cpp does with files from before it cached latents."""
    of = dict(mixer.numbers)
    kept = of["heads"] * (of["key_dim"] + of["value_dim"])
    return (
        f"are counted as {of['latent'] + of['rope_dim']} numbers per token (MLA); llama.cpp itself"
        f" keeps {kept}, because this file does not split the projection up from the latents."
    )


def _beside(attention: Mixer, state: Mixer) -> Mixer:
    """Attention and a state-space mixer side by side in one layer."""
    one, two = attention.cache or Cache(), state.cache or Cache()
    cache = replace(two, per_token=one.per_token, windows=one.windows)
    numbers = (*attention.numbers, *((f"ssm_{name}", number) for name, number in state.numbers))
    return Mixer("parallel", f"{attention.name} + {state.name}", numbers, cache)


def _size(keys: Keys, key: str) -> int:
    number = keys.integer(key)
    if not number:
        raise _UnstatedError(f"{keys.arch}.{key}")
    return number


def _sizes(keys: Keys, *names: str) -> tuple[int, ...]:
    return tuple(_size(keys, name) for name in names)


def _latent(keys: Keys, block: Block, hidden: int, heads: int) -> Claim:
    """The key lengths are those before absorption where the header distinguishes them."""
    rank, rope = _sizes(keys, "attention.kv_lora_rank", "rope.dimension_count")
    absorbed = keys.integer("attention.key_length_mla")
    key = absorbed or _size(keys, "attention.key_length")
    value = keys.integer("attention.value_length_mla" if absorbed else "attention.value_length")
    raw = {
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "kv_lora_rank": rank,
        "qk_rope_head_dim": rope,
        "qk_nope_head_dim": max(key - rope, 0),
        "v_head_dim": value or hidden // heads,
    }
    weights = {"attn_kv_a_mqa": hidden * (rank + rope)}
    detail = ""
    if keys.integer("attention.indexer.top_k"):
        detail = "shared indexer"
        if block.indexed:
            detail = "indexer"
            index = _size(keys, "attention.indexer.key_length")
            raw |= {"index_head_dim": index, "index_n_heads": 1}
            weights["indexer.attn_k"] = hidden * index
    return _read("deepseek_v3", Plan(FULL, "none", detail=detail), raw, keys), weights


def _mamba1(keys: Keys, block: Block, hidden: int) -> Claim:
    del block
    inner, state, kernel, rank = _sizes(
        keys, "ssm.inner_size", "ssm.state_size", "ssm.conv_kernel", "ssm.time_step_rank"
    )
    raw = {
        "hidden_size": hidden,
        "intermediate_size": inner,
        "state_size": state,
        "conv_kernel": kernel,
        "time_step_rank": rank,
    }
    weights = {"ssm_conv1d": kernel * inner, "ssm_a": state * inner, "ssm_out": inner * hidden}
    return _read("mamba", Plan("mamba", "none"), raw, keys), weights


def _mamba2(keys: Keys, block: Block, hidden: int) -> Claim:
    del block
    inner, state, kernel, heads, groups = _sizes(keys, *_HEADED)
    raw = {
        "hidden_size": hidden,
        "mamba_num_heads": heads,
        "mamba_d_ssm": inner,
        "mamba_d_state": state,
        "mamba_n_groups": groups,
        "mamba_d_conv": kernel,
    }
    weights = _headed(hidden, inner, heads, kernel * (inner + 2 * groups * state))
    return _read("mamba2", Plan("mamba", "none"), raw, keys), weights


def _plamo2(keys: Keys, block: Block, hidden: int) -> Claim:
    """PLaMo 2: heads and a scalar decay as in Mamba-2, but a convolution of the input alone."""
    del block
    inner, state, kernel, heads = _sizes(
        keys, "ssm.inner_size", "ssm.state_size", "ssm.conv_kernel", "ssm.time_step_rank"
    )
    numbers = (("heads", heads), ("head_dim", inner // heads), ("state", state))
    cache = Cache(state=inner * (kernel - 1), state_float32=inner * state)
    mixer = Mixer("ssm", "Mamba-2", (*numbers, ("kernel", kernel)), cache)
    return mixer, {**_headed(hidden, inner, heads, kernel * inner), "ssm_b_norm": state}


def _delta(keys: Keys, block: Block, hidden: int) -> Claim:
    """Qwen3-Next writes its linear heads under the names of a state-space mixer."""
    del block
    inner, key_dim, kernel, value_heads, key_heads = _sizes(keys, *_HEADED)
    raw = {
        "hidden_size": hidden,
        "linear_num_key_heads": key_heads,
        "linear_num_value_heads": value_heads,
        "linear_key_head_dim": key_dim,
        "linear_value_head_dim": inner // value_heads,
        "linear_conv_kernel_dim": kernel,
    }
    channels = inner // value_heads * value_heads + 2 * key_heads * key_dim
    weights = _headed(hidden, inner, value_heads, kernel * channels)
    return _read("qwen3_next", Plan(LINEAR, "none"), raw, keys), weights


def _headed(hidden: int, inner: int, heads: int, convolution: int) -> Weights:
    """Tensors of a mixer whose heads have one decay each."""
    return {"ssm_conv1d": convolution, "ssm_a": heads, "ssm_out": inner * hidden}


def _kda(keys: Keys, block: Block, hidden: int) -> Claim:
    """Kimi Linear: as many heads as decays, since the header counts those of full attention."""
    size, kernel = _sizes(keys, "kda.head_dim", "ssm.conv_kernel")
    decays = block.weights.get("ssm_a")
    if decays is None:
        raise _UnstatedError("the tensor ssm_a")
    heads = decays.parameters
    nested = {"head_dim": size, "num_heads": heads, "short_conv_kernel_size": kernel}
    raw = {"hidden_size": hidden, "linear_attn_config": nested}
    convolutions = dict.fromkeys(
        ("ssm_conv1d_q", "ssm_conv1d_k", "ssm_conv1d_v"), kernel * heads * size
    )
    weights = {**convolutions, "attn_output": heads * size * hidden}
    return _read("kimi_linear", Plan(LINEAR, "none"), raw, keys), weights


def _conv(keys: Keys, block: Block, hidden: int) -> Claim:
    del block
    kernel = _size(keys, "shortconv.l_cache")
    raw = {"hidden_size": hidden, "conv_L_cache": kernel}
    return _read("lfm2", Plan("conv", "none"), raw, keys), {"shortconv.conv": kernel * hidden}


def _rwkv(keys: Keys, block: Block, hidden: int) -> Claim:
    """RWKV: a matrix per head, and the last input of its time mix and, mostly, its channel mix."""
    size = _size(keys, "wkv.head_size")
    shifts = keys.integer("token_shift_count")
    if shifts is None:
        if not block.has("channel_mix_key"):
            raise _UnstatedError(f"{keys.arch}.token_shift_count")
        shifts = 2
    numbers = (("heads", hidden // size), ("key_dim", size), ("value_dim", size))
    cache = Cache(state=shifts * hidden, state_float32=hidden // size * size * size)
    name = "RWKV-6" if "6" in keys.arch else "RWKV-7"
    mixer = Mixer("linear", name, numbers, cache)
    weights = {"time_mix_output": hidden // size * size * hidden}
    return mixer, weights


# By `general.architecture`: the same tensor names mean other mixers in other families.
_RECURRENT: Final[Mapping[str, Callable[[Keys, Block, int], Claim]]] = {
    "mamba": _mamba1,
    "jamba": _mamba1,
    "mamba2": _mamba2,
    "granitehybrid": _mamba2,
    "nemotron_h": _mamba2,
    "nemotron_h_moe": _mamba2,
    "falcon-h1": _mamba2,
    "plamo2": _plamo2,
    "qwen3next": _delta,
    "qwen35": _delta,
    "qwen35moe": _delta,
    "kimi-linear": _kda,
    "lfm2": _conv,
    "lfm2moe": _conv,
    "rwkv6": _rwkv,
    "rwkv6qwen2": _rwkv,
    "rwkv7": _rwkv,
    "arwkv7": _rwkv,
}

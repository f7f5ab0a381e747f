"""Convert the Hugging Face folder of a small Llama into a GGUF file, without llama.cpp."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, Literal

import gguf
import numpy as np
from safetensors.torch import load_file

Quantization = Literal["f16", "q8_0", "q4_0"]
QUANTIZATIONS: Final[tuple[Quantization, ...]] = ("f16", "q8_0", "q4_0")

TENSOR_TYPE: Final = {
    "f16": gguf.GGMLQuantizationType.F16,
    "q8_0": gguf.GGMLQuantizationType.Q8_0,
    "q4_0": gguf.GGMLQuantizationType.Q4_0,
}
FILE_TYPE: Final = {
    "f16": gguf.LlamaFileType.MOSTLY_F16,
    "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
    "q4_0": gguf.LlamaFileType.MOSTLY_Q4_0,
}

LAYER_TENSORS: Final = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def write_gguf(hf_folder: Path, path: Path, name: str, quantization: Quantization) -> None:
    """Write ``path``; matrices are stored as ``quantization``, norms as 32-bit floats."""
    path.parent.mkdir(parents=True, exist_ok=True)
    config = read_json(hf_folder / "config.json")
    writer = gguf.GGUFWriter(path, "llama")
    add_architecture(writer, config, name, quantization)
    add_tokenizer(writer, hf_folder, config)
    for hf_name, tensor in load_file(hf_folder / "model.safetensors").items():
        add_tensor(writer, hf_name, tensor.float().numpy(), config, quantization)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_architecture(
    writer: gguf.GGUFWriter, config: dict[str, Any], name: str, quantization: Quantization
) -> None:
    """What the model is: name, licence, sizes, rotary embedding."""
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(name)
    writer.add_license("apache-2.0")
    writer.add_file_type(FILE_TYPE[quantization])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_vocab_size(config["vocab_size"])


def add_tokenizer(writer: gguf.GGUFWriter, hf_folder: Path, config: dict[str, Any]) -> None:
    """Vocabulary, merges and chat template; pre-tokenizer ``gpt-2`` is what ByteLevel does."""
    tokenizer = read_json(hf_folder / "tokenizer.json")
    vocabulary: dict[str, int] = tokenizer["model"]["vocab"]
    special = {added["content"] for added in tokenizer["added_tokens"]}
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    normal, control = gguf.TokenType.NORMAL, gguf.TokenType.CONTROL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([control if token in special else normal for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_pad_token_id(config["pad_token_id"])
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_chat_template(read_json(hf_folder / "tokenizer_config.json")["chat_template"])


def add_tensor(
    writer: gguf.GGUFWriter,
    hf_name: str,
    values: np.ndarray[Any, np.dtype[np.float32]],
    config: dict[str, Any],
    quantization: Quantization,
) -> None:
    """Add one tensor under its GGUF name, in its GGUF layout and type."""
    if hf_name.endswith("q_proj.weight"):
        values = interleave_rotary_pairs(values, config["num_attention_heads"])
    elif hf_name.endswith("k_proj.weight"):
        values = interleave_rotary_pairs(values, config["num_key_value_heads"])
    kind = TENSOR_TYPE[quantization] if values.ndim == 2 else gguf.GGMLQuantizationType.F32
    writer.add_tensor(gguf_name(hf_name), gguf.quants.quantize(values, kind), raw_dtype=kind)


def gguf_name(hf_name: str) -> str:
    """The GGUF name of a Hugging Face tensor."""
    match hf_name.removeprefix("model.").removesuffix(".weight").split(".", maxsplit=2):
        case ["embed_tokens"]:
            return "token_embd.weight"
        case ["norm"]:
            return "output_norm.weight"
        case ["layers", layer, rest]:
            return f"blk.{layer}.{LAYER_TENSORS[rest]}.weight"
    raise ValueError(f"{hf_name} is not a tensor of a Llama with tied embeddings")


def interleave_rotary_pairs(
    weights: np.ndarray[Any, np.dtype[np.float32]], heads: int
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Reorder rows so that rotary pairs are neighbours, as llama.cpp expects them."""
    rows, columns = weights.shape
    halves = weights.reshape(heads, 2, rows // heads // 2, columns)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows, columns))


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file."""
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value

"""Small models of every sort, as metadata and tensor table for the GGUF writer."""

from __future__ import annotations

from collections.abc import Sequence

from tests.facts.gguf_writer import Array

Tensors = dict[str, tuple[Sequence[int], str]]
Model = tuple[dict[str, object], Tensors]

HIDDEN, VOCABULARY, WIDTH, HEAD = 64, 96, 128, 16


def attention(layer: int, *, heads: int = 4, kv_heads: int = 2, head: int = HEAD) -> Tensors:
    return {
        f"blk.{layer}.attn_norm.weight": ((HIDDEN,), "F32"),
        f"blk.{layer}.attn_q.weight": ((HIDDEN, heads * head), "Q8_0"),
        f"blk.{layer}.attn_k.weight": ((HIDDEN, kv_heads * head), "Q8_0"),
        f"blk.{layer}.attn_v.weight": ((HIDDEN, kv_heads * head), "Q8_0"),
        f"blk.{layer}.attn_output.weight": ((heads * head, HIDDEN), "Q8_0"),
    }


def mlp(layer: int) -> Tensors:
    return {
        f"blk.{layer}.ffn_norm.weight": ((HIDDEN,), "F32"),
        f"blk.{layer}.ffn_gate.weight": ((HIDDEN, WIDTH), "Q8_0"),
        f"blk.{layer}.ffn_up.weight": ((HIDDEN, WIDTH), "Q8_0"),
        f"blk.{layer}.ffn_down.weight": ((WIDTH, HIDDEN), "Q8_0"),
    }


def experts(layer: int, *, count: int = 8, width: int = 32) -> Tensors:
    return {
        f"blk.{layer}.ffn_norm.weight": ((HIDDEN,), "F32"),
        f"blk.{layer}.ffn_gate_inp.weight": ((HIDDEN, count), "F32"),
        f"blk.{layer}.ffn_gate_exps.weight": ((HIDDEN, width, count), "Q8_0"),
        f"blk.{layer}.ffn_up_exps.weight": ((HIDDEN, width, count), "Q8_0"),
        f"blk.{layer}.ffn_down_exps.weight": ((width, HIDDEN, count), "Q8_0"),
        f"blk.{layer}.ffn_down_shexp.weight": ((width, HIDDEN), "Q8_0"),
    }


def recurrent(layer: int) -> Tensors:
    return {
        f"blk.{layer}.attn_norm.weight": ((HIDDEN,), "F32"),
        f"blk.{layer}.ssm_in.weight": ((HIDDEN, 2 * HIDDEN), "Q8_0"),
        f"blk.{layer}.ssm_conv1d.weight": ((4, HIDDEN + 2 * 16), "F32"),
        f"blk.{layer}.ssm_a": ((4,), "F32"),
        f"blk.{layer}.ssm_out.weight": ((HIDDEN, HIDDEN), "Q8_0"),
    }


def ends(*, head: bool = False) -> Tensors:
    tensors: Tensors = {
        "token_embd.weight": ((HIDDEN, VOCABULARY), "Q8_0"),
        "output_norm.weight": ((HIDDEN,), "F32"),
    }
    return tensors | ({"output.weight": ((HIDDEN, VOCABULARY), "Q8_0")} if head else {})


def keys(arch: str, layers: int, **own: object) -> dict[str, object]:
    common: dict[str, object] = {
        "block_count": layers,
        "embedding_length": HIDDEN,
        "context_length": 512,
        "feed_forward_length": WIDTH,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
        "attention.layer_norm_rms_epsilon": 1e-5,
    }
    given = {key.replace("__", "."): value for key, value in own.items()}
    general: dict[str, object] = {
        "general.architecture": arch,
        "general.name": f"tiny {arch}",
        "general.file_type": 7,
        "general.license": "apache-2.0",
        "tokenizer.ggml.tokens": Array(8, [f"t{n}" for n in range(VOCABULARY)]),
    }
    return general | {f"{arch}.{key}": value for key, value in (common | given).items()}


def llama() -> Model:
    """Dense, grouped-query, tied."""
    return keys("llama", 2), ends() | attention(0) | mlp(0) | attention(1) | mlp(1)


def qwen2() -> Model:
    """Dense with biases on Q, K and V, and an output head of its own."""
    metadata, tensors = keys("qwen2", 1), ends(head=True) | attention(0) | mlp(0)
    biases: Tensors = {
        f"blk.0.attn_{which}.bias": ((rows,), "F32") for which, rows in (("q", 64), ("k", 32))
    }
    return metadata, tensors | biases


def per_layer_heads() -> Model:
    """Another number of KV heads on every layer, and one layer without attention."""
    metadata = keys("deci", 3, attention__head_count_kv=Array(5, [2, 1, 0]))
    tensors = ends() | attention(0) | mlp(0) | attention(1, kv_heads=1) | mlp(1) | mlp(2)
    return metadata, tensors


def mixture() -> Model:
    """A dense layer, then one of 8 experts of which 2 see each token, with a shared one."""
    metadata = keys("qwen3moe", 2, expert_count=8, expert_used_count=2)
    return metadata, ends(head=True) | attention(0) | mlp(0) | attention(1) | experts(1)


def hybrid() -> Model:
    """State-space layers around one of attention."""
    own = {"ssm__state_size": 16, "ssm__inner_size": HIDDEN, "ssm__conv_kernel": 4}
    metadata = keys("granitehybrid", 3, ssm__group_count=1, ssm__time_step_rank=4, **own)
    tensors = ends() | recurrent(0) | mlp(0) | attention(1) | mlp(1) | recurrent(2) | mlp(2)
    return metadata, tensors


def unmodelled() -> Model:
    """A state of a family that nobody knows."""
    metadata, tensors = keys("invented", 3), hybrid()[1]
    return metadata, tensors


def latent() -> Model:
    """Multi-head latent attention."""
    metadata = keys("deepseek2", 1, attention__kv_lora_rank=32, attention__head_count_kv=1)
    tensors: Tensors = {
        "blk.0.attn_kv_a_mqa.weight": ((HIDDEN, 48), "F16"),
        "blk.0.attn_kv_a_norm.weight": ((32,), "F32"),
        "blk.0.attn_q.weight": ((HIDDEN, 64), "Q8_0"),
    }
    return metadata, ends() | tensors | mlp(0)


def sliding() -> Model:
    """Gemma 3: five sliding layers to each full one."""
    metadata = keys("gemma3", 7, attention__sliding_window=32)
    tensors = ends()
    for layer in range(7):
        tensors |= attention(layer) | mlp(layer)
    return metadata, tensors


def parts(model: Model, *, count: int = 3, stem: str = "big") -> dict[str, Model]:
    """The model in several files: all metadata in the first, some tensors in each."""
    metadata, tensors = model
    names = list(tensors)
    files: dict[str, Model] = {}
    for number in range(count):
        split: dict[str, object] = {
            "split.no": number,
            "split.count": count,
            "split.tensors.count": len(tensors),
        }
        own = {name: tensors[name] for name in names[number::count]}
        first = metadata if number == 0 else {}
        files[f"{stem}-{number + 1:05}-of-{count:05}.gguf"] = (first | split, own)
    return files


ALL = (llama, qwen2, per_layer_heads, mixture, hybrid, unmodelled, latent, sliding)

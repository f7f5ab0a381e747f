"""What a sequence takes of the cache of SGLang, TensorRT-LLM and llama.cpp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weighbridge.core.estimate import Settings
from weighbridge.predict.memory.footprint import Footprint
from weighbridge.predict.memory.shards import kv_share

# SGLang gives sliding layers room for this many tokens per token of full layers.
_SGLANG_WINDOW_TOKENS: Final = 0.8
# llama.cpp rounds the cells of a cache up to multiples of this.
_CELLS: Final = 256
# Families, as config.json and GGUF spell them, of which llama.cpp drops what leaves a window or a
# chunk (`swa_type` in its src/models). It keeps all others at full length, Phi-3 and Mistral too.
_LLAMACPP_WINDOWS: Final = frozenset(
    [
        *("gemma2", "gemma3", "gemma3_text", "gemma3n", "gemma3n_text", "gemma4", "gemma4_text"),
        *("cohere2", "exaone4", "gpt_oss", "gpt-oss", "llama4", "llama4_text", "olmo3"),
        *("step3p5", "step3p7", "step35"),
    ]
)


@dataclass(frozen=True, slots=True)
class TokenBytes:
    """What a sequence takes on one device.

    Attributes:
        growing: bytes per token.
        fixed: bytes that do not depend on its length.
    """

    growing: float
    fixed: float


def token_bytes(shape: Footprint, settings: Settings, part: float) -> TokenBytes | None:
    """Bytes of a sequence by SGLang or TensorRT-LLM on a device with ``part`` of the layers."""
    if shape.caches is None or any(layers.kind == "compressed" for layers in shape.caches):
        return None
    tensor, kv = settings.parallelism.tensor, settings.kv_bytes_per_value
    growing = fixed = 0.0
    for layers in shape.caches:
        each = layers.count * part
        fixed += each * (layers.state * 2 + layers.state_float32 * 4) / tensor
        values = layers.split_values * kv_share(layers.kv_heads, tensor) + layers.whole_values
        if layers.kind != "sliding" or layers.window is None:
            growing += each * values * kv
        elif settings.engine.name == "sglang":
            growing += each * values * kv * _SGLANG_WINDOW_TOKENS
        else:
            fixed += each * values * kv * min(layers.window, settings.context)
    return TokenBytes(growing, fixed)


def llamacpp_cache_bytes(shape: Footprint, settings: Settings) -> float | None:
    """Bytes of llama.cpp's cache on all devices together, for all users; None if unknown."""
    each = llamacpp_sequence_bytes(
        shape, settings.context, settings.kv_bytes_per_value, settings.micro_batch
    )
    return None if each is None else each * max(settings.users, 1)


def llamacpp_sequence_bytes(
    shape: Footprint, context: int, kv_bytes_per_value: float, micro_batch: int
) -> float | None:
    """Bytes that llama.cpp keeps for one sequence, on all devices together; None if unknown.

    Layers with a window keep it and one micro-batch, which is written before old tokens are
    dropped; states are 32-bit numbers.

    Args:
        shape: the model.
        context: tokens of the sequence.
        kv_bytes_per_value: of keys and values.
        micro_batch: tokens that are computed at a time (``-ub``).
    """
    if shape.caches is None or any(layers.kind == "compressed" for layers in shape.caches):
        return None
    drops = drops_windows(shape.model_type)
    total = 0.0
    for layers in shape.caches:
        cells = _padded(context)
        if drops and layers.window is not None:
            cells = min(cells, _padded(layers.window + micro_batch))
        values = (layers.split_values + layers.whole_values) * kv_bytes_per_value
        total += layers.count * (values * cells + 4 * (layers.state + layers.state_float32))
    return total


def drops_windows(model_type: str) -> bool:
    """Whether llama.cpp is known to drop what leaves the windows of a family."""
    return model_type in _LLAMACPP_WINDOWS


def _padded(tokens: int) -> int:
    return -(-tokens // _CELLS) * _CELLS

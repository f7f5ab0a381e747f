"""What a sequence takes of the cache of SGLang, TensorRT-LLM and llama.cpp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weighbridge.core.estimate import Settings
from weighbridge.predict.memory.footprint import CacheLayers, Footprint
from weighbridge.predict.memory.shards import kv_share

# SGLang gives sliding layers room for this many tokens per token of full layers.
_SGLANG_WINDOW_TOKENS: Final = 0.8
# llama.cpp rounds the cells of a cache up to multiples of this.
_CELLS: Final = 256


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
    """Bytes of llama.cpp's cache on all devices together, for all users.

    Sliding layers keep their window and one micro-batch per sequence; states are 32-bit numbers.
    """
    if shape.caches is None or any(layers.kind == "compressed" for layers in shape.caches):
        return None
    return sum(layers.count * _cells_bytes(layers, settings) for layers in shape.caches)


def _cells_bytes(layers: CacheLayers, settings: Settings) -> float:
    users, length = max(settings.users, 1), _padded(settings.context)
    states = 4 * users * (layers.state + layers.state_float32)
    values = (layers.split_values + layers.whole_values) * settings.kv_bytes_per_value
    if layers.window is None or layers.kind == "chunked":
        return states + values * length * users
    kept = min(length, _padded(layers.window + settings.micro_batch))
    return states + values * kept * users


def _padded(tokens: int) -> int:
    return -(-tokens // _CELLS) * _CELLS

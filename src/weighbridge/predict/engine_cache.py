"""What named engines allocate for one sequence, where that is more than the architecture's minimum.

An engine writes a batch of new tokens before it drops those that have left a window, and it
allocates in blocks. llama.cpp: src/llama-kv-cache-iswa.cpp. vLLM: SlidingWindowSpec of
vllm/v1/kv_cache_interface.py, and how vllm/v1/core/kv_cache_utils.py groups layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from weighbridge.core.architecture import Cache, ModelArchitecture

Engine = Literal["llama.cpp", "vllm"]
ENGINES: Final[dict[Engine, str]] = {"llama.cpp": "llama.cpp", "vllm": "vLLM"}

# Defaults: of -ub, of the padding of its cells, of --max-num-batched-tokens on GPUs below 70 GiB,
# and of --block-size.
LLAMACPP_BATCH: Final = 512
LLAMACPP_PADDING: Final = 256
VLLM_BATCH: Final = 2048
VLLM_BLOCK: Final = 16
SETTINGS: Final = (
    f"llama.cpp with batches of {LLAMACPP_BATCH} tokens (-ub), vLLM from 0.10 on with "
    f"{VLLM_BATCH:,} (--max-num-batched-tokens), one sequence, the other settings at their defaults"
)
_DTYPES: Final[dict[Engine, tuple[str, ...]]] = {
    "llama.cpp": ("f32", "f16", "bf16", "q8_0"),
    "vllm": ("f16", "bf16", "fp8"),
}
# Families, as config.json and GGUF spell them, of which llama.cpp drops what leaves a window.
_LLAMACPP_WINDOWS: Final = frozenset(
    [
        *("gemma2", "gemma3", "gemma3_text", "gemma3n", "gemma3n_text", "gemma4", "gemma4_text"),
        *("cohere2", "exaone4", "gpt_oss", "gpt-oss", "llama4", "llama4_text", "olmo3"),
    ]
)
# Layers are padded to the larger kind where there are nearly as many of the smaller.
_NEARLY: Final = 1.25


@dataclass(frozen=True, slots=True)
class _Kind:
    """Layers that keep the same: numbers per token, and the window that they keep, if any."""

    values: float
    window: int | None
    layers: int


def allocated(
    engine: Engine, architecture: ModelArchitecture, tokens: int, kv_dtype: str, size: float
) -> int | None:
    """Bytes that an engine allocates for one sequence of ``tokens`` tokens.

    None where that is not known: layers of which an engine keeps more or less than keys and values
    (states, latents, compressed blocks), windows of a family whose windows it may not know, and
    number formats that it has not.

    Args:
        engine: which engine.
        architecture: the model.
        tokens: length of the sequence, and of the context that the engine is started with.
        kv_dtype: number format of keys and values.
        size: bytes of one number in it.
    """
    kinds = _kinds(architecture, ("full", "sliding", "chunked"))
    if kinds is None or kv_dtype not in _DTYPES[engine]:
        return None
    if engine == "llama.cpp":
        windowed = any(kind.window for kind in kinds)
        if windowed and architecture.model_type not in _LLAMACPP_WINDOWS:
            return None
        return round(sum(_llamacpp(kind, tokens) for kind in kinds) * size)
    if _kinds(architecture, ("full", "sliding")) is None:
        return None  # whether chunks are dropped depends on the version and a variable
    values = _vllm(kinds, tokens)
    return None if values is None else round(values * size)


def _kinds(architecture: ModelArchitecture, known: tuple[str, ...]) -> list[_Kind] | None:
    """The kinds of layers that keep something, or None where one is not modelled here."""
    counts: dict[tuple[float, int | None], int] = {}
    for run in architecture.runs:
        for layer in run.layers:
            cache = layer.mixer.cache
            if cache == Cache():  # keeps nothing, or shares another layer's cache
                continue
            if cache is None or layer.mixer.kind not in known or cache.state_bytes():
                return None
            if cache.windows and (cache.per_token or len(cache.windows) > 1):
                return None
            key = cache.windows[0] if cache.windows else (cache.per_token, None)
            counts[key] = counts.get(key, 0) + run.count
    return [_Kind(values, window, layers) for (values, window), layers in counts.items()]


def _llamacpp(kind: _Kind, tokens: int) -> float:
    """Numbers in the cells of all layers of a kind."""
    cells = _up(tokens, LLAMACPP_PADDING)
    if kind.window is not None:
        cells = min(cells, _up(kind.window + LLAMACPP_BATCH, LLAMACPP_PADDING))
    return kind.values * kind.layers * cells


def _vllm(kinds: list[_Kind], tokens: int) -> float | None:
    """Numbers in the blocks of all groups of layers; None where blocks cannot be of one size.

    Layers of several kinds share one pool, in groups of equally many layers: some are padding.
    """
    if not kinds:
        return 0.0
    widest = max(kind.values for kind in kinds)
    if any(widest % kind.values for kind in kinds):
        return None
    fewest, most = min(k.layers for k in kinds), max(k.layers for k in kinds)
    group = most if most < _NEARLY * fewest else fewest
    total = 0.0
    for kind in kinds:
        block = round(VLLM_BLOCK * widest / kind.values)
        kept = tokens
        if kind.window is not None:
            kept = min(tokens, kind.window - 1 + VLLM_BATCH)
        # A window need not begin where a block does.
        blocks = -(-kept // block) + (kind.window is not None)
        total += _up(kind.layers, group) * blocks * block * kind.values
    return total


def _up(count: int, step: int) -> int:
    return -(-count // step) * step

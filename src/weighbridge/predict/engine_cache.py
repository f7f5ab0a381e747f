"""What named engines allocate for one sequence, where that is more than the architecture's minimum.

An engine writes a batch of new tokens before it drops those that have left a window, and it
allocates in blocks. The arithmetic is that of a plan, :mod:`weighbridge.predict.memory.cache_pages`
for vLLM and :mod:`weighbridge.predict.memory.cache_pools` for llama.cpp; here is decided for which
models one figure holds for all recent versions of an engine.
"""

from __future__ import annotations

from typing import Final, Literal

from weighbridge.core.architecture import Cache, Mixer, MixerKind, ModelArchitecture
from weighbridge.predict.memory.cache_pages import pages
from weighbridge.predict.memory.cache_pools import drops_windows, llamacpp_sequence_bytes
from weighbridge.predict.memory.footprint import footprint
from weighbridge.predict.versions import NEWEST

Engine = Literal["llama.cpp", "vllm"]
ENGINES: Final[dict[Engine, str]] = {"llama.cpp": "llama.cpp", "vllm": "vLLM"}

# Defaults: of -ub, and of --max-num-batched-tokens on GPUs below 70 GiB.
LLAMACPP_BATCH: Final = 512
VLLM_BATCH: Final = 2048
SETTINGS: Final = (
    f"llama.cpp with batches of {LLAMACPP_BATCH} tokens (-ub), vLLM from 0.10 on with "
    f"{VLLM_BATCH:,} (--max-num-batched-tokens), one sequence, the other settings at their defaults"
)
_DTYPES: Final[dict[Engine, tuple[str, ...]]] = {
    "llama.cpp": ("f32", "f16", "bf16", "q8_0"),
    "vllm": ("f16", "bf16", "fp8"),
}
# Whether vLLM drops chunks depends on its version and a variable.
_KNOWN: Final[dict[Engine, frozenset[MixerKind]]] = {
    "llama.cpp": frozenset({"full", "sliding", "chunked"}),
    "vllm": frozenset({"full", "sliding"}),
}


def allocated(
    engine: Engine, architecture: ModelArchitecture, tokens: int, kv_dtype: str, size: float
) -> int | None:
    """Bytes that an engine allocates for one sequence of ``tokens`` tokens.

    None where that is not known: layers of which an engine keeps more or less than keys and values
    (states, latents, compressed blocks, an indexer's keys), windows of a family whose windows it
    may not know, and number formats that it has not.

    Args:
        engine: which engine.
        architecture: the model.
        tokens: length of the sequence, and of the context that the engine is started with.
        kv_dtype: number format of keys and values.
        size: bytes of one number in it.
    """
    if kv_dtype not in _DTYPES[engine] or not _knows(engine, architecture):
        return None
    shape = footprint(architecture)
    if engine == "llama.cpp":
        kept = llamacpp_sequence_bytes(shape, tokens, size, LLAMACPP_BATCH)
    else:
        found = pages(shape, 1, size, NEWEST)
        kept = found.sequence_bytes(tokens, VLLM_BATCH) if found else None
    return None if kept is None else round(kept)


def _knows(engine: Engine, architecture: ModelArchitecture) -> bool:
    """Whether every layer keeps nothing, or keys and values as this engine is known to keep them.

    A layer that shares another's cache keeps nothing.
    """
    mixers = [layer.mixer for run in architecture.runs for layer in run.layers]
    keeping = [mixer for mixer in mixers if mixer.cache != Cache()]
    if not all(mixer.kind in _KNOWN[engine] and _is_plain(mixer) for mixer in keeping):
        return False
    windowed = any(mixer.cache.windows for mixer in keeping if mixer.cache)
    return engine != "llama.cpp" or not windowed or drops_windows(architecture.model_type)


def _is_plain(mixer: Mixer) -> bool:
    """Whether a layer keeps keys and values of all of a sequence or of its end, and no more."""
    cache = mixer.cache
    if cache is None or cache.state_bytes() or mixer.number("index_dim"):
        return False
    return not cache.windows or (not cache.per_token and len(cache.windows) == 1)

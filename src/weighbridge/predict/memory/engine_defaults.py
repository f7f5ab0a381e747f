"""What engines choose when they are not told: batch sizes and the share of memory they take."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from weighbridge.core.estimate import Engine, EngineName, MemoryUse, Settings
from weighbridge.core.units import GIB, MIB
from weighbridge.predict.versions import Version, parse_version

# vLLM, engine/arg_utils.py (server defaults): on 70 GiB and more, A100 excepted, 8192 tokens and
# 1024 sequences (from 0.9 on), else 2048 and 256; its first engine took a whole prompt at once.
_VLLM_LARGE_BYTES: Final = 70 * GIB
_VLLM_V1: Final = Version(0, 8)
_VLLM_MANY_SEQUENCES: Final = Version(0, 9)
_VLLM_CHUNKED_ABOVE: Final = 32768
VLLM_UTILISATION: Final = 0.9

# SGLang, server_args.py (since 0.5.3): by memory of one device, tokens per prefill, and sequences
# per graph on fewer than four devices or on more.
_SGLANG_BATCHES: Final = (
    (20, 2048, 8, 8),
    (35, 2048, 24, 80),
    (60, 4096, 32, 160),
    (160, 8192, 256, 512),
)
_SGLANG_LARGEST: Final = (16384, 512)
_SGLANG_META: Final = 512 * MIB
_SGLANG_PER_TOKEN: Final = 1.5 * MIB
_SGLANG_PER_SEQUENCE: Final = 2 * MIB
_SGLANG_PER_DEVICE: Final = 128 * MIB
_SGLANG_PER_COPY: Final = 3 * MIB
_SGLANG_LEAST: Final = (60 * GIB, 10 * GIB)

TRTLLM_FREE_SHARE: Final = 0.9
# How far people raise the share where the default leaves too little. What vLLM needs beside its
# share is the CUDA context; SGLang's share is of weights and cache alone, and the rest has to hold
# graphs and what a pass computes: its documentation has it raised until memory runs out, and public
# runs of DeepSeek-V3 on four B200 need 0.9 for the weights.
_FULLEST: Final[dict[str, float]] = {"vllm": 0.95, "sglang": 0.92, "trtllm": 0.95}
_TRTLLM_BATCH: Final = (8192, 2048)


@dataclass(frozen=True, slots=True)
class Batch:
    """How much one step computes.

    Attributes:
        tokens: at most.
        sequences: at most.
    """

    tokens: int
    sequences: int


def batch(settings: Settings, device_bytes: float, device: str = "") -> Batch:
    """The limits of a step: as told, else as the engine chooses on such a device."""
    name = settings.engine.name
    if name == "vllm":
        chosen = _vllm(settings, device_bytes, device)
    elif name == "sglang":
        chosen = _sglang(settings, device_bytes)
    elif name == "trtllm":
        chosen = Batch(*_TRTLLM_BATCH)
    else:
        chosen = Batch(settings.micro_batch, settings.users)
    tokens = settings.max_num_batched_tokens or chosen.tokens
    return Batch(tokens, min(settings.max_num_seqs or chosen.sequences, tokens))


def static_share(settings: Settings, device_bytes: float) -> float:
    """The share of a device that SGLang gives to weights and cache."""
    if settings.utilisation is not None:
        return settings.utilisation
    chosen, spread = batch(settings, device_bytes), settings.parallelism
    reserved = (
        _SGLANG_META
        + _SGLANG_PER_TOKEN * max(chosen.tokens, 2048)
        + _SGLANG_PER_SEQUENCE * chosen.sequences
        + _SGLANG_PER_DEVICE * spread.tensor * spread.pipeline
    )
    if spread.attention_data > 1:
        reserved += _SGLANG_PER_COPY * chosen.sequences * spread.attention_data
    above, least = _SGLANG_LEAST
    if device_bytes > above:
        reserved = max(reserved, least)
    return max(0.0, 1 - reserved / device_bytes)


def fullest_share(settings: Settings, device_bytes: float) -> float | None:
    """The largest share of memory that is sensible, if the engine takes less as it is told."""
    name = settings.engine.name
    most = _FULLEST.get(name)
    if most is None:
        return None
    chosen = settings.utilisation
    if chosen is None and name == "sglang":
        chosen = static_share(settings, device_bytes)
    elif chosen is None:
        chosen = VLLM_UTILISATION if name == "vllm" else TRTLLM_FREE_SHARE
    return most if chosen < most else None


def largest_share(engine: EngineName) -> float | None:
    """The largest share of a device's memory that an engine is told here, if it is told any."""
    return _FULLEST.get(engine)


def raised(settings: Settings, use: MemoryUse, device_bytes: float) -> Settings | None:
    """The settings with a larger share of memory, where the default leaves no room to start.

    TensorRT-LLM's share is of what weights leave, so that it decides nothing then.
    """
    stuck = use.shortage is not None and use.shortage.of in ("weights", "sequence")
    if not stuck or settings.utilisation is not None or settings.engine.name == "trtllm":
        return None
    share = fullest_share(settings, device_bytes)
    return None if share is None else replace(settings, utilisation=share)


def raised_note(engine: Engine, share: float) -> str:
    """What has to be said where the share is raised."""
    names = {"vllm": "--gpu-memory-utilization", "sglang": "--mem-fraction-static"}
    return (
        f"{engine.name}'s default share of memory leaves no room for it; "
        f"{names[engine.name]} {share:g} is assumed"
    )


def _vllm(settings: Settings, device_bytes: float, device: str) -> Batch:
    version = parse_version(settings.engine.version)
    large = device_bytes >= _VLLM_LARGE_BYTES and "a100" not in device.lower()
    if version < _VLLM_V1:
        whole = settings.context <= _VLLM_CHUNKED_ABOVE
        return Batch(max(settings.context, 2048) if whole else 2048, 256)
    if not large:
        return Batch(2048, 256)
    return Batch(8192, 1024 if version >= _VLLM_MANY_SEQUENCES else 256)


def _sglang(settings: Settings, device_bytes: float) -> Batch:
    for below_gib, tokens, few, many in _SGLANG_BATCHES:
        if device_bytes < below_gib * GIB:
            return Batch(tokens, few if settings.parallelism.tensor < 4 else many)
    return Batch(*_SGLANG_LARGEST)

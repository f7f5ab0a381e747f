"""What a model will take before it was ever measured."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.estimate import Engine, Settings
from weighbridge.core.units import MIB
from weighbridge.engines.adapter import Wanted
from weighbridge.facts.gguf import read_gguf
from weighbridge.facts.gguf_architecture import describe
from weighbridge.predict.memory.cache_pools import llamacpp_cache_bytes
from weighbridge.predict.memory.coefficients import coefficients
from weighbridge.predict.memory.footprint import footprint
from weighbridge.predict.memory.llamacpp import compute_bytes
from weighbridge.serve.supervisor.memory import Expected, Meter

_FILES = ("*.safetensors", "*.gguf", "*.bin")
# Cache and buffers come on top of weights; how much cannot be told from a file's size.
_FACTOR = 1.3
# These take a share of the card, whatever the model: by flag, else by default.
_SHARES = {
    "vllm": (("--gpu-memory-utilization",), 0.9),
    "sglang": (("--mem-fraction-static",), 0.88),
    "trtllm": (("--kv_cache_free_gpu_memory_fraction",), 0.9),
}
# On CPUs quantized weights are kept a second time, in the order in which they are computed with.
_REPACKED = 2
# The program itself in the host's memory: measured with models of a megabyte.
_PROGRAM_BYTES = 36 * MIB
_LONG = frozenset({"f16", "bf16", "f32"})


def predicted(wanted: Wanted, meter: Meter) -> Expected:
    """From the model's header or the engine's share; else a guess from the size of its files."""
    share = _share(wanted) if meter.is_gpu else None
    if share is not None and meter.total_bytes:
        return Expected(int(share * meter.total_bytes), "predicted")
    source = Path(wanted.source)
    if wanted.engine.startswith("llamacpp") and source.is_file():
        found = _by_header(wanted, source, on_gpu=meter.is_gpu)
        if found is not None:
            return Expected(found, "predicted")
    size = file_bytes(source) if wanted.source else 0
    return Expected(int(_FACTOR * size), "unknown")


def file_bytes(source: Path) -> int:
    """Of a model file, or of the weights in a folder; 0 for what is not here."""
    if source.is_file():
        return source.stat().st_size
    if not source.is_dir():
        return 0
    sizes = (sum(file.stat().st_size for file in source.glob(form)) for form in _FILES)
    return next((size for size in sizes if size), 0)


def _share(wanted: Wanted) -> float | None:
    if wanted.engine not in _SHARES:
        return None
    flags, default = _SHARES[wanted.engine]
    text = " ".join(wanted.args).replace("=", " ").split()
    for word, value in pairwise(text):
        if word in flags:
            try:
                return float(value)
            except ValueError:
                return default
    return default


def _by_header(wanted: Wanted, source: Path, *, on_gpu: bool) -> int | None:
    """Weights, cache of all slots, buffers, and the engine itself; None where not modelled."""
    try:
        architecture, weights = describe(read_gguf(source), name=source.name, stem=source.stem)
        shape = footprint(architecture)
    except WeighbridgeError:
        return None
    settings = Settings(Engine("llama.cpp", ""), context=wanted.context, users=wanted.slots)
    cache = llamacpp_cache_bytes(shape, settings)
    if cache is None:
        return None
    size = source.stat().st_size
    if not on_gpu and weights.quantization.lower() not in _LONG:
        size *= _REPACKED
    overhead = coefficients().llamacpp_overhead_bytes.value if on_gpu else _PROGRAM_BYTES
    return int(size + cache + compute_bytes(shape, settings) + overhead)

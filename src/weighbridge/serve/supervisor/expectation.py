"""What a model will take before it was ever measured."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.estimate import Engine, Settings
from weighbridge.core.units import MIB
from weighbridge.engines.adapter import Wanted
from weighbridge.engines.llamacpp_embedded import NAME as EMBEDDED
from weighbridge.engines.llamacpp_embedded import usual_context
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


def _settings(wanted: Wanted, trained: int | None) -> Settings | None:
    """Slots and their context as llama.cpp will have them; None where that cannot be told.

    Its own server shares the model's whole context among slots where nothing else is said.
    """
    context, slots = wanted.context, wanted.slots
    if wanted.engine == EMBEDDED:
        context = context or usual_context(trained)
    else:
        slots = _number(wanted.args, ("-np", "--parallel")) or slots
        # The model's own context where nobody says one, and for 0.
        whole = _number(wanted.args, ("-c", "--ctx-size"))
        if whole is None and context is not None:
            whole = context * wanted.slots
        whole = whole or trained
        context = -(-whole // slots) if whole and slots > 0 else None
    if context is None:
        return None
    return Settings(Engine("llama.cpp", ""), context=context, users=slots)


def _number(args: Sequence[str], flags: tuple[str, ...]) -> int | None:
    """The last number given with one of ``flags``."""
    found = None
    for word, value in pairwise(" ".join(args).replace("=", " ").split()):
        if word in flags and value.isdecimal():
            found = int(value)
    return found


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
    settings = _settings(wanted, architecture.context)
    if settings is None:
        return None
    cache = llamacpp_cache_bytes(shape, settings)
    if cache is None:
        return None
    size = source.stat().st_size
    if not on_gpu and weights.quantization.lower() not in _LONG:
        size *= _REPACKED
    overhead = coefficients().llamacpp_overhead_bytes.value if on_gpu else _PROGRAM_BYTES
    return int(size + cache + compute_bytes(shape, settings) + overhead)

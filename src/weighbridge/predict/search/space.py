"""Which ways to serve there are at all: what engines load, and how models are spread.

Facts on engines: vLLM's and SGLang's documentation on quantization, and TensorRT-LLM's lists of
supported models and precisions, as of 2026-11; :mod:`weighbridge.predict.search.runs_on` says on
which devices they run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from weighbridge.core.estimate import EngineName, Parallelism
from weighbridge.core.machine import Device, Machine
from weighbridge.facts.quantizations.what_if import WHAT_IF
from weighbridge.predict.memory.footprint import Footprint
from weighbridge.predict.search.models import ModelFacts, main_bits, parameters, shape_of
from weighbridge.predict.search.runs_on import engines_on

SERVERS: Final[tuple[EngineName, ...]] = ("vllm", "sglang", "trtllm")
_FP8: Final = frozenset({"Ada", "Hopper", "Blackwell", "CDNA3", "CDNA4", "RDNA4"})
# Kernels that read compressed keys and values (MLA) in fp8: FlashMLA, FlashAttention 3, TRT-LLM's.
_FP8_LATENT: Final = frozenset({"Hopper", "Blackwell"})
_NVFP4: Final = frozenset({"Blackwell"})
_INT4_ENGINES: Final = frozenset({"vllm", "sglang"})
# Bits from which a checkpoint counts as unquantized, and as not shorter than 8 bits.
_LONG, _BYTE = 15.0, 7.9
# Families that TensorRT-LLM's PyTorch backend has a class for.
_TRTLLM_FAMILIES: Final = frozenset(
    {
        "deepseek_v3", "deepseek_v32", "exaone4", "gemma3", "gemma3_text", "glm4_moe", "gpt_oss",
        "llama", "llama4", "llama4_text", "mistral", "mixtral", "mllama", "nemotron-nas",
        "nemotron_h", "phi3", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "qwen3_next",
    }
)  # fmt: skip
# Of GGUF's mixtures those that people choose among: from no visible loss to the shortest usable.
# Its kernels for experts in mxfp4 are of these generations only (TensorRT-LLM 1.x, gpt-oss notes).
_TRTLLM_MXFP4: Final = frozenset({"Hopper", "Blackwell"})
GGUF_FORMATS: Final = ("Q8_0", "Q6_K", "Q4_K_M", "Q3_K_M")
# Bits per weight that a model in a format has at least.
_LEAST_BITS: Final[dict[str, float]] = {
    "fp8": 8.0, "NVFP4": 4.5, "AWQ int4 g128": 4.1,
    "Q8_0": 8.4, "Q6_K": 6.5, "Q4_K_M": 4.4, "Q3_K_M": 3.4,
}  # fmt: skip
_MOST_TENSOR: Final = 64
# Bytes per number of a cache in q8_0, and from which on it counts as 16 bits.
GGUF_CACHE: Final = 34 / 32
GGUF_BLOCK: Final = 32
_LONG_CACHE: Final = 2.0


def usual_engines(device: Device) -> tuple[EngineName, ...]:
    """Those that people choose among: nobody runs llama.cpp where NVLink joins the devices."""
    named = engines_on(device)
    return named[:-1] if device.link.kind == "nvlink" and len(named) > 1 else named


def supports(engine: EngineName, facts: ModelFacts, device: Device) -> bool:
    """Whether an engine loads such a model on a device, as far as its kind tells."""
    if engine == "llama.cpp":
        return True
    if facts.gguf:
        return False
    kind = facts.architecture.model_type
    if engine == "trtllm" and kind == "gpt_oss" and device.generation not in _TRTLLM_MXFP4:
        return False
    return engine != "trtllm" or kind in _TRTLLM_FAMILIES


def formats_for(engine: EngineName, device: Device, facts: ModelFacts) -> tuple[str, ...]:
    """Number formats of the weights that an engine runs on a device, the native one first."""
    if facts.gguf:
        return ("native",)
    bits = main_bits(facts)
    if engine == "llama.cpp":
        # Models that were trained in 4 bits are kept so; any other mixture would gain nothing.
        return GGUF_FORMATS if bits >= _BYTE else ("native",)
    found = ["native"]
    if bits >= _LONG and device.generation in _FP8:
        found.append("fp8")
    if bits >= _BYTE and device.generation in _NVFP4:
        found.append("NVFP4")
    if bits >= _BYTE and engine in _INT4_ENGINES:
        found.append("AWQ int4 g128")
    return tuple(found)


def short_cache(engine: EngineName, device: Device, shape: Footprint) -> tuple[str, float] | None:
    """The shorter format of the cache that an engine offers a model, and bytes per number."""
    if engine == "llama.cpp":
        return ("q8_0", GGUF_CACHE) if _in_blocks(shape) else None
    if device.generation not in _FP8 or shape.caches is None:
        return None
    kinds = {layers.kind for layers in shape.caches}
    latent = bool(shape.expanded_width)
    if "compressed" in kinds or (latent and device.generation not in _FP8_LATENT):
        return None
    # Where keys select (sparse attention), fp8 caches have a layout of their own; vLLM's is known.
    sparse = any(layers.index_values for layers in shape.caches)
    return None if sparse and engine != "vllm" else ("fp8", 1.0)


def _in_blocks(shape: Footprint) -> bool:
    """Whether heads of keys and values are whole blocks of q8_0: else llama.cpp does not start."""
    if not shape.caches:
        return False
    widths = [
        layers.split_values / 2 / max(layers.kv_heads, 1)
        for layers in shape.caches
        if layers.split_values
    ]
    widths += [layers.whole_values for layers in shape.caches if layers.whole_values]
    return bool(widths) and all(width % GGUF_BLOCK == 0 for width in widths)


def keeps(engine: EngineName, device: Device, shape: Footprint, kv_bytes: float | None) -> bool:
    """Whether an engine has a cache of so many bytes per number; None for its own choice."""
    if kv_bytes is None or kv_bytes >= _LONG_CACHE:
        return True
    short = short_cache(engine, device, shape)
    return short is not None and short[1] == kv_bytes


def worth_trying(formats: tuple[str, ...], machine: Machine, facts: ModelFacts) -> Iterator[str]:
    """Formats without those that cannot fit on all devices together; the shortest always stays."""
    room = machine.count * machine.device.memory_bytes
    for name in formats:
        bits = _LEAST_BITS.get(name, 0.9 * main_bits(facts))
        if name == formats[-1] or parameters(facts) * bits / 8 <= room:
            yield name


def format_names() -> tuple[str, ...]:
    """Every name that a number format of the search may have, ``native`` included."""
    return ("native", *(name for name in WHAT_IF if name not in {"int8", "GPTQ int4 g128"}))


def spreads(engine: EngineName, machine: Machine, facts: ModelFacts) -> Iterator[Parallelism]:
    """How a replica may be spread over devices of the machine."""
    if engine == "llama.cpp":
        # It puts whole layers on devices, in turn: no more than there are.
        shape = shape_of(facts)
        for size in {1, min(machine.count, max(shape.depth, 1))}:
            yield Parallelism(pipeline=size)
        return
    shape, size = shape_of(facts), 1
    while size <= min(reach(machine), _MOST_TENSOR):
        if divides(shape, size):
            yield Parallelism(size)
            if size > 1 and shape.experts and shape.experts % size == 0:
                yield Parallelism(size, expert=size)
                if shape.expanded_width:  # MLA: every device would keep the whole cache
                    yield Parallelism(1, expert=size, attention_data=size)
        size *= 2


def reach(machine: Machine) -> int:
    """How many devices may share layers: those that a link joins."""
    link = machine.device.link
    return 1 if link.kind == "none" else min(machine.count, max(link.domain, 1))


def least_devices(engine: EngineName, shape: Footprint, needed: int) -> int:
    """The fewest devices, from those needed upwards, that an engine can share a model among."""
    if engine == "llama.cpp":  # whole layers, in any number
        return needed
    size = 1
    while size < needed or not divides(shape, size):
        if size >= _MOST_TENSOR:
            return needed
        size *= 2
    return size


def divides(shape: Footprint, tensor: int) -> bool:
    """Whether heads can be dealt out evenly; heads of keys and values may be copied."""
    heads, kv = shape.heads, max(shape.kv_heads, 1)
    return heads % tensor == 0 and (kv % tensor == 0 or tensor % kv == 0)

"""NVIDIA's ModelOpt: FP8, NVFP4 and mixtures, in config.json or in hf_quant_config.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from weighbridge.facts.quantizations.compressed_tensors import group_rule, schemes
from weighbridge.facts.quantizations.patterns import Patterns
from weighbridge.facts.quantizations.stated import (
    Block,
    Stated,
    Subject,
    kv_bytes,
    names_in,
    pattern_notes,
    whole,
)

# Bits per weight and bits per scale of a group; the group is stated, else this one.
# Names: `QuantAlgo` of TensorRT-LLM and modelopt/torch/export/quant_utils.py.
_ALGORITHMS: Final[Mapping[str, tuple[float, int, int]]] = {
    "FP8": (8, 0, 0),
    "FP8_PER_CHANNEL_PER_TOKEN": (8, 0, 0),
    "FP8_PB_WO": (8, 32, 128 * 128),
    "FP8_BLOCK_SCALES": (8, 32, 128 * 128),
    "MXFP8": (8, 8, 32),
    "NVFP4": (4, 8, 16),
    "W4A16_NVFP4": (4, 8, 16),
    "W4A8_NVFP4_FP8": (4, 8, 16),
    "NVFP4_AWQ": (4, 8, 16),
    "MXFP4": (4, 8, 32),
    "W4A8_MXFP4_FP8": (4, 8, 32),
    "W4A16_AWQ": (4, 16, 128),
    "W4A8_AWQ": (4, 16, 128),
    "W8A16": (8, 0, 0),
    "W8A8_SQ_PER_CHANNEL": (8, 0, 0),
    "INT8": (8, 0, 0),
}
_FIXED_GROUPS: Final = frozenset({"FP8_PB_WO", "FP8_BLOCK_SCALES"})


def read_modelopt(block: Block, subject: Subject) -> Stated:
    """``quant_algo`` for all linear layers, or ``quantized_layers`` with one for each.

    Unlike elsewhere the output head is a linear layer like others, so these files name it among
    the modules that are left out (``ignore``, ``exclude_modules``).
    """
    algorithm = str(block.get("quant_algo") or "").upper()
    ignored = Patterns(names_in(block, "exclude_modules", "ignore", "modules_to_not_convert"))
    layers = block.get("quantized_layers")
    kv = kv_bytes(block)
    if isinstance(layers, Mapping) and layers:
        return _mixed(layers, ignored, subject, kv)
    bits = algorithm_bits(algorithm, block)
    groups: list[tuple[Patterns | None, float]] = []
    if bits is not None:
        groups = [(None, bits)]
    elif block.get("config_groups"):
        groups = schemes(block, subject)
    if not groups:
        return Stated(
            None,
            (*subject.notes, f"The ModelOpt format {algorithm[:40] or 'unnamed'} is not known."),
        )
    name = algorithm or "mixed"
    return subject.stated(name, group_rule(groups, ignored, subject), kv, pattern_notes(ignored))


def algorithm_bits(algorithm: str, block: Block) -> float | None:
    """Bits per weight of a named algorithm, scales included; None when it is not known."""
    known = _ALGORITHMS.get(algorithm)
    if known is None:
        return None
    bits, scale, usual = known
    stated = 0 if algorithm in _FIXED_GROUPS else whole(block.get("group_size"))
    group = (stated or usual) if scale else 0
    return bits + (scale / group if group else 0)


def _mixed(
    layers: Mapping[str, object], ignored: Patterns, subject: Subject, kv: float | None
) -> Stated:
    """One algorithm per module name."""
    by_algorithm: dict[str, list[object]] = {}
    sample: dict[str, Block] = {}
    for module, how in layers.items():
        algorithm = str(how.get("quant_algo") or "").upper() if isinstance(how, Mapping) else ""
        by_algorithm.setdefault(algorithm, []).append(module)
        if isinstance(how, Mapping):
            sample[algorithm] = how
    groups: list[tuple[Patterns | None, float]] = []
    notes: list[str] = []
    for algorithm, modules in by_algorithm.items():
        bits = algorithm_bits(algorithm, sample.get(algorithm, {}))
        if bits is None:
            named = algorithm[:40] or "unnamed"
            notes.append(f"The ModelOpt format {named} of {len(modules)} modules is not known.")
            return Stated(None, (*subject.notes, *notes))
        groups.append((Patterns(modules), bits))
    name = " + ".join(sorted(algorithm.removeprefix("W4A16_") for algorithm in by_algorithm))
    return subject.stated(name, group_rule(groups, ignored, subject), kv, pattern_notes(ignored))

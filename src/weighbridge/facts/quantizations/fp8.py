"""8-bit floats with a scale per block, row or tensor; beside them the 4-bit experts of V4."""

from __future__ import annotations

from typing import Final

from weighbridge.facts.quantizations.leaves import Leaf
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

# e2m1 with one e8m0 scale per 32 weights: DeepSeek V4's `expert_dtype: fp4`.
_FP4_EXPERTS: Final = 4 + 8 / 32
_NVFP4: Final = 4 + 8 / 16


def read_fp8(block: Block, subject: Subject) -> Stated:
    """``quant_method: fp8`` (DeepSeek, Qwen, MiniMax, GLM).

    A scale is a float32 (``weight_scale_inv``), in DeepSeek V4 an e8m0 byte. The output head is
    left out as transformers leaves it out; the router is no linear layer in these models.
    """
    skipped = Patterns(names_in(block, "modules_to_not_convert", "ignored_layers"))
    size = block.get("weight_block_size")
    fp4 = subject.raw.get("expert_dtype") == "fp4"
    bits, name = 8.0, "fp8"
    if isinstance(size, list) and len(size) == 2 and all(whole(each) for each in size):
        rows, columns = (whole(each) for each in size)
        bits += (8 if fp4 else 32) / (rows * columns)
        name = f"fp8 ({rows}×{columns} blocks)"
    algorithm = str(block.get("moe_quant_algo") or "").upper()
    nvfp4 = algorithm == "NVFP4"
    base = subject.linear_rule(bits, skipped)

    def rule(leaf: Leaf) -> float:
        # The layers that predict ahead are nearly all experts, in their original format.
        if leaf.component not in {"experts", "mtp"} or leaf.among(skipped):
            return base(leaf)
        special = _NVFP4 if nvfp4 and leaf.component == "experts" else _FP4_EXPERTS
        return special if nvfp4 or fp4 else bits

    special = ", NVFP4 experts" if nvfp4 else ", fp4 experts" if fp4 else ""
    notes = pattern_notes(skipped)
    if algorithm and not nvfp4:
        notes = (*notes, f"The experts' format {algorithm[:40]!r} is not known; fp8 is assumed.")
    return subject.stated(name + special, rule, kv_bytes(block), notes)


def read_fbgemm_fp8(block: Block, subject: Subject) -> Stated:
    """``quant_method: fbgemm_fp8`` (Meta): one float32 scale per output row."""
    skipped = Patterns(names_in(block, "modules_to_not_convert"))
    bits = 8 + 32 / max(subject.architecture.hidden, 1)
    rule = subject.linear_rule(bits, skipped)
    return subject.stated("fp8 (per channel)", rule, kv_bytes(block), pattern_notes(skipped))

"""bitsandbytes: NF4 and FP4 with scales per 64 weights, and LLM.int8()."""

from __future__ import annotations

from typing import Final

from weighbridge.facts.quantizations.patterns import Patterns
from weighbridge.facts.quantizations.stated import (
    Block,
    Stated,
    Subject,
    names_in,
    pattern_notes,
)

# A float32 maximum per 64 weights; double quantization stores it in 8 bits, and a float32 for
# every 256 of those (QLoRA, https://arxiv.org/abs/2305.14314, section 3).
_BLOCK: Final = 64
_SCALE: Final = 32 / _BLOCK
_DOUBLE: Final = 8 / _BLOCK + 32 / (_BLOCK * 256)


def read_bitsandbytes(block: Block, subject: Subject) -> Stated:
    """Linear layers only, without the output head."""
    skipped = Patterns(names_in(block, "llm_int8_skip_modules"))
    four = block.get("load_in_4bit") is True or block.get("_load_in_4bit") is True
    eight = block.get("load_in_8bit") is True or block.get("_load_in_8bit") is True
    if four:
        double = block.get("bnb_4bit_use_double_quant") is True
        kind = str(block.get("bnb_4bit_quant_type") or "fp4").lower()
        bits = 4 + (_DOUBLE if double else _SCALE)
        name = f"bitsandbytes {kind}" + (" double" if double else "")
    elif eight:
        bits = 8 + 32 / max(subject.architecture.hidden, 1)  # one float32 per output row
        name = "bitsandbytes int8"
    else:
        return Stated(None, (*subject.notes, "Its bitsandbytes block says neither 4 nor 8 bits."))
    return subject.stated(name, subject.linear_rule(bits, skipped), None, pattern_notes(skipped))

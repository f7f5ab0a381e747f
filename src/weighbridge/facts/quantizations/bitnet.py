"""BitNet b1.58: ternary weights, four to a byte."""

from __future__ import annotations

from typing import Final

from weighbridge.facts.quantizations.patterns import Patterns
from weighbridge.facts.quantizations.stated import Block, Stated, Subject, names_in, pattern_notes

# transformers/integrations/bitnet.py packs VALUES_PER_ITEM = 4 into a byte; one scale per tensor.
BITS: Final = 2.0


def read_bitnet(block: Block, subject: Subject) -> Stated:
    """Packed when made offline; ``online`` keeps full weights in the file and rounds when run."""
    skipped = Patterns(names_in(block, "modules_to_not_convert"))
    if block.get("quantization_mode") == "online":
        note = "BitNet online: the file holds full weights, rounded to three values when run."
        return subject.stated(
            f"bitnet online ({subject.dtype})", lambda _: subject.bits, None, (note,)
        )
    rule = subject.linear_rule(BITS, skipped)
    return subject.stated("bitnet (2-bit)", rule, None, pattern_notes(skipped))

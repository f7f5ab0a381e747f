"""Microscaling 4-bit floats, as gpt-oss ships its experts: one e8m0 scale per 32 weights."""

from __future__ import annotations

from typing import Final

from weighbridge.facts.quantizations.leaves import Leaf
from weighbridge.facts.quantizations.patterns import Patterns
from weighbridge.facts.quantizations.stated import Block, Stated, Subject, kv_bytes, names_in

BITS: Final = 4 + 8 / 32


def read_mxfp4(block: Block, subject: Subject) -> Stated:
    """``quant_method: mxfp4``: only experts are packed (transformers' ``Mxfp4GptOssExperts``)."""
    skipped = Patterns(names_in(block, "modules_to_not_convert"))

    def rule(leaf: Leaf) -> float:
        packed = leaf.component == "experts" and not leaf.among(skipped)
        return BITS if packed else subject.bits

    return subject.stated("mxfp4 (experts)", rule, kv_bytes(block))

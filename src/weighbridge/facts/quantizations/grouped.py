"""Integers in groups that share a scale and a zero point: AWQ, GPTQ, AutoRound."""

from __future__ import annotations

from collections.abc import Mapping

from weighbridge.facts.quantizations.leaves import Leaf
from weighbridge.facts.quantizations.patterns import Patterns
from weighbridge.facts.quantizations.stated import (
    Block,
    Stated,
    Subject,
    names_in,
    pattern_notes,
    whole,
)


def read_awq(block: Block, subject: Subject) -> Stated:
    """AutoAWQ: fp16 scale per group, zero points of the weights' width."""
    bits = whole(block.get("bits") or block.get("w_bit"))
    group = whole(block.get("group_size") or block.get("q_group_size"))
    zero = block.get("zero_point") is not False
    skipped = Patterns(names_in(block, "modules_to_not_convert"))
    return _stated("AWQ", bits, group, subject, skipped, zero=zero)


def read_gptq(block: Block, subject: Subject) -> Stated:
    """AutoGPTQ and GPTQModel: as AWQ, zero points always stored, and an order of the rows.

    The order (``g_idx``, 32 bits per input row) is stored with and without ``desc_act``.
    """
    bits, group = whole(block.get("bits")), whole(block.get("group_size"))
    skips = names_in(block, "modules_to_not_convert", "modules_in_block_to_quantize_exclude")
    notes: tuple[str, ...] = ()
    dynamic = block.get("dynamic")
    if isinstance(dynamic, Mapping):
        skips = [*skips, *(f"re:{key[2:]}" for key in dynamic if str(key).startswith("-:"))]
        others = sum(not str(key).startswith("-:") for key in dynamic)
        if others:
            notes = (f"{others} modules have bits of their own, which are not counted.",)
    return _stated(
        "GPTQ",
        bits,
        group,
        subject,
        Patterns(skips),
        extra=32 / max(subject.architecture.hidden, 1),
        head=block.get("lm_head") is True,
        notes=notes,
    )


def read_auto_round(block: Block, subject: Subject) -> Stated:
    """Intel's AutoRound, packed as GPTQ or AWQ; ``extra_config`` names exceptions."""
    bits, group = whole(block.get("bits")), whole(block.get("group_size"))
    own = block.get("extra_config")
    skips: list[object] = []
    others = 0
    for module, how in own.items() if isinstance(own, Mapping) else ():
        if isinstance(how, Mapping) and whole(how.get("bits")) >= 16:
            skips.append(module)
        else:
            others += 1
    notes = (f"{others} modules have bits of their own, which are not counted.",) if others else ()
    return _stated("AutoRound", bits, group, subject, Patterns(skips), notes=notes)


def _stated(
    name: str,
    bits: int,
    group: int,
    subject: Subject,
    skipped: Patterns,
    *,
    zero: bool = True,
    extra: float = 0.0,
    head: bool = False,
    notes: tuple[str, ...] = (),
) -> Stated:
    """Bits of a group format: its own, 16 of a scale and its own of a zero point per group.

    Without a group size a scale serves a whole column, of about as many weights as the model is
    wide. Towers for pictures and sound are left alone: calibration runs on text.
    """
    if not bits:
        return Stated(None, (*subject.notes, f"Its {name} block does not state the bits."))
    columns = group or max(subject.architecture.hidden, 1)
    per_weight = bits + (16 + (bits if zero else 0)) / columns + extra
    linear = subject.linear_rule(per_weight, skipped, head=head)

    def rule(leaf: Leaf) -> float:
        return subject.bits if leaf.component in {"vision", "audio"} else linear(leaf)

    shown = f"{name} int{bits}" + (f" g{group}" if group else "")
    return subject.stated(shown, rule, None, (*notes, *pattern_notes(skipped)))

"""The compressed-tensors format of vLLM's LLM Compressor: groups of modules, each with a scheme."""

from __future__ import annotations

from collections.abc import Mapping

from weighbridge.facts.quantizations.leaves import Leaf, Rule
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


def read_compressed_tensors(block: Block, subject: Subject) -> Stated:
    """``config_groups`` name the modules that each scheme takes, ``ignore`` those of none."""
    groups = schemes(block, subject)
    if not groups:
        return Stated(
            None, (*subject.notes, "Its compressed-tensors block has no scheme for weights.")
        )
    ignored = Patterns(names_in(block, "ignore"))
    name = str(block.get("format") or "")
    widths = sorted({f"{bits:.4g}-bit" for _, bits in groups})
    return subject.stated(
        f"compressed-tensors {name} ({', '.join(widths)})".replace("  ", " "),
        group_rule(groups, ignored, subject),
        kv_bytes(block),
        pattern_notes(ignored, *(targets for targets, _ in groups if targets)),
    )


def schemes(block: Block, subject: Subject) -> list[tuple[Patterns | None, float]]:
    """Targets and bits per weight of each group; None as targets means every linear layer."""
    stated = block.get("config_groups")
    found: list[tuple[Patterns | None, float]] = []
    for group in stated.values() if isinstance(stated, Mapping) else ():
        weights = group.get("weights") if isinstance(group, Mapping) else None
        bits = scheme_bits(weights, subject) if isinstance(weights, Mapping) else None
        if bits is None:
            continue
        targets = names_in(group, "targets")
        everything = not targets or "Linear" in targets
        found.append((None if everything else Patterns(targets), bits))
    return found


def scheme_bits(weights: Block, subject: Subject) -> float | None:
    """Bits per weight of one scheme, scales and zero points included.

    Scales are 16 bits per group or row, 8 bits for 4-bit floats (e4m3 per 16: NVFP4; e8m0 per
    32: MXFP4), 32 bits per two-dimensional block; one per tensor costs nothing.
    """
    bits = whole(weights.get("num_bits"))
    if not bits:
        return None
    group = whole(weights.get("group_size"))
    shape = weights.get("block_structure")
    if group:
        scale = 8 if weights.get("type") == "float" and bits == 4 else 16
        zero = bits if weights.get("symmetric") is False else 0
        return bits + (scale + zero) / group
    if isinstance(shape, list) and len(shape) == 2 and all(whole(each) for each in shape):
        return bits + 32 / (whole(shape[0]) * whole(shape[1]))
    if weights.get("strategy") == "channel":
        return bits + 16 / max(subject.architecture.hidden, 1)
    return float(bits)


def group_rule(
    groups: list[tuple[Patterns | None, float]], ignored: Patterns, subject: Subject
) -> Rule:
    """The first group that names a module decides; ignored modules keep their type."""

    def rule(leaf: Leaf) -> float:
        if leaf.linear and not leaf.among(ignored):
            for targets, bits in groups:
                if targets is None or leaf.among(targets):
                    return bits
        return subject.bits

    return rule

"""Many runs of layers as few blocks: models that a search made have dozens of short ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from weighbridge.report.diagram_block import Block
from weighbridge.report.diagram_tree import sum_of
from weighbridge.report.diagram_words import repeated

# A model with no more runs than this shows each of them.
_MOST_RUNS = 6
# A run that holds this share of the weights of all layers stands by itself.
_LARGE = 0.1
_MOST_KINDS = 3


def gathered(blocks: Sequence[Block], *, several: bool) -> tuple[Block, ...]:
    """The blocks of a model with its small runs gathered, where it has many runs.

    Args:
        blocks: outermost blocks.
        several: whether other models stand beside it. Then runs of which none holds half of the
            weights become one block, to be compared with the layers of the others as a whole.
    """
    runs = [block for block in blocks if block.role == "run"]
    if len(runs) <= _MOST_RUNS:
        return tuple(blocks)
    whole = sum(run.parameters for run in runs)
    all_small = several and max(run.parameters for run in runs) < whole / 2
    found: list[Block] = []
    for small, group in groupby(
        blocks, key=lambda one: one.role == "run" and (all_small or one.parameters < _LARGE * whole)
    ):
        some = list(group)
        found += [gather(some)] if small and len(some) > 1 else some
    return tuple(found)


def gather(runs: Sequence[Block]) -> Block:
    """Several runs as one block that unfolds to them; groups among them dissolve."""
    inside = [one for run in runs for one in (run.children if is_group(run) else (run,))]
    counts: Counter[str] = Counter()
    for run in inside:
        for kind in run.kinds:
            counts[kind.text] += run.depth // len(run.kinds)
    depth, first = sum(run.depth for run in inside), inside[0].first
    title = f"{len(inside)} runs of {len(counts)} kinds"
    if len(counts) <= _MOST_KINDS:
        title = f"{len(inside)} runs: " + ", ".join(
            repeated(count, text) for text, count in counts.most_common()
        )
    last = inside[-1].first + inside[-1].depth - 1
    facts = (("layers", f"{depth:,}"), ("numbers", f"{first}\N{EN DASH}{last}"))
    kinds = dict.fromkeys(kind for run in inside for kind in run.kinds)
    return replace(
        sum_of("run", title, inside, facts), kinds=tuple(kinds), first=first, depth=depth
    )


def is_group(block: Block) -> bool:
    """Whether a block holds several runs."""
    return any(child.role == "run" for child in block.children)

"""The longest context at which a model still does what it does with a short one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from weighbridge.core.provenance import Interval
from weighbridge.decide.statistics.flips import flip_difference
from weighbridge.decide.statistics.rates import wilson

# Below this a loss cannot be told from guessing what was never understood.
_LEAST_SHORT: Final = 0.5


@dataclass(frozen=True, slots=True)
class AtLength:
    """One task at one length.

    Attributes:
        tokens: of the prompts, as the server counted them (median).
        asked: tokens that were aimed at.
        accuracy: with its 95 % interval.
        change: accuracy minus that at the shortest length on the same questions, with interval.
    """

    tokens: int
    asked: int
    n: int
    accuracy: Interval
    change: Interval


@dataclass(frozen=True, slots=True)
class EffectiveContext:
    """One task over all lengths.

    Attributes:
        task: its name.
        lengths: shortest first.
        tokens: longest length up to which the loss is within the margin; None where the task is
            not done even at the shortest.
        low: longest length up to which the loss surely is, by the intervals; 0 for none.
        high: longest length up to which it may be.
        at_most_tested: whether ``high`` is the longest that was measured, so that more may hold.
        reason: why there is no figure.
    """

    task: str
    lengths: tuple[AtLength, ...]
    tokens: int | None
    low: int
    high: int
    at_most_tested: bool
    reason: str = ""


def effective_context(
    task: str,
    lengths: Sequence[tuple[int, int, Sequence[bool]]],
    *,
    margin: float,
) -> EffectiveContext:
    """What right and wrong answers to the same questions at growing length say.

    Args:
        task: its name.
        lengths: tokens counted, tokens aimed at, and the answers; the shortest first.
        margin: the loss of accuracy that is accepted.
    """
    short = lengths[0][2]
    rows = tuple(_at_length(tokens, asked, short, right) for tokens, asked, right in lengths)
    right, n = sum(short), len(short)
    if right < _LEAST_SHORT * n:
        reason = (
            f"{task}: no effective context can be told. At {rows[0].tokens:,} tokens, the shortest "
            f"length, {right} of {n} answers are right: the model does not do the task at all, so "
            "a loss with length would not show."
        )
        return EffectiveContext(task, rows, None, 0, 0, at_most_tested=False, reason=reason)
    # The shortest is what the others are held against: it holds by definition.
    longer = rows[1:]
    low = _held(rows[0], longer, [row.change.low for row in longer], margin)
    value = _held(rows[0], longer, [row.change.value for row in longer], margin)
    high = _held(rows[0], longer, [row.change.high for row in longer], margin)
    return EffectiveContext(
        task, rows, value.tokens, low.tokens, high.tokens, at_most_tested=high is rows[-1]
    )


def _held(
    short: AtLength, longer: Sequence[AtLength], changes: Sequence[float], margin: float
) -> AtLength:
    """The last length before the first at which the loss exceeds the margin."""
    last = short
    for row, change in zip(longer, changes, strict=True):
        if change < -margin - 1e-12:
            break
        last = row
    return last


def _at_length(tokens: int, asked: int, short: Sequence[bool], right: Sequence[bool]) -> AtLength:
    pairs = list(zip(short, right, strict=True))
    up = sum(now and not before for before, now in pairs)
    down = sum(before and not now for before, now in pairs)
    n = len(pairs)
    return AtLength(tokens, asked, n, wilson(sum(right), n), flip_difference(up, down, n))

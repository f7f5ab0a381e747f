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
        below: the shortest length at which the loss surely exceeds the margin: what holds ends
            before it, where between two lengths is not known. None where no length does.
        caveat: what to know before believing the figure.
    """

    task: str
    lengths: tuple[AtLength, ...]
    tokens: int | None
    low: int
    high: int
    at_most_tested: bool
    reason: str = ""
    below: int | None = None
    caveat: str = ""


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
    reason = _untold(task, rows, sum(short))
    if reason:
        return EffectiveContext(task, rows, None, 0, 0, at_most_tested=False, reason=reason)
    # The shortest is what the others are held against: it holds by definition.
    longer = rows[1:]
    low = _held(rows[0], longer, [row.change.low for row in longer], margin)
    value = _held(rows[0], longer, [row.change.value for row in longer], margin)
    high = _held(rows[0], longer, [row.change.high for row in longer], margin)
    is_last = high is rows[-1]
    return EffectiveContext(
        task,
        rows,
        value.tokens,
        low.tokens,
        high.tokens,
        at_most_tested=is_last,
        below=None if is_last else rows[rows.index(high) + 1].tokens,
        caveat=_caveat(rows[0], sum(short)),
    )


def _untold(task: str, rows: Sequence[AtLength], right: int) -> str:
    """Why no figure follows; nothing where one does."""
    first = rows[0]
    no_figure = f"{task}: no effective context can be told."
    if first.accuracy.high < _LEAST_SHORT:
        return (
            f"{no_figure} At {first.tokens:,} tokens, the shortest length, {_right(first, right)}, "
            "surely fewer than half: so few that a loss with length would not show."
        )
    if len(rows) < 2:
        return (
            f"{no_figure} Only one length was measured, {first.tokens:,} tokens, and a loss is one "
            "against a shorter length."
        )
    return ""


def _caveat(first: AtLength, right: int) -> str:
    if first.accuracy.low >= _LEAST_SHORT:
        return ""
    return (
        f"At the shortest length {_right(first, right)}, perhaps fewer than half: the less is "
        "right there, the less of a loss can show."
    )


def _right(first: AtLength, right: int) -> str:
    value, low, high = (
        100 * one for one in (first.accuracy.value, first.accuracy.low, first.accuracy.high)
    )
    return f"{right} of {first.n} answers are right ({value:.0f} % [{low:.0f}, {high:.0f}])"


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

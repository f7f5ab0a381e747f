"""What so many items or votes can show, and how many it takes. Pure, standard library only."""

from __future__ import annotations

import math
from statistics import NormalDist

_NORMAL = NormalDist()
# Beyond this nobody collects items, and a normal approximation says nothing of use.
MOST_ITEMS = 10_000_000


def detectable(
    variance: float, n: int, *, alpha: float = 0.05, power: float = 0.8, sides: int = 2
) -> float:
    """The smallest true difference that n items show with this power.

    ``variance`` is that of one item's difference; for right or wrong answers the share of items
    that flip is an upper bound of it.
    """
    return _quantiles(alpha, power, sides) * math.sqrt(variance / n)


def items_needed(
    variance: float, difference: float, *, alpha: float = 0.05, power: float = 0.8, sides: int = 2
) -> int | None:
    """How many items show a true difference of this size with this power.

    None where it is so small that no number is worth naming.
    """
    if difference == 0:
        return None
    n = variance * (_quantiles(alpha, power, sides) / difference) ** 2
    return max(1, math.ceil(n)) if n <= MOST_ITEMS else None


def in_round_figures(items: int) -> str:
    """A number of items to two digits, for it rests on a difference that is itself uncertain."""
    unit: int = 10 ** max(0, len(str(items)) - 2)
    return f"{(items + unit - 1) // unit * unit:,}"


def _quantiles(alpha: float, power: float, sides: int) -> float:
    return _NORMAL.inv_cdf(1 - alpha / sides) + _NORMAL.inv_cdf(power)


def wins_needed(votes: int, *, alpha: float = 0.05) -> int | None:
    """Wins out of so many votes without ties that a two-sided sign test calls more than chance.

    None where not even all of them would do.
    """
    tail, wins = 0, votes + 1
    while wins > 0:
        tail += math.comb(votes, wins - 1)
        if 2 * tail >= alpha * 2**votes:
            break
        wins -= 1
    return wins if wins <= votes else None


def detectable_win_rate(votes: int, *, alpha: float = 0.05, power: float = 0.8) -> float | None:
    """The true win rate at which so many votes show a difference with this power."""
    wins = wins_needed(votes, alpha=alpha)
    if wins is None:
        return None
    low, high = 0.5, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if _at_least(wins, votes, middle) >= power else (middle, high)
    return high


def _at_least(wins: int, votes: int, rate: float) -> float:
    """The chance of so many wins or more."""
    if rate >= 1:
        return 1.0
    odds = math.log(rate), math.log1p(-rate)
    return math.fsum(
        math.exp(_log_comb(votes, k) + k * odds[0] + (votes - k) * odds[1])
        for k in range(wins, votes + 1)
    )


def _log_comb(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)

"""What so many items or votes can show, and how many it takes. Pure."""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist

_NORMAL = NormalDist()
# Beyond this nobody collects items, and a normal approximation says nothing of use.
MOST_ITEMS = 10_000_000
# Up to so many expected flips the power of the exact test is counted out.
_MOST_COUNTED = 100.0
_ENOUGH = 100.0  # flips, all one way, that every test finds
_SPREADS = 7.0  # standard deviations of the number of flips that are counted
_STEPS = 14  # of bisection


def detectable(
    variance: float,
    n: int,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    sides: int = 2,
    dof: float = math.inf,
) -> float:
    """The smallest true difference that n items show with this power.

    ``variance`` is that of one item's difference; for right or wrong answers the share of items
    that flip is an upper bound of it. ``dof`` are those of Student's t where it judges.
    """
    if math.isinf(dof):
        return _quantiles(alpha, power, sides) * math.sqrt(variance / n)
    from scipy.special import stdtrit  # noqa: PLC0415 -- a third of a second of import

    quantiles = float(stdtrit(dof, 1 - alpha / sides)) + float(stdtrit(dof, power))
    return quantiles * math.sqrt(variance / n)


@cache
def detectable_flips(
    share: float, n: int, *, alpha: float = 0.05, power: float = 0.8
) -> float | None:
    """The smallest true difference at which McNemar's exact test of n items has this power.

    ``share`` is that of items that flip. A difference larger than it takes more flips, then all one
    way: with few flips that is what has to happen, since five flips alone are never significant.
    None where not even a flip of every item would be significant.
    """
    if share * n > _MOST_COUNTED:
        return detectable(share, n, alpha=alpha, power=power)
    if 2 * 0.5**n >= alpha:
        return None
    low, high = 0.0, min(1.0, _ENOUGH / n)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        found = _power(max(share, middle), middle, n, alpha) >= power
        low, high = (low, middle) if found else (middle, high)
    return high


def _power(share: float, difference: float, n: int, alpha: float) -> float:
    """How often the exact test finds a difference where this share of the items flips."""
    import numpy as np  # noqa: PLC0415 -- not for what needs the standard library alone
    from scipy.special import betainc, gammaln, xlog1py, xlogy  # noqa: PLC0415

    middle, spread = n * share, _SPREADS * math.sqrt(n * share * (1 - share))
    flips = range(max(1, math.floor(middle - spread)), min(n, math.ceil(middle + spread)) + 1)
    needed = [(count, wins) for count in flips if (wins := wins_needed(count, alpha=alpha))]
    if not needed:
        return 0.0
    counts = np.array([count for count, _ in needed], dtype=np.float64)
    least = np.array([wins for _, wins in needed], dtype=np.float64)
    ways = gammaln(n + 1) - gammaln(counts + 1) - gammaln(n - counts + 1)
    chances = np.exp(ways + xlogy(counts, share) + xlog1py(n - counts, -share))
    up = (1 + difference / share) / 2
    found = betainc(least, counts - least + 1, up)
    found = found + betainc(least, counts - least + 1, 1 - up)
    return float(chances @ found)


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


@cache
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

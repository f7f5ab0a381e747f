"""Rank correlation of a leaderboard with the utility measured here, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations
from typing import Final

import numpy as np
from scipy.special import ndtr, stdtr

from weighbridge.core.correlation import (
    Basis,
    Correlation,
    LeftOut,
    Pairing,
    RankCorrelation,
)
from weighbridge.core.counting import counted
from weighbridge.core.errors import InputError
from weighbridge.core.provenance import Interval
from weighbridge.decide.statistics.paired import Floats, Ints

_FEWEST: Final = 3
_MOST_EXACT: Final = 9  # 9! = 362,880 orders
_Z95: Final = 1.959963984540054
_LEAST_RELIABLE: Final = 0.2
_ROUNDING: Final = 1e-9
_OURS: Final = "measured models"


@dataclass(frozen=True, slots=True)
class Utilities:
    """What was measured here.

    Attributes:
        models: those that have a utility.
        values: a mean per model.
        draws: plausible true means, a row per draw; None where they are not known.
        left_out: models that were measured and have no utility, and why.
        basis: what the means are over.
        notes: what a reader has to know of them, in sentences.
    """

    models: tuple[str, ...]
    values: tuple[float, ...]
    draws: Floats | None = None
    left_out: tuple[LeftOut, ...] = ()
    basis: tuple[Basis, ...] = ()
    notes: tuple[str, ...] = ()


def correlate(
    source: str,
    scores: Sequence[tuple[str, float]],
    utilities: Utilities,
    *,
    lower_is_better: bool = False,
) -> Correlation:
    """Compare a leaderboard with utilities on the models that both have.

    Where lower scores are better the order is turned, so that agreement is positive either way.
    Names are matched by their last part, whatever its case: ``Qwen/Qwen3-8B`` is ``qwen3-8b``.

    Raises:
        InputError: fewer than three models are in both, a name is in one twice, or all scores or
            all utilities are the same.
    """
    measured = (*utilities.models, *(one.model for one in utilities.left_out))
    ours = _by_key(measured, _OURS)
    theirs = _by_key([model for model, _ in scores], source)
    common = [key for key in theirs if key in ours]
    shared = [key for key in common if ours[key] < len(utilities.models)]
    left_out = tuple(
        one
        for index, one in enumerate(utilities.left_out, start=len(utilities.models))
        if any(ours[key] == index for key in common)
    )
    if len(shared) < _FEWEST:
        raise _too_few(source, measured, len(common), left_out)
    sign = -1.0 if lower_is_better else 1.0
    x = np.array([sign * scores[theirs[key]][1] for key in shared])
    y = np.array([utilities.values[ours[key]] for key in shared])
    for values, what in ((x, f"{source} gives"), (y, "What was measured here gives")):
        if np.ptp(values) == 0:
            raise InputError(
                f"{what} all {len(values)} models the same value, so there is no order to compare.",
                fix="Take scores that differ.",
            )
    draws = None if utilities.draws is None else utilities.draws[:, [ours[key] for key in shared]]
    order = np.argsort(-x, kind="stable")
    return Correlation(
        source=source,
        models=tuple(
            Pairing(utilities.models[ours[shared[i]]], float(sign * x[i]), float(y[i]))
            for i in order
        ),
        spearman=_rank_correlation("spearman", x, y, draws),
        kendall=_rank_correlation("kendall", x, y, draws),
        same_order=_same_order(x, y),
        only_scores=tuple(scores[theirs[key]][0] for key in theirs if key not in ours),
        only_utility=tuple(measured[ours[key]] for key in ours if key not in theirs),
        lower_is_better=lower_is_better,
        left_out=left_out,
        basis=utilities.basis,
        notes=utilities.notes,
    )


def on_board(
    source: str, scores: Sequence[tuple[str, float]], measured: Sequence[str]
) -> tuple[str, ...]:
    """Which of the measured models a leaderboard has, in its order.

    Raises:
        InputError: a name is in one twice.
    """
    ours = _by_key(measured, _OURS)
    theirs = _by_key([model for model, _ in scores], source)
    return tuple(measured[ours[key]] for key in theirs if key in ours)


def _too_few(
    source: str, measured: Sequence[str], common: int, left_out: Sequence[LeftOut]
) -> InputError:
    """Why nothing can be correlated."""
    if common < _FEWEST:
        more = f" and {len(measured) - 5} more" if len(measured) > 5 else ""
        return InputError(
            f"{source} and the models measured here have {counted(common, 'name')} in common.",
            fix="It takes three at least; give the leaderboard's names as the models are called "
            f"here: {', '.join(measured[:5])}{more}.",
        )
    reasons = "; ".join(f"{one.model}: {one.reason}" for one in left_out)
    return InputError(
        f"Of the {common} models that {source} has and that were measured here, "
        f"{common - len(left_out)} can be held against each other. Left out: {reasons}.",
        fix="It takes three at least: evaluate them on the same version of one suite; "
        "`weigh runs` lists what there is.",
    )


def _by_key(names: Sequence[str], what: str) -> dict[str, int]:
    """Name → place: by its last part, or as it stands where two names share that."""
    keys = [name.strip().replace("__", "/").rpartition("/")[2].casefold() for name in names]
    found: dict[str, int] = {}
    for index, name in enumerate(names):
        key = keys[index] if keys.count(keys[index]) == 1 else name.strip().casefold()
        if key in found:
            raise InputError(f"{what}: {name!r} stands twice.", fix="Name each model once.")
        found[key] = index
    return found


def spearman(x: Floats, y: Floats) -> float:
    """Spearman's rho; ties share their mean rank."""
    return _pearson(_ranks(x), _ranks(y))


def kendall(x: Floats, y: Floats) -> float:
    """Kendall's tau-b, which allows for ties."""
    a, b = _signs(x), _signs(y)
    return float((a * b).sum() / math.sqrt((a * a).sum() * (b * b).sum()))


def spearman_interval(rho: float, n: int) -> Interval | None:
    """95 % by Fisher's z with the error of Bonett and Wright (2000); None for n ≤ 3."""
    return None if n <= 3 else _fisher(rho, _spearman_error(rho, n), 1 - 12 / (n**3 - n))


def kendall_interval(tau: float, n: int) -> Interval | None:
    """95 % by Fisher's z with the error of Fieller, Hartley and Pearson (1957); None for n ≤ 4."""
    return None if n <= 4 else _fisher(tau, _kendall_error(n), 1 - 4 / (n * (n - 1)))


def _ranks(values: Floats) -> Floats:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2)[place]
    return ranks


def _pearson(x: Floats, y: Floats) -> float:
    a, b = x - x.mean(), y - y.mean()
    return float(np.clip(a @ b / math.sqrt((a @ a) * (b @ b)), -1.0, 1.0))


def _signs(values: Floats) -> Floats:
    return np.sign(values[:, None] - values[None, :])


def _spearman_error(rho: float, n: int) -> float:
    return math.sqrt((1 + rho**2 / 2) / (n - 3))


def _kendall_error(n: int) -> float:
    return math.sqrt(0.437 / (n - 4))


def _fisher(value: float, error: float, limit: float) -> Interval:
    # A perfect order has an infinite z, as if nothing were uncertain: take the order next to it.
    z = math.atanh(max(-limit, min(limit, value)))
    low, high = math.tanh(z - _Z95 * error), math.tanh(z + _Z95 * error)
    return Interval(value, min(value, low), max(value, high))


def _same_order(x: Floats, y: Floats) -> float:
    """Share of pairs of models in the same order, ties as one half."""
    pairs = np.triu_indices(len(x), 1)
    return float(((_signs(x) * _signs(y))[pairs] + 1).mean() / 2)


def _rank_correlation(name: str, x: Floats, y: Floats, draws: Floats | None) -> RankCorrelation:
    measure = spearman if name == "spearman" else kendall
    interval_of = spearman_interval if name == "spearman" else kendall_interval
    value, n = measure(x, y), len(x)
    interval = interval_of(value, n)
    exact = n <= _MOST_EXACT
    return RankCorrelation(
        name=name,
        value=value,
        interval=interval,
        with_items=None
        if draws is None or interval is None
        else _with_items(name, interval, reliability(y, draws)),
        p=_exact_p(name, x, y) if exact else _approximate_p(name, value, n, x, y),
        exact=exact,
    )


def reliability(values: Floats, draws: Floats) -> float:
    """The share of the models' variance that is not the noise of their items; at most 1.

    A level that all models share in a draw re-ranks nobody and is left out.
    """
    noise = draws - draws.mean(axis=1, keepdims=True)
    n = len(values)
    spread = float(noise.var(axis=0, ddof=1).mean()) * n / (n - 1)
    return 1 - spread / float(values.var(ddof=1))


def _with_items(name: str, found: Interval, share: float) -> Interval:
    """The correlation with utilities that no noise of items has blurred (Spearman 1904).

    Noise draws every correlation towards 0, by the root of the reliability. The scale is that of
    Pearson's, to which both ranks' coefficients of normal pairs belong. Where there is hardly
    anything but noise, how far it draws is not known: then only the end towards 0 is.
    """
    if share < _LEAST_RELIABLE:
        low = found.low if found.low > 0 else -1.0
        return Interval(found.value, low, found.high if found.high < 0 else 1.0)

    def cleared(end: float) -> float:
        pearson = _to_pearson(name, end) / math.sqrt(min(1.0, share))
        return _from_pearson(name, max(-1.0, min(1.0, pearson)))

    return Interval(cleared(found.value), cleared(found.low), cleared(found.high))


def _to_pearson(name: str, value: float) -> float:
    return (
        2 * math.sin(math.pi * value / 6) if name == "spearman" else math.sin(math.pi * value / 2)
    )


def _from_pearson(name: str, value: float) -> float:
    return (
        6 / math.pi * math.asin(value / 2) if name == "spearman" else 2 / math.pi * math.asin(value)
    )


@cache
def _orders(n: int) -> Ints:
    return np.array(list(permutations(range(n))), dtype=np.intp)


def _exact_p(name: str, x: Floats, y: Floats) -> float:
    """The share of all orders of the models that give at least so strong a correlation."""
    orders = _orders(len(x))
    if name == "spearman":
        a, b = _ranks(x), _ranks(y)
        sums = (b - b.mean())[orders] @ (a - a.mean())
    else:
        a, b = _signs(x), _signs(y)
        sums = np.zeros(len(orders))
        for i in range(len(x)):
            for j in range(i):
                sums += a[i, j] * b[orders[:, i], orders[:, j]]
    seen = abs(sums[0])  # the first order is the observed one
    return float((np.abs(sums) >= seen - _ROUNDING).mean())


def _approximate_p(name: str, value: float, n: int, x: Floats, y: Floats) -> float:
    if name == "spearman":
        if abs(value) >= 1:
            return 0.0
        t = abs(value) * math.sqrt((n - 2) / (1 - value**2))
        return min(1.0, 2 * float(stdtr(n - 2, -t)))
    score = float(np.triu(_signs(x) * _signs(y), 1).sum())
    return min(1.0, 2 * float(ndtr(-abs(score) / math.sqrt(_kendall_variance(x, y)))))


def _kendall_variance(x: Floats, y: Floats) -> float:
    """Variance of Kendall's score if there is no relation, ties allowed for (Kendall 1970)."""
    n = len(x)
    t, u = (np.unique(values, return_counts=True)[1].astype(np.float64) for values in (x, y))

    def triple(counts: Floats) -> float:
        return float((counts * (counts - 1) * (counts - 2)).sum())

    def pair(counts: Floats) -> float:
        return float((counts * (counts - 1)).sum())

    def weighted(counts: Floats) -> float:
        return float((counts * (counts - 1) * (2 * counts + 5)).sum())

    base = (n * (n - 1) * (2 * n + 5) - weighted(t) - weighted(u)) / 18
    third = triple(t) * triple(u) / (9 * n * (n - 1) * (n - 2))
    return base + third + pair(t) * pair(u) / (2 * n * (n - 1))

"""The Bayesian bootstrap over items (Rubin 1981): who is best, and how utilities may re-rank."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from weighbridge.decide.statistics.paired import Floats, Ints

DRAWS: Final = 4000
_SEED: Final = 20_261_121
_CHUNK: Final = 250
# Above so many weights the means are normal to any accuracy that matters.
_MOST_WEIGHTS: Final = 40_000_000
_MOST_CODED: Final = 50


def mean_draws(
    scores: Floats, groups: Ints | None = None, *, draws: int = DRAWS, seed: int = 0
) -> Floats:
    """Plausible true means of each model given its scores: a row per draw, a column per model.

    Items (or groups of them) get random weights. For each model one made-up item that only it
    answers is added, so that a lead of few items never looks certain; for two models that is the
    adjustment of Bonett and Price. The same data gives the same draws.

    Args:
        scores: a row per item, a column per model.
        groups: the group of each item; items of a group share their weight.
        draws: how many.
        seed: another one for other items, so that their draws are independent.
    """
    sums, sizes, shapes = _rows(scores, groups)
    models = scores.shape[1]
    sums = np.vstack((sums, np.eye(models)))
    sizes = np.append(sizes, np.ones(models))
    shapes = np.append(shapes, np.ones(models))
    generator = np.random.default_rng((_SEED, seed))
    if draws * len(sizes) > _MOST_WEIGHTS:
        return _normal_draws(generator, sums, sizes, draws)
    parts = []
    for start in range(0, draws, _CHUNK):
        count = min(_CHUNK, draws - start)
        weights = generator.standard_gamma(shapes, size=(count, len(shapes)))
        parts.append((weights @ sums) / (weights @ sizes)[:, None])
    return np.vstack(parts)


def _rows(scores: Floats, groups: Ints | None) -> tuple[Floats, Floats, Floats]:
    """Sums, numbers of items and shapes of the weights: alike items are drawn together."""
    n, models = scores.shape
    if groups is not None:
        sums: Floats = np.stack([np.bincount(groups, column) for column in scores.T], axis=1)
        sizes = np.bincount(groups).astype(np.float64)
        return sums, sizes, np.ones(len(sizes))
    if models <= _MOST_CODED and np.isin(scores, (0.0, 1.0)).all():
        codes = scores @ 2.0 ** np.arange(models)
        _, first, counts = np.unique(codes, return_index=True, return_counts=True)
        # A gamma weight of shape k is the sum of k exponential ones.
        return scores[first], np.ones(len(first)), counts.astype(np.float64)
    return scores, np.ones(n), np.ones(n)


def _normal_draws(
    generator: np.random.Generator, sums: Floats, sizes: Floats, draws: int
) -> Floats:
    total = sizes.sum()
    means = sums.sum(axis=0) / total
    spread = sums - sizes[:, None] * means
    return generator.multivariate_normal(means, spread.T @ spread / total**2, size=draws)


def p_best(draws: Floats) -> Floats:
    """The share of the draws in which each model is the best; ties are shared."""
    best: NDArray[np.bool_] = draws >= draws.max(axis=1, keepdims=True) - 1e-12
    shares: Floats = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
    return shares

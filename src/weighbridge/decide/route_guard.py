"""Telling tasks apart, and a task's own prompts from what nobody evaluated: training's side.

Three signals say how much a prompt is like a task. Together they are the guard: a classifier alone
gives every prompt some task, and is sure of itself about prompts that are of none.

- How strongly a linear classifier takes it for this task rather than the others.
- How usual its features are among the task's prompts: the mean of their logarithmic frequencies.
- How much of what nearly all of the task's prompts have it has as well.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np
import scipy.sparse as sp

from weighbridge.core.learned_route import LearnedFile, RouteHeader
from weighbridge.decide.route_features import (
    FOLDS,
    Floats,
    Ints,
    Mask,
    quantized,
    rarity,
    ridge,
    weighted,
)

_PENALTY = 0.3
_SMOOTHED = 0.1  # prompts added to a bucket's count, so that no bucket is impossible
_CORE = 0.3  # a bucket that so large a share of a task's prompts has is of its core
_SURENESS_BINS = 10


@dataclass(frozen=True, slots=True)
class Model:
    """A classifier: fields per bucket, and what they mean for a row of buckets."""

    names: tuple[str, ...]
    weights: Floats
    for_task: Floats
    typical: Floats
    core: Floats
    prior: Floats


@dataclass(frozen=True, slots=True)
class Seen:
    """Prompts as a classifier sees them: nearest task, lead over the second, three signals."""

    nearest: Ints
    margin: Floats
    signals: Floats


@dataclass(frozen=True, slots=True)
class Usual:
    """The signals of each task's own prompts, held out: mean, spread, and every shortfall."""

    mean: Floats
    spread: Floats
    shortfalls: tuple[Floats, ...]


def fit(features: sp.csr_array, of: Ints, names: tuple[str, ...]) -> Model:
    """A classifier on these prompts."""
    indicator = (of[:, None] == np.arange(len(names))).astype(np.float64)
    prior = indicator.mean(axis=0)
    weights = rarity(features)
    scaled = weighted(features, weights).matrix
    for_task = ridge(scaled, indicator - prior, _PENALTY) * weights[:, None]
    sizes = np.maximum(indicator.sum(axis=0), 1.0)
    share = (features.T @ indicator + _SMOOTHED) / (sizes + 2 * _SMOOTHED)
    missed = np.where(share > _CORE, -np.log(np.maximum(1.0 - share, 1e-6)), 0.0)
    core = missed / np.maximum(missed.sum(axis=0), 1e-9)
    return Model(names, weights, for_task, np.log(share), core, prior)


def see(model: Model, features: sp.csr_array) -> Seen:
    """Prompts as the classifier sees them; the gateway computes the same."""
    norm = np.sqrt(np.maximum(features @ (model.weights**2), 1e-9))
    scores = model.prior + (features @ model.for_task) / norm[:, None]
    count = np.maximum(np.diff(features.indptr), 1)
    nearest = scores.argmax(axis=1)
    rows = np.arange(len(nearest))
    ranked = np.sort(scores, axis=1)
    second = ranked[:, -2] if scores.shape[1] > 1 else np.zeros(len(nearest))
    typical = (features @ model.typical)[rows, nearest] / count
    signals = np.stack([scores[rows, nearest], typical, (features @ model.core)[rows, nearest]], 1)
    return Seen(nearest, ranked[:, -1] - second, signals)


def held_out(features: sp.csr_array, of: Ints, parts: Ints, names: tuple[str, ...]) -> Seen:
    """Each prompt as a classifier sees it that was trained without its part."""
    n = len(of)
    nearest, margin, signals = np.zeros(n, dtype=np.int64), np.zeros(n), np.zeros((n, 3))
    for part in range(FOLDS):
        out = parts == part
        if not out.any():
            continue
        seen = see(fit(features[~out], of[~out], names), features[out])
        nearest[out], margin[out], signals[out] = seen.nearest, seen.margin, seen.signals
    return Seen(nearest, margin, signals)


def usual(seen: Seen, of: Ints, count: int) -> Usual:
    """How each task's own prompts look where they are taken for it."""
    mean, spread = np.zeros((count, 3)), np.ones((count, 3))
    for task in range(count):
        own = seen.signals[(of == task) & (seen.nearest == task)]
        if len(own):
            mean[task], spread[task] = own.mean(axis=0), np.maximum(own.std(axis=0), 1e-3)
    found = Usual(mean, spread, ())
    short = shortfall(seen, found)
    own_short = tuple(
        np.sort(short[(of == task) & (seen.nearest == task)]) for task in range(count)
    )
    return replace(found, shortfalls=own_short)


def shortfall(seen: Seen, usual: Usual) -> Floats:
    """By how many standard deviations the signals fall short of the task's usual ones, in all."""
    off = (seen.signals - usual.mean[seen.nearest]) / usual.spread[seen.nearest]
    short: Floats = np.minimum(off, 0.0).sum(axis=1)
    return short


def least(usual: Usual, coverage: float) -> Floats:
    """The shortfall that the given share of each task's own prompts does not exceed."""
    if coverage == 0:
        return np.full(len(usual.shortfalls), 1.0)
    return np.array(
        [float(np.quantile(own, 1 - coverage)) if len(own) else 1.0 for own in usual.shortfalls]
    )


def sureness(margin: Floats, right: Mask) -> tuple[tuple[float, float], ...]:
    """Held-out margins in bins with the share of right ones, made never to fall (pooling)."""
    order = np.argsort(margin)
    pooled: list[list[float]] = []  # margin, right, count
    for chunk in np.array_split(order, min(_SURENESS_BINS, len(order))):
        pooled.append([float(margin[chunk[0]]), float(right[chunk].sum()), float(len(chunk))])
        while len(pooled) > 1 and _rate(pooled[-2]) >= _rate(pooled[-1]):
            _, good, count = pooled.pop()
            pooled[-1][1] += good
            pooled[-1][2] += count
    return tuple((one[0], _rate(one)) for one in pooled)


def _rate(bin_: Sequence[float]) -> float:
    return (bin_[1] + 1) / (bin_[2] + 2)


def _three(values: Floats) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


def packed(header: RouteHeader, model: Model, features: sp.csr_array) -> LearnedFile:
    """The classifier as a file: buckets that training has seen, and one row for all others."""
    columns = [model.weights**2]
    for task in range(len(model.names)):
        columns += [model.for_task[:, task], model.typical[:, task], model.core[:, task]]
    scales, rows = quantized(np.stack(columns, axis=1))
    present = np.unique(features.indices)
    absent = np.setdiff1d(np.arange(features.shape[1]), present, assume_unique=True)
    unseen = rows[absent[0]] if len(absent) else rows[0]
    return LearnedFile(
        msgspec.structs.replace(
            header, buckets=len(present), scales=scales, unseen=tuple(map(int, unseen))
        ),
        array("I", present.tolist()),
        array("h", rows[present].ravel().tolist()),
    )

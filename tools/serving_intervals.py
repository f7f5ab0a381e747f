"""How wide intervals must be to hold for models and devices that no fit has seen.

Errors on what was left out are the only evidence. A device with runs of several models in the fit
has the errors on it for its own, drawn toward those on devices left out as if two more models had
been measured there that say what those do; a device without runs has the latter alone. A model
with few runs on a device is part of a model there: a handful of runs by one operator must not
decide a decile. Runs whose load is not known say nothing of predictions for a known one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from serving_rows import Measured
from weighbridge.predict.serving.coefficients import OTHERS, Intervals, Spread
from weighbridge.predict.serving.spreads import TYPICAL_USERS, crowd

Array = NDArray[np.float64]
LEVEL = 0.8
# What devices left out say counts as much as so many models on the device itself.
MODELS_OF_OTHERS = 2.0
# With so many runs a model counts as half a one on its device; devices with fewer runs in the fit
# were badly off: predictions there are told to be in doubt.
FEWEST_RUNS = 50
# Errors below this count as this when it is asked what makes errors large.
LEAST_ERROR = 0.03
# How strongly the exponent is drawn to 0, relative to what the runs say.
RIDGE = 0.05


def intervals(rows: Sequence[Measured], on_models: Array, on_systems: Array) -> Intervals:
    """Intervals by device.

    Args:
        rows: the runs.
        on_models: errors of TTFT and TPOT on each of them, its model left out of the fit.
        on_systems: the same, its device left out.
    """
    rows, on_models, on_systems = _sound(rows, on_models, on_systems)
    families, devices = _names(rows)
    exponent = users_exponent(rows, on_models[0])
    width = np.array([crowd(row.scene.users, exponent) for row in rows])
    scale = np.array([width, np.ones(len(rows))])
    own, others = on_models / scale, on_systems / scale
    ends: list[dict[str, Spread]] = []
    for side in (0, 1):
        found = {OTHERS: _spread(others[side], rooted(devices))}
        for name in sorted(set(devices)):
            here = devices == name
            share = _share(families[here])
            values = np.concatenate([own[side][here], others[side]])
            weights = [share * rooted(families[here]), (1 - share) * rooted(devices)]
            found[name] = _spread(values, np.concatenate(weights))
        ends.append(found)
    return Intervals(exponent, *ends)


def shipped(rows: Sequence[Measured], on_models: Array, on_systems: Array) -> dict[str, str]:
    """The tables of the package's file, as lines."""
    found = intervals(rows, on_models, on_systems)
    rows, on_models, _ = _sound(rows, on_models, on_systems)
    families, _ = _names(rows)
    overall = [_spread(error, rooted(families)) for error in on_models]
    tables = {
        f"spread.{name}": f"low = {spread.low:.3f}\nhigh = {spread.high:.3f}"
        for name, spread in zip(("ttft", "tpot"), overall, strict=True)
    }
    tables["interval"] = f"users = {found.users:.3f}"
    for name, spreads in (("ttft", found.ttft), ("tpot", found.tpot)):
        lines = [f'"{key}" = [{each.low:.3f}, {each.high:.3f}]' for key, each in spreads.items()]
        tables[f"interval.{name}"] = "\n".join(lines)
    return tables


def users_exponent(rows: Sequence[Measured], error: Array) -> float:
    """How errors of TTFT grow with requests in flight, as an exponent."""
    users = np.array([np.log(crowd(row.scene.users, 1.0) * TYPICAL_USERS) for row in rows])
    size = np.log(np.maximum(np.abs(error), LEAST_ERROR))
    weights = rooted(_names(rows)[0])
    users = users - weights @ users
    drawn = RIDGE * float(np.var(users))
    return float(weights * users @ (size - weights @ size) / (weights * users @ users + drawn))


def rooted(groups: Array) -> Array:
    """Weights of runs: a group's grows with the root of their number, as in the fit."""
    counts = {name: float((groups == name).sum()) for name in set(groups)}
    weights = np.array([counts[name] ** -0.5 for name in groups])
    found: Array = weights / weights.sum()
    return found


def _sound(
    rows: Sequence[Measured], on_models: Array, on_systems: Array
) -> tuple[Sequence[Measured], Array, Array]:
    """The runs whose load is known, with their errors."""
    kept = np.array([row.sound for row in rows])
    return [row for row in rows if row.sound], on_models[:, kept], on_systems[:, kept]


def _share(families: Iterable[str]) -> float:
    """What a device's own runs count, from the model of each."""
    counts = Counter(families).values()
    models = sum(count / (count + FEWEST_RUNS) for count in counts)
    return models / (models + MODELS_OF_OTHERS)


def _names(rows: Sequence[Measured]) -> tuple[Array, Array]:
    """Of models and of devices."""
    families = np.array([row.family for row in rows])
    return families, np.array([row.scene.device.name for row in rows])


def _spread(error: Array, weights: Array) -> Spread:
    """Between the deciles. A prediction too high by a factor means a truth lower by it."""
    order = np.argsort(error)
    below = np.cumsum(weights[order]) - weights[order] / 2
    tail = (1 - LEVEL) / 2
    low, high = np.exp(-np.interp([1 - tail, tail], below / weights.sum(), error[order]))
    return Spread(float(low), float(high))

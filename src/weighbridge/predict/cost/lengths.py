"""How a replica's capacity changes with the lengths of requests, between those it is known at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from weighbridge.core.cost import Capacity, LengthPoint
from weighbridge.predict.cost.demand import Traffic
from weighbridge.predict.cost.values import Array

Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Scales:
    """Ratios to the capacity at base lengths, one element per way the world may be."""

    rate: Array
    service: Array
    slots: Array


def scales(have: Capacity, come: Traffic) -> Scales:
    """Capacity at these lengths over that at base; 1 where nobody knows how it changes."""
    if not have.points:
        one = np.ones(1)
        return Scales(one, one, one)
    prompts, outputs, table = _table(have.points)
    x, y = np.log(np.maximum(come.prompt, 1.0)), np.log(np.maximum(come.generated, 1.0))
    # Straight between logarithms, and straight on beyond the outermost points.
    column, across = _place(prompts, x)
    row, up = _place(outputs, y)
    corners = (
        ((1 - across) * (1 - up), table[:, column, row]),
        (across * (1 - up), table[:, _next(column, prompts), row]),
        ((1 - across) * up, table[:, column, _next(row, outputs)]),
        (across * up, table[:, _next(column, prompts), _next(row, outputs)]),
    )
    rate, service, slots = np.exp(sum(weight * corner for weight, corner in corners))
    return Scales(rate, service, slots)


def known_lengths(have: Capacity) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """The shortest and longest prompt and answer that the capacity is known at."""
    if not have.points:
        return None
    prompts = [one.prompt_tokens for one in have.points]
    outputs = [one.generated_tokens for one in have.points]
    return (min(prompts), max(prompts)), (min(outputs), max(outputs))


def _place(axis: Array, at: Array) -> tuple[Places, Array]:
    """Left neighbour of each value, and the share of the way to the right one."""
    if len(axis) == 1:
        return np.zeros(at.shape, dtype=np.intp), np.zeros_like(at)
    left = np.clip(np.searchsorted(axis, at) - 1, 0, len(axis) - 2)
    share: Array = (at - axis[left]) / (axis[left + 1] - axis[left])
    return left, share


def _next(place: Places, axis: Array) -> Places:
    after: Places = np.minimum(place + 1, len(axis) - 1)
    return after


@lru_cache(maxsize=32)
def _table(points: Sequence[LengthPoint]) -> tuple[Array, Array, Array]:
    """Logarithms of both axes, and of rate, service and slots over them."""
    prompts = sorted({one.prompt_tokens for one in points})
    outputs = sorted({one.generated_tokens for one in points})
    at = {(one.prompt_tokens, one.generated_tokens): one for one in points}
    table = np.array(
        [
            [[getattr(at[x, y], name) for y in outputs] for x in prompts]
            for name in ("rate", "service", "slots")
        ]
    )
    return np.log(prompts), np.log(outputs), np.log(table)

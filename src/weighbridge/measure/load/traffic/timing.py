"""Due times of conversations: of a closed loop, an open one, a ramp, or a replay."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from weighbridge.core.errors import InputError
from weighbridge.core.traffic import Conversation, LoadShape, Turn
from weighbridge.measure.load.traffic.arrivals import due_times


def timed(
    turns: Sequence[tuple[Turn, ...]], shape: LoadShape, seed: int
) -> tuple[Conversation, ...]:
    """Conversations in their order, each due as the shape says."""
    if shape.kind == "closed":
        return tuple(map(Conversation, turns))
    requests = sum(map(len, turns))
    if shape.rate is not None and requests:
        shape = dataclasses.replace(shape, rate=shape.rate * len(turns) / requests)
    return tuple(map(Conversation, turns, due_times(shape, len(turns), seed)))


def speed_of(shape: LoadShape) -> float:
    """By how much a replay is faster than what was recorded."""
    if not 0 < shape.speed < math.inf:
        raise InputError(
            f"A trace cannot be played at {shape.speed:g} times its speed.",
            fix="Give a positive number.",
        )
    return shape.speed

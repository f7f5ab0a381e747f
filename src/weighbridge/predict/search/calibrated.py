"""Times of ways to serve, as the user's own measurements on such a device correct them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from weighbridge.predict.calibration import Calibration, of_device
from weighbridge.predict.rows import Numbers, Times
from weighbridge.predict.search.ways import Way
from weighbridge.predict.serving.latency import Latency
from weighbridge.predict.serving.scenes import Array
from weighbridge.predict.slowdown import slopes


@dataclass(frozen=True, slots=True)
class Correction:
    """By how much times differ from what the shipped coefficients say, one entry per way.

    Attributes:
        ttft: factor on times to first token, and on what prompts take.
        tpot: factor on times per token, and on steps.
        tight_ttft: factor on the logarithms of intervals of TTFT.
        tight_tpot: the same of TPOT.
    """

    ttft: Array
    tpot: Array
    tight_ttft: Array
    tight_tpot: Array

    def applied(self, timed: Latency, output: float) -> Latency:
        """Latencies on the user's machine."""
        life = timed.running / timed.requests_per_s  # in a slot: waiting for one is not part of it
        first = (life - output * timed.tpot_s) * self.ttft
        tpot = timed.tpot_s * self.tpot
        return Latency(
            ttft_s=timed.ttft_s * self.ttft,
            tpot_s=tpot,
            step_s=timed.step_s * self.tpot,
            prefill_s=timed.prefill_s * self.ttft,
            running=timed.running,
            requests_per_s=timed.running / (first + output * tpot),
        )


def correction(
    ways: Sequence[Way], at: Callable[[Array, Numbers], Latency], users: Array
) -> Correction | None:
    """What the user's points say of ways with so many requests in flight; None where nothing."""
    if not any(way.known for way in ways):
        return None
    each = [of_device(way.known, way.machine.device.name, way.settings.engine.name) for way in ways]
    return correction_by(each, [way.facts.name for way in ways], at, users)


def correction_by(
    each: Sequence[Calibration | None],
    models: Sequence[str],
    at: Callable[[Array, Numbers], Latency],
    users: Array,
) -> Correction | None:
    """Likewise, of models that each have a calibration of their own or none."""
    known = dict.fromkeys(one for one in each if one is not None)
    if not known:
        return None

    def times(numbers: Numbers) -> Times:
        timed = at(users, numbers)
        return Times(timed.ttft_s, timed.tpot_s)

    _, ttft, tpot = slopes(times)
    logs, tight = np.zeros((2, len(each))), np.ones((2, len(each)))
    for one in known:
        rows = [row for row, by in enumerate(each) if by is one]
        names = [models[row] for row in rows]
        logs[0, rows], tight[0, rows] = one.corrected(names, ttft[rows], "ttft")
        logs[1, rows], tight[1, rows] = one.corrected(names, tpot[rows], "tpot")
    return Correction(np.exp(logs[0]), np.exp(logs[1]), tight[0], tight[1])

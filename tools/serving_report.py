"""How well speed is predicted for models left out of the fit, and what choosing by it costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fit_serving import Array, errors, fit, laid_out, left_out
from serving_intervals import intervals
from serving_rows import Measured
from weighbridge.predict.serving.coefficients import Intervals
from weighbridge.predict.serving.latency import Latency, latency
from weighbridge.predict.serving.spreads import spreads_from

# Fewer ways to serve one workload are no choice.
LEAST_CHOICES = 4


@dataclass(frozen=True)
class Outcome:
    """One run, predicted without its model.

    Attributes:
        run: what was measured.
        ttft_s: predicted.
        tpot_s: predicted.
    """

    run: Measured
    ttft_s: float
    tpot_s: float


def held_out(rows: Sequence[Measured]) -> list[Outcome]:
    """Every run, predicted by coefficients fitted on the other models."""
    found = []
    for name in sorted({row.family for row in rows}):
        held = [row for row in rows if row.family == name]
        times: Latency = latency(laid_out(held), fit([row for row in rows if row.family != name]))
        found += [
            Outcome(row, float(ttft), float(tpot))
            for row, ttft, tpot in zip(held, times.ttft_s, times.tpot_s, strict=True)
        ]
    return found


def percentage_errors(outcomes: Sequence[Outcome], what: str) -> Array:
    """Absolute errors of ``ttft_s`` or ``tpot_s`` in percent."""
    predicted = np.array([getattr(each, what) for each in outcomes])
    seen = np.array([getattr(each.run, what) for each in outcomes])
    return np.abs(predicted / seen - 1) * 100


def coverage(rows: Sequence[Measured], by: str) -> Array:
    """Whether each run's TTFT and TPOT are inside 80 % intervals that know nothing of its group.

    Neither coefficients nor widths saw the group: errors that widths rest on are of fits that left
    out this group and one more.

    Args:
        rows: the runs.
        by: ``family`` or ``system``.
    """
    groups = np.array([getattr(row, by) for row in rows])
    inside = np.zeros((2, len(rows)), dtype=bool)
    for name in sorted(set(groups)):
        rest = [row for row, group in zip(rows, groups, strict=True) if group != name]
        held = [row for row, group in zip(rows, groups, strict=True) if group == name]
        known = intervals(rest, left_out(rest, "family"), left_out(rest, "system"))
        off = errors(latency(laid_out(held), fit(rest)), held)
        inside[:, groups == name] = _inside(held, np.array(off), known)
    return inside


def _inside(rows: Sequence[Measured], off: Array, known: Intervals) -> Array:
    found = np.zeros(off.shape, dtype=bool)
    for place, row in enumerate(rows):
        ends = spreads_from(known, row.scene.device.name, row.scene.users)
        for side, spread in enumerate(ends):
            found[side, place] = spread.low <= np.exp(-off[side, place]) <= spread.high
    return found


def regrets(outcomes: Sequence[Outcome], value: Callable[[Outcome, float], float]) -> list[float]:
    """What following the prediction loses against the best, by model and workload, as a share.

    Args:
        outcomes: runs and their predictions.
        value: of a run at a time per output token: larger is better.
    """
    groups: dict[tuple[object, ...], list[Outcome]] = {}
    for each in outcomes:
        scene = each.run.scene
        key = (each.run.family, each.run.system, scene.engine.name, scene.prompt, scene.output)
        groups.setdefault(key, []).append(each)
    found = []
    for choices in groups.values():
        if len({choice.run.scene.parallelism for choice in choices}) < 2:
            continue
        if len(choices) < LEAST_CHOICES:
            continue
        chosen = max(choices, key=lambda each: value(each, each.tpot_s))
        best = max(value(each, each.run.tpot_s) for each in choices)
        found.append(1 - value(chosen, chosen.run.tpot_s) / best)
    return found


def speed(outcome: Outcome, tpot_s: float) -> float:
    """Tokens per second of one user."""
    del outcome
    return 1 / tpot_s


def throughput(outcome: Outcome, tpot_s: float) -> float:
    """Tokens per second and device, all users together."""
    scene = outcome.run.scene
    return min(scene.users, scene.slots) / tpot_s / scene.parallelism.devices


def throughput_within(limit_s: float) -> Callable[[Outcome, float], float]:
    """Tokens per second and device, as long as one user's tokens come this fast; else little."""

    def value(outcome: Outcome, tpot_s: float) -> float:
        worth = throughput(outcome, tpot_s)
        return worth if tpot_s <= limit_s else worth * 1e-3

    return value

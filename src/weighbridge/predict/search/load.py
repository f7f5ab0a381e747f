"""The best ways of a plan under a simulated load: does the closed form's word hold with queues?

Only for serving engines; the closed form of llama.cpp has no simulation beside it.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from weighbridge.core.plan import Requirements
from weighbridge.predict.calibration import of_device
from weighbridge.predict.rows import shipped
from weighbridge.predict.search.timing import scene_of
from weighbridge.predict.search.verdict import Appraisal
from weighbridge.predict.search.ways import Way
from weighbridge.predict.serving.coefficients import ServingCoefficients, fitted
from weighbridge.predict.simulation.goodput import LoadSummary, summarise
from weighbridge.predict.simulation.load import bear, replica

# Requests that are simulated after those with which all users begin at once.
_REQUESTS: Final = 200
_WAVES: Final = 3


def broken(one: Appraisal, asked: Requirements) -> tuple[str, ...]:
    """Conditions that a simulated load of one replica breaks, as sentences; empty if none."""
    if one.memory is None or one.way.settings.engine.name == "llama.cpp" or not asked.slo.bounds:
        return ()
    summary = simulated(one, asked)
    found = []
    for bound in summary.broken:
        figures = getattr(summary, f"{bound.metric}_ms")
        value = getattr(figures, bound.percentile)
        found.append(f"{bound} breaks in a simulated load: {value:.0f} ms")
    return tuple(found)


def simulated(one: Appraisal, asked: Requirements) -> LoadSummary:
    """One replica under its share of the workload, once it has settled."""
    way, load = one.way, asked.workload
    if one.memory is None:
        raise ValueError("a way without a known memory cannot be simulated")
    rate = None if load.requests_per_s is None else load.requests_per_s / way.replicas
    users = math.ceil(load.users / way.replicas)
    share = replace(load, users=users, requests_per_s=rate)
    copies = way.settings.parallelism.attention_data
    first = math.ceil(users / copies) if rate is None else 0
    scene = scene_of(way, one.memory, load)
    server = replica(scene, one.settings, one.memory, _coefficients(way))
    run = bear(server, share, count=first + max(_REQUESTS, _WAVES * first))
    # All users of a closed loop begin at once, which happens in no office.
    settled = replace(run, served=run.served[first:])
    return summarise(settled, asked.slo)


def _coefficients(way: Way) -> ServingCoefficients:
    """Of the user's machine, as far as their own measurements tell."""
    by = of_device(way.known, way.machine.device.name, way.settings.engine.name)
    return fitted().coefficients if by is None else by.numbers(shipped()).serving

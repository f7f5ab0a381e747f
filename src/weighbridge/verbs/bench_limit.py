"""``weigh bench --find-limit``: the highest rate that holds an SLO."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from weighbridge.core.effects import Clock, Progress, Store
from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import EndpointError, InputError, WeighbridgeError
from weighbridge.core.http import HttpClient
from weighbridge.core.live_load import LiveLoad
from weighbridge.core.load import Limit, LoadRun
from weighbridge.core.traffic import LoadShape
from weighbridge.core.workload import Slo
from weighbridge.measure.load.figures.limit_search import (
    Trial,
    next_step,
    trial_of,
    unreachable,
)
from weighbridge.verbs.bench import Bench, BenchSettings, keep_partial, new_info

# Closed loops that bracket what a server can do at all, each a little longer than one round. The
# first tells whether the SLO can be met at all: 3 of 8 requests beyond a p95 are no chance.
_BRACKET_USERS: Final = (1, 4, 16, 64, 256)
_BRACKET_ROUNDS: Final = 3
_BRACKET_LEAST: Final = 8
_STILL_GROWS: Final = 1.2
_START: Final = 0.8


async def find_limit(
    store: Store,
    client: HttpClient,
    clock: Clock,
    endpoint: Endpoint,
    settings: BenchSettings,
    *,
    most_rate: float = math.inf,
    progress: Progress,
    on_live: Callable[[LiveLoad], None] = lambda _: None,
) -> LoadRun:
    """Bracket the server's capacity by closed loops, then search with open ones; keep the run.

    The settings' SLO is what must hold; of their shapes, only the arrivals of the first matter.

    Raises:
        InputError: there are no conditions, or the server does not serve this model.
        EndpointError: it does not answer the first request.
    """
    if settings.slo is None or not settings.slo.bounds:
        raise InputError("A limit needs conditions.", fix="Give --slo 'ttft_p95<500ms'.")
    info = new_info(store, endpoint, settings)
    # Nobody knows beforehand how many levels there will be.
    unlisted = replace(settings, shapes=())
    work = Bench(client, clock, endpoint, unlisted, info=info, progress=progress, on_live=on_live)
    await work.begin()
    try:
        found = await _bracket(work, settings.slo)
        if not isinstance(found, Limit):
            found = await _search(work, settings, settings.slo, found, most_rate)
    except (asyncio.CancelledError, WeighbridgeError):
        keep_partial(store, work)
        raise
    run = replace(work.run(), limit=found)
    store.save(info, run)
    return run


async def _bracket(work: Bench, slo: Slo) -> float | Limit:
    """Requests per second that the server does at most, roughly: more users add little to it.

    A limit where one user already breaks the SLO.

    Raises:
        EndpointError: it answers no request of the first few users.
    """
    best = 0.0
    for users in _BRACKET_USERS:
        shape, requests = LoadShape("closed", users), _BRACKET_ROUNDS * users
        level = await work.measure(shape, max(_BRACKET_LEAST, requests))
        if level.errors == level.requests:
            if best:
                break
            raise EndpointError(
                f"All {level.requests} requests of {shape} failed, so no rate can hold. "
                f"First: {level.first_error}"
            )
        if users == 1 and (why := unreachable(level)):
            return Limit(slo, None, 0.0, 0.0, 0, why)
        if level.requests_per_s < _STILL_GROWS * best:
            break
        best = max(best, level.requests_per_s)
    return best


async def _search(
    work: Bench, settings: BenchSettings, slo: Slo, capacity: float, most_rate: float
) -> Limit:
    how = settings.shapes[0] if settings.shapes else LoadShape("open")
    trials: list[Trial] = []
    while True:
        step = next_step(slo, trials, start=max(1e-3, _START * capacity), most_rate=most_rate)
        if isinstance(step, Limit):
            return step
        # No more digits than tables show.
        rate = min(float(f"{step.rate:.4g}"), most_rate) if step.rate < most_rate else most_rate
        shape = replace(how, kind="open", concurrency=None, rate=rate)
        trials.append(trial_of(await work.measure(shape, step.requests)))

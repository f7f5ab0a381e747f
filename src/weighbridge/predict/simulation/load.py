"""How a replica bears a load: latencies as users see them, goodput, and how much more it bears.

The closed form (:mod:`weighbridge.predict.serving.latency`) screens thousands of ways to serve;
here the few that are left are simulated, with queues, full caches, bursts and unequal requests.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from weighbridge.core.estimate import MemoryUse, Settings
from weighbridge.core.workload import Request, Slo, Workload
from weighbridge.predict.serving.coefficients import ServingCoefficients
from weighbridge.predict.serving.scenes import Scene
from weighbridge.predict.simulation.goodput import (
    LoadSummary,
    most,
    most_whole,
    steady_rate,
    summarise,
)
from weighbridge.predict.simulation.outcome import Arrivals, Simulated
from weighbridge.predict.simulation.requests import check, generate
from weighbridge.predict.simulation.rules import Cache, Scheduler, cache, scheduler
from weighbridge.predict.simulation.run import simulate
from weighbridge.predict.simulation.step_table import Speculation, StepTable, step_table

# Enough for a 95th percentile that does not jump; for each that is in the engine at once, so that a
# queue has time to grow; for each user of a closed loop.
_REQUESTS: Final = 300
_TURNS: Final = 6
_LEAST: Final = 20
_WAVES: Final = 8
# Searches halve so often: a rate is then known to about 1 %.
_TRIES: Final = 9
# The lightest rate tried, as a share of what the replica can do.
_LIGHTEST: Final = 0.005
_MOST_USERS: Final = 1024


@dataclass(frozen=True, slots=True)
class Replica:
    """One replica, ready to be simulated.

    Attributes:
        table: how long its steps take, of one copy of attention.
        rules: how steps are put together.
        cache: the room of one copy of attention.
        copies: copies of attention that share the requests.
    """

    table: StepTable
    rules: Scheduler
    cache: Cache
    copies: int = 1


def replica(
    scene: Scene,
    settings: Settings,
    use: MemoryUse,
    c: ServingCoefficients,
    *,
    longest: float | None = None,
    speculation: Speculation | None = None,
) -> Replica:
    """Work out what a simulation needs of a way to serve.

    Args:
        scene: model, device and engine; its users and lengths do not matter here.
        settings: what the engine is told.
        use: the memory that this takes.
        c: fitted coefficients.
        longest: tokens that any sequence may come to, if not the context of ``settings``.
        speculation: guessing ahead, if there is any.
    """
    rules, room = scheduler(settings, scene.device), cache(use, settings, scene.work)
    longest = max(longest or settings.context, 1.0)
    least = max(room.sequence(1), 1e-9)
    held = room.size / least if math.isfinite(room.size) else math.inf
    table = step_table(
        scene,
        c,
        sequences=int(max(1, min(rules.sequences, held))),
        longest=longest,
        speculation=speculation,
    )
    return Replica(table, rules, room, scene.parallelism.attention_data)


def bear(
    of: Replica,
    workload: Workload,
    *,
    count: int | None = None,
    seed: int = 0,
    burst: bool = False,
) -> Simulated:
    """Simulate a workload.

    Copies of attention share requests evenly, so that one of them is simulated.

    Args:
        of: what serves.
        workload: what is asked.
        count: requests, of one copy.
        seed: of lengths and arrivals.
        burst: whether all users of a closed loop begin at once, as most benchmarks do, or one
            after the other during the first answer, so that they are out of step like people.
    """
    check(workload)
    rate, users = workload.requests_per_s, _users_each(of, workload)
    if rate is not None:
        own = replace(workload, requests_per_s=rate / of.copies)
        requests = generate(own, count or _open_count(of, own, rate / of.copies), seed)
        arrivals = Arrivals(requests, prefix_share=workload.prefix_share)
    else:
        requests = generate(workload, count or max(_WAVES * users, _LEAST), seed)
        ramp_s = 0.0 if burst else _life_s(of, workload, users)
        arrivals = Arrivals(requests, users, workload.think_s, ramp_s, workload.prefix_share)
    return simulate(arrivals, of.table, of.rules, of.cache)


def replay(
    of: Replica, requests: Sequence[Request], *, prefix_share: float = 0.0
) -> tuple[Simulated, ...]:
    """Simulate a recording; one result per copy of attention, which take requests in turn."""
    shares = [requests[copy :: of.copies] for copy in range(of.copies)]
    return tuple(
        simulate(Arrivals(share, prefix_share=prefix_share), of.table, of.rules, of.cache)
        for share in shares
        if share
    )


def load(of: Replica, workload: Workload, slo: Slo | None = None, *, seed: int = 0) -> LoadSummary:
    """What a workload comes to, of all copies of attention together."""
    summary = summarise(bear(of, workload, seed=seed), slo)
    times: float = of.copies
    if workload.requests_per_s is None:
        times = workload.users / _users_each(of, workload)
    return replace(
        summary,
        requests_per_s=summary.requests_per_s * times,
        output_tokens_per_s=summary.output_tokens_per_s * times,
        goodput_per_s=summary.goodput_per_s * times,
        running=summary.running * times,
    )


def capacity(of: Replica, workload: Workload, *, seed: int = 0) -> float:
    """Requests per second that are finished when there are always more waiting."""
    full = min(of.rules.sequences, _MOST_USERS)
    crowd = replace(workload, users=full * of.copies, requests_per_s=None, think_s=0.0)
    count = max(_REQUESTS, _WAVES * full)
    return steady_rate(bear(of, crowd, count=count, seed=seed)) * of.copies


def saturation(of: Replica, workload: Workload, slo: Slo, *, seed: int = 0) -> float:
    """The highest rate of random arrivals, in requests per second, at which ``slo`` holds; or 0."""
    check(workload)
    full = capacity(of, workload, seed=seed)

    def holds(rate: float) -> bool:
        asked = replace(workload, requests_per_s=rate, arrivals="poisson")
        return summarise(bear(of, asked, seed=seed), slo).holds

    return most(holds, _LIGHTEST * full, full, _TRIES)


def most_users(of: Replica, workload: Workload, slo: Slo, *, seed: int = 0) -> int:
    """The most users of a closed loop for whom ``slo`` holds; or 0."""

    def holds(users: int) -> bool:
        asked = replace(workload, users=users, requests_per_s=None)
        return summarise(bear(of, asked, seed=seed), slo).holds

    return most_whole(holds, _MOST_USERS)


def _users_each(of: Replica, workload: Workload) -> int:
    """Users of one copy of attention: of the fullest, for which the others wait."""
    return max(1, math.ceil(workload.users / of.copies))


def _open_count(of: Replica, workload: Workload, rate: float) -> int:
    inside = 1.0
    for _ in range(4):  # Little's law, until it hardly changes
        inside = min(max(1.0, rate * _life_s(of, workload, round(inside))), of.rules.sequences)
    return max(_REQUESTS, round(_TURNS * inside))


def _life_s(of: Replica, workload: Workload, users: int) -> float:
    """About what one request takes in company."""
    running, table = min(users, of.rules.sequences), of.table
    mean = workload.prompt_tokens + workload.output_tokens / 2
    steps = workload.output_tokens / table.tokens_per_step
    reading = table.prefill_s(0, workload.prompt_tokens * (1 - workload.prefix_share))
    return steps * table.decode_s(running, running * mean) + running * reading

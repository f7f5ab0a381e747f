"""One replica under a stream of requests, simulated."""

from __future__ import annotations

from typing import Final

from weighbridge.core.errors import InputError
from weighbridge.predict.simulation.outcome import Arrivals, Simulated
from weighbridge.predict.simulation.replica import Replica
from weighbridge.predict.simulation.rules import Cache, Scheduler
from weighbridge.predict.simulation.step_table import StepTable

# Cache sizes are products of floats: what differs less than this, relatively, is equal.
_ROUNDING: Final = 1e-9


def simulate(arrivals: Arrivals, table: StepTable, scheduler: Scheduler, cache: Cache) -> Simulated:
    """Serve all requests, and say how that went.

    Raises:
        InputError: there is nothing to serve, or a request that the cache can never hold.
    """
    _check(arrivals, cache, table.tokens_per_step)
    return Replica(arrivals, table, scheduler, cache).run()


def _check(arrivals: Arrivals, cache: Cache, step_tokens: float) -> None:
    if not arrivals.requests:
        raise InputError("There are no requests to simulate.", fix="Give at least one.")
    if arrivals.users is not None and arrivals.users < 1:
        raise InputError("A closed loop needs at least one user.", fix="Give one or more.")
    longest = max(one.prompt_tokens + one.output_tokens for one in arrivals.requests)
    # The last step may guess further than the answer goes.
    held = cache.sequence(longest + step_tokens - 1)
    if held > cache.size * (1 + _ROUNDING):
        most = cache.size / held * longest
        raise InputError(
            f"A request of {longest} tokens does not fit into a cache for about {most:.0f}.",
            fix="Shorten the requests, or make room: a shorter number format, more devices.",
        )

"""How often a null comparison (A against A, interleaved) is called different: promised are ≤ 5 %.

    .venv/bin/python benchmarks/bench_null.py [--trials 200] [--pairs 5] [--requests 200] [--real]

Simulated: two queues with the same slots, random lengths and arrivals, whose runs take turns while
the machine drifts slowly. Real: the load client against the bundled precise server, on this machine
with whatever else it does; trials that the client limited have no verdict and are counted apart.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path[:1] = [str(Path(__file__).parents[1]), str(Path(__file__).parent / "peers")]

import uvloop  # noqa: E402 -- see above
from peer_run import PreciseProcess  # noqa: E402
from tests.measure.figures.loads import load_run, users  # noqa: E402

from weighbridge.core.endpoint import Endpoint, endpoint_at  # noqa: E402
from weighbridge.core.errors import InputError  # noqa: E402
from weighbridge.core.load import LoadRun  # noqa: E402
from weighbridge.core.runs import RunInfo  # noqa: E402
from weighbridge.core.traffic import LoadShape  # noqa: E402
from weighbridge.decide.load_comparison import compare_loads  # noqa: E402
from weighbridge.verbs.bench import Bench, BenchSettings  # noqa: E402
from weighbridge.verbs.effects import Silent, SystemClock  # noqa: E402
from weighbridge.wire.client import Client  # noqa: E402

Measure = Callable[[str, int], LoadRun]


def null_rate(
    measure: Callable[[int], Measure], *, trials: int, pairs: int
) -> list[list[str] | None]:
    """The metrics called different in each trial of A against A; None where there is no verdict.

    Args:
        measure: for a trial, what makes a run of ``"a"`` or ``"b"`` at a position in the sequence.
        trials: how many.
        pairs: interleaved repeats in each.
    """
    found: list[list[str] | None] = []
    for trial in range(trials):
        one = measure(trial)
        runs = [(one("a", 2 * pair), one("b", 2 * pair + 1)) for pair in range(pairs)]
        try:
            compared = compare_loads([a for a, _ in runs], [b for _, b in runs])
        except InputError:
            found.append(None)
            continue
        found.append([d.metric for level in compared for d in level.differences if d.is_real])
    return found


def simulated(requests: int) -> Callable[[int], Measure]:
    """Closed loops of 8 users with lognormal answers; each run has a luck, the machine a drift."""

    def of_trial(trial: int) -> Measure:
        chance = random.Random(trial)
        slope = chance.gauss(0, 0.01)

        def measure(name: str, position: int) -> LoadRun:
            pace = math.exp(chance.gauss(0, 0.01) + slope * position)
            records, duration_s = users(
                8,
                requests,
                lambda r, _: 300 * pace * math.exp(r.gauss(0, 0.25)),
                seed=chance.getrandbits(32),
                between_ms=0.2,
            )
            return load_run(LoadShape("closed", 8), records, duration_s, name=name)

        return measure

    return of_trial


def real(url: str, requests: int, runner: asyncio.Runner) -> Callable[[int], Measure]:
    """Closed loops of 8 users on a server whose two names are one server."""
    endpoint = endpoint_at(url, "precise")

    def measure(name: str, position: int) -> LoadRun:  # noqa: ARG001 -- the machine drifts by itself
        return runner.run(_one_run(endpoint, name, requests))

    return lambda trial: measure  # noqa: ARG005 -- all trials alike


async def _one_run(endpoint: Endpoint, name: str, requests: int) -> LoadRun:
    settings = BenchSettings((), requests=requests, workers=1, metrics=False)
    info = RunInfo(f"load-{name}", "load", "", name, "synthetic", "", "", "")
    async with Client() as client:
        work = Bench(client, SystemClock(), endpoint, settings, info=info, progress=Silent())
        await work.begin()
        await work.measure(LoadShape("closed", 8))
        return work.run()


def main() -> None:
    """Print the share of trials called different."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--real", action="store_true")
    asked = parser.parse_args()
    began = time.perf_counter()
    if asked.real:
        server = PreciseProcess(10.0, 1.0, None)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            way = real(server.url, asked.requests, runner)
            found = null_rate(way, trials=asked.trials, pairs=asked.pairs)
        server.end()
    else:
        found = null_rate(simulated(asked.requests), trials=asked.trials, pairs=asked.pairs)
    judged = [metrics for metrics in found if metrics is not None]
    different = sum(bool(metrics) for metrics in judged)
    share = different / max(1, len(judged))
    print(
        f"A against A, {'real' if asked.real else 'simulated'}, {asked.pairs} pairs: called "
        f"different in {different} of {len(judged)} trials ({share:.1%}); "
        f"{len(found) - len(judged)} without a verdict; {time.perf_counter() - began:.0f} s"
    )


if __name__ == "__main__":
    main()

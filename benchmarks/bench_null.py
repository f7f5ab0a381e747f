"""How often a null comparison (A against A, interleaved) is called different: promised are ≤ 5 %.

    .venv/bin/python benchmarks/bench_null.py [--trials 200] [--pairs 5] [--requests 200]

Simulated: two queues with the same slots, random lengths and arrivals, whose runs take turns while
the machine drifts slowly. ``null_rate`` takes any other way to measure a pair, such as the bundled
precise server.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

# Instead of this folder, whose inspect.py would hide the standard library's.
sys.path[0] = str(Path(__file__).parents[1])

from tests.measure.figures.loads import load_run, users  # noqa: E402 -- found only with the path above

from weighbridge.core.load import LoadRun  # noqa: E402
from weighbridge.core.traffic import LoadShape  # noqa: E402
from weighbridge.decide.load_comparison import compare_loads  # noqa: E402

Measure = Callable[[str, int], LoadRun]


def null_rate(measure: Callable[[int], Measure], *, trials: int, pairs: int) -> list[list[str]]:
    """The metrics called different in each trial of A against A.

    Args:
        measure: for a trial, what makes a run of ``"a"`` or ``"b"`` at a position in the sequence.
        trials: how many.
        pairs: interleaved repeats in each.
    """
    found = []
    for trial in range(trials):
        one = measure(trial)
        runs = [(one("a", 2 * pair), one("b", 2 * pair + 1)) for pair in range(pairs)]
        compared = compare_loads([a for a, _ in runs], [b for _, b in runs])
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


def main() -> None:
    """Print the share of trials called different."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--requests", type=int, default=200)
    asked = parser.parse_args()
    began = time.perf_counter()
    found = null_rate(simulated(asked.requests), trials=asked.trials, pairs=asked.pairs)
    different = sum(bool(metrics) for metrics in found)
    print(
        f"A against A, simulated, {asked.pairs} pairs: called different in {different} of "
        f"{asked.trials} trials ({different / asked.trials:.1%}), "
        f"{time.perf_counter() - began:.0f} s"
    )


if __name__ == "__main__":
    main()

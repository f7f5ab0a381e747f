"""How long a cost report takes, and how that compares with a plain loop over the draws.

    .venv/bin/python benchmarks/cost.py

One self-hosted option with queueing against two APIs, everything uncertain, 10,000 draws. The plain
loop computes the same difference draw by draw from the same random quantities, Erlang's formula by
its recursion; the script stops when the two disagree in any draw.
"""

from __future__ import annotations

import sys

# Not from this folder, whose inspect.py would hide the standard library's.
sys.path.pop(0)

import math
import statistics
import time
from collections.abc import Callable, Mapping

import numpy as np

from weighbridge.core.cost import (
    Capacity,
    CostQuestion,
    Demand,
    FixedLine,
    Hosted,
    HostedPrice,
    People,
    Rented,
    SelfHosted,
    Uncertain,
)
from weighbridge.predict.cost.comparing import Pair
from weighbridge.predict.cost.report import DRAWS, answer
from weighbridge.predict.cost.values import drawn

REPEATS = 7
WAIT_S, SLOTS, PERCENTILE = 1.0, 32, 0.99
HOURS, DAYS = 730.5, 730.5 / 24


def around(base: float, by: float = 1.5) -> Uncertain:
    """A triangular quantity from a part of its base to as many times it."""
    return Uncertain(base, base / by, base * by)


DEMAND = Demand(around(200e6, 3.0), around(750.0), around(250.0))
OWN = SelfHosted(
    "own",
    "model",
    "GPU",
    Capacity(around(1500.0), slots=SLOTS, service_s=around(6.0), wait_s=WAIT_S),
    rented=Rented(around(2.3)),
    people=People(around(0.2), around(150_000.0)),
    fixed=(FixedLine("audit", around(200.0)),),
    max_gpus=64,
)
APIS = (
    Hosted("api", HostedPrice(around(2.0), around(10.0)), token_ratio=around(1.0, 1.2)),
    Hosted("host", HostedPrice(around(0.4), around(3.0)), same_model=True),
)


def waits_longer(slots: int, load: float, service_s: float) -> float:
    """Share of requests that wait longer than a second, by the recursion."""
    blocked = 1.0
    for count in range(1, slots + 1):
        blocked = load * blocked / (count + load * blocked)
    if load >= slots:
        return 1.0
    waits = blocked / (1 - load / slots * (1 - blocked))
    return waits * math.exp(-(slots - load) / service_s * WAIT_S)


def one_draw(at: Mapping[str, float]) -> float:
    """Self-hosted minus API, USD a month, of one draw."""
    prompt, output = at["demand.prompt_tokens"], at["demand.output_tokens"]
    requests = at["demand.volume"] / (prompt + output)
    peak = requests / 86_400 * DEMAND.peak_to_mean
    replicas = max(1, math.ceil(peak * output / at["self.capacity.output_tokens_per_s"]))
    service = at["self.capacity.service_s"]
    load = peak * service
    slots = max(1, math.floor(load))
    while waits_longer(slots, load, service) > 1 - PERCENTILE:
        slots += 1
    replicas = max(replicas, math.ceil(slots / SLOTS))
    mine = replicas * HOURS * at["self.rented.usd_per_gpu_hour"]
    mine += at["self.people.fte"] * at["self.people.usd_per_year"] / 12 + at["self.fixed.audit"]
    per_request = (prompt * at["api.price.input"] + output * at["api.price.output"]) / 1e6
    return mine - requests * DAYS * per_request * at["api.token_ratio"]


def seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """The median time of doing it."""
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def main() -> None:
    """Print the times and their ratio."""
    pair = Pair(DEMAND, OWN, APIS[0])
    draws = drawn(pair.drivers, 0, DRAWS)
    rows = [{path: float(draws[path][n]) for path in draws} for n in range(DRAWS)]
    loop: list[float] = []
    plain = seconds(lambda: loop.extend(map(one_draw, rows)), 1)
    arrays = seconds(lambda: pair.difference(draws))
    worst = float(np.max(np.abs(pair.difference(draws) - np.array(loop))))
    assert worst < 1e-3, f"the two differ by up to {worst} USD"
    question = CostQuestion(DEMAND, (OWN,), APIS)
    report = seconds(lambda: answer(question))
    print(f"{DRAWS:,} draws of one difference, arrays  {1e3 * arrays:8.1f} ms")
    print(f"{DRAWS:,} draws of one difference, loop    {1e3 * plain:8.1f} ms")
    print(f"ratio                                    {plain / arrays:8.1f}")
    print(f"largest disagreement                     {worst:8.1e} USD a month")
    print(f"whole report, two comparisons            {1e3 * report:8.1f} ms")


if __name__ == "__main__":
    main()

"""How long it takes to place models on GPUs together, and how much that gains over one by one.

    .venv/bin/python benchmarks/placement.py

Random models of 1 to 70 billion weights in three formats, on one, two or four devices, with one or
two replicas; each size five times with other random numbers. `columns` counts what the solver
decides on. Gap is the distance to the proven bound: 0 where the placement is proven to be best.
"""

from __future__ import annotations

import sys

# Not from this folder, whose inspect.py would hide the standard library's.
sys.path.pop(0)

import random
import statistics
import time

from weighbridge.core.placement import Option, PlacementRules, Site, Wanted
from weighbridge.core.units import GIB
from weighbridge.predict.placement.solve import place
from weighbridge.predict.placement.spots import groups, spots

SIZES = ((4, 1), (6, 8), (12, 16), (20, 32))
SEEDS = range(5)
MEMORY = 80.0 * GIB
RULES = PlacementRules(most_load=0.8)
FORMATS = (("bf16", 2.0, 0.0), ("fp8", 1.0, 0.003), ("int4", 0.55, 0.03))


def instance(seed: int, models: int, gpus: int) -> tuple[list[Site], list[Wanted]]:
    """Hosts of eight GPUs, and optional models with all their configurations."""
    draw = random.Random(seed)
    sites = [Site(f"host {n}", min(8, gpus), MEMORY) for n in range(max(1, gpus // 8))]
    return sites, [wanted(f"model {n}", draw) for n in range(models)]


def wanted(name: str, draw: random.Random) -> Wanted:
    """A model with traffic between half a request and three per second."""
    billions = draw.choice([1, 3, 4, 8, 8, 14, 14, 24, 32, 32, 70])
    quality = 0.3 + 0.1 * billions**0.4 + draw.uniform(-0.05, 0.05)
    traffic = draw.uniform(0.5, 3)
    options = []
    for label, size, worse in FORMATS:
        for tensor in (1, 2, 4):
            memory = (billions * size * 1.05 + 2 + 0.1 * billions) / tensor * GIB + 1.5 * GIB
            capacity = 60 / billions / size * tensor**0.8
            options += [
                Option(
                    f"{label} TP{tensor} ×{replicas}",
                    memory,
                    traffic / (replicas * capacity),
                    quality - worse,
                    tensor,
                    replicas,
                    capacity,
                )
                for replicas in (1, 2)
            ]
    return Wanted(name, tuple(options), traffic, required=False)


def one_by_one(sites: list[Site], models: list[Wanted]) -> float:
    """The most valuable first, each in its best format, on the first group that has room."""
    memory = [MEMORY] * sum(site.count for site in sites)
    load = [RULES.most_load] * len(memory)
    total, value = sum(model.requests_per_s for model in models), 0.0
    for model in sorted(models, key=lambda m: -m.requests_per_s):
        for option in sorted(model.options, key=lambda o: -o.quality):
            free = [
                group
                for _, group in groups(sites, option.devices)
                if all(option.memory_bytes <= memory[d] and option.load <= load[d] for d in group)
            ]
            if len(free) >= option.replicas:
                for device in (d for group in free[: option.replicas] for d in group):
                    memory[device] -= option.memory_bytes
                    load[device] -= option.load
                value += model.requests_per_s / total * option.quality
                break
    return value


def main() -> None:
    """Print the table."""
    place(*instance(0, 2, 1), RULES)  # imports the solver
    print("models  GPUs  columns  median s  slowest s  largest gap  gain over one by one")
    for models, gpus in SIZES:
        seconds, gaps, gains, columns = [], [], [], []
        for seed in SEEDS:
            sites, asked = instance(seed, models, gpus)
            columns.append(sum(len(s.groups) + 1 for s in spots(sites, asked, RULES)[0]))
            began = time.perf_counter()
            found = place(sites, asked, RULES)
            seconds.append(time.perf_counter() - began)
            gaps.append(found.gap)
            gains.append(found.objective / one_by_one(sites, asked) - 1)
        print(
            f"{models:6d} {gpus:5d} {statistics.median(columns):8.0f} "
            f"{statistics.median(seconds):9.3f} {max(seconds):10.3f} {100 * max(gaps):10.3f} % "
            f"{100 * statistics.median(gains):16.1f} %"
        )


if __name__ == "__main__":
    main()

"""What planning costs: `weigh plan` over the whole catalogue, started cold, beside a peer if given.

    .venv/bin/python benchmarks/plan.py [--peer PYTHON]

PYTHON is an interpreter that has NVIDIA's aiconfigurator installed, which plans a model at a time.
Medians of 5 runs each, taken in turns, so that a drift of the machine meets all of them alike.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 5
WEIGH = [sys.executable, "-m", "weighbridge.cli", "plan", "--json"]
LOAD = ["--context", "16k", "--users", "8", "--slo", "ttft_p95<1s,tpot_p95<40ms"]
MACHINES = ("RTX 4090", "8x H100 SXM", "2x RTX 3090", "M3 Max 64GB")
PEER = [
    "cli", "default", "--model-path", "Qwen/Qwen3-32B-FP8", "--total-gpus", "8",
    "--system", "h200_sxm", "--backend", "vllm", "--isl", "4000", "--osl", "500",
    "--ttft", "1000", "--tpot", "20",
]  # fmt: skip
TARGET_S, TARGET_MIB = 1.5, 150


def cost(command: list[str]) -> tuple[float, float]:
    """Seconds on the clock of one run in a process of its own, and the most memory it held, in MiB.

    ``wait4`` tells the peak of this child alone.
    """
    begin = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)} ended with {child.returncode}")
    return seconds, _mib(usage)


def _mib(usage: resource.struct_rusage) -> float:
    """Linux counts in KiB, macOS in bytes."""
    return usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def main() -> None:
    """Measure in turns and print one row per machine."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--peer", type=Path, help="python with aiconfigurator installed")
    peer = options.parse_args().peer
    commands = {f"weigh plan, {name}": [*WEIGH, "--device", name, *LOAD] for name in MACHINES}
    if peer is not None:
        commands["aiconfigurator, 8x H200, one model"] = [
            str(peer.parent / "aiconfigurator"),
            *PEER,
        ]
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(RUNS):
        for name, command in commands.items():
            samples[name].append(cost(command))
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, {RUNS} cold runs each")
    print(f"{'command':36} {'s, median':>10} {'min':>6} {'max':>6} {'MiB':>6}  reached")
    for name, values in samples.items():
        seconds = [one for one, _ in values]
        memory = statistics.median(held for _, held in values)
        middle = statistics.median(seconds)
        reached = middle <= TARGET_S and memory <= TARGET_MIB
        print(
            f"{name:36} {middle:10.2f} {min(seconds):6.2f} {max(seconds):6.2f} {memory:6.0f}  "
            f"{'yes' if reached else 'no'} (≤ {TARGET_S} s, ≤ {TARGET_MIB} MiB)"
        )


if __name__ == "__main__":
    main()

"""What starting costs: CPU time of `weigh --help` and of importing, beside a bare interpreter.

Run with `make bench` or `.venv/bin/python benchmarks/startup.py`. Medians of 15 runs each, taken in
turns, so that a drift of the machine meets all of them alike.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys

RUNS = 15
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import weighbridge": [sys.executable, "-c", "import weighbridge"],
    "import click": [sys.executable, "-c", "import click"],
    "weigh --help": [sys.executable, "-m", "weighbridge.cli", "--help"],
    "weigh bench --help": [sys.executable, "-m", "weighbridge.cli", "bench", "--help"],
}


def cpu_ms(command: list[str]) -> float:
    """User and system time of one run of the command, in ms."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> None:
    """Measure in turns and print one row per command."""
    samples: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS):
        for name, command in COMMANDS.items():
            samples[name].append(cpu_ms(command))
    bare = statistics.median(samples["python -c pass"])
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, {RUNS} runs each")
    print(f"{'command':22} {'CPU ms, median':>14} {'min':>7} {'max':>7} {'× bare':>7}")
    for name, values in samples.items():
        middle = statistics.median(values)
        print(
            f"{name:22} {middle:14.1f} {min(values):7.1f} {max(values):7.1f} {middle / bare:7.2f}"
        )


if __name__ == "__main__":
    main()

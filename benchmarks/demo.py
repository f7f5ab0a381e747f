"""How long the demo takes, what it holds in memory, and how fast its engines die with it.

Run with `make bench` or `.venv/bin/python benchmarks/demo.py`. Three whole demos in fresh
workspaces, then three that are killed (SIGKILL) in the middle of their evaluations.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time

import psutil

RUNS = 3
WEIGH = [sys.executable, "-m", "weighbridge.cli"]


def whole_demo() -> tuple[float, float, dict[str, object]]:
    """Wall seconds, peak memory of the process tree in MiB, and the demo's figures."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        process = subprocess.Popen(
            [*WEIGH, "demo", "--json"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, tree_mib(process.pid))
            time.sleep(0.1)
        assert process.stdout is not None
        figures = json.loads(process.stdout.read())
        process.stdout.close()
        return time.perf_counter() - started, peak, figures


def tree_mib(pid: int) -> float:
    """Resident memory of a process and its descendants in MiB; 0 when it is gone."""
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
        return sum(process.memory_info().rss for process in family) / 2**20
    except psutil.Error:
        return 0.0


def has_ended(process: psutil.Process) -> bool:
    """Whether the process runs no more."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def killed_demo() -> float:
    """Milliseconds from the demo's SIGKILL to the end of its last engine."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [*WEIGH, "demo"], cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(b"eval porter"):
                break
        engines = psutil.Process(process.pid).children(recursive=True)
        assert engines
        killed = time.perf_counter()
        process.kill()
        # Ended, reaped or not: orphans are reaped by init, which may take its time.
        while not all(has_ended(engine) for engine in engines):
            time.sleep(0.001)
        lasted = time.perf_counter() - killed
        process.wait()
        process.stderr.close()
        return 1000 * lasted


def main() -> None:
    """Measure and print."""
    demos = [whole_demo() for _ in range(RUNS)]
    walls = [wall for wall, _, _ in demos]
    figures = demos[-1][2]
    print(f"machine: {figures['machine']}")
    print(
        f"weigh demo: median {statistics.median(walls):.1f} s of {RUNS} "
        f"({min(walls):.1f} to {max(walls):.1f}), peak {max(peak for _, peak, _ in demos):.0f} MiB"
    )
    for _, _, one in demos:
        gain = one["route"]["gain"]  # type: ignore[index]
        print(
            f"  routing against {gain['a']}: {100 * gain['difference']:+.1f} points "
            f"[{100 * gain['low']:+.1f}, {100 * gain['high']:+.1f}], "
            f"misrouted {one['route']['misrouted']} of {gain['n']}"  # type: ignore[index]
        )
    deaths = [killed_demo() for _ in range(RUNS)]
    print(f"engines after kill -9: all gone within {max(deaths):.0f} ms, worst of {RUNS}")


if __name__ == "__main__":
    main()

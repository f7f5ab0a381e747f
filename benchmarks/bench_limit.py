"""`weigh bench --find-limit` against servers whose limit is known.

    .venv/bin/python benchmarks/bench_limit.py --repeats 3

The precise server serves N requests at once, each for a fixed time, so that the highest rate which
holds an SLO can be computed (peers/queue_truth.py). A search should land within 5 % of it, with an
interval that covers it.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parent / "peers")

import argparse  # noqa: E402 -- see above
import json  # noqa: E402
import os  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from datetime import UTC, datetime  # noqa: E402
from typing import cast, get_args  # noqa: E402

from peer_run import PreciseProcess  # noqa: E402
from queue_truth import Arrivals, Queue, TrueLimit, true_limit  # noqa: E402

import weighbridge  # noqa: E402
from weighbridge.core.workload import parse_slo  # noqa: E402
from weighbridge.facts.host import host_line  # noqa: E402


@dataclass(frozen=True)
class Found:
    """What one search said, in requests per second."""

    rate: float | None
    low: float
    high: float | None
    levels: int
    took_s: float
    reason: str


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--slots", default="8,32", help="servers, by commas")
    parser.add_argument("--arrivals", default="constant,poisson", help="processes, by commas")
    parser.add_argument("--slo", default="ttft_p95<150ms,tpot_p95<20ms")
    parser.add_argument("--ttft-ms", type=float, default=50.0)
    parser.add_argument("--itl-ms", type=float, default=5.0)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--client-core", type=int, default=1)
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--truth-only", action="store_true", help="compute, but measure nothing")
    return parser.parse_args()


def search(queue: Queue, arrivals: Arrivals, asked: argparse.Namespace) -> Found | str:
    """One search against a server of its own, or why it found nothing."""
    two = {asked.client_core, asked.server_core} <= os.sched_getaffinity(0)
    pinned = ["taskset", "-c", str(asked.client_core)] if two else []
    core = asked.server_core if two else None
    server = PreciseProcess(queue.ttft_ms, queue.itl_ms, core, slots=queue.slots)
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as runs:
            command = [*pinned, sys.executable, "-m", "weighbridge.cli", "bench", server.url]
            command += ["--model", "precise", "--find-limit", "--slo", asked.slo]
            command += ["--arrivals", arrivals, "--max-tokens", str(queue.tokens), "--json"]
            command += ["--workspace", runs]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        server.end()
    try:
        limit = json.loads(done.stdout)["limit"]
        rate, low, high = limit["rate"], limit["low"], limit["high"]
        took_s = time.monotonic() - began
        return Found(rate, low, high, limit["levels"], took_s, limit["reason"])
    except (ValueError, LookupError, TypeError):
        last = done.stderr.strip().rpartition("\n")[2]
        return f"exit {done.returncode}: {last or 'no limit in its JSON'}"


def row(name: str, truth: TrueLimit, found: Found) -> str:
    """One line of the table."""
    start = f"{name:24} {truth.rate:8.2f}"
    if found.rate is None:
        return f"{start}        –  {found.reason}"
    error = 100 * (found.rate / truth.rate - 1)
    upper = "–" if found.high is None else f"{found.high:.2f}"
    # The truth of a simulation is an interval itself.
    covered = found.low <= truth.high and (found.high is None or truth.low <= found.high)
    within = "yes" if abs(error) <= 5 else "NO"
    return (
        f"{start} {found.rate:8.2f} {found.low:8.2f} {upper:>8} {error:+7.1f} % {within:>9} "
        f"{'yes' if covered else 'NO':>8} {found.levels:7} {found.took_s:7.0f}"
    )


def main() -> None:
    """Compute each truth, search for it, print both."""
    asked = options()
    slo = parse_slo(asked.slo)
    print(f"{host_line()}; {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; weighbridge", end=" ")
    print(f"{weighbridge.__version__}; {slo}; rates per second")
    print(
        f"{'':24} {'truth':>8} {'found':>8} {'low':>8} {'high':>8} {'error':>9} {'within 5 %':>9} "
        f"{'covered':>7} {'levels':>7} {'s':>7}"
    )
    for slots in map(int, asked.slots.split(",")):
        queue = Queue(slots, asked.ttft_ms, asked.itl_ms, asked.tokens)
        for word in asked.arrivals.split(","):
            if word not in get_args(Arrivals):
                sys.exit(f"{word!r} is not one of {', '.join(get_args(Arrivals))}.")
            arrivals = cast("Arrivals", word)
            truth = true_limit(queue, slo, arrivals)
            name = f"{slots} slots, {arrivals}"
            if asked.truth_only:
                print(f"{name:24} {truth.rate:8.2f} ({truth.low:.2f} to {truth.high:.2f})")
                continue
            for _ in range(asked.repeats):
                found = search(queue, arrivals, asked)
                line = row(name, truth, found) if isinstance(found, Found) else f"{name:24} {found}"
                print(line, flush=True)


if __name__ == "__main__":
    main()

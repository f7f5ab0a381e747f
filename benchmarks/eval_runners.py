"""`weigh eval` beside other evaluation runners, against a server that answers at once.

    .venv/bin/python benchmarks/eval_runners.py --install     # peers too, once (1.5 GB)
    .venv/bin/python benchmarks/eval_runners.py --quick

Every runner asks the same questions of the same server (C, answers written in advance), keeps a
record of each answer and scores it by what it contains. Each runs with two numbers of items: the
difference gives the rate and the CPU per sample without what starting costs, the smaller run shows
that. Peers that are not installed are left out with a sentence.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[0] = str(HERE / "gateway_rig")
sys.path.insert(1, str(HERE / "peers"))

import argparse  # noqa: E402 -- see above
import os  # noqa: E402
import statistics  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from datetime import UTC, datetime  # noqa: E402

from eval_peers import Inspect, Job, LmEval, Promptfoo, Weighbridge  # noqa: E402
from tools import Backend, Cores, backend, build, choose_cores, foremost, pinned  # noqa: E402

from weighbridge.facts.host import host_line  # noqa: E402

Peer = Weighbridge | Inspect | LmEval | Promptfoo


@dataclass(frozen=True)
class Ran:
    """One process from start to end."""

    wall_s: float
    cpu_s: float
    rss_mb: float


@dataclass(frozen=True)
class Row:
    """A runner at one concurrency: medians over repeats."""

    name: str
    concurrency: int
    per_s: float
    cpu_ms: float
    start_s: float
    rss_mb: float


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--install", action="store_true", help="install peers that are missing")
    parser.add_argument("--quick", action="store_true", help="one repeat, fewer items")
    parser.add_argument("--peers", default="", help="names of runners, by commas")
    parser.add_argument("--concurrency", default="64", help="levels, by commas")
    parser.add_argument("--repeats", type=int, default=3)
    home = Path.home() / ".cache" / "weighbridge" / "peers"
    parser.add_argument("--folder", type=Path, default=home, help="where peers are installed")
    return parser.parse_args()


def sizes(peer: Peer, *, quick: bool) -> tuple[int, int]:
    """Items of the short and the long run: enough that the difference is seconds, or nearly."""
    if isinstance(peer, Weighbridge | LmEval):
        return (500, 10_500) if quick else (1000, 41_000)
    return (100, 600) if quick else (200, 2200)


def runners(asked: argparse.Namespace) -> list[Peer]:
    """Those that are installed; about the others it is said why not."""
    every: list[Peer] = [
        Weighbridge(), Inspect(asked.folder), LmEval(asked.folder), Promptfoo(asked.folder),
    ]  # fmt: skip
    wanted = set(filter(None, asked.peers.split(",")))
    found = []
    for peer in every:
        if wanted and peer.name not in wanted:
            continue
        trouble = peer.install() if asked.install and not peer.installed() else ""
        if peer.installed():
            found.append(peer)
        else:
            print(f"Left out: {peer.name} is not installed{f' ({trouble})' if trouble else ''}.")
    return found


def run(peer: Peer, job: Job, core: int | None) -> Ran | str:
    """One run in a process of its own, or why it failed."""
    command = peer.command(job)
    began = time.monotonic()
    with (job.folder / "log").open("wb") as log:
        process = subprocess.Popen(
            pinned(command.argv, core),
            cwd=job.folder,
            env={**os.environ, **command.variables},
            stdout=log,
            stderr=log,
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)  # unlike wait(), tells what it used
        except KeyboardInterrupt:
            process.kill()
            raise
    process.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.monotonic() - began
    # promptfoo ends with 100 when an answer fails its assertion, as a third of them do.
    if process.returncode not in (0, 100):
        tail = (job.folder / "log").read_text(errors="replace").strip().splitlines()
        return f"exit code {process.returncode}: {tail[-1][:200] if tail else 'it said nothing'}"
    return Ran(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def measure(peer: Peer, server: Backend, concurrency: int, core: int | None, *, quick: bool,
            repeats: int) -> Row | str:  # fmt: skip
    """Short and long runs in turn."""
    short, long = sizes(peer, quick=quick)
    rates, cpus, starts, sizes_mb = [], [], [], []
    for _ in range(repeats):
        ran = []
        for items in (short, long):
            with tempfile.TemporaryDirectory() as place:
                url = f"http://127.0.0.1:{server.port}/v1"
                told = run(peer, Job(url, items, concurrency, Path(place)), core)
            if isinstance(told, str):
                return told
            ran.append(told)
        few, many = ran
        # A machine that is busy otherwise can make the short run the longer one.
        if many.wall_s <= few.wall_s:
            return f"{short} items took {few.wall_s:.1f} s and {long} items {many.wall_s:.1f} s"
        rates.append((long - short) / (many.wall_s - few.wall_s))
        cpus.append(1000 * (many.cpu_s - few.cpu_s) / (long - short))
        starts.append(few.wall_s)
        sizes_mb.append(many.rss_mb)
    middle = statistics.median
    return Row(
        peer.name, concurrency, middle(rates), middle(cpus), middle(starts), middle(sizes_mb)
    )


def show(rows: Sequence[Row], *, quick: bool) -> None:
    """The table."""
    print(f"\n{host_line()}; {datetime.now(UTC):%Y-%m-%d %H:%M} UTC{'; quick' if quick else ''}")
    heads = ("samples/s", "CPU ms/sample", "short run s", "RSS MB")
    print(f"{'':14}{'C':>5}" + "".join(f"{head:>15}" for head in heads))
    for row in rows:
        cells = (
            f"{row.per_s:,.0f}",
            f"{row.cpu_ms:.2f}",
            f"{row.start_s:.2f}",
            f"{row.rss_mb:.0f}",
        )
        print(f"{row.name:14}{row.concurrency:>5}" + "".join(f"{cell:>15}" for cell in cells))
    print("RSS: of the largest process, with the records of the long run. One core for the runner,")
    print("another for the server.")


def main() -> None:
    """Install, measure, print."""
    asked = options()
    asked.folder.mkdir(parents=True, exist_ok=True)
    found = runners(asked)
    cores: Cores = choose_cores(1, 0)
    rows = []
    with foremost(), backend(build(asked.folder)["backend"], cores) as server:
        for concurrency in map(int, asked.concurrency.split(",")):
            for peer in found:
                told = measure(
                    peer, server, concurrency, cores.gateway,
                    quick=asked.quick, repeats=1 if asked.quick else asked.repeats,
                )  # fmt: skip
                if isinstance(told, str):
                    print(f"{peer.name} × {concurrency} failed: {told}")
                else:
                    rows.append(told)
    show(rows, quick=asked.quick)


if __name__ == "__main__":
    main()

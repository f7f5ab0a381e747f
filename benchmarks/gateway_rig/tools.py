"""The rig's own programs: built from C when first needed, pinned, and asked for figures."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).parent
TEXT = (
    "Tell me about the bridge that stands in the old town: who built it, when, of which stone, "
    "and why it has survived every flood since then. "
)


@dataclass(frozen=True)
class Cores:
    """Where the gateway runs, and where backend and load share a core; None for anywhere."""

    gateway: int | None
    load: int | None


def choose_cores(gateway: int, load: int) -> Cores:
    """The two cores, if both are there."""
    if {gateway, load} <= os.sched_getaffinity(0) and gateway != load:
        return Cores(gateway, load)
    print(f"Nothing is pinned: cores {gateway} and {load} are not both usable here. Gateway and")
    print("load disturb each other; read the figures accordingly.")
    return Cores(None, None)


def pinned(argv: Sequence[str], core: int | None) -> list[str]:
    """The command on its core, with the highest ordinary priority where we may give it.

    Not a real-time one: that starves the kernel's own threads, which deliver what is sent over the
    loopback interface, and then nothing moves for seconds.
    """
    command = ["nice", "-n", "-20", *argv] if os.geteuid() == 0 else list(argv)
    return command if core is None else ["taskset", "-c", str(core), *command]


@contextlib.contextmanager
def foremost() -> Iterator[None]:
    """Linux shares a core among sessions first: this one before the others, where we may say so."""
    group = Path("/proc/self/autogroup")
    try:
        group.write_text("-20")
    except OSError:
        yield
        return
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            group.write_text("0")


def build(folder: Path) -> dict[str, Path]:
    """Backend and load generator, compiled unless these very sources were before.

    Raises:
        SystemExit: there is no C compiler, or it refuses.
    """
    sources = sorted(HERE.glob("*.[ch]"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    place = folder / f"rig-{digest}"
    place.mkdir(parents=True, exist_ok=True)
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        sys.exit("The rig is written in C and needs a compiler: install gcc.")
    made = {}
    for name in ("backend", "load"):
        made[name] = place / name
        if not made[name].exists():
            new = place / f"{name}.{os.getpid()}"
            subprocess.run([compiler, "-O2", "-o", new, HERE / f"{name}.c"], check=True)
            new.replace(made[name])
    return made


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def request_body(model: str, *, stream: bool) -> bytes:
    """A chat completion of about 500 bytes."""
    messages = [
        {"role": "system", "content": "You answer briefly."},
        {"role": "user", "content": TEXT * 2},
    ]
    asked: dict[str, Any] = {"model": model, "messages": messages, "max_tokens": 64}
    asked["temperature"] = 0
    if stream:
        asked["stream"] = True
    return json.dumps(asked, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Backend:
    """The running backend."""

    port: int

    def streams(self, chunks: int, rate: float) -> None:
        """What its streams are from now on; ``rate`` 0 for all at once."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request("GET", f"/control/{chunks}/{rate:g}")
        assert connection.getresponse().read() == b"{}"
        connection.close()


@contextlib.contextmanager
def backend(binary: Path, cores: Cores) -> Iterator[Backend]:
    """The backend on a free port, while the context lasts."""
    port = free_port()
    process = subprocess.Popen(pinned([str(binary), str(port)], cores.load))
    try:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                Backend(port).streams(64, 0)
                break
            time.sleep(0.02)
        yield Backend(port)
    finally:
        process.kill()
        process.wait()


@dataclass(frozen=True)
class Load:
    """The load generator, and what it sends."""

    binary: Path
    cores: Cores
    folder: Path

    def run(
        self,
        mode: str,
        port: int,
        *,
        connections: int,
        amount: float,
        model: str,
        key: str,
        chunks: int = 64,
        pids: Sequence[int] = (),
    ) -> dict[str, Any]:
        """Its report. ``amount`` is in seconds, or requests for the mode ``count``."""
        stream = mode in ("streams", "paced")
        body = self.folder / f"body-{model}-{'stream' if stream else 'whole'}.json"
        body.write_bytes(request_body(model, stream=stream))
        argv = [str(self.binary), mode, str(port), str(connections), f"{amount:g}", str(body)]
        argv += [key, str(chunks), *map(str, pids)]
        done = subprocess.run(
            pinned(argv, self.cores.load),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if done.returncode:
            return {"trouble": done.stderr.strip() or f"the load generator ended: {done}"}
        report: dict[str, Any] = json.loads(done.stdout)
        return report


def tree(pid: int) -> list[int]:
    """The process and all that it started."""
    try:
        root = psutil.Process(pid)
        return [pid, *(child.pid for child in root.children(recursive=True))]
    except psutil.Error:
        return []


def resident_mb(pids: Sequence[int]) -> float:
    """Resident memory of all of them in MB; pages that they share count for each."""
    total = 0
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            total += psutil.Process(pid).memory_info().rss
    return total / 1e6


def answers(port: int, model: str, key: str) -> bool:
    """Whether a chat completion is answered with 200 there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    heads = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    try:
        connection.request("POST", "/v1/chat/completions", request_body(model, stream=False), heads)
        answer = connection.getresponse()
        answer.read()
        return answer.status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextlib.contextmanager
def running(
    argv: Sequence[str], environment: dict[str, str], cores: Cores, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A gateway, ended with all that it started."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            pinned(argv, cores.gateway),
            env=os.environ | environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        children = tree(process.pid)
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pid in children[1:]:
            with contextlib.suppress(psutil.Error):
                psutil.Process(pid).kill()

"""One run of one client against a precise server of its own: what it used, and what was true."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from weighbridge.measure.load.figures.truth import Truth, read_log, truth_of

_CPUACCT = Path("/sys/fs/cgroup/cpuacct")
_UNIFIED = Path("/sys/fs/cgroup/cgroup.controllers")
_CPU_EVERY_S = 0.02
_MEMORY_EVERY_S = 0.5
_HIGH = 10

ArgvFor = Callable[[str, Path], list[str]]
"""A client's command line from the server's address and the folder it runs in."""


@dataclass(frozen=True)
class Cores:
    """Where the client, the server, and this script run; None for wherever they like."""

    client: int | None
    server: int | None


@dataclass
class Usage:
    """What the client's process tree used, sampled."""

    times_ns: list[int] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    peak_pss_mb: float = 0.0
    peak_rss_mb: float = 0.0
    processes: int = 0

    def cpu_between(self, from_ns: int, to_ns: int) -> float:
        """CPU seconds between two moments, linear between samples."""
        return self._at(to_ns) - self._at(from_ns)

    def _at(self, moment_ns: int) -> float:
        place = bisect_left(self.times_ns, moment_ns)
        if place == 0:
            return self.cpu_s[0]
        if place == len(self.times_ns):
            return self.cpu_s[-1]
        early, late = self.times_ns[place - 1], self.times_ns[place]
        share = (moment_ns - early) / (late - early)
        return self.cpu_s[place - 1] + share * (self.cpu_s[place] - self.cpu_s[place - 1])


@dataclass(frozen=True)
class Ran:
    """What came of a run."""

    truth: Truth
    usage: Usage
    start_s: float
    output: str
    folder: Path

    @property
    def cpu_ms_per_1000_tokens(self) -> float:
        """Of the whole process tree, from the first request at the server to the last token."""
        used = self.usage.cpu_between(self.truth.first_ns, self.truth.last_ns)
        return 1e6 * used / self.truth.tokens


class RunFailedError(Exception):
    """The client did not do what it was asked to; the message says what was seen."""


class _Group:
    """The client's processes: a control group of the kernel's where we may make one."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._root: psutil.Process | None = None
        name = f"weighbridge-peer-{os.getpid()}-{time.monotonic_ns()}"
        parent = Path("/sys/fs/cgroup") if _UNIFIED.exists() else _CPUACCT
        with contextlib.suppress(OSError):
            (parent / name).mkdir()
            self._folder = parent / name

    def wrap(self, argv: list[str]) -> list[str]:
        """The command, made to join the group before it becomes itself."""
        if self._folder is None:
            return argv
        join = 'echo $$ > "$0"; exec "$@"'
        return ["sh", "-c", join, str(self._folder / "cgroup.procs"), *argv]

    def watch(self, pid: int) -> None:
        """The process that was started."""
        with contextlib.suppress(psutil.Error):
            self._root = psutil.Process(pid)

    def cpu_s(self) -> float:
        """CPU seconds so far, ended processes included."""
        if self._folder is None:
            return self._cpu_by_process()
        usage = self._folder / "cpuacct.usage"
        if usage.exists():
            return int(usage.read_text()) / 1e9
        for line in (self._folder / "cpu.stat").read_text().splitlines():
            if line.startswith("usage_usec"):
                return int(line.split()[1]) / 1e6
        return 0.0

    def pids(self) -> list[int]:
        """Its processes now."""
        if self._folder is not None:
            return [int(line) for line in (self._folder / "cgroup.procs").read_text().split()]
        return [process.pid for process in self._tree()]

    def _tree(self) -> list[psutil.Process]:
        if self._root is None:
            return []
        try:
            return [self._root, *self._root.children(recursive=True)]
        except psutil.Error:
            return []

    def _cpu_by_process(self) -> float:
        total = 0.0
        for process in self._tree():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total

    def end(self) -> None:
        """Kill what is left, and remove the group."""
        for pid in self.pids():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        for _ in range(100):
            if self._folder is None:
                return
            with contextlib.suppress(OSError):
                self._folder.rmdir()
                return
            time.sleep(0.02)


def _sample(group: _Group, usage: Usage, stop: threading.Event) -> None:
    memory_due = 0.0
    while not stop.wait(_CPU_EVERY_S):
        before = time.perf_counter_ns()
        cpu_s = group.cpu_s()
        if usage.cpu_s and cpu_s < usage.cpu_s[-1]:
            cpu_s = usage.cpu_s[-1]  # without a group, an ended child is briefly nobody's
        usage.times_ns.append((before + time.perf_counter_ns()) // 2)
        usage.cpu_s.append(cpu_s)
        if time.monotonic() >= memory_due:
            pids = group.pids()
            usage.processes = max(usage.processes, len(pids))
            sizes = [_memory_mb(pid) for pid in pids]
            usage.peak_pss_mb = max(usage.peak_pss_mb, sum(pss for pss, _ in sizes))
            usage.peak_rss_mb = max(usage.peak_rss_mb, sum(rss for _, rss in sizes))
            memory_due = time.monotonic() + _MEMORY_EVERY_S


def _memory_mb(pid: int) -> tuple[float, float]:
    """A process's PSS (what it shares divided among those that share it) and RSS, 10⁶ bytes."""
    with contextlib.suppress(OSError, KeyError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
        sizes = {line.split()[0]: int(line.split()[1]) * 1024 / 1e6 for line in lines}
        return sizes["Pss:"], sizes["Rss:"]
    return 0.0, 0.0  # it has just ended


class PreciseProcess:
    """A precise server of our own."""

    def __init__(self, ttft_ms: float, itl_ms: float, core: int | None, *, slots: int = 0) -> None:
        argv = [sys.executable, "-m", "weighbridge.engines.precise_server"]
        argv += ["--parent", str(os.getpid())]
        argv += ["--ttft-ms", str(ttft_ms), "--itl-ms", str(itl_ms), "--slots", str(slots)]
        argv += [] if core is None else ["--core", str(core)]
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        # So that nothing else on its core makes it late; not everyone may ask for that.
        with contextlib.suppress(OSError):
            os.sched_setscheduler(self._process.pid, os.SCHED_FIFO, os.sched_param(_HIGH))

    def log(self) -> bytes:
        """What it has done."""
        with urllib.request.urlopen(self.url.removesuffix("/v1") + "/log", timeout=60) as answer:  # noqa: S310 -- our own server
            return bytes(answer.read())

    def end(self) -> None:
        """Let it go."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@dataclass(frozen=True)
class Job:
    """What every client is asked to do."""

    concurrency: int
    requests: int
    tokens: int
    ttft_ms: float
    itl_ms: float

    @property
    def ideal_s(self) -> float:
        """How long a client that wastes no time needs."""
        answer_s = (self.ttft_ms + (self.tokens - 1) * self.itl_ms) / 1000
        return answer_s * self.requests / self.concurrency


def run_client(
    job: Job, cores: Cores, argv_for: ArgvFor, variables: dict[str, str], folder: Path
) -> Ran:
    """Run a client in ``folder`` until it ends.

    Raises:
        RunFailedError: it failed, took ten times as long as it should, or left requests out.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    server, group = PreciseProcess(job.ttft_ms, job.itl_ms, cores.server), _Group()
    usage, stop = Usage(), threading.Event()
    pinned = [] if cores.client is None else ["taskset", "-c", str(cores.client)]
    argv = group.wrap([*pinned, *argv_for(server.url, folder)])
    try:
        sampler = threading.Thread(target=_sample, args=(group, usage, stop))
        began_ns = time.perf_counter_ns()
        with tempfile.TemporaryFile("w+") as out, (folder / "stderr.txt").open("w") as err:
            client = subprocess.Popen(
                argv,
                cwd=folder,
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
            group.watch(client.pid)
            sampler.start()
            status = _status(client, 90 + 10 * job.ideal_s)
            stop.set()
            sampler.join()
            out.seek(0)
            output = out.read()
        (folder / "stdout.txt").write_text(output)
        if status != "0":
            raise RunFailedError(f"{status}: {_last_words(output, folder)}")
        log = read_log(server.log())
        if len(log.answers) < job.requests:
            raise RunFailedError(f"the server finished {len(log.answers)} of {job.requests}")
        lengths = {len(answer.sent_ns) for answer in log.answers[-job.requests :]}
        if lengths != {job.tokens}:
            raise RunFailedError(f"it asked for {sorted(lengths)} tokens, not for {job.tokens}")
        first_ns = min(answer.arrived_ns for answer in log.answers)
        truth = truth_of(log, requests=job.requests, concurrency=job.concurrency)
        return Ran(truth, usage, (first_ns - began_ns) / 1e9, output, folder)
    finally:
        stop.set()
        group.end()
        server.end()


def _status(client: subprocess.Popen[bytes], seconds: float) -> str:
    try:
        return str(client.wait(seconds))
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(client.pid, signal.SIGKILL)
        client.wait()
        return f"not ended after {seconds:.0f} s"


def _last_words(output: str, folder: Path) -> str:
    said = (folder / "stderr.txt").read_text(errors="replace") or output
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it said nothing"

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.processes import gone_within, is_gone
from weighbridge.engines.guarded import Guarded

# As engines do: workers in sessions of their own, orphaned at once, deaf to gentle signals, and
# holding the output that they have inherited.
SCATTERED = """
import os, pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1])
for name in ("a", "b"):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            (folder / name).write_text(str(os.getpid()))
            time.sleep(600)
        os._exit(0)
    os.wait()
while not all((folder / name).exists() for name in ("a", "b")):
    time.sleep(0.01)
(folder / "root").write_text(str(os.getpid()))
{then}
"""
FOR_EVER = SCATTERED.replace("{then}", "time.sleep(600)")
AND_ENDS = SCATTERED.replace("{then}", "sys.exit(3)")
GATEWAY = """
import asyncio, sys, time
from weighbridge.engines.guarded import Guarded
guarded = Guarded.start([sys.executable, "-c", sys.argv[1], sys.argv[2]])
print(guarded.pid, flush=True)
time.sleep(600)
"""


def pids_in(folder: Path) -> list[int]:
    deadline = time.monotonic() + 10
    while not (folder / "root").exists() or not (folder / "root").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return [int((folder / name).read_text()) for name in ("root", "a", "b")]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 -- any condition
            await asyncio.sleep(0.01)


def test_stop_ends_workers_in_sessions_of_their_own(tmp_path: Path) -> None:
    async def scenario() -> tuple[list[int], float]:
        guarded = Guarded.start([sys.executable, "-c", FOR_EVER, str(tmp_path)])
        await until((tmp_path / "root").exists)
        pids = pids_in(tmp_path)
        seen = {process.pid for process in guarded.processes()}
        assert set(pids) <= seen
        assert guarded.memory_bytes() > 2**20
        began = time.monotonic()
        await guarded.stop(1.0)
        assert not guarded.is_alive()
        return pids, time.monotonic() - began

    pids, took_s = asyncio.run(scenario())
    assert all(is_gone(pid) for pid in pids)
    assert took_s < 3


def test_nothing_survives_the_gateways_sigkill(tmp_path: Path) -> None:
    gateway = subprocess.Popen(
        [sys.executable, "-c", GATEWAY, FOR_EVER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert gateway.stdout is not None
    with gateway.stdout:
        guardian = int(gateway.stdout.readline())
        pids = [guardian, *pids_in(tmp_path)]
        gateway.kill()
        gateway.wait()
        assert gone_within(pids, 3.0)


def test_nothing_survives_when_the_gateway_is_killed_before_the_engine_runs(
    tmp_path: Path,
) -> None:
    for _ in range(5):
        gateway = subprocess.Popen(
            [sys.executable, "-c", GATEWAY, FOR_EVER, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert gateway.stdout is not None
        with gateway.stdout:
            guardian = int(gateway.stdout.readline())
            gateway.kill()
            gateway.wait()
            assert gone_within([guardian], 3.0)
    left = [each for each in psutil.process_iter(["cmdline"]) if str(tmp_path) in _words(each)]
    assert left == []


def _words(process: psutil.Process) -> list[str]:
    return process.info["cmdline"] or []


def test_workers_do_not_outlive_an_engine_that_ends_by_itself(tmp_path: Path) -> None:
    async def scenario() -> int | None:
        guarded = Guarded.start([sys.executable, "-c", AND_ENDS, str(tmp_path)])
        await until(lambda: not guarded.is_alive())
        code = guarded.code
        await guarded.stop()
        return code

    assert asyncio.run(scenario()) == 3
    assert all(is_gone(pid) for pid in pids_in(tmp_path))


def test_what_is_halted_is_noticed_and_ends_all_the_same(tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        guarded = Guarded.start([sys.executable, "-c", FOR_EVER, str(tmp_path)])
        await until((tmp_path / "root").exists)
        pids = pids_in(tmp_path)
        assert not guarded.is_stopped()
        os.kill(pids[1], signal.SIGSTOP)
        await until(guarded.is_stopped)
        os.kill(pids[0], signal.SIGSTOP)
        await guarded.stop(0.2)
        return pids

    assert all(is_gone(pid) for pid in asyncio.run(scenario()))


def test_when_the_guardian_itself_is_killed_what_was_seen_is_ended(tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        guarded = Guarded.start([sys.executable, "-c", FOR_EVER, str(tmp_path)])
        await until((tmp_path / "root").exists)
        guarded.processes()
        os.kill(guarded.pid, signal.SIGKILL)
        await until(lambda: not guarded.is_alive())
        await guarded.stop(0.2)
        return pids_in(tmp_path)

    assert gone_within(asyncio.run(scenario()), 2.0)


def test_a_gentle_stop_lets_the_engine_tidy_up(tmp_path: Path) -> None:
    program = (
        "import pathlib, signal, sys, time\n"
        "def end(*_): pathlib.Path(sys.argv[1], 'tidy').touch(); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end); pathlib.Path(sys.argv[1], 'root').touch()\n"
        "time.sleep(600)"
    )

    async def scenario() -> int | None:
        guarded = Guarded.start([sys.executable, "-c", program, str(tmp_path)])
        await until((tmp_path / "root").exists)
        await guarded.stop(5.0)
        return guarded.code

    assert asyncio.run(scenario()) == 0
    assert (tmp_path / "tidy").exists()


@pytest.mark.parametrize(
    ("program", "code", "said"),
    [("/no/such/program", 127, "cannot be started: No such file"), ("false", 1, "")],
)
def test_what_cannot_run_says_why(program: str, code: int, said: str) -> None:
    async def scenario() -> None:
        guarded = Guarded.start([program])
        await until(lambda: not guarded.is_alive())
        assert guarded.code == code
        assert said in guarded.log()
        await guarded.stop()
        assert guarded.log() == ""

    asyncio.run(scenario())


def test_the_log_keeps_its_end_and_stays_short() -> None:
    program = "import sys\nfor n in range(40000): print('x' * 99)\nprint('end', flush=True)"

    async def scenario() -> None:
        guarded = Guarded.start([sys.executable, "-c", program])
        await until(lambda: not guarded.is_alive())
        assert guarded.log().endswith("end\n")
        assert os.fstat(guarded._log.fileno()).st_size < 2**20
        assert guarded.log().endswith("end\n")
        await guarded.stop()

    asyncio.run(scenario())

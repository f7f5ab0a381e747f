from __future__ import annotations

import asyncio
import signal
import subprocess
import sys

import psutil
import pytest

from tests.processes import gone_within
from weighbridge.core.errors import EngineError
from weighbridge.engines.child import Child

# A child that would live for ever: it watches its lifeline and says so.
PATIENT = (
    "import os, sys, time; from weighbridge.engines.lifeline import die_with_parent; "
    "die_with_parent(int(sys.argv[1])); print('ready', flush=True); time.sleep(600)"
)
# A child stuck in native code: the interpreter never runs again, so only the kernel can end it.
STUCK = (
    "import ctypes, os, sys; from weighbridge.engines.lifeline import die_with_parent; "
    "die_with_parent(int(sys.argv[1])); print('ready', flush=True); "
    "ctypes.PyDLL(None).sleep(600)"
)
PARENT = """
import asyncio, os, sys
from weighbridge.engines.child import Child
async def main():
    child = Child.start(sys.executable, "-c", sys.argv[1], str(os.getpid()))
    await child.next_line()
    print(child.pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.mark.parametrize("program", [PATIENT, STUCK], ids=["patient", "stuck in native code"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_dies_with_its_parent(program: str, number: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, program], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
        parent.send_signal(number)
        parent.wait()
        assert gone_within([pid], 2.0)


def test_stop_ends_a_child_that_ignores_everything_gentle() -> None:
    program = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print('ready', flush=True); time.sleep(600)"
    )

    async def scenario() -> int:
        child = Child.start(sys.executable, "-c", program)
        await child.next_line()
        assert child.is_alive()
        assert child.memory_bytes() > 2**20
        await child.stop()
        assert not child.is_alive()
        assert child.memory_bytes() == 0
        return child.pid

    assert gone_within([asyncio.run(scenario())], 0.1)


def test_stop_takes_grandchildren_along() -> None:
    program = (
        "import subprocess, sys; "
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
        "print(p.pid, flush=True); sys.stdin.read()"
    )

    async def scenario() -> int:
        child = Child.start(sys.executable, "-c", program)
        grandchild = int(await child.next_line())
        await child.stop()
        return grandchild

    assert gone_within([asyncio.run(scenario())], 2.0)


def test_a_program_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(EngineError, match="cannot be started"):
        Child.start("/no/such/program")


def test_the_log_is_the_end_of_what_it_wrote_to_standard_error() -> None:
    async def scenario() -> str:
        child = Child.start(
            sys.executable, "-c", "import sys; print('x' * 99999, file=sys.stderr); print('end')"
        )
        await child.next_line()
        log = child.log()
        await child.stop()
        return log

    log = asyncio.run(scenario())
    assert len(log) == 16 * 1024

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.units import MIB
from weighbridge.measure.load.server.gpus import (
    GpuLine,
    GpuReading,
    GpuWatch,
    energy_j,
    parse_line,
    summed,
)

SECOND = 1_000_000_000


def program(folder: Path, script: str) -> str:
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("0, 74512, 97, 642.31\n", GpuLine(0, 74512 * MIB, 0.97, 642.31)),
        ("1, 0, 0, 71.66", GpuLine(1, 0, 0.0, 71.66)),
        ("0, [N/A], 12, 35.10", GpuLine(0, None, 0.12, 35.1)),  # memory shared with the host
        ("0, 812, [Not Supported], [Not Supported]", GpuLine(0, 812 * MIB, None, None)),
        ("3, 4, [N/A], [Unknown Error]", GpuLine(3, 4 * MIB, None, None)),
        ("0, nan, inf, -1", GpuLine(0, None, None, None)),
        ("No devices were found", None),
        ("", None),
        ("NVIDIA-SMI has failed because the driver is not there, 1, 2, 3", None),
        ("x, 1, 2, 3", None),
        ("0, 1, 2", None),
    ],
)  # fmt: skip
def test_lines(text: str, line: GpuLine | None) -> None:
    assert parse_line(text) == line


@given(st.text(max_size=80))
def test_any_text_is_read_or_passed_over(text: str) -> None:
    line = parse_line(text)
    assert line is None or line.index >= 0


def test_gpus_are_summed_and_what_one_does_not_say_is_unknown() -> None:
    lines = [GpuLine(0, 10, 0.5, 100.0), GpuLine(1, 30, 1.0, None)]
    assert summed(7, lines) == GpuReading(7, 2, 40, 0.75, None)


def power(*points: tuple[float, float | None]) -> list[GpuReading]:
    return [GpuReading(round(at_s * SECOND), 1, 0, 1.0, watts) for at_s, watts in points]


@pytest.mark.parametrize(
    ("readings", "from_s", "to_s", "joules"),
    [
        (power((0, 100), (10, 100)), 2, 3, None),  # nothing is known between
        (power((0, 100), (1, 200), (2, 100)), 0, 2, 300),
        (power((0, 100), (1, 200), (2, 100)), 0.5, 1.5, 175),
        (power((1, 100), (2, 100)), 0, 3, 300),  # held before the first and after the last
        (power((1, 100), (2, None), (3, 100)), 1, 3, None),
        (power((20, 100)), 0, 10, None),
        (power(), 0, 1, None),
        (power((0, 100)), 1, 1, None),
    ],
)
def test_energy(
    readings: list[GpuReading], from_s: float, to_s: float, joules: float | None
) -> None:
    result = energy_j(readings, round(from_s * SECOND), round(to_s * SECOND))
    assert result == (None if joules is None else pytest.approx(joules))


@given(
    st.lists(st.tuples(st.floats(0.1, 4), st.floats(0, 1000)), min_size=1, max_size=20),
    st.floats(0, 1),
)
def test_energy_adds_up(steps: list[tuple[float, float]], share: float) -> None:
    at_s, points = 0.0, []
    for step_s, watts in steps:
        at_s += step_s
        points.append((at_s, watts))
    readings = power(*points)
    whole_ns = round((at_s + 0.5) * SECOND)
    cut_ns = round(whole_ns * share)
    whole = energy_j(readings, 0, whole_ns)
    parts = [energy_j(readings, a, b) for a, b in ((0, cut_ns), (cut_ns, whole_ns)) if b > a]
    assert whole is not None
    assert sum(part or 0.0 for part in parts) == pytest.approx(whole, rel=1e-6, abs=1e-3)
    least, most = min(w for _, w in points), max(w for _, w in points)
    assert least * whole_ns / SECOND <= whole + 1e-3
    assert whole <= most * whole_ns / SECOND + 1e-3


def wait_for(watch: GpuWatch, count: int) -> None:
    deadline = time.monotonic() + 5
    while len(watch.readings) < count and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_watch_reads_until_it_is_stopped(tmp_path: Path) -> None:
    script = (
        'echo "$@" > "$0.args"\n'
        'while :; do echo "0, 100, 50, 300.5"; echo "1, 200, 100, 99.5"; sleep 0.05; done'
    )
    watch = GpuWatch(program(tmp_path, script))
    assert watch.start()
    wait_for(watch, 3)
    process = watch._process
    assert process is not None
    watch.stop()
    assert process.poll() == -signal.SIGKILL
    reading = watch.readings[0]
    assert (reading.gpus, reading.power_w, reading.use) == (2, 400.0, 0.75)
    assert reading.memory_bytes == 300 * MIB
    assert all(one.gpus == 2 for one in watch.readings)
    arguments = (tmp_path / "nvidia-smi.args").read_text()
    assert arguments.split() == [
        "--query-gpu=index,memory.used,utilization.gpu,power.draw",
        "--format=csv,noheader,nounits",
        "-lms",
        "500",
    ]
    # It may be started again, for the next level.
    count = len(watch.readings)
    assert watch.start()
    wait_for(watch, count + 1)
    watch.stop()
    assert len(watch.readings) > count


@pytest.mark.parametrize(
    "script", ["exec sleep 100", "echo 'No devices were found'; exit 6", "exit 9", "echo 0, 1"]
)
def test_a_watch_without_readings(tmp_path: Path, script: str) -> None:
    watch = GpuWatch(program(tmp_path, script))
    assert watch.start()
    time.sleep(0.05)
    began = time.monotonic()
    watch.stop()
    watch.stop()
    assert time.monotonic() - began < 2
    assert watch.readings == ()


def test_a_host_without_gpus(tmp_path: Path) -> None:
    watch = GpuWatch(str(tmp_path / "none"))
    assert not watch.start()
    watch.stop()
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF")
    broken.chmod(0o700)
    assert not GpuWatch(str(broken)).start()


def test_it_does_not_outlive_us(tmp_path: Path) -> None:
    # Killed without a chance to clean up, as by the kernel when memory is short.
    script = program(
        tmp_path, 'echo $$ > "$0.pid"\nwhile :; do echo "0, 1, 2, 3"; sleep 0.05; done'
    )
    code = (
        "import os, sys, time\n"
        "from weighbridge.measure.load.server.gpus import GpuWatch\n"
        f"watch = GpuWatch({script!r})\n"
        "assert watch.start()\n"
        "while not watch.readings: time.sleep(0.01)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=False, env=os.environ.copy(), timeout=20)
    pid = int((tmp_path / "nvidia-smi.pid").read_text())
    deadline = time.monotonic() + 5
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from weighbridge.core.errors import InputError
from weighbridge.verbs.background import Background, Work

DEMO = "src/weighbridge/demo/study.yaml"


def until(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not check():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


@pytest.fixture
def background() -> Iterator[Background]:
    made = Background()
    yield made
    made.close()


def ended(background: Background, name: str) -> Work:
    until(lambda: (work := background.find(name)) is not None and not work.is_running)
    work = background.find(name)
    assert work is not None
    return work


def test_work_ends_with_its_code_and_what_it_said(background: Background, tmp_path: Path) -> None:
    background.start("study", ["study", "run", str(tmp_path / "none.yaml")])
    work = ended(background, "study")
    assert work.code == 2
    assert any("none.yaml" in line for line in work.lines)
    assert work.command == f"weigh study run {tmp_path / 'none.yaml'}"
    assert background.find("another") is None
    assert not background.stop("study")


def test_one_of_a_name_and_ctrl_c_for_it(background: Background, tmp_path: Path) -> None:
    # A page server runs until it is told to stop.
    background.start("ui", ["ui", "--port", "0", "--workspace", str(tmp_path)])
    with pytest.raises(InputError, match="runs already"):
        background.start("ui", ["ui"])
    until(lambda: bool((work := background.find("ui")) and work.lines))
    assert background.stop("ui")
    work = ended(background, "ui")
    assert work.code == 0
    assert work.lines[-1] == "Stopped."


def test_progress_is_told(background: Background, tmp_path: Path) -> None:
    arguments = ["study", "run", DEMO, "--stage", "inspect", "--workspace", str(tmp_path / "w")]
    background.start("demo", arguments)
    work = ended(background, "demo")
    assert work.code == 0, work.lines
    assert work.step is not None
    assert work.step.done == work.step.total


def test_nothing_outlives_the_pages(tmp_path: Path) -> None:
    parent = os.fork()
    if parent == 0:  # a server of pages that is killed
        Background().start("ui", ["ui", "--port", "0", "--workspace", str(tmp_path)])
        (tmp_path / "started").touch()
        time.sleep(60)
        os._exit(0)
    until((tmp_path / "started").exists)
    children = psutil.Process(parent).children(recursive=True)
    assert children
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    until(lambda: not any(one.is_running() and one.status() != "zombie" for one in children))

"""Captures with the real writing process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.serve.outcomes import outcome, until
from weighbridge.core.errors import ConfigError
from weighbridge.core.gateway import Asked
from weighbridge.core.routing import Capture, Redaction
from weighbridge.serve.observing import capture
from weighbridge.serve.observing.capture import Captures
from weighbridge.workspace.traffic import Captured, Traffic

ASKED = Asked(path="/v1/chat/completions", model="auto")
Open = Callable[..., Captures]


def body(text: str = "Mail bob@example.com") -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": text}]}).encode()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def opened(tmp_path: Path, told: list[str]) -> Iterator[Open]:
    every: list[Captures] = []

    def open_captures(settings: Capture | None = None, **options: object) -> Captures:
        settings = settings or Capture(share=1.0)
        captures = Captures(settings, tmp_path, told.append, **options)  # type: ignore[arg-type]
        every.append(captures)
        return captures

    yield open_captures
    for captures in every:
        captures.close()


def answer(captures: Captures, name: str, text: str = "fine", asked: str = "Hello") -> bool:
    tap = captures.began(name, ASKED, body(asked))
    if tap is None:
        return False
    data = json.dumps({"choices": [{"message": {"content": text}}]}).encode()
    tap.feed(data[:7])
    tap.feed(data[7:])
    tap.close(outcome(id=name))
    return True


def all_of(root: Path) -> list[Captured]:
    return list(Traffic(root).all())


def test_a_request_and_its_answer_are_kept_without_secrets(opened: Open, tmp_path: Path) -> None:
    captures = opened()
    answer(captures, "one", "call wb-abcdefghijkl123456", "Mail bob@example.com")
    captures.close()
    (kept,) = all_of(tmp_path)
    assert (kept.id, kept.key, kept.model, kept.task) == ("one", "anna", "tally", "arithmetic")
    assert kept.request["messages"][0]["content"] == "Mail [e-mail]"
    assert kept.text == "call [key]"
    assert kept.duration_ms == 300.0
    assert captures.counts == {"kept": 1}
    assert captures.held == 0
    files = list((tmp_path / "traffic").iterdir())
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)


def test_the_share_is_kept_and_the_same_ids_are_sampled(opened: Open) -> None:
    first, second = opened(Capture(share=0.1)), opened(Capture(share=0.1))
    salted = opened(Capture(share=0.1), salt="s")
    names = [f"req-{number}" for number in range(5000)]

    def sampled(captures: Captures) -> list[str]:
        return [name for name in names if captures.began(name, ASKED, b"{}") is not None]

    assert 400 < len(sampled(first)) < 600
    assert sampled(first) == sampled(second) != sampled(salted)
    assert not opened(Capture(share=0.0)).began("x", ASKED, b"{}")
    assert first.held == 0  # taps that nobody closed


def test_only_the_models_that_are_wanted(opened: Open, tmp_path: Path) -> None:
    captures = opened(Capture(share=1.0, models=("clerk",)))
    answer(captures, "one")
    tap = captures.began("two", ASKED, body())
    assert tap is not None
    tap.close(outcome(id="two", model="clerk"))
    captures.close()
    assert [kept.id for kept in all_of(tmp_path)] == ["two"]


def test_a_slow_expression_is_interrupted_and_the_next_request_kept(
    opened: Open, told: list[str], tmp_path: Path
) -> None:
    slow = Redaction("(a+)+$")
    captures = opened(Capture(share=1.0, redact=("keys", slow)))
    began = time.monotonic()
    answer(captures, "slow", asked="a" * 60 + "!")
    assert time.monotonic() - began < 0.5
    answer(captures, "next")
    until(lambda: captures.counts.get("kept") == 1)
    assert captures.counts["slow"] == 1
    assert [kept.id for kept in all_of(tmp_path)] == ["next"]
    assert "redact" in told[0]
    assert told[1] == "Captures are kept again."


def test_a_full_disk_is_told_once_and_left_behind(
    opened: Open, told: list[str], tmp_path: Path
) -> None:
    captures = opened()
    answer(captures, "one")
    until(lambda: captures.counts.get("kept") == 1)
    shutil.rmtree(tmp_path / "traffic")
    (tmp_path / "traffic").write_text("in the way")
    for number in range(3):
        answer(captures, f"lost-{number}")
    until(lambda: captures.counts.get("disk") == 3)
    assert len(told) == 1
    (tmp_path / "traffic").unlink()
    answer(captures, "again")
    until(lambda: captures.counts.get("kept") == 2)
    assert [kept.id for kept in all_of(tmp_path)] == ["again"]
    assert told[1:] == ["Captures are kept again."]


def test_a_killed_writer_is_replaced(opened: Open, told: list[str], tmp_path: Path) -> None:
    captures = opened()
    answer(captures, "one")
    until(lambda: captures.counts.get("kept") == 1)
    pid = captures._sink.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    answer(captures, "lost")
    until(lambda: captures.counts.get("broken") == 1)
    assert "process that writes them ended" in told[0]
    time.sleep(1.1)
    answer(captures, "again")
    until(lambda: captures.counts.get("kept") == 2)
    assert [kept.id for kept in all_of(tmp_path)] == ["one", "again"]


def test_large_answers_and_requests_are_given_up(opened: Open) -> None:
    captures = opened()
    tap = captures.began("one", ASKED, body())
    assert tap is not None
    for _ in range(40):
        tap.feed(b"x" * 32768)
    tap.close(outcome())
    assert captures.began("two", ASKED, b"x" * (capture.MOST_REQUEST_BYTES + 1)) is None
    captures.close()
    assert captures.counts == {"large": 2}
    assert captures.held == 0


def test_memory_is_bounded_while_the_writer_hangs(opened: Open) -> None:
    captures = opened(most_held=1_000_000)
    answer(captures, "one")
    until(lambda: captures.counts.get("kept") == 1)
    pid = captures._sink.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        for number in range(200):
            answer(captures, f"r{number}", "x" * 10_000)
    finally:
        os.kill(pid, signal.SIGCONT)
    taken = 200 - captures.counts["busy"]
    assert 50 < taken <= 100  # each takes ten thousand bytes of the million
    until(lambda: captures.counts["kept"] == 1 + taken)
    assert answer(captures, "after")


def test_nothing_outlives_its_end(opened: Open) -> None:
    captures = opened()
    answer(captures, "one")
    until(lambda: captures.counts.get("kept") == 1)
    pid = captures._sink.pid
    assert pid is not None
    captures.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_request_that_is_no_json_is_counted(opened: Open) -> None:
    captures = opened()
    tap = captures.began("one", ASKED, b"\xff")
    assert tap is not None
    tap.close(outcome())
    captures.close()
    assert captures.counts == {"unreadable": 1}


def test_a_broken_expression_is_refused_at_once(opened: Open) -> None:
    with pytest.raises(ConfigError):
        opened(Capture(share=1.0, redact=(Redaction("("),)))


def test_the_writer_ends_when_the_gateway_is_killed(tmp_path: Path) -> None:
    program = f"""
import pathlib, time
from tests.serve.observing.test_capture import answer
from weighbridge.core.routing import Capture
from weighbridge.serve.observing.capture import Captures
captures = Captures(Capture(share=1.0), pathlib.Path({str(tmp_path)!r}), print)
answer(captures, "one")
while not captures.counts.get("kept"):
    time.sleep(0.01)
print(captures._sink.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as gateway:
        assert gateway.stdout is not None
        pid = int(gateway.stdout.readline())
        assert psutil.pid_exists(pid)
        gateway.kill()
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie")
    assert [kept.id for kept in all_of(tmp_path)] == ["one"]

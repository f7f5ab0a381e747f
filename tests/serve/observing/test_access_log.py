from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serve.outcomes import NOW, outcome, until
from weighbridge.core.gateway import Asked, Choice
from weighbridge.serve.observing.access_log import AccessLog, log_line


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def log(tmp_path: Path, told: list[str]) -> Iterator[AccessLog]:
    opened = AccessLog(str(tmp_path / "logs/access.jsonl"), told.append)
    yield opened
    opened.close()


def test_a_line_says_what_happened_but_never_what_was_written() -> None:
    asked = Asked(
        path="/v1/chat/completions",
        model="auto",
        headers=((b"authorization", b"Bearer wb-secret"),),
        message="my diagnosis",
    )
    line = log_line(outcome(asked=asked, queued_s=0.25))
    assert b"secret" not in line
    assert b"diagnosis" not in line
    assert json.loads(line) == {
        "time": "2026-09-21T14:13:20.250+00:00",
        "id": "req-1",
        "key": "anna",
        "path": "/v1/chat/completions",
        "asked": "auto",
        "model": "tally",
        "status": 200,
        "end": "complete",
        "why": "route 0: task arithmetic",
        "route": 0,
        "duration_ms": 300.0,
        "queued_ms": 250.0,
        "ttft_ms": 20.0,
        "overhead_ms": 0.11,
        "request_bytes": 200,
        "answer_bytes": 900,
        "prompt_tokens": 12,
        "output_tokens": 34,
        "cached_tokens": 5,
    }


def test_what_clients_write_cannot_make_a_line_of_its_own() -> None:
    line = log_line(outcome(asked=Asked("/v1/chat/completions", 'x"}\n{"id": "forged' * 100)))
    assert line.count(b"\n") == 1
    assert len(json.loads(line)["asked"]) == 200


def test_every_request_has_its_line(log: AccessLog, tmp_path: Path) -> None:
    for number in range(2500):
        log.ended(outcome(id=f"r{number}"))
    log.close()
    path = tmp_path / "logs/access.jsonl"
    assert [line["id"] for line in lines(path)] == [f"r{number}" for number in range(2500)]
    assert (log.written, log.lost) == (2500, 0)
    assert path.stat().st_mode & 0o007 == 0


def test_logrotate_moves_the_file_and_a_new_one_begins(log: AccessLog, tmp_path: Path) -> None:
    path = tmp_path / "logs/access.jsonl"
    log.ended(outcome(id="before"))
    until(lambda: log.written == 1)
    path.rename(tmp_path / "logs/access.jsonl.1")
    log.reopen()
    until(lambda: not log._reopen)
    log.ended(outcome(id="after"))
    until(lambda: log.written == 2)
    assert [line["id"] for line in lines(path)] == ["after"]
    assert [line["id"] for line in lines(tmp_path / "logs/access.jsonl.1")] == ["before"]


def test_a_full_disk_is_told_once_and_left_behind(
    log: AccessLog, told: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "logs/access.jsonl"
    path.parent.mkdir()
    path.symlink_to("/dev/full")
    for number in range(3):
        log.ended(outcome())
        until(lambda number=number: log.dropped == number + 1)  # type: ignore[misc]
    assert len(told) == 1
    assert "No space left" in told[0]
    path.unlink()
    log.ended(outcome(id="again"))
    until(lambda: log.written == 1)
    assert [line["id"] for line in lines(path)] == ["again"]
    assert "written again; 3 lines lost" in told[1]


def test_what_cannot_be_written_in_time_is_dropped_and_counted(
    told: list[str], tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    log = AccessLog(str(pipe), told.append, limit=10)  # opening waits for a reader
    log.ended(outcome())
    until(lambda: not log._waiting)
    for _ in range(25):
        log.ended(outcome())
    assert log.lost == 15
    with pipe.open("rb") as reader:
        log.close()
        assert reader.read().count(b"\n") == 11
    assert any("more requests end than can be written" in sentence for sentence in told)


def test_a_refusal_is_noted_too() -> None:
    refused = outcome(
        model="", status=401, end="refused", choice=Choice((), None, ""), use=None, ttft_s=None,
        reason="No such key.",
    )  # fmt: skip
    line = json.loads(log_line(refused))
    assert (line["status"], line["reason"], line["model"]) == (401, "No such key.", "")
    assert "ttft_ms" not in line
    assert line["time"].startswith("2026-")
    assert NOW > 0

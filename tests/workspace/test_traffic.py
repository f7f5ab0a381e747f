from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.core.errors import UnknownRunError, WorkspaceError
from weighbridge.workspace.traffic import Captured, Traffic, TrafficWriter

MOST = 64 * 1024


def captured(name: str, **changes: Any) -> Captured:
    fields: dict[str, Any] = {
        "id": name, "time": "2026-11-21T12:00:00.000+00:00", "key": "anna", "model": "tally",
        "path": "/v1/chat/completions", "status": 200, "end": "complete", "request": {},
    }  # fmt: skip
    return Captured(**fields | changes)


def line(name: str, size: int = 0) -> bytes:
    return msgspec.json.encode(captured(name, text="x" * size))


def ids(root: Path) -> list[str]:
    return [one.id for one in Traffic(root).all()]


def test_what_is_written_is_read_in_order(tmp_path: Path) -> None:
    writer = TrafficWriter(tmp_path, MOST)
    for number in range(100):
        writer.append(line(f"r{number}", 100))
    assert ids(tmp_path) == [f"r{number}" for number in range(100)]
    assert Traffic(tmp_path).find("r99").text == "x" * 100


@settings(max_examples=30)
@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=60))
def test_the_bound_holds_and_the_oldest_go_first(sizes: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        writer = TrafficWriter(root, MOST)
        for number, size in enumerate(sizes):
            writer.append(line(f"r{number}", size))
            assert Traffic(root).size_bytes() <= MOST
            kept = ids(root)
            # What is left is the latest, without gaps.
            assert kept == [f"r{n}" for n in range(number + 1 - len(kept), number + 1)]
        assert len(kept) >= min(len(sizes), 2)


def test_several_writers_stay_within_the_bound_together(tmp_path: Path) -> None:
    def write(worker: int) -> None:
        writer = TrafficWriter(tmp_path, MOST)
        for number in range(100):
            writer.append(line(f"{worker}-{number}", 1500))

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Traffic(tmp_path).size_bytes() <= MOST
    assert len(ids(tmp_path)) > 20


def test_a_request_larger_than_all_is_refused_and_costs_no_other(tmp_path: Path) -> None:
    writer = TrafficWriter(tmp_path, MOST)
    writer.append(line("small"))
    with pytest.raises(WorkspaceError, match="max_size"):
        writer.append(line("large", MOST))
    assert ids(tmp_path) == ["small"]


@given(st.integers(1, 150), st.binary(max_size=30))
@settings(max_examples=50)
def test_torn_and_foreign_lines_are_skipped(cut: int, noise: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        writer = TrafficWriter(root, MOST)
        writer.append(line("one"))
        (segment,) = (root / "traffic").glob("*.jsonl")
        with segment.open("ab") as file:
            file.write(noise.replace(b"\n", b"") + b"\n" + line("torn")[: -min(cut, 100)])
        assert ids(root) == ["one"]
        other = TrafficWriter(root, MOST)  # after a restart: a segment of its own
        other.append(line("two"))
        assert ids(root) == ["one", "two"]


def test_a_write_that_fails_in_the_middle_leaves_whole_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = TrafficWriter(tmp_path, MOST)
    writer.append(line("one"))
    real = os.write
    calls = []

    def full(descriptor: int, data: bytes) -> int:
        calls.append(len(data))
        if len(calls) == 1:
            return real(descriptor, data[:20])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            writer.append(line("lost"))
    (segment,) = (tmp_path / "traffic").glob("*.jsonl")
    assert segment.read_bytes().count(b"\n") == 1
    assert segment.read_bytes().endswith(b"\n")
    writer.append(line("two"))
    assert ids(tmp_path) == ["one", "two"]


def test_ids_may_be_shortened_as_far_as_they_are_unique(tmp_path: Path) -> None:
    writer = TrafficWriter(tmp_path, MOST)
    for name in ("req-12", "req-13", "abc", "req"):
        writer.append(line(name))
    traffic = Traffic(tmp_path)
    assert traffic.find("a").id == "abc"
    assert traffic.find("req").id == "req"
    with pytest.raises(UnknownRunError, match=r"req-12, req-13"):
        traffic.find("req-")
    with pytest.raises(UnknownRunError, match="No captured request"):
        traffic.find("zzz")


def test_an_empty_workspace_has_none_and_looking_leaves_no_trace(tmp_path: Path) -> None:
    assert ids(tmp_path / "none") == []
    assert Traffic(tmp_path / "none").size_bytes() == 0
    assert not (tmp_path / "none").exists()

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.core.calibration import MeasuredPoint
from weighbridge.core.errors import WorkspaceError
from weighbridge.workspace.calibration import read_points, write_points

POINT = MeasuredPoint(
    run="load-1a2b3c", created="2026-01-05T12:00:00Z", model="Qwen/Qwen3-8B", precision="",
    system="RTX 4090", engine="vllm", engine_version="0.19.0", tensor=1, expert=1,
    attention_data=1, concurrency=8, prompt_tokens=512.0, output_tokens=64.0, ttft_ms=80.5,
    tpot_ms=None,
)  # fmt: skip


def test_points_come_back_as_they_were(tmp_path: Path) -> None:
    root = tmp_path / "space"
    assert read_points(root) == ()
    write_points(root, [POINT, POINT])
    assert read_points(root) == (POINT, POINT)
    assert [path.name for path in root.iterdir()] == ["calibration.json"]


def test_no_points_are_no_file(tmp_path: Path) -> None:
    write_points(tmp_path, [POINT])
    write_points(tmp_path, [])
    assert list(tmp_path.iterdir()) == []
    write_points(tmp_path, [])


@pytest.mark.parametrize("text", ["{", '[{"run": 3}]', "\x80"])
def test_a_damaged_file_is_said_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "calibration.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(WorkspaceError, match="cannot be read") as caught:
        read_points(tmp_path)
    assert "calibrate again" in caught.value.fix


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkspaceError, match="Cannot write"):
        write_points(tmp_path / "file", [POINT])

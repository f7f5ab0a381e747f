from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from weighbridge.serve import reload
from weighbridge.serve.reload import state_of, watch


def test_a_file_that_is_written_renamed_or_gone_changes_its_state(tmp_path: Path) -> None:
    path = tmp_path / "router.config.yaml"
    assert state_of(path) is None
    path.write_text("a")
    first = state_of(path)
    other = tmp_path / "new"
    other.write_text("a")
    other.replace(path)
    assert state_of(path) not in (None, first)


def test_a_change_is_reported_once_it_stands_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reload, "_LOOK_S", 0.02)
    path = tmp_path / "router.config.yaml"
    path.write_text("first")
    seen: list[str] = []

    async def on_change() -> None:
        seen.append(path.read_text())

    async def check() -> None:
        task = asyncio.create_task(watch(path, on_change))
        await asyncio.sleep(0.1)
        assert seen == []
        path.write_text("second")
        await asyncio.sleep(0.15)
        path.unlink()
        await asyncio.sleep(0.1)
        path.write_text("third")
        await asyncio.sleep(0.15)
        task.cancel()

    asyncio.run(check())
    assert seen == ["second", "third"]


def test_a_file_that_stays_away_is_told_once_and_read_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reload, "_LOOK_S", 0.02)
    path, away = tmp_path / "router.config.yaml", tmp_path / "away"
    path.write_text("first")
    seen: list[str] = []

    async def on_change() -> None:
        seen.append(path.read_text())

    async def check() -> None:
        task = asyncio.create_task(watch(path, on_change, lambda: seen.append("gone")))
        await asyncio.sleep(0.1)
        for _ in range(2):
            path.rename(away)
            await asyncio.sleep(0.3)
            away.rename(path)  # the very same file
            await asyncio.sleep(0.15)
        task.cancel()

    asyncio.run(check())
    assert seen == ["gone", "first"] * 2

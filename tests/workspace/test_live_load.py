from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import pytest

from tests.report import sample_load as sample
from weighbridge.core.live_load import LiveLoad, LivePoint
from weighbridge.core.traffic import LoadShape
from weighbridge.workspace.live_load import MOST_POINTS, LiveLoads, is_under_way, thinned

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def point(at: int) -> LivePoint:
    return LivePoint(float(at), at, 0, 4, 500.0 + at, 90.0, None, 11.0, 14.0)


def live(tail: str = "abc", points: int = 3, updated: datetime | None = None) -> LiveLoad:
    at = updated or datetime.now(UTC)
    return LiveLoad(
        info=sample.info(tail),
        url="http://127.0.0.1:8000/v1",
        level=1,
        levels=4,
        shape=LoadShape("closed", 4),
        total=240,
        points=tuple(point(number) for number in range(points)),
        finished=sample.closed_run().levels[:1],
        updated=at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        process=os.getpid(),
    )


def dead_process() -> int:
    """The id of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_what_is_written_is_read_until_it_is_removed(tmp_path: Path) -> None:
    board = LiveLoads(tmp_path)
    board.write(live())
    found = board.read("load-abc")
    assert found is not None
    assert found.points == live().points
    assert found.finished[0].ttft_ms == sample.closed_run().levels[0].ttft_ms
    assert board.all() == [found]
    board.remove("load-abc")
    board.remove("load-abc")
    assert board.read("load-abc") is None
    assert board.all() == []


def test_a_later_snapshot_replaces_and_leaves_no_drafts(tmp_path: Path) -> None:
    board = LiveLoads(tmp_path)
    for count in (1, 2, 3):
        board.write(live(points=count))
    assert [path.name for path in (tmp_path / "live").iterdir()] == ["load-abc.json"]
    found = board.read("load-abc")
    assert found is not None
    assert len(found.points) == 3


def test_points_are_thinned_and_samples_left_out(tmp_path: Path) -> None:
    board = LiveLoads(tmp_path)
    board.write(live(points=5000))
    found = board.read("load-abc")
    assert found is not None
    assert len(found.points) == MOST_POINTS
    assert (found.points[0].at_s, found.points[-1].at_s) == (0.0, 4999.0)
    assert found.finished[0].server is None


def test_writing_is_quick(tmp_path: Path) -> None:
    board = LiveLoads(tmp_path)
    snapshot = live(points=400)
    taken = []
    for _ in range(40):
        begin = perf_counter()
        board.write(snapshot)
        taken.append(perf_counter() - begin)
    # The least of many: what the machine does besides is not our cost.
    assert min(taken) < 0.002


@pytest.mark.parametrize(("count", "most"), [(0, 5), (4, 5), (5, 5), (6, 5), (1000, 120)])
def test_thinning_keeps_both_ends_and_the_order(count: int, most: int) -> None:
    points = [point(number) for number in range(count)]
    kept = thinned(points, most)
    assert len(kept) == min(count, most)
    assert list(kept) == sorted(kept, key=lambda one: one.at_s)
    assert len(set(kept)) == len(kept)
    if count:
        assert (kept[0], kept[-1]) == (points[0], points[-1])


class TestUnderWay:
    def test_just_shown(self) -> None:
        assert is_under_way(live(updated=NOW), NOW + timedelta(seconds=5))

    def test_a_quiet_process_that_lives(self) -> None:
        assert is_under_way(live(updated=NOW), NOW + timedelta(seconds=60))

    def test_a_quiet_process_that_is_gone(self) -> None:
        gone = replace(live(updated=NOW), process=dead_process())
        assert not is_under_way(gone, NOW + timedelta(seconds=60))

    def test_an_id_that_another_process_has_by_now(self) -> None:
        assert not is_under_way(live(updated=NOW), NOW + timedelta(hours=2))

    def test_no_time_at_all(self) -> None:
        assert not is_under_way(replace(live(), updated="yesterday"))


def test_stale_snapshots_are_not_shown_and_cleaned(tmp_path: Path) -> None:
    board = LiveLoads(tmp_path)
    board.write(live("aaa"))
    old = replace(live("bbb", updated=NOW - timedelta(days=9000)), process=dead_process())
    board.write(old)
    assert board.read("load-bbb") is None
    assert [one.info.id for one in board.all()] == ["load-aaa"]
    board.clean()
    assert [path.name for path in (tmp_path / "live").iterdir()] == ["load-aaa.json"]


def test_what_cannot_be_read_is_not_shown_and_left_alone(tmp_path: Path) -> None:
    board = LiveLoads(tmp_path)
    board.write(live())
    (tmp_path / "live" / "load-broken.json").write_text('{"info": 1', encoding="utf-8")
    assert [one.info.id for one in board.all()] == ["load-abc"]
    assert board.read("load-broken") is None
    board.clean()
    assert (tmp_path / "live" / "load-broken.json").exists()


@pytest.mark.parametrize("name", ["../../secret", "load-abc/../x", "", ".load", "LOAD-1"])
def test_ids_lead_nowhere_else(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.json").write_text("{}", encoding="utf-8")
    assert LiveLoads(tmp_path / "a" / "b").read(name) is None


def test_a_full_disk_ends_no_measurement(tmp_path: Path) -> None:
    (tmp_path / "live").write_text("in the way", encoding="utf-8")
    board = LiveLoads(tmp_path)
    board.write(live())
    assert board.all() == []


def test_looking_makes_no_folder(tmp_path: Path) -> None:
    board = LiveLoads(tmp_path)
    assert board.all() == []
    board.clean()
    assert list(tmp_path.iterdir()) == []

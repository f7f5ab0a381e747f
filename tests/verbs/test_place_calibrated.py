from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.runner import weigh
from tests.fakes.clock import FakeClock
from tests.verbs.test_place import ONE, written
from weighbridge.core.calibration import MeasuredPoint
from weighbridge.facts.catalog.catalogue import load
from weighbridge.predict.rows import predict
from weighbridge.predict.table import Scenario
from weighbridge.verbs.place import PlacementPlan, plan
from weighbridge.verbs.scenario_jobs import Jobs
from weighbridge.workspace.calibration import write_points

MODEL, DEVICE = "Qwen/Qwen3-8B", "A100 SXM 80GB"


def point(users: int, slower: float, engine: str = "vllm", device: str = DEVICE) -> MeasuredPoint:
    """What a server on the device took, so much longer than is predicted of it."""
    asked = Scenario(MODEL, device, engine, "", "bf16", 1000, 200, 1, 1, 1, users)
    one = predict([Jobs(load(), FakeClock()).job(asked)[0]])[0]
    assert one.ttft_ms is not None
    assert one.tpot_ms is not None
    return MeasuredPoint(
        "load-1", "2026-01-02", MODEL, "bf16", device, engine, "", 1, 1, 1, users, 1000.0, 200.0,
        one.ttft_ms.value * slower, one.tpot_ms.value * slower,
    )  # fmt: skip


@pytest.fixture
def placed(tmp_path: Path) -> PlacementPlan:
    return plan(written(tmp_path, ONE % (DEVICE, "")))


def loads(found: PlacementPlan) -> dict[str, float]:
    return {one.wanted: one.option.load for one in found.placement.placed}


def calibrated(tmp_path: Path, *points: MeasuredPoint) -> PlacementPlan:
    workspace = tmp_path / "own"
    write_points(workspace, points)
    return plan(tmp_path / "placement.yaml", workspace=workspace)


def test_a_machine_that_is_slower_is_busier_with_other_models_too(
    tmp_path: Path, placed: PlacementPlan
) -> None:
    after = calibrated(tmp_path, *(point(users, 1.5) for users in (1, 4, 8)))
    ratios = {name: load / loads(placed)[name] for name, load in loads(after).items()}
    assert 1.3 < ratios[MODEL] < 1.55
    assert 1.05 < ratios["Qwen/Qwen3-4B-Instruct-2507"] < ratios[MODEL]
    times = [
        next(one.option for one in found.placement.placed if one.wanted == MODEL)
        for found in (placed, after)
    ]
    assert times[0].tpot_ms is not None
    assert times[1].tpot_ms is not None
    assert 1.3 < times[1].tpot_ms / times[0].tpot_ms < 1.55
    # Memory was not measured.
    assert [one.share for one in after.servers] == [one.share for one in placed.servers]


def test_the_provenance_names_the_runs(tmp_path: Path, placed: PlacementPlan) -> None:
    after = calibrated(tmp_path, *(point(users, 1.5) for users in (1, 4, 8)))
    assert "load-1" in after.provenance.source
    assert f"3 points of {MODEL}" in after.provenance.source
    assert after.provenance.date == "2026-01-02"
    assert any("corrected by 3 measured points" in note for note in after.notes)
    assert "calibrated" not in placed.provenance.source


@pytest.mark.parametrize(
    ("engine", "device"), [("sglang", DEVICE), ("vllm", "RTX 4090")], ids=["engine", "device"]
)
def test_points_of_other_engines_and_devices_change_nothing(
    tmp_path: Path, placed: PlacementPlan, engine: str, device: str
) -> None:
    after = calibrated(tmp_path, *(point(users, 1.5, engine, device) for users in (1, 4, 8)))
    assert loads(after) == loads(placed)
    assert after.provenance == placed.provenance
    assert after.notes == placed.notes


def test_the_command_reads_the_workspace(tmp_path: Path, placed: PlacementPlan) -> None:
    write_points(tmp_path / ".weighbridge", [point(users, 1.5) for users in (1, 4, 8)])
    done = weigh("place", "placement.yaml", "--json", "--html", "page.html", cwd=tmp_path)
    document = json.loads(done.out)
    assert "load-1" in document["provenance"]["source"]
    assert "load-1" in (tmp_path / "page.html").read_text()
    other = weigh("place", "placement.yaml", "--json", "--workspace", "none", cwd=tmp_path)
    assert json.loads(other.out)["provenance"]["source"] == placed.provenance.source
    assert not (tmp_path / "none").exists()

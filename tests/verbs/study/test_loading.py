"""Studies as they are read back, those from before demos were studies included."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report.sample_study import sample_study
from weighbridge.core.errors import UnknownRunError
from weighbridge.core.study import STAGES, DemoRun
from weighbridge.verbs.effects import open_workspace
from weighbridge.verbs.study import load_study


def test_an_old_demo_is_read_as_the_study_that_it_was(tmp_path: Path) -> None:
    sample = sample_study()
    store = open_workspace(tmp_path)
    for part in (*sample.sheets, *sample.loads, *sample.evals, sample.verdict, sample.route):
        assert part is not None
        store.save(part.info, part)
    assert sample.verdict is not None
    assert sample.route is not None
    info = store.new_info("demo", model="tally, clerk", subject="arithmetic", key="0")
    old = DemoRun(
        info=info,
        inspected=tuple(one.info.id for one in sample.sheets),
        loads=tuple(one.info.id for one in sample.loads),
        evals=tuple(one.info.id for one in sample.evals),
        comparisons=sample.run.comparisons,
        verdict=sample.verdict.info.id,
        route=sample.route.info.id,
        seconds=31.5,
    )
    store.save(info, old)
    found = load_study(store, info.id)
    assert found.run.info == info
    assert (found.sheets, found.loads, found.evals) == (sample.sheets, sample.loads, sample.evals)
    assert (found.verdict, found.route) == (sample.verdict, sample.route)
    assert found.run.comparisons == sample.run.comparisons
    assert found.run.seconds == 31.5
    assert [stage.name for stage in found.run.stages] == list(STAGES)
    states = {stage.name: stage.state for stage in found.run.stages}
    assert states["decide"] == "done"
    assert states["cost"] == states["rate"] == states["plan"] == "not asked"
    assert "before demos were studies" in found.run.not_checked[0]


def test_a_study_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownRunError):
        load_study(open_workspace(tmp_path), "study-abc123")

"""Workspaces of two machines become one: ids kept, conflicts told, nothing overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.verbs.study.lab import Lab, lab
from weighbridge.core.errors import InputError
from weighbridge.core.load import LoadRun
from weighbridge.core.study import StudyRun
from weighbridge.verbs.effects import open_workspace
from weighbridge.verbs.study.merging import merge
from weighbridge.workspace.studies import Studies


def measured_on(study: Lab, machine: str) -> tuple[Path, StudyRun]:
    """The study as it was run on another machine."""
    study.machine, study.root = machine, study.folder / machine
    return study.root, study.run()


def loads_of(run: StudyRun) -> set[str]:
    return set(run.loads)


def test_what_two_machines_measured_is_joined_and_kept_apart(tmp_path: Path) -> None:
    with lab(tmp_path) as study:
        far, of_far = measured_on(study, "far")
        near, of_near = measured_on(study, "near")
        (joined,) = merge(near, [far])
        assert set(joined.runs) == {path.name for path in (far / "runs").iterdir()}
        assert joined.conflicts == ()
        assert dict(joined.units) == {"lab": len(Studies(far).records("lab"))}
        assert open_workspace(near).load(of_far.info.id, StudyRun) == of_far

        # Near's own load tests stay the study's; far's stand beside them, by machine.
        assert study.to_do() == set()
        asked = len(study.url.requests)
        run = study.run()
        assert len(study.url.requests) == asked
        names = {unit.name for stage in run.stages for unit in stage.units if stage.name == "bench"}
        assert names == {"good", "fair", "good @ far", "fair @ far"}
        assert loads_of(run) == loads_of(of_near) | loads_of(of_far)
        assert run.machines == ("near", "far")
        assert run.evals == of_near.evals


def test_answers_of_another_machine_need_not_be_asked_for_again(tmp_path: Path) -> None:
    with lab(tmp_path) as study:
        far, of_far = measured_on(study, "far")
        study.machine, study.root = "near", tmp_path / "near"
        merge(study.root, [far])
        assert {name.partition(":")[0] for name in study.to_do()} == {
            "bench", "cost", "decide", "route",
        }  # fmt: skip
        run = study.run()
        assert run.evals == of_far.evals
        assert loads_of(of_far) < loads_of(run)


def test_joining_twice_adds_nothing(tmp_path: Path) -> None:
    with lab(tmp_path) as study:
        far, _ = measured_on(study, "far")
        near, _ = measured_on(study, "near")
        merge(near, [far])
        ledger = (near / "studies" / "lab.jsonl").read_bytes()
        (again,) = merge(near, [far])
        assert (again.runs, again.units) == ((), ())
        assert again.known == len(list((far / "runs").iterdir()))
        assert (near / "studies" / "lab.jsonl").read_bytes() == ledger


def test_a_conflict_is_told_and_ours_stays(tmp_path: Path) -> None:
    with lab(tmp_path) as study:
        far, of_far = measured_on(study, "far")
        near = tmp_path / "near"
        merge(near, [far])
        name = of_far.loads[0]
        path = far / "runs" / name / "run.json"
        document = json.loads(path.read_text())
        path.write_text(json.dumps(document | {"url": "http://elsewhere/v1"}))
        (again,) = merge(near, [far])
        assert again.conflicts == (
            f"{name} is another one in {far} than here; ours was left as it is.",
        )
        assert open_workspace(near).load(name, LoadRun).url == document["url"]


def test_records_of_what_differs_are_not_taken_over(tmp_path: Path) -> None:
    with lab(tmp_path) as study:
        far, of_far = measured_on(study, "far")
        near = tmp_path / "near"
        name = of_far.loads[0]
        (near / "runs" / name).mkdir(parents=True)
        (near / "runs" / name / "run.json").write_text("{}")
        (joined,) = merge(near, [far])
        assert len(joined.conflicts) == 1
        assert not any(name in record.runs for record in Studies(near).records("lab"))


def test_links_and_strange_names_in_a_foreign_workspace_are_left_out(tmp_path: Path) -> None:
    far, near = tmp_path / "far", tmp_path / "near"
    (tmp_path / "secret").write_text("mine")
    for name in ("load-abc123", "load-0ff1ce", "..evil", "load-abc124"):
        (far / "runs" / name).mkdir(parents=True)
        (far / "runs" / name / "run.json").write_text("{}")
    (far / "runs" / "load-abc123" / "items.jsonl").symlink_to(tmp_path / "secret")
    (far / "runs" / "load-0ff1ce" / "run.json").unlink()
    (far / "runs" / "load-0ff1ce" / "run.json").symlink_to(tmp_path / "secret")
    (far / "runs" / "load-abc125").symlink_to(far / "runs" / "load-abc124")
    (joined,) = merge(near, [far])
    assert set(joined.runs) == {"load-abc123", "load-abc124"}
    assert [path.name for path in (near / "runs" / "load-abc123").iterdir()] == ["run.json"]


def test_what_is_no_workspace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no workspace"):
        merge(tmp_path / "near", [tmp_path])
    (tmp_path / "runs").mkdir()
    with pytest.raises(InputError, match="this very workspace"):
        merge(tmp_path, [tmp_path])

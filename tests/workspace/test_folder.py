from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.clock import FakeClock
from tests.fakes.runs import accurate, eval_run
from tests.report.sample_study import sample_study
from weighbridge import __version__
from weighbridge.core.errors import UnknownRunError, WorkspaceError
from weighbridge.core.load import LoadRun
from weighbridge.core.runs import EvalRun, ItemResult, RunInfo, RunKind
from weighbridge.workspace.folder import Workspace

STUDY = sample_study()
RECORDS: list[Any] = [
    STUDY.run,
    *STUDY.sheets,
    *STUDY.loads,
    *STUDY.evals,
    STUDY.verdict,
    STUDY.route,
]


def open_workspace(root: Path, clock: FakeClock | None = None) -> Workspace:
    return Workspace(root, clock or FakeClock(), lambda: "a machine")


def save_run(store: Workspace, model: str, subject: str, kind: RunKind = "eval") -> RunInfo:
    info = store.new_info(kind, model=model, subject=subject, key="0" * 16)
    store.save(info, replace(eval_run(model, subject, accurate(1, 2)), info=info))
    return info


def on_disk(store: Workspace) -> list[str]:
    return [path.name for path in (store.root / "runs").iterdir()]


@pytest.fixture
def store(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "ws")


# -- Saving and loading ------------------------------------------------------------------------


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.info.id)
def test_every_kind_of_record_comes_back_as_it_was(tmp_path: Path, record: Any) -> None:
    open_workspace(tmp_path).save(record.info, record)
    again = open_workspace(tmp_path)
    assert again.load(record.info.id, type(record)) == record
    assert again.runs() == [record.info]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.builds(
            ItemResult,
            id=st.text(),
            prompt=st.text(),
            expected=st.none() | st.text() | st.dictionaries(st.text(), st.booleans()),
            answer=st.text(),
            correct=st.booleans(),
            score=st.floats(0, 1),
            detail=st.text(),
            latency_ms=st.floats(0, 1e9),
            output_tokens=st.integers(0, 10**9),
            error=st.none() | st.text(),
        )
    )
)
def test_any_answer_survives(
    tmp_path_factory: pytest.TempPathFactory, items: list[ItemResult]
) -> None:
    store = open_workspace(tmp_path_factory.mktemp("ws"))
    info = store.new_info("eval", model="m", subject="s", key="k")
    run = EvalRun(info, "http://h/v1", "s", "hash", tuple(items))
    store.save(info, run)
    assert store.load(info.id, EvalRun) == run


def test_tables_are_json_lines_for_other_tools(store: Workspace) -> None:
    info = save_run(store, "m", "s")
    folder = store.root / "runs" / info.id
    lines = (folder / "items.jsonl").read_bytes().splitlines()
    assert [msgspec.json.decode(line)["id"] for line in lines] == ["item-0", "item-1"]
    assert "items" not in msgspec.json.decode((folder / "run.json").read_bytes())
    assert len(store.document(info.id)["items"]) == 2


def test_a_new_run_knows_when_where_and_by_what_it_was_made(store: Workspace) -> None:
    info = store.new_info("load", model="m", subject="s", key="k")
    other = store.new_info("load", model="m", subject="s", key="k")
    assert info.id.startswith("load-")
    assert info.id != other.id
    assert replace(info, id="") == RunInfo(
        "", "load", "2026-01-05T12:00:00Z", "m", "s", "k", "a machine", __version__
    )


def test_a_run_is_never_overwritten(store: Workspace) -> None:
    info = save_run(store, "m", "s")
    with pytest.raises(WorkspaceError, match="could not be saved"):
        store.save(info, eval_run("other", "s", [True]))
    assert store.load(info.id, EvalRun).info == info
    assert on_disk(store) == [info.id]


def test_a_kill_before_the_rename_leaves_nothing_visible(
    store: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    # A kill runs no clean-up either.
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", die)
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        with pytest.raises(Killed):
            save_run(store, "m", "s")
    assert len(on_disk(store)) == 1  # the draft
    for each in (store, open_workspace(store.root)):
        assert each.runs() == []
        with pytest.raises(UnknownRunError):
            each.find(on_disk(store)[0])


def test_a_kill_after_the_rename_loses_nothing(
    store: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("weighbridge.workspace.index.Index.add", die)
        with pytest.raises(KeyboardInterrupt):
            save_run(store, "m", "s")
    (info,) = open_workspace(store.root).runs()
    assert (info.model, info.subject) == ("m", "s")


def test_a_failure_to_save_leaves_no_draft(store: Workspace) -> None:
    info = store.new_info("eval", model="m", subject="s", key="k")
    unwritable = replace(eval_run("m", "s", [True]), url="\ud800")
    with pytest.raises(UnicodeEncodeError):
        store.save(info, unwritable)
    assert on_disk(store) == []


# -- Damage ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("run.json", b"{"),
        ("run.json", b'{"info": "\xff"}'),
        ("run.json", b"{}"),
        ("items.jsonl", b'{"id": "torn'),
        ("items.jsonl", b"{}\n"),
        ("items.jsonl", b'{"id": "\xff"}\n'),
        ("run.json", None),
    ],
)
def test_a_damaged_run_is_refused_with_a_sentence(
    store: Workspace, name: str, content: bytes | None
) -> None:
    info = save_run(store, "m", "s")
    path = store.root / "runs" / info.id / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(WorkspaceError, match=f"The run {info.id} cannot be read") as caught:
        store.load(info.id, EvalRun)
    assert str(path.parent) in caught.value.fix


def test_a_run_of_another_kind_is_refused(store: Workspace) -> None:
    info = save_run(store, "m", "s")
    with pytest.raises(WorkspaceError, match="cannot be read"):
        store.load(info.id, LoadRun)


def test_a_folder_deleted_by_hand_is_gone(store: Workspace) -> None:
    kept, deleted = save_run(store, "m", "s"), save_run(store, "m", "s")
    shutil.rmtree(store.root / "runs" / deleted.id)
    for each in (store, open_workspace(store.root)):
        assert each.runs() == [kept]
        assert each.find("m@s") == kept
        with pytest.raises(UnknownRunError):
            each.load(deleted.id, EvalRun)


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"info": 1}', b'{"info": "\xff"}', b"{}"])
def test_foreign_folders_are_left_alone(store: Workspace, content: bytes) -> None:
    info = save_run(store, "m", "s")
    foreign = store.root / "runs" / "notes"
    foreign.mkdir()
    (foreign / "run.json").write_bytes(content)
    (store.root / "runs" / "stray.txt").write_text("hello")
    assert open_workspace(store.root).runs() == [info]
    assert (foreign / "run.json").read_bytes() == content


def test_a_copy_under_another_name_is_no_second_run(store: Workspace) -> None:
    older, newer = save_run(store, "m", "s"), save_run(store, "m", "s")
    runs = store.root / "runs"
    shutil.copytree(runs / older.id, runs / "eval-copy")
    assert open_workspace(store.root).runs() == [newer, older]
    shutil.rmtree(runs / older.id)
    assert open_workspace(store.root).runs() == [newer]


def test_a_deleted_index_is_rebuilt_in_order(tmp_path: Path) -> None:
    clock = FakeClock()
    store = open_workspace(tmp_path, clock)
    infos = []
    for number in range(12):
        infos.append(save_run(store, f"m{number}", "s"))
        clock.advance(0.25)  # so that four share a second
    assert store.runs() == infos[::-1]
    (tmp_path / "index.sqlite").unlink()
    assert open_workspace(tmp_path).runs() == infos[::-1]


def test_a_corrupted_index_is_refused_with_a_way_out(store: Workspace) -> None:
    info = save_run(store, "m", "s")
    index = store.root / "index.sqlite"
    index.write_bytes(b"this is not a database, not at all" * 100)
    with pytest.raises(WorkspaceError, match=r"index.sqlite cannot be used") as caught:
        open_workspace(store.root)
    assert "Delete that file" in caught.value.fix
    index.unlink()
    assert open_workspace(store.root).runs() == [info]


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_workspace_that_cannot_be_made_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WorkspaceError, match="cannot be made") as caught:
        open_workspace(tmp_path / name)
    assert "--workspace" in caught.value.fix


# -- Finding -----------------------------------------------------------------------------------


def test_a_run_is_found_by_its_id_and_the_newest_by_model_at_subject(tmp_path: Path) -> None:
    clock = FakeClock()
    store = open_workspace(tmp_path, clock)
    old = save_run(store, "org/m@v2", "sums")
    clock.advance(60)
    new = save_run(store, "org/m@v2", "sums")
    clock.advance(60)
    save_run(store, "org/m@v2", "words")
    assert store.find(old.id) == old
    assert store.find("org/m@v2@sums") == new


def test_an_ambiguous_beginning_names_the_choices(store: Workspace) -> None:
    infos = [save_run(store, "m", "s") for _ in range(2)]
    with pytest.raises(UnknownRunError, match=r"'eval-' could be") as caught:
        store.find("eval-")
    assert all(info.id in str(caught.value) for info in infos)


def test_a_run_is_found_by_how_its_id_begins_and_a_whole_id_is_no_ambiguity(
    store: Workspace,
) -> None:
    for run_id in ("eval-abc", "eval-abcdef"):
        run = eval_run("m", "s", [True], run_id=run_id)
        store.save(run.info, run)
    assert store.find("eval-abc").id == "eval-abc"
    assert store.find("eval-abcd").id == "eval-abcdef"


@pytest.mark.parametrize("typo", ["{id}x", "tiny@sumz"])
def test_an_unknown_name_suggests_the_nearest(store: Workspace, typo: str) -> None:
    info = save_run(store, "tiny", "sums")
    with pytest.raises(UnknownRunError, match="There is no run") as caught:
        store.find(typo.format(id=info.id))
    near = info.id if "id" in typo else "tiny@sums"
    assert caught.value.fix == f"Did you mean {near}? `weigh runs` lists them."
    with pytest.raises(UnknownRunError) as caught:
        store.find("zzz")
    assert caught.value.fix == "`weigh runs` lists them."


def test_only_runs_of_the_kind_asked_for_are_found(store: Workspace) -> None:
    load, evaluation = save_run(store, "m", "s", "load"), save_run(store, "m", "s")
    assert store.find("m@s", "load") == load
    assert store.runs("eval") == [evaluation]
    with pytest.raises(UnknownRunError, match="There is no eval run") as caught:
        store.find(load.id, "eval")
    assert load.id not in caught.value.fix


def test_no_name_leads_out_of_the_workspace(store: Workspace) -> None:
    save_run(store, "m", "s")
    outside = store.root / "run.json"
    outside.write_text("{}")
    for name in ("..", "../..", ".", "", str(store.root)):
        with pytest.raises(UnknownRunError):
            store.load(name, EvalRun)


def test_two_open_workspaces_see_each_other(store: Workspace) -> None:
    other = open_workspace(store.root)
    info = save_run(store, "m", "s")
    assert other.runs() == [info]
    assert other.load(info.id, EvalRun).info == info


def test_a_journal_lives_in_the_workspace_and_is_no_run(store: Workspace) -> None:
    journal = store.journal("abc")
    journal.append([b"1"])
    journal.close()
    assert (store.root / "journals" / "abc.jsonl").read_bytes() == b"1\n"
    assert open_workspace(store.root).runs() == []


def test_old_drafts_of_killed_processes_are_swept_and_fresh_ones_spared(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for name, age_s in ((".draft-old", 7200), (".draft-fresh", 10)):
        (runs / name).mkdir(parents=True)
        then = time.time() - age_s
        os.utime(runs / name, (then, then))
    open_workspace(tmp_path)
    assert [path.name for path in runs.iterdir()] == [".draft-fresh"]


def test_looking_leaves_no_trace(tmp_path: Path) -> None:
    assert open_workspace(tmp_path / "ws").runs() == []
    assert list(tmp_path.iterdir()) == []


def test_a_workspace_that_cannot_be_written_can_be_read(
    store: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = save_run(store, "m", "s"), save_run(store, "m", "s")
    (store.root / "index.sqlite").unlink()
    # Root may write anywhere, so that the file system's own refusal cannot be had in a test.
    monkeypatch.setattr(os, "access", lambda *_: False)
    reader = open_workspace(store.root)
    assert reader.runs() == [newer, older]
    assert reader.load(older.id, EvalRun).info == older
    assert reader.find("m@s") == newer
    assert not (store.root / "index.sqlite").exists()

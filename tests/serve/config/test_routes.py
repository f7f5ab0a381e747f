"""Learned routes in a configuration: the file is read, and what it names has to be there."""

from __future__ import annotations

from array import array
from pathlib import Path

from tests.serve.config.files import faults, folder_for, read, swapped
from weighbridge.core.learned_route import SIGNALS, LearnedFile, RouteHeader, TaskCard, encode
from weighbridge.core.text_features import FEATURES

USED = swapped("signals:", "signals:\n  learned: route.wb").replace(
    "use: [far]", "use: [learned, far]"
)


def learned(folder: Path, *, single: str = "far", task: str = "essays") -> None:
    figures = (0.0,) * SIGNALS
    card = TaskCard(task, ("far",), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 0.0, 1.0, on=True)
    header = RouteHeader(
        FEATURES, 12, 0, (1.0, *figures), (0,) * (1 + SIGNALS), (single,), tasks=(card,), on=True
    )
    (folder / "route.wb").write_bytes(encode(LearnedFile(header, array("I"), array("h"))))


def test_a_learned_route_is_read_and_its_tasks_count(tmp_path: Path) -> None:
    folder = folder_for(tmp_path)
    learned(folder)
    assert read(USED, folder).signals.learned == "route.wb"
    read(USED.replace("{task: arithmetic,", "{task: essays,"), folder)
    (fault,) = faults(USED.replace("{task: arithmetic,", "{task: essay,"), folder)
    assert fault[0] == "routes[0].when.task"
    assert "did you mean 'essays'?" in fault[1]


def test_its_best_model_has_to_be_there(tmp_path: Path) -> None:
    folder = folder_for(tmp_path)
    learned(folder, single="fare")
    ((where, text, _),) = faults(USED, folder)
    assert where == "signals.learned"
    assert "'fare'" in text
    assert "did you mean 'far'?" in text


def test_a_file_that_is_none_is_one_fault(tmp_path: Path) -> None:
    folder = folder_for(tmp_path)
    assert [where for where, _, _ in faults(USED, folder)] == ["signals.learned"]
    (folder / "route.wb").write_bytes(b"no route at all")
    assert [where for where, _, _ in faults(USED, folder)] == ["signals.learned"]

"""Large suites, whose items stay in their file."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from weighbridge.core.errors import ConfigError, InputError
from weighbridge.core.runs import content_hash
from weighbridge.measure.evals import suite as module
from weighbridge.measure.evals.item_file import ItemFile
from weighbridge.measure.evals.subset import chosen
from weighbridge.measure.evals.suite import Suite, load_suite, make_suite


def write(folder: Path, count: int, *, before: bytes = b"") -> Path:
    (folder / "suite.yaml").write_text("name: s\nprompt: 'é {q}'\nscorer: exact\ngroup: g\n")
    lines = [
        json.dumps({"id": n, "q": f"question {n}", "answer": "yes", "g": n // 3})
        for n in range(count)
    ]
    (folder / "items.jsonl").write_bytes(before + "\n\n".join(lines).encode())
    return folder


def both(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Suite, Suite]:
    held = load_suite(folder)
    monkeypatch.setattr(module, "_HELD_BYTES", 0)
    return held, load_suite(folder)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_items_in_the_file_are_those_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: bytes
) -> None:
    held, filed = both(write(tmp_path, 100, before=mark), monkeypatch)
    assert isinstance(held.items, tuple)
    assert isinstance(filed.items, ItemFile)
    assert filed == held
    assert filed.items == held.items
    assert filed.hash == held.hash == make_suite(held.settings, held.items).hash
    assert (filed.items[-1], filed.items[5]) == (held.items[-1], held.items[5])
    assert filed.items[3].group == "1"
    assert filed.items[2:50:7] == held.items[2:50:7]
    for limit, seed in ((10, None), (10, 4), (None, 4), (1000, 4)):
        assert chosen(filed, limit, seed) == chosen(held, limit, seed)
    assert isinstance(chosen(filed, 10, 4).items, ItemFile)


def test_the_hash_is_that_of_the_whole(tmp_path: Path) -> None:
    suite = load_suite(write(tmp_path, 5))
    assert suite.hash == content_hash(suite.settings, tuple(suite.items))


def test_a_file_that_changes_meanwhile_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_HELD_BYTES", 0)
    suite = load_suite(write(tmp_path, 1000))
    path = tmp_path / "items.jsonl"
    changed = path.read_bytes().replace(b"question 900", b"Question 900")
    with path.open("r+b") as file:
        file.write(changed)
    assert suite.items[0].id == "0"
    with pytest.raises(InputError, match=r"items\.jsonl was changed"):
        suite.items[900]


def test_what_is_wrong_with_an_item_is_told_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_HELD_BYTES", 0)
    path = write(tmp_path, 3) / "items.jsonl"
    path.write_bytes(path.read_bytes() + b'\n{"id": 2, "q": "x", "answer": "y", "g": 0}')
    with pytest.raises(ConfigError, match=r"line 6: the id '2' stands twice"):
        load_suite(tmp_path)


def test_items_in_a_file_take_little_memory(tmp_path: Path) -> None:
    write(tmp_path, 30_000)
    assert (tmp_path / "items.jsonl").stat().st_size > 2**20
    tracemalloc.start()
    try:
        suite = load_suite(tmp_path)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(suite.items) == 30_000
    assert held / 30_000 < 40  # bytes

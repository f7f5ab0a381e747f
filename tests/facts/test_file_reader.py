from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.facts.file_reader import file_reader

WHOLE = os.urandom(700_000)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "whole"
    path.write_bytes(WHOLE)
    return path


@settings(deadline=None)
@given(
    pieces=st.lists(
        st.tuples(st.integers(0, len(WHOLE)), st.sampled_from([0, 1, 400, 70_000, 300_000])),
        max_size=20,
    )
)
def test_pieces_are_those_of_the_file_whatever_was_read_before(
    path: Path, pieces: list[tuple[int, int]]
) -> None:
    read = file_reader(path)
    for start, size in pieces:
        assert read(start, size) == WHOLE[start : start + size]
        near = max(0, start - size - 5)
        assert read(near, size) == WHOLE[near : near + size]


def test_what_is_appended_is_read_and_the_file_may_go(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one")
    read = file_reader(path)
    assert read(0, 3) == b"one"
    with path.open("ab") as file:
        file.write(b"two")
    assert read(3, 3) == b"two"
    path.unlink()
    assert read(1, 4) == b"netw"


def test_the_file_is_closed_with_the_last_reference(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one")
    before = set(Path("/proc/self/fd").iterdir())
    read = file_reader(path)
    assert read(0, 1) == b"o"
    opened = set(Path("/proc/self/fd").iterdir()) - before
    assert opened
    del read
    gc.collect()
    assert not opened & set(Path("/proc/self/fd").iterdir())

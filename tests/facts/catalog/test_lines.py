from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.facts.catalog.samples import CONFIG, sample
from weighbridge.core.errors import FormatError, InputError
from weighbridge.facts.catalog.lines import line_of, own_path, read_lines, write_line


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "models.jsonl"
    first, second = sample(config=CONFIG, notes="ümlaut"), sample("acme/Other")
    write_line(path, first)
    write_line(path, second)
    assert read_lines(path) == (first, second)
    assert [file.name for file in path.parent.iterdir()] == ["models.jsonl"]


def test_the_same_id_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "models.jsonl"
    write_line(path, sample())
    write_line(path, sample("ACME/anvil-7b", parameters=3))
    assert [model.parameters for model in read_lines(path)] == [3]


def test_a_damaged_file_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "models.jsonl"
    path.write_text("not json\n", encoding="utf-8")
    with pytest.raises(FormatError, match="line 1"):
        write_line(path, sample())
    assert path.read_text(encoding="utf-8") == "not json\n"


@pytest.mark.parametrize(
    "change", ['"typo":1,', '"context":"many",', '"basis":"rumour",', '"parameters":1.5,']
)
def test_a_line_that_is_no_model_is_refused(tmp_path: Path, change: str) -> None:
    path = tmp_path / "models.jsonl"
    path.write_bytes(line_of(sample()).replace(b"{", b"{" + change.encode(), 1))
    with pytest.raises(FormatError, match="no model of a catalogue"):
        read_lines(path)


def test_a_file_that_cannot_be_read_or_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Cannot read"):
        read_lines(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="Cannot write"):
        write_line(tmp_path / "file" / "models.jsonl", sample())


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail_otherwise(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    path = tmp_path_factory.mktemp("lines") / "models.jsonl"
    path.write_bytes(raw)
    try:
        found = read_lines(path)
    except FormatError:
        return
    assert not raw.strip() or found


def test_where_the_users_file_is() -> None:
    assert own_path({"XDG_DATA_HOME": "/data"}) == Path("/data/weighbridge/models.jsonl")
    assert own_path({}) == Path.home() / ".local/share/weighbridge/models.jsonl"

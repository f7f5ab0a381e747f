from __future__ import annotations

import json
from pathlib import Path

import pytest

from weighbridge.core.errors import InputError
from weighbridge.core.rating_session import RatingInput, Said
from weighbridge.measure.ratings.inputs import read_inputs


def written(folder: Path, *rows: object) -> Path:
    path = folder / "items.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_prompts_and_conversations(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"id": 1, "prompt": "Hi", "task": "chat", "reference": "ignored"},
        {
            "id": "c",
            "messages": [
                {"role": "user", "text": "A"},
                {"role": "assistant", "content": [{"type": "text", "text": "B"}]},
                {"role": "user", "content": "C"},
                {"role": "assistant", "content": "as answered then"},
            ],
            "task": None,
        },
        {
            "id": "d",
            "prompt": "D",
            "messages": [
                {"role": "user", "content": "A"},
                {"role": "assistant", "content": "B"},
            ],
        },
        {"prompt": "no id"},
    )
    assert read_inputs(path) == (
        RatingInput("1", "Hi", task="chat"),
        RatingInput("c", "C", (Said("user", "A"), Said("assistant", "B"))),
        RatingInput("d", "D", (Said("user", "A"), Said("assistant", "B"))),
        RatingInput("4", "no id"),
    )
    assert read_inputs(tmp_path) == read_inputs(path), "a folder is its items.jsonl"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "no inputs"),
        ([{"id": "1"}], "line 1: there is neither a prompt"),
        ([{"id": "1", "prompt": "a"}, {"id": "1", "prompt": "b"}], "line 2: the id 1"),
        ([["no", "object"]], "line 1"),
        ([{"prompt": 5}], "line 1"),
    ],
)
def test_what_is_no_input(tmp_path: Path, rows: list[object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_inputs(written(tmp_path, *rows))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Cannot read"):
        read_inputs(tmp_path / "none.jsonl")

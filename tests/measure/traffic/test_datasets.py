from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.core.errors import FormatError, InputError
from weighbridge.core.traffic import Message
from weighbridge.measure.load.traffic.datasets import Recorded, RecordedTurn, read_dataset

SHAREGPT = [
    {
        "id": "a",
        "conversations": [
            {"from": "gpt", "value": "cut from before"},
            {"from": "human", "value": 'Hi, ] " [{'},
            {"from": "gpt", "value": "Hello there"},
            {"from": "human", "value": "And?"},
            {"from": "gpt", "value": "Nothing"},
        ],
    },
    {"id": "b", "conversations": []},
    {"id": "c", "conversations": [{"from": "human", "value": "Héllo"}]},
]
CAPTURED = [
    {
        "timestamp": 1700000000.5,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "One"}]},
            {"role": "assistant", "content": "1"},
            {"role": "user", "content": "Two"},
        ],
        "max_tokens": 32,
    },
    {"timestamp": 1700000001500, "messages": [{"role": "user", "content": "Three"}]},
]


def write(folder: Path, value: Any, name: str = "data.json", **how: Any) -> Path:
    path = folder / name
    text = value if isinstance(value, str) else json.dumps(value, **how)
    path.write_text(text, "utf-8")
    return path


def lines(rows: list[Any]) -> str:
    return "\n".join(json.dumps(row) for row in rows)


def turns(recorded: tuple[Recorded, ...]) -> list[tuple[RecordedTurn, ...]]:
    return [one.turns for one in recorded]


@pytest.mark.parametrize("how", [{}, {"indent": 2}, {"ensure_ascii": False, "indent": "\t"}])
def test_sharegpt_keeps_the_users_turns(tmp_path: Path, how: dict[str, Any]) -> None:
    recorded = read_dataset(write(tmp_path, SHAREGPT, **how))
    assert turns(recorded) == [
        (
            RecordedTurn((Message("user", 'Hi, ] " [{'),), "Hello there"),
            RecordedTurn((Message("user", "And?"),), "Nothing"),
        ),
        (RecordedTurn((Message("user", "Héllo"),)),),
    ]
    assert [one.where.rpartition(", ")[2] for one in recorded] == ["entry 1", "entry 3"]
    assert turns(read_dataset(write(tmp_path, lines(SHAREGPT)))) == turns(recorded)


def test_captured_requests_are_sent_as_they_were(tmp_path: Path) -> None:
    first, second = read_dataset(write(tmp_path, lines(CAPTURED), "captured.jsonl"))
    assert [message.role for message in first.turns[0].messages] == [
        "system", "user", "assistant", "user",
    ]  # fmt: skip
    assert first.turns[0].messages[1].content == "One"
    assert first.turns[0].output_tokens == 32
    assert first.at_s is not None
    assert second.at_s is not None
    assert second.at_s - first.at_s == pytest.approx(1.0)


def test_messages_that_end_with_an_answer_are_a_conversation(tmp_path: Path) -> None:
    messages = [*CAPTURED[0]["messages"], {"role": "assistant", "content": "2"}]  # type: ignore[misc]
    (one,) = read_dataset(write(tmp_path, [{"messages": messages, "output_tokens": 5}]))
    assert [len(turn.messages) for turn in one.turns] == [2, 1]
    assert [turn.answer for turn in one.turns] == ["1", "2"]
    assert [turn.output_tokens for turn in one.turns] == [5, 5]


def test_prompts_a_line_with_or_without_json(tmp_path: Path) -> None:
    path = write(tmp_path, "one\r\n\n  two \n{}\u2028still {}\n[x]\n", "prompts.txt")
    said = [one.turns[0].messages[0].content for one in read_dataset(path)]
    assert said == ["one", "  two ", "{}\u2028still {}", "[x]"]
    rows = [{"prompt": "a\nb", "output_tokens": 7, "other": 1}, {"prompt": "c\u2028d\x85"}]
    found = read_dataset(write(tmp_path, lines(rows), "prompts.jsonl"))
    assert [one.turns[0].messages[0].content for one in found] == ["a\nb", "c\u2028d\x85"]
    assert [one.turns[0].output_tokens for one in found] == [7, None]
    assert len(read_dataset(write(tmp_path, "plain\ntext", "prompts.md"))) == 2


def test_times_may_be_written_as_moments(tmp_path: Path) -> None:
    rows = [
        {"prompt": "a", "timestamp": "2026-01-01T00:00:00Z"},
        {"prompt": "b", "timestamp": "2026-01-01 00:00:02.5"},
        {"prompt": "c", "created": 12},
    ]
    a, b, c = (one.at_s for one in read_dataset(write(tmp_path, rows)))
    assert a is not None
    assert b is not None
    assert (b - a, c) == (2.5, 12)


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    text = json.dumps(SHAREGPT * 4_000)
    path = write(tmp_path, text[:-400] + "damage")
    assert len(read_dataset(path, limit=3)) == 3
    assert len(read_dataset(path, limit=6_000)) == 6_000
    with pytest.raises(FormatError, match=r"entry \d+"):
        read_dataset(path)


def test_elements_larger_than_what_is_read_at_once(tmp_path: Path) -> None:
    rows = [{"prompt": "x" * size} for size in (3, 1_500_000, 262_144, 5)]
    packed = tmp_path / "packed.json"
    packed.write_bytes(gzip.compress(json.dumps(rows).encode()))
    found = read_dataset(packed)
    assert [len(one.turns[0].messages[0].content) for one in found] == [3, 1_500_000, 262_144, 5]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no prompts"),
        ("[]", "no prompts"),
        ("[", "entry 1 is not JSON"),
        ('[{"prompt": "a"}', "entry 1 is not JSON: the array has no end"),
        ('[{"prompt": "a"}, {"prompt"', "entry 2 is not JSON"),
        ("[1]", "entry 1: Expected `object`"),
        ("[" * 100_000, "nested too deeply|is not JSON"),
        ('{"prompt": "a"}\n{"prmpt": "x"}', "line 2 has no prompt and no messages"),
        ('{"prompt": 3}', r"line 1: Expected `str \| null`, got `int`"),
        ('{"prompt": "a", "max_tokens": 0}', "cannot have 0 tokens"),
        ('{"prompt": "a", "timestamp": "noon"}', "'noon' is no time"),
        ('{"messages": [{"role": "judge", "content": "x"}]}', "speaks as 'judge'"),
        ('{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}', "than text"),
        ("plain", "line 1"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, text: str, says: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(FormatError, match=says) as caught:
        read_dataset(path)
    assert str(path) in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_dataset(tmp_path / "none.json")
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"[\xff\xfe")
    with pytest.raises(FormatError, match="not UTF-8"):
        read_dataset(binary)


@given(st.sampled_from([json.dumps(SHAREGPT), lines(SHAREGPT), lines(CAPTURED)]), st.data())
@settings(max_examples=300, deadline=None)
def test_any_mutation_is_a_dataset_or_a_typed_error(
    tmp_path_factory: pytest.TempPathFactory, text: str, data: st.DataObject
) -> None:
    content = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        end = min(len(content), start + data.draw(st.integers(0, 20)))
        content[start:end] = data.draw(
            st.binary(max_size=6)
            | st.sampled_from(
                [b"9" * 30, b"-1", b"NaN", b"1e999", b'"', b"[[", b"{", b"]", b"null"]
            )
        )
    folder = tmp_path_factory.mktemp("mutated", numbered=True)
    path = folder / "data.jsonl"
    path.write_bytes(content)
    try:
        recorded = read_dataset(path)
    except InputError as error:
        assert str(path) in str(error)  # noqa: PT017 -- most mutations are errors, not all
        return
    assert all(turn.messages for one in recorded for turn in one.turns)

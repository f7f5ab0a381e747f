from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import weighbridge
from weighbridge.core.errors import ConfigError, InputError
from weighbridge.measure.evals.suite import Item, Suite, fill, load_suite

SETTINGS = {"name": "sums", "prompt": "What is {question}?", "scorer": "exact"}
ITEMS = [{"id": str(i), "question": f"{i} + 1", "answer": str(i + 1)} for i in range(3)]
DEMO = Path(weighbridge.__file__).parent / "demo" / "suites"


def write(folder: Path, settings: dict[str, Any] | str, items: list[Any] | bytes) -> Path:
    text = settings if isinstance(settings, str) else msgspec.json.encode(settings).decode()
    (folder / "suite.yaml").write_text(text, "utf-8")
    if not isinstance(items, bytes):
        items = b"".join(msgspec.json.encode(item) + b"\n" for item in items)
    (folder / "items.jsonl").write_bytes(items)
    return folder


def refused(folder: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_suite(folder)
    return str(caught.value)


def test_a_suite_is_read_with_its_prompts_filled_in(tmp_path: Path) -> None:
    suite = load_suite(write(tmp_path, SETTINGS, ITEMS))
    assert suite.name == "sums"
    assert suite.items[1] == Item("1", "What is 1 + 1?", "2")
    assert suite.settings.max_tokens == 256


@pytest.mark.parametrize("name", ["arithmetic", "extraction"])
def test_the_suites_of_the_demo_are_sound(name: str) -> None:
    suite = load_suite(DEMO / name)
    assert suite.name == name
    assert len(suite.items) >= 100


def test_the_hash_is_of_settings_and_items(tmp_path: Path) -> None:
    suite = load_suite(write(tmp_path, SETTINGS, ITEMS))
    assert load_suite(tmp_path).hash == suite.hash
    variants: list[tuple[dict[str, Any], list[Any]]] = [
        ({**SETTINGS, "max_tokens": 9}, ITEMS),
        (SETTINGS, ITEMS[:2]),
        (SETTINGS, ITEMS[::-1]),
        (SETTINGS, [{**ITEMS[0], "answer": "9"}, *ITEMS[1:]]),
    ]
    hashes = {load_suite(write(tmp_path, *variant)).hash for variant in variants}
    assert len(hashes | {suite.hash}) == 5
    unused = [{**item, "note": "unused"} for item in ITEMS]
    assert load_suite(write(tmp_path, SETTINGS, unused)).hash == suite.hash


def test_the_head_is_another_measurement_unless_it_is_all(tmp_path: Path) -> None:
    suite = load_suite(write(tmp_path, SETTINGS, ITEMS))
    head: Suite = suite.head(2)
    assert head.items == suite.items[:2]
    assert head.hash != suite.hash
    assert suite.head(None) is suite.head(3) is suite.head(99) is suite


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({**SETTINGS, "scorr": "exact"}, "Did you mean `scorer`?"),
        ({**SETTINGS, "scorer": "exakt"}, "'exakt'"),
        ({**SETTINGS, "max_tokens": 0}, "`max_tokens` must be at least 1"),
        ({**SETTINGS, "max_tokens": "many"}, "$.max_tokens"),
        ({"name": "x", "prompt": "y"}, "`scorer`"),
        ({**SETTINGS, "schema": {}}, "only for the scorer `json`"),
        ({**SETTINGS, "scorer": "json", "schema": {"type": "strin"}}, "no JSON Schema: 'strin'"),
        ({**SETTINGS, "scorer": "json", "schema": {"pattern": "("}}, "no JSON Schema: '('"),
        ({**SETTINGS, "scorer": "json", "schema": {"$ref": "#/$defs/x"}}, "refers to #/$defs/x"),
        (
            {**SETTINGS, "scorer": "json", "schema": {"items": [{"$ref": "http://127.0.0.1:9/x"}]}},
            "JSON Schema",
        ),
        (
            {**SETTINGS, "scorer": "json", "schema": {"not": {"$ref": "http://127.0.0.1:9/x"}}},
            "Schemas are never fetched",
        ),
        ("", "the file is empty"),
        ("name: [", "line 1"),
    ],
)
def test_wrong_settings_are_refused_by_file(
    tmp_path: Path, settings: dict[str, Any] | str, said: str
) -> None:
    message = refused(write(tmp_path, settings, ITEMS))
    assert str(tmp_path / "suite.yaml") in message
    assert said in message


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "Each line is one JSON object."),
        (b"[1]", "Each line is one JSON object."),
        (b'{"id": "\xff"}', "Each line is one JSON object."),
        (b"[" * 5000, "Each line is one JSON object."),
        (b'{"id": "x", "question": "?", "answer": NaN}', "Each line is one JSON object."),
        (b'{"question": "?", "answer": "2"}', "the item has no `id`"),
        (b'{"id": "x", "question": "?"}', "the item has no `answer`"),
        (b'{"id": "x", "answer": "2"}', "placeholder {question} is not a field"),
        (b'{"id": "0", "question": "?", "answer": "2"}', "the id '0' stands twice"),
        (b'{"id": 0, "question": "?", "answer": "2"}', "the id '0' stands twice"),
        (b'{"id": null, "question": "?", "answer": "2"}', "`id` must be"),
        (b'{"id": "x", "question": "?", "answer": {}}', "`answer` must be a string or a number"),
        (b'{"id": "x", "question": "?", "answer": true}', "`answer` must be a string or a number"),
    ],
)
def test_a_wrong_item_is_refused_by_file_and_line(tmp_path: Path, line: bytes, said: str) -> None:
    first = msgspec.json.encode(ITEMS[0])
    message = refused(write(tmp_path, SETTINGS, first + b"\r\n\n" + line + b"\n"))
    assert message.startswith(f"{tmp_path / 'items.jsonl'}, line 3: ")
    assert said in message


@pytest.mark.parametrize("answer", ["Jan", 1, None, ["a"], True])
def test_the_json_scorer_wants_objects(tmp_path: Path, answer: object) -> None:
    items = [{"id": "x", "question": "?", "answer": answer}]
    message = refused(write(tmp_path, {**SETTINGS, "scorer": "json"}, items))
    assert "line 1: for the scorer `json`, `answer` must be an object." in message


def test_a_suite_without_items_or_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no suite folder"):
        load_suite(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"suite\.yaml"):
        load_suite(tmp_path)
    assert "has no items" in refused(write(tmp_path, SETTINGS, b"\n \n"))
    (tmp_path / "items.jsonl").unlink()
    with pytest.raises(InputError, match=r"items\.jsonl: No such file"):
        load_suite(tmp_path)


def test_a_recursive_schema_of_its_own_is_fine(tmp_path: Path) -> None:
    tree = {"type": "object", "additionalProperties": {"$ref": "#"}, "$defs": {"$ref": {}}}
    items = [{"id": "x", "question": "?", "answer": {}}]
    assert load_suite(write(tmp_path, {**SETTINGS, "scorer": "json", "schema": tree}, items))


# -- Templates ---------------------------------------------------------------------------------


class Secret:
    def __str__(self) -> str:
        return "shown"


@pytest.mark.parametrize(
    "template",
    [
        "{id.__class__}",
        "{id.__class__.__init__.__globals__}",
        "{id[0]}",
        "{0}",
        "{}",
        "{id!r}",
        "{id!s}",
        "{id:>99999999}",
        "{id:{id}}",
        "{ id }",
        "{missing}",
        "{",
        "}",
        "{id",
    ],
)
def test_templates_take_plain_fields_and_nothing_else(template: str) -> None:
    with pytest.raises(ConfigError, match=r"^here: the prompt"):
        fill(template, {"id": Secret(), "answer": 1}, "here")


def test_a_missing_field_is_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigError) as caught:
        fill("{questoin}", {"id": 1, "question": 2}, "here")
    assert caught.value.fix == "Fields: id, question."


def test_braces_in_templates_are_doubled_and_in_values_just_text() -> None:
    fields = {"text": "{id} {{x}} {id.__class__}", "n": 3}
    assert fill('{{"n": {n}}} {text}{text}', fields, "here") == (
        '{"n": 3} {id} {{x}} {id.__class__}{id} {{x}} {id.__class__}'
    )


@given(st.text(), st.text())
def test_values_are_never_interpreted(before: str, value: str) -> None:
    template = before.replace("{", "{{").replace("}", "}}") + "{field}"
    assert fill(template, {"field": value}, "here") == before + value

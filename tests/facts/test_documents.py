from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.errors import ConfigError, InputError
from weighbridge.core.routing import Condition, Route, RouterConfig
from weighbridge.facts.documents import load_yaml, parse_yaml, read_text, read_yaml

GOOD = """
models:
  tiny: {url: "http://127.0.0.1:9/v1", slots: 2}
routes:
  - use: [tiny]
    when: {task: sums}
  - use: [tiny]
signals:
  task:
    sums: {keywords: [plus, "+"]}
"""


class Leaf(msgspec.Struct, forbid_unknown_fields=True):
    colour: str = ""
    size: int = 0


class Tree(msgspec.Struct, forbid_unknown_fields=True):
    named: dict[str, Leaf] = {}
    listed: list[Leaf] = []
    maybe: Leaf | None = None
    renamed: int = msgspec.field(name="other-name", default=0)


class Bud(msgspec.Struct, forbid_unknown_fields=True):
    root: str = ""


class Wood(msgspec.Struct, forbid_unknown_fields=True):
    roots: dict[str, dict[str, Bud]] = {}
    any: tuple[Bud, ...] = ()
    one: Bud | None = None
    all: list[Bud] = []


def refused(text: str, struct: type[msgspec.Struct] = Tree) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, struct, origin="file.yaml")
    message = str(caught.value)
    assert message.startswith("file.yaml")
    assert "\n" not in message
    return message


def test_a_document_is_read_into_its_struct(tmp_path: Path) -> None:
    path = tmp_path / "router.config.yaml"
    path.write_text(GOOD, "utf-8")
    config = read_yaml(path, RouterConfig)
    assert config.routes == (
        Route(use=("tiny",), when=Condition(task="sums")),
        Route(use=("tiny",)),
    )
    assert config.models["tiny"].slots == 2
    assert config.signals.task["sums"].keywords == ("plus", "+")


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("lited: []", "Did you mean `listed`?"),
        ("listed: [{color: red}]", "Did you mean `colour`?"),
        ("named: {a: {colr: red}}", "Did you mean `colour`?"),
        ("maybe: {colours: red}", "Did you mean `colour`?"),
        ("othername: 1", "Did you mean `other-name`?"),
        ("zzz: 1", "Known keys there: listed, maybe, named, other-name."),
        ("listed: [{}, {zzz: 1}]", "Known keys there: colour, size."),
    ],
)
def test_a_typo_names_the_nearest_key(text: str, near: str) -> None:
    message = refused(text)
    assert "unknown field" in message
    assert message.endswith(near)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("colour: red", "`colour` belongs under `listed[...]` or `maybe` or `named[...]`."),
        ("maybe: {other-name: 1}", "`other-name` belongs at the top."),
        ("maybe: {named: {}}", "`named` belongs at the top."),
        ("name: 1", "Did you mean `named`?"),
    ],
)
def test_a_misplaced_key_is_not_its_own_remedy(text: str, where: str) -> None:
    assert refused(text).endswith(f". {where}")


def test_a_key_of_another_place_may_be_a_typo_of_one_here() -> None:
    message = refused("roots: {a: {b: {roots: 1}}}", Wood)
    assert message.endswith("Did you mean `root`? `roots` belongs at the top.")
    assert refused("root: x", Wood).endswith(
        "Did you mean `roots`? `root` belongs under `all[...]` or `any[...]` or `one`, among "
        "others."
    )


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("listed: [{colour: 3}]", "`listed[0].colour` is a number and should be text"),
        ("named: {a: []}", "$.named[...]"),
        ("other-name: x", "$.other-name"),
        ("", "the file is empty"),
        ("just words", "Expected `object`, got `str`"),
        ("1: 2", "file.yaml"),
    ],
)
def test_a_wrong_value_names_its_place(text: str, place: str) -> None:
    assert place in refused(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: [", "line 2"),
        ("a: b: c", "line 1: this is not YAML: mapping values are not allowed here."),
        ("\ta: 1", "line 1"),
        ("a: !!python/object/apply:os.system ['true']", "line 1"),
        ("named: {}\nnamed: {}", "line 2: this is not YAML: the key `named` stands twice."),
        (
            "named:\n  x: {}\n  y: {}\n  x: {}",
            "line 4: this is not YAML: the key `x` stands twice.",
        ),
        ("? [a]\n: 1", "unhashable key"),
        ("a: \x00", "special characters are not allowed"),
        ("a: 2024-13-45", "not readable"),
        ("a: !!int x", "not readable"),
        ("a: !!bool x", "not readable"),
        ("a: !!int ''", "not readable"),
        ("a: !!timestamp x", "not readable"),
        ("a: " + "9" * 5000, "not readable"),
        ("[" * 5000, "not readable"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_line(text: str, said: str) -> None:
    message = refused(text)
    assert "this is not YAML" in message
    assert said in message


def test_merge_keys_and_anchors_still_work() -> None:
    text = "maybe: &it {colour: red}\nnamed:\n  a: {<<: *it}\n  b: {<<: *it, colour: blue}"
    tree = parse_yaml(text, Tree, origin="x")
    assert {name: leaf.colour for name, leaf in tree.named.items()} == {"a": "red", "b": "blue"}


def test_a_file_that_cannot_be_read_is_named_once(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.yaml", tmp_path):
        with pytest.raises(InputError, match="Cannot read") as caught:
            read_yaml(path, Tree)
        assert str(caught.value).count(str(path)) == 1
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not a UTF-8 text file"):
        read_yaml(binary, Tree)


_YAMLISH = st.text(alphabet="ab019.-:!?&*#%@`'\"[]{},<>|~ \n\t", max_size=40)
_TAGS = st.sampled_from(["int", "float", "bool", "timestamp", "binary", "set", "omap", "null"])


@given(st.one_of(_YAMLISH, st.text(max_size=40)))
def test_any_text_is_a_document_or_a_config_error(text: str) -> None:
    with contextlib.suppress(ConfigError):
        parse_yaml(text, Tree, origin="x")


@given(_TAGS, _YAMLISH)
def test_any_tag_on_any_text_is_a_document_or_a_config_error(tag: str, text: str) -> None:
    with contextlib.suppress(ConfigError):
        parse_yaml(f"a: !!{tag} {text}", Tree, origin="x")


def test_names_for_parts_are_no_bombs() -> None:
    layers = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    bomb = "\n".join(["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]", *layers])
    with pytest.raises(ConfigError, match="repeat too many values"):
        load_yaml(bomb, origin="f")
    for text in ("a: &a [*a]", "a: &a {b: *a}"):
        with pytest.raises(ConfigError, match="stands inside itself"):
            load_yaml(text, origin="f")
    shared = "base: &b {x: 1}\none: *b\ntwo: {<<: *b, y: 2}\n"
    assert load_yaml(shared, origin="f").document["two"] == {"x": 1, "y": 2}
    long = "\n".join(f"- {n}" for n in range(3000))
    assert len(load_yaml(long, origin="f").document) == 3000


def test_a_file_without_an_end_is_refused() -> None:
    with pytest.raises(InputError, match="larger than anything"):
        read_text(Path("/dev/zero"))

from __future__ import annotations

from weighbridge.facts.gguf import Skipped, Value
from weighbridge.facts.gguf_keys import Keys, text


def test_values_of_another_type_read_as_unknown() -> None:
    values: dict[str, Value] = {
        "a": 3,
        "b": -1,
        "c": True,
        "d": "3",
        "e": 3.0,
        "f": Skipped("uint32", 9),
    }
    keys = Keys("llama", {f"llama.{key}": value for key, value in values.items()})
    assert {key: keys.integer(key) for key in (*values, "absent")} == {
        "a": 3,
        "b": None,
        "c": None,
        "d": None,
        "e": None,
        "f": None,
        "absent": None,
    }


def test_one_number_stands_for_all_layers_and_an_array_must_cover_them() -> None:
    keys = Keys("x", {"x.one": 4, "x.many": (1, 2, 3), "x.flags": (True, False), "x.bad": (1, -1)})
    assert keys.per_layer("one", 2) == (4, 4)
    assert keys.per_layer("many", 2) == (1, 2)
    assert keys.per_layer("many", 4) is None
    assert keys.per_layer("flags", 2) == (1, 0)
    assert keys.per_layer("bad", 2) is None
    assert keys.per_layer("absent", 2) is None
    assert list(keys.under("ma")) == ["many"]


def test_texts_are_fit_for_a_terminal() -> None:
    assert text(" a\x1b[1m\nb\u202e ") == "a [1m b"
    assert text("\n") is None
    assert text(7) is None

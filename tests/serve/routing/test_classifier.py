from __future__ import annotations

import sys
from array import array
from pathlib import Path
from subprocess import run
from zlib import crc32

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.core.errors import FormatError, InputError
from weighbridge.core.learned_route import (
    MAGIC,
    Escalation,
    LearnedFile,
    RouteHeader,
    TaskCard,
    decode,
    encode,
)
from weighbridge.core.text_features import FEATURES, buckets
from weighbridge.serve.routing.classifier import Classifier, load_route

BITS = 10


def card(name: str, *models: str, on: bool = True) -> TaskCard:
    return TaskCard(name, models, (1.0, -1.0, 0.5), (0.3, 0.5, 0.3), -3.0, 0.5, on)


def route(*, on: bool = True, sums_on: bool = True) -> LearnedFile:
    """Two tasks told apart by the buckets of one word each."""
    plus, who = buckets("plus", BITS), buckets("who", BITS)
    index = sorted(plus | who)
    rows = array("h")
    for bucket in index:
        for_sums = 1000 if bucket in plus else -1000
        own = [for_sums, -100, 500], [-for_sums, -100, 500]
        rows.extend([1000, *own[0], *own[1]])
    header = RouteHeader(
        features=FEATURES,
        bits=BITS,
        buckets=len(index),
        scales=(1e-3,) * 7,
        unseen=(1, 0, -5000, 0, 0, -5000, 0),
        single=("clerk", "tally"),
        tasks=(card("sums", "tally", on=sums_on), card("names", "clerk", "tally")),
        sureness=((0.0, 0.6), (1.0, 0.95)),
        on=on,
    )
    return LearnedFile(header, array("I", index), rows)


def escalation() -> LearnedFile:
    hard = sorted(buckets("prove", BITS))
    header = RouteHeader(
        features=FEATURES,
        bits=BITS,
        buckets=len(hard),
        scales=(1e-3, 1e-3),
        unseen=(0, 0),
        single=("large", "small"),
        escalation=Escalation("small", "large", 0.5, 0.1, 0.2),
        on=True,
    )
    rows = array("h", [number for _ in hard for number in (1000, 1000)])
    return LearnedFile(header, array("I", hard), rows)


def test_a_typical_message_gets_its_tasks_models() -> None:
    said = Classifier(route()).choose("plus")
    assert (said.tied, said.then, said.task) == (("tally",), ("clerk",), "sums")
    assert said.confidence == 0.95
    assert Classifier(route()).choose("who").tied == ("clerk", "tally")


def test_an_untypical_message_gets_the_best_single_model() -> None:
    classifier = Classifier(route())
    said = classifier.choose("entirely different matters, of other words")
    assert (said.tied, said.task) == (("clerk",), None)
    seen = classifier.recognise("entirely different matters, of other words")
    assert not seen.is_typical
    assert classifier.recognise("plus").is_typical


def test_a_task_without_a_shown_gain_uses_the_best_single_model_but_is_recognised() -> None:
    said = Classifier(route(sums_on=False)).choose("plus")
    assert (said.tied, said.task) == (("clerk",), "sums")


def test_a_route_that_is_off_says_the_best_single_model_to_all() -> None:
    said = Classifier(route(on=False)).choose("plus")
    assert (said.tied, said.then, said.task) == (("clerk",), ("tally",), None)


def test_an_escalation_asks_the_strong_model_where_it_gains() -> None:
    classifier = Classifier(escalation())
    assert classifier.choose("prove").tied == ("large",)
    assert classifier.choose("hello").tied == ("small",)
    assert classifier.choose("").tied == ("small",)
    assert (classifier.gain("prove") or 0) > 0.5
    assert classifier.recognise("prove").task is None


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    for learned in (route(), escalation()):
        path = tmp_path / "learned.route"
        path.write_bytes(encode(learned))
        assert decode(path.read_bytes(), "it") == learned
        assert load_route(path).header == learned.header


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="weigh route train"):
        load_route(tmp_path / "none.route")


def sealed(body: bytes) -> bytes:
    return body + crc32(body).to_bytes(4, "little")


def with_header(**changes: object) -> bytes:
    """The route with another header, and a checksum that is right."""
    learned = route()
    fields = msgspec.to_builtins(learned.header) | changes
    header = msgspec.json.encode(fields)
    weights = learned.index.tobytes() + learned.rows.tobytes()
    return sealed(MAGIC + len(header).to_bytes(4, "little") + header + weights)


@pytest.mark.parametrize(
    "changes",
    [
        {"features": FEATURES + 1},
        {"bits": 40},
        {"bits": 3},
        {"buckets": 1 << 30},
        {"buckets": -1},
        {"buckets": 1},
        {"scales": [1.0]},
        {"scales": [1e999] * 7},
        {"unseen": [0]},
        {"unseen": [1 << 20] * 7},
        {"single": []},
        {"tasks": []},
        {"tasks": [msgspec.to_builtins(card("a", "m"))] * 2},
        {"tasks": [msgspec.to_builtins(card(str(n), "m")) for n in range(100)]},
        {"tasks": [msgspec.to_builtins(card("a"))]},
        {"more": 1},
        {"on": "yes"},
    ],
)
def test_a_wrong_header_is_refused(changes: dict[str, object]) -> None:
    assert decode(with_header(), "it") == route()
    with pytest.raises(FormatError, match="it"):
        decode(with_header(**changes), "it")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_file_is_refused_or_harmless(data: st.DataObject) -> None:
    whole = bytearray(encode(route())[:-4])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "repeat"])):
            case "flip":
                whole[at] ^= data.draw(st.integers(1, 255))
            case "cut":
                del whole[at : at + data.draw(st.integers(1, 50))]
            case _:
                whole[at:at] = whole[at : at + 50]
        if not whole:
            break
    with pytest.raises(FormatError):
        decode(bytes(whole) + b"1234", "it")  # the checksum tells
    try:  # and where it is right by chance or malice
        learned = decode(sealed(bytes(whole)), "it")
    except FormatError:
        return
    said = Classifier(learned).choose("plus who else")
    assert said.tied
    assert isinstance(said.tied[0], str)


@given(st.binary(max_size=300))
def test_no_bytes_are_taken_for_a_route_by_mistake(noise: bytes) -> None:
    for data in (noise, MAGIC + noise, sealed(MAGIC + noise)):
        with pytest.raises(FormatError):
            decode(data, "it")


@given(st.text(max_size=2000))
def test_any_message_gets_a_model(message: str) -> None:
    for learned in (route(), escalation()):
        assert Classifier(learned).choose(message).tied


def test_serving_needs_neither_numpy_nor_scipy() -> None:
    code = (
        "import sys, weighbridge.serve.routing.classifier, weighbridge.serve.routing.policy;"
        "sys.exit(any(name in sys.modules for name in ('numpy', 'scipy')))"
    )
    assert run([sys.executable, "-c", code], check=False).returncode == 0

from __future__ import annotations

import doctest
import io
from collections.abc import Sequence

import pytest

from tests.facts import gguf_models
from tests.facts.gguf_models import Model
from tests.facts.gguf_writer import gguf_bytes
from weighbridge.core.errors import FormatError, InputError
from weighbridge.facts import gguf_split
from weighbridge.facts.gguf import GgufHeader, parse_gguf
from weighbridge.facts.gguf_architecture import describe
from weighbridge.facts.gguf_split import complete, missing, one_per_model, part_name

NAMES = [f"big-{number:05}-of-00003.gguf" for number in (1, 2, 3)]


def header(model: Model, name: str = "m") -> GgufHeader:
    raw = gguf_bytes(*model)
    return parse_gguf(io.BytesIO(raw), len(raw), name)


def joined(files: dict[str, Model], first: str = NAMES[0]) -> GgufHeader:
    def read_all(names: Sequence[str]) -> list[GgufHeader]:
        for name in names:
            if name not in files:
                raise missing(name, len(names) + 1)
        return [header(files[name], name) for name in names]

    return complete(header(files[first]), first, read_all)


def test_the_examples_in_the_docstrings_hold() -> None:
    failed, attempted = doctest.testmod(gguf_split)
    assert attempted >= 2
    assert failed == 0


@pytest.mark.parametrize("first", NAMES)
def test_any_part_leads_to_the_whole(first: str) -> None:
    whole, _ = describe(header(gguf_models.llama()), name="m", stem="m")
    found = joined(gguf_models.parts(gguf_models.llama()), first)
    architecture, weights = describe(found, name="m", stem="m")
    assert architecture.parameters == whole.parameters
    assert architecture.kv_bytes(100) == whole.kv_bytes(100)
    files = gguf_models.parts(gguf_models.llama())
    assert weights.file_bytes == sum(len(gguf_bytes(*model)) for model in files.values())
    assert weights.weight_bytes == sum(
        tensor.bytes for tensor in header(gguf_models.llama()).tensors
    )


def test_a_first_part_may_hold_metadata_alone() -> None:
    metadata, tensors = gguf_models.llama()
    files = gguf_models.parts((metadata, tensors), count=2)
    (first, own), (second, rest) = files.values()
    names = list(files)
    files = {names[0]: (first, {}), names[1]: (second, own | rest)}
    assert len(joined(files, names[1]).tensors) == len(tensors)


def test_a_whole_file_is_left_alone_whatever_its_name() -> None:
    whole = header(gguf_models.llama())
    assert complete(whole, NAMES[0], lambda _: []) is whole


def test_a_missing_part_is_named() -> None:
    files = gguf_models.parts(gguf_models.llama())
    del files[NAMES[1]]
    with pytest.raises(InputError, match=f"has 3 parts, of which {NAMES[1]} is missing"):
        joined(files)


def test_a_part_under_another_name_cannot_be_completed() -> None:
    files = gguf_models.parts(gguf_models.llama())
    part = header(files[NAMES[0]])
    for name in ("renamed.gguf", "big-00001-of-00004.gguf", "big-00000-of-00003.gguf"):
        with pytest.raises(InputError, match="its name does not tell those of the others"):
            complete(part, name, lambda _: [])


def test_parts_of_different_models_are_refused() -> None:
    files = gguf_models.parts(gguf_models.llama())
    swapped = files | {NAMES[1]: files[NAMES[2]]}
    with pytest.raises(FormatError, match=r"should be number 1 .* says number 2 of 3"):
        joined(swapped)
    whole = files | {NAMES[2]: gguf_models.llama()}
    with pytest.raises(FormatError, match="should be number 2"):
        joined(whole)
    metadata, tensors = files[NAMES[2]]
    twice = files | {NAMES[2]: (metadata, tensors | files[NAMES[1]][1])}
    with pytest.raises(FormatError, match="hold 7 tensors twice"):
        joined(twice)
    fewer = files | {NAMES[2]: (metadata, dict(list(tensors.items())[1:]))}
    with pytest.raises(FormatError, match="but should hold 20"):
        joined(fewer)


def test_lists_show_a_split_model_once() -> None:
    other = "sub/big-00001-of-00003.gguf"
    assert one_per_model([*NAMES, "small.gguf", other]) == [NAMES[0], "small.gguf", other]
    assert one_per_model(NAMES[1:]) == [NAMES[1]]


@pytest.mark.parametrize(
    "name",
    ["m.gguf", "m-00004-of-00003.gguf", "m-00001-of-00001.gguf", "m-00001-of-99999.gguf", ""],
)
def test_names_that_are_no_parts(name: str) -> None:
    assert part_name(name) is None

from __future__ import annotations

import pytest

from weighbridge.facts.ggml_types import FILE_TYPES, GGML_TYPES


@pytest.mark.parametrize(
    ("name", "bits"),
    # As llama.cpp's comments beside the structs in ggml-common.h state them.
    [("Q4_K", 4.5), ("Q6_K", 6.5625), ("IQ2_XS", 2.3125), ("TQ1_0", 1.6875), ("MXFP4", 4.25)],
)
def test_bits_per_weight_are_those_the_field_quotes(name: str, bits: float) -> None:
    (ggml,) = (ggml for ggml in GGML_TYPES.values() if ggml.name == name)
    assert ggml.bits_per_weight == bits


def test_names_are_unique() -> None:
    assert len({ggml.name for ggml in GGML_TYPES.values()}) == len(GGML_TYPES)
    assert len(set(FILE_TYPES.values())) == len(FILE_TYPES)

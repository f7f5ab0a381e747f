from __future__ import annotations

from dataclasses import replace

import pytest

from tests.predict.planned import machine
from weighbridge.predict.search.runs_on import TABLE, engines_on, others_on, why_none


@pytest.mark.parametrize(
    ("name", "engines"),
    [
        ("H100 SXM", ("vllm", "sglang", "trtllm", "llama.cpp")),
        ("T4", ("vllm", "sglang", "llama.cpp")),
        ("MI300X", ("vllm", "sglang", "llama.cpp")),
        ("Arc B580", ("llama.cpp",)),
        ("M3 Max 64GB", ("llama.cpp",)),
        ("Gaudi 3", ()),
    ],
)
def test_engines_of_a_device(name: str, engines: tuple[str, ...]) -> None:
    assert engines_on(machine(name).device) == engines


def test_a_device_that_nothing_modelled_runs_on_is_told_of_what_does() -> None:
    device = machine("Gaudi 3").device
    assert [one.engine for one in others_on(device)] == ["vllm"]
    assert "vllm-gaudi" in why_none(device)
    unheard = replace(device, vendor="other", name="X1")
    assert "X1" in why_none(unheard)
    assert "vllm" not in why_none(unheard)


def test_every_fact_has_a_dated_source() -> None:
    assert all(one.source[-7:-3].isdecimal() and one.by for one in TABLE)

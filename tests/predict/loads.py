"""Models of our catalogue as llama.cpp computes them, for tests of its speed."""

from __future__ import annotations

from functools import cache

from weighbridge.facts.catalog.catalogue import load
from weighbridge.facts.quantizations.what_if import what_if
from weighbridge.predict.llamacpp.token_load import TokenLoad, token_load
from weighbridge.predict.work import work

LLAMA, OSS, HYBRID = "meta-llama/Llama-3.1-8B-Instruct", "openai/gpt-oss-120b", "Qwen/Qwen3.5-27B"


@cache
def load_of(name: str = LLAMA, format_name: str = "Q4_K_M") -> TokenLoad:
    architecture = load().find(name).architecture()
    found = work(architecture, what_if(format_name, architecture))
    assert found is not None
    return token_load(found, format_name)

from __future__ import annotations

import pytest

from weighbridge.facts.lookalikes import recognise


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"\n  <HTML><head>", "a web page"),
        (b"<?xml version='1.0'?><Error>", "a web page"),
        (b"PK\x03\x04", "a zip archive"),
        (b"lmgg", "a GGML file from before GGUF"),
        (b"\x08\0\0\0\0\0\0\0{}      ", "a safetensors file"),
        (b' {"model_type": "llama"}', "a JSON file"),
    ],
)
def test_recognises_what_people_give_by_mistake(head: bytes, what: str) -> None:
    found = recognise(head)
    assert found is not None
    assert found.what.startswith(what)
    assert found.fix


@pytest.mark.parametrize("head", [b"", b"GGUF", b"\0" * 64, b"\xff" * 64])
def test_says_nothing_of_what_it_does_not_know(head: bytes) -> None:
    assert recognise(head) is None

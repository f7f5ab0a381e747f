from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.measure.ratings.tidy import names_itself, only_thinks, tidy


@pytest.mark.parametrize(
    "text",
    [
        "\n\nHello\nyou\n",
        "Hello  \r\nyou",
        "<think>Let me see.</think>\n\nHello\nyou",
        "Hello\nyou<|im_end|>\n<|endoftext|>",
        "\ufeffHel\u200blo\nyou</s>",
        "hmm</think>Hello\nyou",
    ],
)
def test_manners_of_servers_do_not_show(text: str) -> None:
    assert tidy(text) == "Hello\nyou"


def test_what_is_said_stays() -> None:
    text = "    def f():\n\treturn 1  \n\n\n\nA <think> inside, \u00e4\u6f22\U0001f600."
    assert tidy(text) == "    def f():\n\treturn 1\n\nA <think> inside, \u00e4\u6f22\U0001f600."


@pytest.mark.parametrize("tag", ["think", "thinking", "thought"])
def test_thinking_that_never_ends_is_no_answer(tag: str) -> None:
    text = f"\n<{tag}>Let me see. The user wants"
    assert only_thinks(text)
    assert tidy(text) == ""
    assert not only_thinks(f"{text}.</{tag}>\nHello")
    assert tidy(f"{text}.</{tag}>\nHello") == "Hello"
    assert not only_thinks("Write <think> before it.")


@given(st.text(max_size=60))
def test_twice_is_once(text: str) -> None:
    assert tidy(tidy(text)) == tidy(text) or "</" in text


def test_it_is_quick() -> None:
    began = time.process_time()
    tidy(" " * 300_000 + "x")
    tidy("<|a|>" * 60_000)
    assert time.process_time() - began < 3


def test_names() -> None:
    assert names_itself("I am Qwen, made by …", "Qwen/Qwen3-8B-Instruct")
    assert not names_itself("I was told to instruct.", "Qwen/Qwen3-8B-Instruct")

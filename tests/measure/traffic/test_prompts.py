from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.errors import InputError
from weighbridge.measure.load.traffic.prompts import read_prompts, synthetic_prompts


@given(st.integers(0, 300), st.integers(0, 10**6))
def test_no_two_synthetic_prompts_begin_alike(count: int, seed: int) -> None:
    prompts = synthetic_prompts(count, seed)
    assert len({prompt.partition(":")[0] for prompt in prompts}) == len(prompts) == count


def test_synthetic_prompts_follow_their_seed() -> None:
    assert synthetic_prompts(20, 7) == synthetic_prompts(20, 7)
    assert not set(synthetic_prompts(60, 1000)) & set(synthetic_prompts(60, 1001))
    assert "{" not in "".join(synthetic_prompts(200, 0))


def test_a_text_file_is_one_prompt_a_line(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_bytes("one\r\n\n  two \n{}\u2028still {}\n".encode())
    assert read_prompts(path) == ["one", "  two ", "{}\u2028still {}"]


@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson"])
def test_a_json_lines_file_has_a_prompt_in_each_line(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"prompts{suffix}"
    path.write_text('{"prompt": "a\\nb", "other": 1}\n\n{"prompt": "c\u2028d\x85"}\n', "utf-8")
    assert read_prompts(path) == ["a\nb", "c\u2028d\x85"]


@pytest.mark.parametrize("line", ["{", "[]", '{"prmpt": "x"}', '{"prompt": 3}', "plain"])
def test_a_wrong_line_is_named_by_its_number_in_the_file(tmp_path: Path, line: str) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"prompt": "good"}\n\n' + line)
    with pytest.raises(InputError, match="line 3") as caught:
        read_prompts(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xff\xfe", None])
def test_a_file_without_prompts_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "prompts.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_prompts(path)
    assert str(caught.value).count(str(path)) == 1

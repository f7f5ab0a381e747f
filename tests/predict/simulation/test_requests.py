from __future__ import annotations

import statistics
from dataclasses import replace
from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.errors import FormatError, InputError
from weighbridge.core.workload import Request, Workload
from weighbridge.predict.simulation.requests import generate, parse_trace

PLAIN = Workload(1000, 200, 8)


def test_without_a_spread_all_are_alike() -> None:
    assert generate(PLAIN, 3) == (Request(0.0, 1000, 200),) * 3


@pytest.mark.parametrize("shape", ["lognormal", "uniform"])
def test_lengths_have_their_mean_and_spread(shape: Literal["lognormal", "uniform"]) -> None:
    asked = replace(PLAIN, prompt_spread=0.5, output_spread=0.2, lengths=shape)
    requests = generate(asked, 20_000)
    for mean, spread, lengths in (
        (1000, 0.5, [one.prompt_tokens for one in requests]),
        (200, 0.2, [one.output_tokens for one in requests]),
    ):
        assert statistics.mean(lengths) == pytest.approx(mean, rel=0.02)
        assert statistics.stdev(lengths) / mean == pytest.approx(spread, rel=0.05)


def test_uniform_lengths_stay_in_their_range() -> None:
    asked = replace(PLAIN, prompt_spread=0.1, lengths="uniform")
    lengths = [one.prompt_tokens for one in generate(asked, 5000)]
    # A range of ±r has a deviation of r/√3.
    assert 826 <= min(lengths) < 830
    assert 1170 < max(lengths) <= 1174


def test_arrivals_are_even_or_random_at_their_rate() -> None:
    even = generate(replace(PLAIN, requests_per_s=4.0, arrivals="even"), 5)
    assert [one.arrival_s for one in even] == [0.0, 0.25, 0.5, 0.75, 1.0]
    random = generate(replace(PLAIN, requests_per_s=4.0), 20_000)
    gaps = [b.arrival_s - a.arrival_s for a, b in pairwise(random)]
    assert statistics.mean(gaps) == pytest.approx(0.25, rel=0.03)
    # Gaps of a Poisson process deviate as much as they are long.
    assert statistics.stdev(gaps) == pytest.approx(0.25, rel=0.05)


def test_the_seed_decides_and_lengths_do_not_depend_on_the_rate() -> None:
    asked = replace(PLAIN, prompt_spread=0.5, requests_per_s=1.0)
    assert generate(asked, 50, seed=3) == generate(asked, 50, seed=3)
    assert generate(asked, 50, seed=3) != generate(asked, 50, seed=4)
    faster = generate(replace(asked, requests_per_s=10.0), 50, seed=3)
    assert [r.prompt_tokens for r in faster] == [r.prompt_tokens for r in generate(asked, 50, 3)]


@given(st.floats(0, 2), st.floats(0, 2), st.integers(2, 4000))
def test_nothing_is_longer_than_the_context(prompt: float, output: float, context: int) -> None:
    asked = replace(PLAIN, prompt_spread=prompt, output_spread=output, context=context)
    for one in generate(asked, 50):
        assert one.prompt_tokens >= 1
        assert one.output_tokens >= 1
        assert one.prompt_tokens + one.output_tokens <= asked.longest


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (replace(PLAIN, users=0), "users must be at least 1"),
        (replace(PLAIN, prompt_tokens=0), "prompt must be at least 1"),
        (replace(PLAIN, output_tokens=0), "answer must be at least 1"),
        (replace(PLAIN, requests_per_s=0.0), "0 requests per second"),
        (replace(PLAIN, requests_per_s=float("inf")), "inf requests per second"),
        (replace(PLAIN, prefix_share=1.5), "cannot be 1.5"),
        (replace(PLAIN, output_spread=-0.1), "output_spread is -0.1"),
        (replace(PLAIN, think_s=float("nan")), "think_s is nan"),
        (replace(PLAIN, prompt_spread=0.6, lengths="uniform"), "fall below zero"),
    ],
)
def test_a_workload_that_describes_nothing_is_refused(asked: Workload, words: str) -> None:
    with pytest.raises(InputError, match=words):
        generate(asked, 10)


def test_traces_are_read_from_json_lines_and_csv_alike() -> None:
    lines = (
        '{"arrival_s": 7.5, "prompt_tokens": 20, "output_tokens": 4, "user": "b"}\n\n'
        '{"arrival_s": 5, "prompt_tokens": 10, "output_tokens": 3}\n'
    )
    table = "prompt_tokens,output_tokens,arrival_s\n20,4,7.5\n10,3,5\n"
    expected = (Request(0.0, 10, 3), Request(2.5, 20, 4))
    assert parse_trace(lines) == expected
    assert parse_trace(table) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column arrival_s, prompt_tokens, output_tokens"),
        ("arrival_s,prompt_tokens,output_tokens\n", "t.csv has no requests"),
        ("arrival_s,prompt_tokens\n1,2\n", "no column output_tokens"),
        ("arrival_s,prompt_tokens,output_tokens\n1,2,x\n", "line 2: output_tokens is 'x'"),
        ("arrival_s,prompt_tokens,output_tokens\n1,0,5\n", "prompt_tokens is '0', not a number fr"),
        ("arrival_s,prompt_tokens,output_tokens\n1,5\n", "output_tokens is None"),
        ("arrival_s,prompt_tokens,output_tokens\nnan,5,5\n", "arrival_s is 'nan', not a number"),
        ('{"arrival_s": 1, "prompt_tokens": 3}\n', "line 1: output_tokens is None"),
        ('{"arrival_s": 1\n', "line 1 is not JSON"),
        ('{"arrival_s": 1, "prompt_tokens": 3, "output_tokens": 3}\n[1]\n', "line 2 is not a JSON"),
    ],
)
def test_a_damaged_trace_is_refused_by_name_and_line(text: str, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        parse_trace(text, "t.csv")

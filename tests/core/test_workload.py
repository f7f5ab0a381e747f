from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.errors import InputError
from weighbridge.core.workload import Bound, Slo, Workload, parse_slo


def test_an_slo_is_read_as_people_write_it() -> None:
    slo = parse_slo("ttft_p95<500ms, TPOT_mean <= 0.04 s,e2e<2min")
    assert slo.bounds == (
        Bound("ttft", "p95", 500.0),
        Bound("tpot", "mean", 40.0),
        Bound("e2e", "p95", 120_000.0),
    )
    assert slo.limit("tpot") == 40.0
    assert slo.limit("itl") is None


def test_no_conditions_are_an_slo_that_always_holds() -> None:
    assert parse_slo(" , ") == Slo()


@given(
    st.lists(
        st.builds(
            Bound,
            st.sampled_from(["ttft", "tpot", "itl", "e2e"]),
            st.sampled_from(["p50", "p90", "p95", "p99", "mean"]),
            st.integers(1, 10**5).map(float),
        ),
        max_size=4,
    )
)
def test_an_slo_is_read_back_as_it_is_shown(bounds: list[Bound]) -> None:
    assert parse_slo(str(Slo(tuple(bounds)))) == Slo(tuple(bounds))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ttfb_p95<500ms", "no metric 'ttfb'.*Did you mean ttft"),
        ("ttft_p96<500ms", "no percentile 'p96'.*p95"),
        ("ttft_p95<500", "no unit.*ttft_p95<500ms"),
        ("ttft_p95<5 parsecs", "'parsecs'.*Write ms or s"),
        ("ttft_p95<-5ms", "not above zero"),
        ("ttft_p95<0ms", "not above zero"),
        ("ttft_p95>500ms", "not a condition.*for example"),
        ("fast", "not a condition"),
    ],
)
def test_what_is_no_condition_is_refused_with_what_is(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_slo(f"tpot_p95<40ms,{text}")


def test_the_longest_sequence_is_the_context_or_prompt_and_answer() -> None:
    assert Workload(1000, 500, 1).longest == 1500
    assert Workload(1000, 500, 1, context=4096).longest == 4096

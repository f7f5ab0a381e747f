from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.runs import accurate, eval_run
from weighbridge.core.load import RequestRecord
from weighbridge.core.runs import content_hash

RECORD = RequestRecord(
    level=0,
    index=0,
    sent_ms=0.0,
    ttft_ms=50.0,
    e2e_ms=120.0,
    gaps_ms=(10.0, 20.0, 30.0),
    output_tokens=7,
)


def test_tpot_spreads_the_time_after_the_first_token_over_all_further_tokens() -> None:
    assert RECORD.tpot_ms == pytest.approx(60 / 6)


@pytest.mark.parametrize(
    "changed",
    [
        replace(RECORD, output_tokens=1),
        replace(RECORD, gaps_ms=()),
        replace(RECORD, gaps_ms=(0.0, 0.0)),
        replace(RECORD, error="timeout"),
    ],
)
def test_tpot_is_none_where_it_means_nothing(changed: RequestRecord) -> None:
    assert changed.tpot_ms is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), _JSON))
def test_a_hash_does_not_depend_on_the_order_of_keys(settings: dict[str, object]) -> None:
    turned = dict(reversed(settings.items()))
    assert content_hash(settings) == content_hash(turned)
    assert len(content_hash(settings)) == 16


def test_a_hash_tells_what_was_measured_apart() -> None:
    parts = [("ab", "c"), ("a", "bc"), ("abc",), ("abc", None), ("abc", ""), (1,), ("1",), (True,)]
    assert len({content_hash(*each) for each in parts}) == len(parts)


def test_a_hash_stays_what_it_was_for_it_names_journals_on_disk() -> None:
    assert content_hash("eval", "tiny", 1) == "e2d60cc019af4fff"


def test_an_evaluation_sums_up_its_items() -> None:
    run = eval_run("a", "sums", accurate(3, 4))
    assert (run.correct, run.accuracy, run.mean_score, run.errors) == (3, 0.75, 0.75, 0)
    half = replace(run.items[3], score=0.5, error="timeout")
    partly = replace(run, items=(*run.items[:3], half))
    assert (partly.correct, partly.mean_score, partly.errors) == (3, 0.875, 1)
    empty = replace(run, items=())
    assert (empty.accuracy, empty.mean_score) == (0.0, 0.0)

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from tests.measure.figures.loads import HEALTHY, queue, users
from weighbridge.core.load import Distribution, RequestRecord
from weighbridge.core.traffic import LoadShape
from weighbridge.core.workload import parse_slo
from weighbridge.measure.load.figures.summary import repeat_figures, summarise

OK = RequestRecord(
    level=0,
    index=0,
    sent_ms=0.0,
    ttft_ms=10.0,
    e2e_ms=40.0,
    gaps_ms=(10.0, 20.0),
    output_tokens=3,
)
FAILED = replace(
    OK, error="timeout", message="It hung.", output_tokens=9, ttft_ms=1.0, tokens_from="arrivals"
)


def test_a_level_sums_up_its_successes_and_counts_its_failures() -> None:
    refused = replace(FAILED, error="http_503", message="Later.")
    level = summarise(
        LoadShape("closed", 2), [OK, FAILED, refused, FAILED, replace(OK, ttft_ms=30.0)], 2.0
    )
    assert (level.concurrency, level.requests, level.errors) == (2, 5, 3)
    assert level.error_kinds == (("timeout", 2), ("http_503", 1))
    assert level.first_error == "It hung."
    assert (level.output_tokens, level.output_tokens_per_s, level.requests_per_s) == (6, 3.0, 1.0)
    assert level.tokens_from_usage
    assert level.ttft_ms is not None
    assert replace(level.ttft_ms, intervals={}) == Distribution(
        2,
        20.0,
        20.0,
        28.0,
        29.0,
        pytest.approx(29.8),  # type: ignore[arg-type]
    )
    assert level.itl_ms is not None
    assert (level.itl_ms.count, level.itl_ms.mean) == (4, 15.0)
    assert level.tpot_ms is not None
    assert level.tpot_ms.p50 == 15.0
    assert level.e2e_ms is not None
    assert level.e2e_ms.count == 2


def test_one_answer_without_usage_makes_the_count_ours() -> None:
    assert not summarise(
        LoadShape("closed", 1), [OK, replace(OK, tokens_from="arrivals")], 1.0
    ).tokens_from_usage


@pytest.mark.parametrize("records", [[], [FAILED]])
def test_a_level_without_success_has_no_latencies(records: list[RequestRecord]) -> None:
    level = summarise(LoadShape("closed", 1), records, 0.0)
    assert (level.ttft_ms, level.itl_ms, level.tpot_ms, level.e2e_ms) == (None,) * 4
    assert (level.requests_per_s, level.output_tokens_per_s, level.output_tokens) == (0.0, 0.0, 0)


def test_the_least_sure_source_of_tokens_is_named() -> None:
    counted = replace(OK, tokens_from="tokenizer")
    shape = LoadShape("closed", 1)
    assert summarise(shape, [OK, counted], 1.0).tokens_from == "tokenizer"
    guessed = [OK, counted, replace(OK, tokens_from="arrivals")]
    assert summarise(shape, guessed, 1.0).tokens_from == "arrivals"


def test_tokens_that_came_together_are_gaps_of_zero() -> None:
    level = summarise(LoadShape("closed", 1), [replace(OK, output_tokens=7)], 1.0)
    assert level.itl_ms is not None
    assert level.chunk_gap_ms is not None
    assert (level.itl_ms.count, level.itl_ms.mean, level.itl_ms.p50) == (6, 5.0, 0.0)
    assert (level.chunk_gap_ms.count, level.chunk_gap_ms.mean) == (2, 15.0)
    assert level.tpot_ms is not None
    assert level.tpot_ms.p50 == 5.0
    assert level.tokens_per_s_per_user is not None
    assert level.tokens_per_s_per_user.p50 == 200.0


def test_an_open_loop_counts_from_when_requests_were_due() -> None:
    late = [replace(OK, index=i, due_ms=100.0 * i, sent_ms=100.0 * i + 50) for i in range(5)]
    level = summarise(LoadShape("open", rate=10), late, 1.0)
    assert level.ttft_ms is not None
    assert level.service_ttft_ms is not None
    assert level.e2e_ms is not None
    assert level.service_e2e_ms is not None
    assert level.queue_ms is not None
    assert (level.ttft_ms.p50, level.service_ttft_ms.p50) == (60.0, 10.0)
    assert (level.e2e_ms.p50, level.service_e2e_ms.p50) == (90.0, 40.0)
    assert level.queue_ms.p50 == 50.0
    assert level.offered_per_s == pytest.approx(10.0)
    closed = summarise(LoadShape("closed", 1), late, 1.0)
    assert (closed.queue_ms, closed.service_ttft_ms, closed.offered_per_s) == (None,) * 3


def test_answers_after_reasoning_have_a_time_of_their_own() -> None:
    shape = LoadShape("closed", 1)
    assert summarise(shape, [replace(OK, answer_ms=10.0)], 1.0).answer_ms is None
    reasoned = summarise(shape, [replace(OK, answer_ms=25.0), replace(OK, answer_ms=10.0)], 1.0)
    assert reasoned.answer_ms is not None
    assert reasoned.answer_ms.mean == 17.5


def test_prompt_tokens_are_summed_where_all_are_known() -> None:
    shape, told = LoadShape("closed", 1), replace(OK, prompt_tokens=7, cached_tokens=0)
    level = summarise(shape, [told, told, FAILED], 1.0)
    assert (level.prompt_tokens, level.cached_tokens) == (14, 0)
    assert summarise(shape, [told, OK], 1.0).prompt_tokens is None


def test_a_server_of_constant_capacity_is_measured_within_a_percent() -> None:
    records, duration_s = users(512, 3072, lambda *_: 1460.0, between_ms=1.5)
    level = summarise(LoadShape("closed", 512), records, duration_s)
    assert level.requests_per_s == pytest.approx(512 / 1.46, rel=0.01)
    assert level.output_tokens_per_s == pytest.approx(8 * 512 / 1.46, rel=0.01)
    # A number of requests that does not divide by the users makes the plain rate wrong by far.
    records, duration_s = users(512, 2600, lambda *_: 1460.0, between_ms=1.5)
    assert 2600 / duration_s < 0.9 * 512 / 1.46
    level = summarise(LoadShape("closed", 512), records, duration_s)
    assert level.requests_per_s == pytest.approx(512 / 1.46, rel=0.01)


def test_the_benchmarks_form_is_summed_up_in_half_a_second() -> None:
    records, duration_s = users(512, 3072, lambda r, _: r.gauss(1460, 5), tokens=65)
    began = time.process_time()
    slo = parse_slo("ttft_p95<500ms,tpot_p95<40ms")
    level = summarise(LoadShape("closed", 512), records, duration_s, slo=slo, client=HEALTHY)
    assert time.process_time() - began < 0.5
    assert level.goodput is not None


def test_what_the_client_says_is_judged() -> None:
    records, duration_s = queue(20, 300)
    busy = sum(record.e2e_ms for record in records) / 1e3 / duration_s
    shape = LoadShape("open", rate=20)
    fine = summarise(shape, records, duration_s, client=replace(HEALTHY, in_flight=busy)).client
    assert fine is not None
    assert fine.little_ratio == pytest.approx(1.0)
    assert fine.limited == ()
    lost = summarise(shape, records, duration_s, client=replace(HEALTHY, in_flight=1.2 * busy))
    assert lost.client is not None
    assert "Little" in lost.client.limited[0]


def test_a_repeat_keeps_the_headline_figures() -> None:
    records, duration_s = users(4, 80, lambda r, _: r.gauss(300, 20))
    level = summarise(LoadShape("closed", 4), records, duration_s)
    figures = repeat_figures(level)
    assert level.ttft_ms is not None
    assert (figures.requests_per_s, figures.ttft_ms_p95) == (
        level.requests_per_s,
        level.ttft_ms.p95,
    )
    again = summarise(LoadShape("closed", 4), records, duration_s, repeats=[figures, figures])
    assert again.repeats == (figures, figures)
    assert repeat_figures(summarise(LoadShape("closed", 4), [FAILED], 1.0)).e2e_ms_p50 is None


def test_answers_without_content_are_counted() -> None:
    # Only the token that ends an answer came, which has no content.
    nothing = replace(OK, ttft_ms=None, gaps_ms=(), output_tokens=1)
    level = summarise(LoadShape("closed", 1), [OK, nothing, FAILED, nothing], 1.0)
    assert (level.requests, level.errors, level.empty) == (4, 1, 2)

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from weighbridge.core.errors import EngineError
from weighbridge.core.load import LoadLevel, Steady
from weighbridge.core.self_test import SelfTestLevel
from weighbridge.core.telemetry import ClientHealth
from weighbridge.core.traffic import LoadShape
from weighbridge.measure.load.figures.percentiles import distribution
from weighbridge.measure.load.figures.truth import (
    ServerLog,
    in_words,
    judge,
    read_log,
    trusted_up_to,
    truth_of,
)

MS = 1_000_000
TTFT, ITL, TOKENS = 200, 20, 5
HEALTH = ClientHealth(
    cpu_s=0.002,
    cpu_share=0.1,
    loop_lag_ms_p50=0,
    loop_lag_ms_p99=0,
    loop_lag_ms_max=0,
    send_lag_ms_p99=0,
    max_rss_mb=30,
)


def log(*arrived_ms: float, late_ms: float = 0.0, tokens: int = TOKENS) -> ServerLog:
    answers = []
    for arrived in arrived_ms:
        sent = [round((arrived + TTFT + k * ITL + late_ms) * MS) for k in range(tokens)]
        answers.append([round(arrived * MS), round(arrived * MS), sent])
    body = {"ttft_ms": TTFT, "itl_ms": ITL, "cpu_s": 0.1, "answers": answers}
    return read_log(json.dumps(body).encode())


def level(ttft_ms: float, itl_ms: float, requests: int = 2) -> LoadLevel:
    return LoadLevel(
        shape=LoadShape("closed", 1),
        requests=requests,
        errors=0,
        error_kinds=(),
        first_error="",
        duration_s=1,
        requests_per_s=1,
        output_tokens=requests * TOKENS,
        output_tokens_per_s=1,
        tokens_from="usage",
        ttft_ms=distribution([ttft_ms] * requests),
        itl_ms=distribution([itl_ms] * requests * (TOKENS - 1)),
        tpot_ms=None,
        e2e_ms=None,
        client=HEALTH,
    )


def test_a_client_that_wastes_no_time_keeps_the_whole_rate() -> None:
    back_to_back = TTFT + (TOKENS - 1) * ITL  # 280 ms
    truth = truth_of(log(1000, 1000 + back_to_back), requests=2, concurrency=1)
    assert truth.rate_kept == pytest.approx(1)
    assert truth.requests_per_s == pytest.approx(2 / 0.56)
    assert truth.tokens == 10
    assert truth.last_ns - truth.first_ns == 560 * MS


def test_waiting_between_requests_costs_rate() -> None:
    truth = truth_of(log(1000, 1000 + 560), requests=2, concurrency=1)
    assert truth.rate_kept == pytest.approx(560 / 840)


def test_lateness_of_the_server_is_part_of_the_truth() -> None:
    truth = truth_of(log(0, 280, late_ms=7), requests=2, concurrency=1)
    assert truth.ttft_ms.p50 == pytest.approx(TTFT + 7)
    assert truth.late_ms.p99 == pytest.approx(7)
    assert truth.itl_ms is not None
    assert truth.itl_ms.p99 == pytest.approx(ITL)


def test_answers_before_the_last_ones_were_to_warm_up() -> None:
    truth = truth_of(log(0, 5000, 5280), requests=2, concurrency=1)
    assert truth.rate_kept == pytest.approx(1)


def test_only_the_steady_part_is_compared_where_the_client_counts_no_more() -> None:
    slow_start = log(0, late_ms=100).answers + log(280, 560).answers
    whole = ServerLog(TTFT, ITL, 0, slow_start)
    steady = Steady(from_s=0.25, to_s=1, left_out=1, reason="warm-up")
    everything = truth_of(whole, requests=3, concurrency=1)
    part = truth_of(whole, requests=3, concurrency=1, steady=steady)
    assert everything.ttft_ms.mean == pytest.approx(TTFT + 100 / 3)
    assert part.ttft_ms.mean == pytest.approx(TTFT)
    assert part.rate_kept == everything.rate_kept


def test_missing_answers_are_refused() -> None:
    with pytest.raises(EngineError, match="finished 1 of 2 requests"):
        truth_of(log(0), requests=2, concurrency=1)


def test_what_is_no_log_is_refused() -> None:
    with pytest.raises(EngineError, match="cannot be read"):
        read_log(b"<html>")


def test_errors_are_reported_minus_true() -> None:
    truth = truth_of(log(0, 280, late_ms=3), requests=2, concurrency=1)
    found = judge(level(TTFT + 3 + 1.5, ITL - 0.5), truth, 1)
    assert found.ttft_error_ms_p50 == pytest.approx(1.5)
    assert found.ttft_error_ms_p99 == pytest.approx(1.5)
    assert found.itl_error_ms_p99 == pytest.approx(-0.5)
    assert found.cpu_ms_per_1000_tokens == pytest.approx(200)  # 2 ms for 10 tokens
    assert found.is_trustworthy


@pytest.mark.parametrize(
    ("ttft_ms", "itl_ms", "arrivals", "late_ms", "words"),
    [
        (TTFT + 9, ITL, (0, 280), 0, "TTFT p50 was off by +9.0 ms and TTFT p99 was off by +9.0"),
        (TTFT, ITL - 6, (0, 280), 0, "ITL p99 was off by -6.0 ms"),
        (TTFT, ITL, (0, 380), 0, "only 84.8% of the possible rate was kept"),
        (TTFT + 8, ITL, (0, 280), 8, "the machine, not the client, is the limit"),
    ],
)
def test_what_breaks_trust_is_said(
    ttft_ms: float, itl_ms: float, arrivals: tuple[int, int], late_ms: float, words: str
) -> None:
    truth = truth_of(log(*arrivals, late_ms=late_ms), requests=2, concurrency=1)
    found = judge(level(ttft_ms, itl_ms), truth, 1)
    assert not found.is_trustworthy
    assert words in in_words([found])
    assert "cannot be trusted at any" in in_words([found])


def test_a_level_without_tokens_to_compare_is_refused() -> None:
    truth = truth_of(log(0, tokens=1), requests=1, concurrency=1)
    with pytest.raises(EngineError, match="nothing was measured"):
        judge(level(TTFT, ITL), truth, 1)


def at(concurrency: int, *, good: bool) -> SelfTestLevel:
    truth = truth_of(log(0, 280), requests=2, concurrency=1)
    return replace(
        judge(level(TTFT if good else TTFT + 50, ITL), truth, 1), concurrency=concurrency
    )


def test_trust_ends_at_the_first_level_that_fails() -> None:
    levels = [at(64, good=True), at(1, good=True), at(16, good=False)]
    assert trusted_up_to(levels) == 1
    assert "up to 1 concurrent streams" in in_words(levels)
    assert "At 16 TTFT p50" in in_words(levels)


def test_trust_may_reach_as_far_as_was_tried() -> None:
    levels = [at(1, good=True), at(16, good=True)]
    assert trusted_up_to(levels) == 16
    assert in_words(levels).endswith("0.0 ms in ITL.")


def test_a_level_at_which_the_server_was_late_tells_nothing_and_ends_nothing() -> None:
    late = replace(at(1, good=False), server_late_ms_p99=30.0)
    levels = [late, at(16, good=True)]
    assert trusted_up_to(levels) == 16
    assert "up to 16 concurrent" in in_words(levels)
    assert "At 1 the server itself was 30.0 ms late" in in_words(levels)
    assert trusted_up_to([late]) is None

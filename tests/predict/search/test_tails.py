from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from weighbridge.core.workload import Percentile, Workload
from weighbridge.predict.search.tails import Tails, tails
from weighbridge.predict.serving.latency import Latency

LOAD = Workload(prompt_tokens=4096, output_tokens=100, users=8)


def of(running: float, load: Workload = LOAD, chunk: float = 2048.0) -> Tails:
    one = np.ones(1)
    typical = Latency(0.5 * one, 0.02 * one, 0.015 * one, 0.2 * one, running * one, one)
    return tails(typical, load, chunk * one)


def test_alone_with_equal_lengths_every_request_is_typical() -> None:
    alone = of(1)
    for metric in ("ttft", "tpot", "e2e"):
        assert alone.of(metric, "p99") == alone.of(metric, "p50")


@pytest.mark.parametrize("metric", ["ttft", "tpot", "e2e", "itl"])
def test_percentiles_rise_and_company_makes_them_worse(metric: str) -> None:
    steps: tuple[Percentile, ...] = ("p50", "p90", "p95", "p99")
    busy, busier = of(8), of(64)
    values = [float(busy.of(metric, step)[0]) for step in steps]  # type: ignore[arg-type]
    assert values == sorted(values)
    worst = float(busier.of(metric, "p99")[0])  # type: ignore[arg-type]
    assert worst >= values[-1]


def test_unequal_prompts_scatter_the_first_token() -> None:
    spread = of(1, replace(LOAD, prompt_spread=1.0))
    assert spread.ttft_sd[0] == pytest.approx(0.2)


def test_a_token_waits_for_a_piece_of_a_prompt_at_most() -> None:
    # 7 others bring 14 pieces in 100 tokens: a rare token of those above the 90th percentile.
    busy = of(8)
    assert busy.of("itl", "p50")[0] == pytest.approx(0.015)
    assert busy.of("itl", "p90")[0] == pytest.approx(0.015 + 0.1)
    assert busy.of("itl", "mean")[0] == pytest.approx(0.02)


def test_the_whole_request_is_its_first_token_and_the_others() -> None:
    assert of(8).of("e2e", "p50")[0] == pytest.approx(0.5 + 99 * 0.02)

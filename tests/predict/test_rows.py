from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.clock import FakeClock
from weighbridge.facts.catalog.catalogue import load
from weighbridge.predict.rows import Job, predict, shipped, spreads, times
from weighbridge.predict.table import Scenario
from weighbridge.verbs.scenario_jobs import Jobs

JOBS = Jobs(load(), FakeClock())


def job(model: str = "Qwen/Qwen3-8B", system: str = "H100 SXM", backend: str = "vllm",
        precision: str = "", *, users: float = 8, tensor: int = 1,
        prompt: float = 1024) -> Job:  # fmt: skip
    asked = Scenario(model, system, backend, "", precision, prompt, 256, tensor, 1, 1, users)
    return JOBS.job(asked)[0]


MIXED = (
    job(),
    job(system="RTX 4090", backend="llama.cpp", precision="Q4_K_M", users=1),
    job("deepseek-ai/DeepSeek-R1", "B200", "sglang", tensor=8),
    job(system="RTX 4090", backend="ollama", precision="Q8_0", users=4),
)


def test_rows_keep_their_order_whatever_their_engine() -> None:
    together = predict(MIXED)
    alone = [predict([one])[0] for one in MIXED]
    assert together == alone
    assert [p.provenance.kind for p in together] == ["predicted"] * 3 + ["assumed"]


def test_typical_times_are_those_of_predictions() -> None:
    found = times(MIXED, shipped())
    for one, ttft, tpot in zip(predict(MIXED), found.ttft_s, found.tpot_s, strict=True):
        assert one.ttft_ms is not None
        assert one.tpot_ms is not None
        assert one.ttft_ms.value == pytest.approx(1e3 * ttft)
        assert one.tpot_ms.value == pytest.approx(1e3 * tpot)


def test_intervals_have_the_spread_of_their_kind() -> None:
    for asked, one in zip(MIXED, predict(MIXED), strict=True):
        ttft, tpot = spreads(asked)
        assert one.ttft_ms is not None
        assert one.tpot_ms is not None
        assert one.ttft_ms.low / one.ttft_ms.value == pytest.approx(ttft.low)
        assert one.tpot_ms.high / one.tpot_ms.value == pytest.approx(tpot.high)
    strange, known = spreads(job(system="RTX 4090"))[1], spreads(job())[1]
    assert strange.high > known.high


def test_what_does_not_fit_is_timed_as_if_it_did() -> None:
    small = job("meta-llama/Llama-3.3-70B-Instruct", "RTX 4090", users=8)
    one = predict([small])[0]
    assert not one.memory.fits
    assert one.ttft_ms is not None
    # No queue for the single slot of a cache that is not there.
    assert one.ttft_ms.value < 60_000


def test_devices_without_rates_have_memory_but_no_times() -> None:
    thor = job(system="Jetson AGX Thor", backend="vllm")
    one = predict([thor])[0]
    assert one.tpot_ms is None
    assert one.memory.total > 0
    assert "not known" in one.notes[-1]
    assert np.isnan(times([thor], shipped()).tpot_s[0])


def test_no_rows_are_no_predictions() -> None:
    assert predict([]) == []

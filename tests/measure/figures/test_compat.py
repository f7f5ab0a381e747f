from __future__ import annotations

from dataclasses import replace

import pytest

from tests.measure.figures.loads import load_run
from weighbridge.core.errors import InputError
from weighbridge.core.load import LoadRun, RequestRecord
from weighbridge.core.traffic import LoadShape
from weighbridge.measure.load.figures.compat import compat

# Five tokens in four arrivals: 100 ms, then 20, 20 and 40 ms; the stream ends 5 ms later.
OK = RequestRecord(
    0, 0, 0.0, 100.0, 185.0, (20.0, 20.0, 40.0), 5, prompt_tokens=7, due_ms=None, answer_ms=100.0
)
FAILED = replace(OK, index=2, error="timeout")


@pytest.fixture
def run() -> LoadRun:
    return load_run(LoadShape("closed", 2), [OK, replace(OK, index=1), FAILED], 2.0)


def test_vllm(run: LoadRun) -> None:
    found = compat(run, "vllm")
    assert (found["completed"], found["failed"], found["max_concurrency"]) == (2, 1, 2)
    assert (found["total_input_tokens"], found["total_output_tokens"]) == (14, 10)
    assert (found["request_throughput"], found["total_token_throughput"]) == (1.0, 12.0)
    assert found["median_ttft_ms"] == 100.0
    assert found["mean_tpot_ms"] == 20.0
    # Between chunks, though the last brought two tokens.
    assert found["mean_itl_ms"] == pytest.approx(80 / 3)
    assert found["p99_e2el_ms"] == 180.0
    assert found["std_ttft_ms"] == 0.0


def test_aiperf(run: LoadRun) -> None:
    found = compat(run, "aiperf")
    assert found["time_to_first_token"]["unit"] == "ms"
    assert found["inter_token_latency"]["avg"] == 20.0
    assert found["inter_chunk_latency"]["max"] == 40.0
    assert found["request_latency"]["p99"] == 180.0
    assert found["output_token_throughput_per_user"]["p50"] == 50.0
    assert found["output_token_throughput"] == {"unit": "tokens/sec", "avg": 5.0}
    assert (found["request_count"]["avg"], found["error_request_count"]["avg"]) == (2.0, 1.0)


def test_guidellm(run: LoadRun) -> None:
    metrics = compat(run, "guidellm")["metrics"]
    assert metrics["request_totals"] == {"successful": 2, "errored": 1, "total": 3}
    # Its TPOT counts the first token as well.
    assert metrics["time_per_output_token_ms"]["successful"]["mean"] == 36.0
    assert metrics["inter_token_latency_ms"]["successful"]["median"] == 20.0
    assert metrics["request_latency"]["successful"]["percentiles"]["p95"] == 0.185
    assert metrics["requests_per_second"]["successful"]["mean"] == 1.0


@pytest.mark.parametrize("tool", ["vllm", "aiperf", "guidellm"])
def test_several_levels_and_levels_without_success(run: LoadRun, tool: str) -> None:
    two = replace(
        run,
        levels=(*run.levels, *run.levels),
        requests=(*run.requests, replace(FAILED, level=1)),
    )
    first, second = compat(two, tool)["levels"]
    assert first == compat(run, tool)
    assert second != first


def test_other_tools_are_refused(run: LoadRun) -> None:
    with pytest.raises(InputError, match="no form of 'wrk'"):
        compat(run, "wrk")

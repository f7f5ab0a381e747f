"""The figures of a level by other tools' definitions, under their names (``--compat``).

For putting a run beside old ones of those tools. Only what their definitions determine is here; all
count successful requests over the whole level, ramp and drain included, from when each was sent.
Definitions beside ours: docs/metrics.md.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, Literal, get_args

from weighbridge.core.errors import InputError
from weighbridge.core.load import LoadLevel, LoadRun, RequestRecord
from weighbridge.measure.load.figures.goodput import meets
from weighbridge.measure.load.figures.percentiles import percentile

Tool = Literal["vllm", "aiperf", "guidellm"]

_AIPERF_SHARES: Final = (1, 5, 10, 25, 50, 75, 90, 95, 99)
_GUIDELLM_SHARES: Final = {
    "p001": 0.001, "p01": 0.01, "p05": 0.05, "p10": 0.1, "p25": 0.25, "p50": 0.5, "p75": 0.75,
    "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999,
}  # fmt: skip


def compat(run: LoadRun, tool: str) -> dict[str, Any]:
    """A run's figures as ``tool`` would name and compute them; ``levels`` where it has several.

    Raises:
        InputError: no such tool is known.
    """
    forms: dict[str, Callable[[LoadLevel, Sequence[RequestRecord]], dict[str, Any]]] = {
        "vllm": _vllm, "aiperf": _aiperf, "guidellm": _guidellm,
    }  # fmt: skip
    if tool not in forms:
        raise InputError(
            f"There is no form of {tool!r} for results.",
            fix=f"Choose one of {', '.join(get_args(Tool))}.",
        )
    documents = [
        forms[tool](level, [r for r in run.requests if r.level == index and r.error is None])
        for index, level in enumerate(run.levels)
    ]
    return documents[0] if len(documents) == 1 else {"levels": documents}


def _vllm(level: LoadLevel, good: Sequence[RequestRecord]) -> dict[str, Any]:
    """`vllm bench serve --save-result`: ITL between chunks, E2E to the last content."""
    seconds = level.duration_s or math.inf
    written = sum(record.output_tokens for record in good)
    read = sum(record.prompt_tokens or 0 for record in good)
    document: dict[str, Any] = {
        "duration": level.duration_s,
        "completed": len(good),
        "failed": level.errors,
        "total_input_tokens": read,
        "total_output_tokens": written,
        "request_throughput": len(good) / seconds,
        "output_throughput": written / seconds,
        "total_token_throughput": (read + written) / seconds,
        "max_concurrency": level.concurrency,
        "request_rate": "inf" if level.rate is None else level.rate,
    }
    if level.goodput is not None:
        met = sum(meets(level.goodput.slo, _as_sent(record)) for record in good)
        document["request_goodput"] = met / seconds
    samples = {
        "ttft": [r.ttft_ms for r in good if r.ttft_ms is not None],
        "tpot": [(_last_ms(r) - (r.ttft_ms or 0)) / (r.output_tokens - 1)
                 for r in good if r.output_tokens > 1],
        "itl": [gap for r in good for gap in r.gaps_ms],
        "e2el": [_last_ms(r) for r in good],
    }  # fmt: skip
    for name, values in samples.items():
        ordered = sorted(values)
        document[f"mean_{name}_ms"] = statistics.fmean(ordered) if ordered else 0.0
        document[f"median_{name}_ms"] = percentile(ordered, 0.5) if ordered else 0.0
        document[f"std_{name}_ms"] = statistics.pstdev(ordered) if ordered else 0.0
        document[f"p99_{name}_ms"] = percentile(ordered, 0.99) if ordered else 0.0
    return document


def _aiperf(level: LoadLevel, good: Sequence[RequestRecord]) -> dict[str, Any]:
    """`profile_export_aiperf.json`: ITL is one mean per request, (E2E − TTFT) / (tokens − 1)."""
    seconds = level.duration_s or math.inf
    pace = [
        (_last_ms(r) - r.ttft_ms) / (r.output_tokens - 1)
        for r in good
        if r.ttft_ms is not None and r.output_tokens > 1
    ]
    written = sum(record.output_tokens for record in good)
    read = [record.prompt_tokens for record in good if record.prompt_tokens is not None]
    samples: dict[str, tuple[str, list[float]]] = {
        "time_to_first_token": ("ms", [r.ttft_ms for r in good if r.ttft_ms is not None]),
        "time_to_first_output_token": (
            "ms",
            [r.answer_ms for r in good if r.answer_ms is not None],
        ),
        "inter_token_latency": ("ms", pace),
        "inter_chunk_latency": ("ms", [gap for r in good for gap in r.gaps_ms]),
        "request_latency": ("ms", [_last_ms(r) for r in good]),
        "output_token_throughput_per_user": ("tokens/sec/user", [1e3 / p for p in pace if p > 0]),
        "output_sequence_length": ("tokens", [float(r.output_tokens) for r in good]),
        "input_sequence_length": ("tokens", [float(tokens) for tokens in read]),
    }
    document: dict[str, Any] = {
        name: {"unit": unit, **_aiperf_statistics(values)}
        for name, (unit, values) in samples.items()
        if values
    }
    single = {
        "request_throughput": ("requests/sec", len(good) / seconds),
        "output_token_throughput": ("tokens/sec", written / seconds),
        "request_count": ("requests", float(len(good))),
        "error_request_count": ("requests", float(level.errors)),
        "benchmark_duration": ("sec", level.duration_s),
    }
    if level.goodput is not None:
        met = sum(meets(level.goodput.slo, _as_sent(record)) for record in good)
        single["goodput"] = ("requests/sec", met / seconds)
    return document | {name: {"unit": unit, "avg": value} for name, (unit, value) in single.items()}


def _aiperf_statistics(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "avg": statistics.fmean(ordered),
        **{f"p{share}": percentile(ordered, share / 100) for share in _AIPERF_SHARES},
        "min": ordered[0],
        "max": ordered[-1],
        "std": statistics.pstdev(ordered),
    }


def _guidellm(level: LoadLevel, good: Sequence[RequestRecord]) -> dict[str, Any]:
    """The ``metrics`` of a benchmark: its TPOT includes the first token, its ITL does not."""
    seconds = level.duration_s or math.inf
    written = [float(record.output_tokens) for record in good]
    samples: dict[str, list[float]] = {
        "request_latency": [r.e2e_ms / 1e3 for r in good],
        "time_to_first_token_ms": [r.ttft_ms for r in good if r.ttft_ms is not None],
        "time_per_output_token_ms": [
            _last_ms(r) / r.output_tokens for r in good if r.output_tokens
        ],
        "inter_token_latency_ms": [
            sum(r.gaps_ms) / (r.output_tokens - 1) for r in good if r.output_tokens > 1
        ],
        "output_token_count": written,
        "prompt_token_count": [float(r.prompt_tokens) for r in good if r.prompt_tokens is not None],
    }
    metrics: dict[str, Any] = {
        name: {"successful": _guidellm_statistics(values)}
        for name, values in samples.items()
        if values
    }
    busy = sum(record.e2e_ms for record in good) / 1e3
    for name, value in (
        ("requests_per_second", len(good) / seconds),
        ("request_concurrency", busy / seconds),
        ("output_tokens_per_second", sum(written) / seconds),
    ):
        metrics[name] = {"successful": {"mean": value}}
    totals = {"successful": len(good), "errored": level.errors, "total": level.requests}
    return {"metrics": {"request_totals": totals, **metrics}, "duration": level.duration_s}


def _guidellm_statistics(values: Sequence[float]) -> dict[str, Any]:
    ordered = sorted(values)
    variance = statistics.pvariance(ordered)
    return {
        "mean": statistics.fmean(ordered),
        "median": percentile(ordered, 0.5),
        "variance": variance,
        "std_dev": math.sqrt(variance),
        "min": ordered[0],
        "max": ordered[-1],
        "count": len(ordered),
        "total_sum": math.fsum(ordered),
        "percentiles": {name: percentile(ordered, s) for name, s in _GUIDELLM_SHARES.items()},
    }


def _last_ms(record: RequestRecord) -> float:
    """From sending to the last content, where these tools end an answer."""
    return record.e2e_ms if record.ttft_ms is None else record.ttft_ms + sum(record.gaps_ms)


def _as_sent(record: RequestRecord) -> RequestRecord:
    """The request as if it had been due when it was sent: none of these counts waiting."""
    return replace(record, due_ms=None)

"""A load run as a page: the verdict, the levels, and what every figure rests on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from weighbridge.core.load import BoundResult, Distribution, LoadLevel, LoadRun
from weighbridge.report.load_charts import (
    SERVICE_LEVELS,
    by_load,
    cdf_charts,
    latency_charts,
    service_charts,
    shown_levels,
    slo_of,
    throughput_charts,
)
from weighbridge.report.load_errors import errors_of
from weighbridge.report.load_health import health_rows
from weighbridge.report.load_knee import DEFINITION, knee
from weighbridge.report.load_plot import Graph
from weighbridge.report.load_samples import is_scheduled
from weighbridge.report.load_server import Count, counts, energy_per_1000, server_charts
from weighbridge.report.load_timeline import Timeline, timeline
from weighbridge.report.load_verdicts import bound_verdict, level_verdict, verdict_class
from weighbridge.report.load_words import (
    bounds_of,
    doubts,
    headline,
    interval,
    milliseconds,
    ramp_verdict,
    seconds,
    shape_words,
    slo_words,
)
from weighbridge.report.page import render

# Metric, its word, its words in full, the percentiles that the table shows.
COLUMNS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("ttft_ms", "TTFT", "time to first token", ("p50", "p95", "p99")),
    ("itl_ms", "ITL", "inter-token latency", ("p50", "p99")),
    ("tpot_ms", "TPOT", "time per output token", ("p50", "p95")),
    ("e2e_ms", "E2E", "end to end", ("p50", "p95", "p99")),
)
_REPEATED = (
    ("requests/s", "requests_per_s"),
    ("tokens/s", "output_tokens_per_s"),
    ("TTFT p50, ms", "ttft_ms_p50"),
    ("TTFT p95, ms", "ttft_ms_p95"),
    ("TPOT p50, ms", "tpot_ms_p50"),
    ("ITL p99, ms", "itl_ms_p99"),
    ("E2E p50, ms", "e2e_ms_p50"),
)


@dataclass(frozen=True, slots=True)
class LevelView:
    """A level with all that its part of the page shows."""

    level: LoadLevel
    words: str
    timeline: Timeline | None
    server: tuple[Graph, ...]
    counts: tuple[Count, ...]
    energy_per_1000: float | None


def load_page(run: LoadRun, *, standalone: bool) -> str:
    """The page of a load run: as a file that is complete in itself, or for the live server."""
    return render(
        "load.html",
        standalone=standalone,
        charts=False,
        here="runs",
        info=run.info,
        **_context(run),
    )


def _context(run: LoadRun) -> dict[str, Any]:
    ordered = by_load(run)
    found = knee(ordered) if not run.is_client_limited else None
    return {
        "run": run,
        "headline": headline(run),
        "doubts": doubts(run),
        "slo": slo_words(slo_of(run)),
        "columns": COLUMNS,
        "latency": latency_charts(run),
        "throughput": throughput_charts(run),
        "cdfs": cdf_charts(run),
        "cdf_levels": len(shown_levels(run.levels)),
        "service": service_charts(run),
        "service_levels": SERVICE_LEVELS,
        "open_levels": [level for level in run.levels if is_scheduled(level)],
        "drawn": len(ordered),
        "knee": found.words if found else "",
        "knee_definition": DEFINITION,
        "views": [_view(run, number) for number in range(len(run.levels))],
        "health": [(level, health_rows(level.client)) for level in run.levels if level.client],
        "errors": errors_of(run),
        "repeated": [(words, name) for words, name in _REPEATED],
        **words_for_templates(),
    }


def words_for_templates() -> dict[str, Callable[..., str]]:
    """Functions by which the templates of load runs write figures."""
    return {
        "shape_words": shape_words,
        "ms": milliseconds,
        "seconds": seconds,
        "interval": interval,
        "interval_of": _interval_of,
        "bound_words": _bound_words,
        "ramp_verdict": ramp_verdict,
        "bound_verdict": bound_verdict,
        "level_verdict": level_verdict,
        "verdict_class": verdict_class,
    }


def _view(run: LoadRun, number: int) -> LevelView:
    level = run.levels[number]
    return LevelView(
        level,
        shape_words(level),
        timeline(run, number),
        tuple(server_charts(level.server)) if level.server else (),
        tuple(counts(level)),
        energy_per_1000(level),
    )


def _interval_of(sample: Distribution | None, name: str) -> str:
    return interval(bounds_of(sample, name))


def _bound_words(bound: BoundResult) -> str:
    """A condition as measured: ``412 ms (390-431)``."""
    spread = interval((bound.low_ms, bound.high_ms))
    return f"{milliseconds(bound.value_ms)} ({spread})" if spread else milliseconds(bound.value_ms)

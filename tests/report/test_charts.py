from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.report.sample_study import MODELS, sample_route, sample_study, sample_verdict
from weighbridge.core.provenance import Interval
from weighbridge.core.study import TrafficShare
from weighbridge.report import charts

STUDY = sample_study()
VERDICT_RUN = sample_verdict()
ROUTE = sample_route()
VERDICT = VERDICT_RUN.verdict


def trace(figure: charts.Figure, name: str) -> dict[str, Any]:
    (found,) = [item for item in figure["data"] if item["name"] == name]
    return dict(found)


def test_accuracy_shows_every_interval_in_percent() -> None:
    figure = charts.accuracy(VERDICT.tasks, MODELS)
    for task in VERDICT.tasks:
        for evidence in task.standings:
            dots = trace(figure, evidence.model)
            row = dots["y"].index(task.task)
            value, low, high = (
                100 * part
                for part in (evidence.accuracy.value, evidence.accuracy.low, evidence.accuracy.high)
            )
            assert dots["x"][row] == pytest.approx(value)
            assert dots["x"][row] + dots["error_x"]["array"][row] == pytest.approx(high)
            assert dots["x"][row] - dots["error_x"]["arrayminus"][row] == pytest.approx(low)


def test_forest_plot_has_one_row_per_comparison_and_a_line_at_zero() -> None:
    figure = charts.differences(STUDY.run.comparisons)
    (dots,) = figure["data"]
    assert dots["x"] == [100 * item.difference.value for item in STUDY.run.comparisons]
    assert len(set(dots["y"])) == len(STUDY.run.comparisons)
    (zero,) = figure["layout"]["shapes"]
    assert (zero["x0"], zero["x1"]) == (0, 0)


@pytest.mark.parametrize("metric", ["ttft_ms", "tpot_ms"])
def test_latency_has_median_and_tail_of_each_model(metric: charts.Metric) -> None:
    figure = charts.latency(STUDY.loads, metric, MODELS)
    for load in STUDY.loads:
        for label in ("p50", "p95"):
            line = trace(figure, f"{load.info.model} {label}")
            samples = [getattr(level, metric) for level in load.levels]
            assert line["x"] == [level.concurrency for level in load.levels]
            assert line["y"] == [getattr(sample, label) for sample in samples]


def test_throughput_is_the_records() -> None:
    figure = charts.throughput(STUDY.loads, MODELS)
    for load in STUDY.loads:
        line = trace(figure, load.info.model)
        assert line["y"] == [level.output_tokens_per_s for level in load.levels]


def test_routed_accuracy_has_the_gateway_and_every_model() -> None:
    figure = charts.routed(ROUTE.shares, MODELS)
    assert [item["name"] for item in figure["data"]] == ["auto", *MODELS]
    for share in ROUTE.shares:
        dots = trace(figure, share.who)
        assert dots["x"][dots["y"].index(share.task)] == 100 * share.accuracy.value


def test_parameters_add_up_to_the_model() -> None:
    figure = charts.parameters(STUDY.sheets)
    for row, sheet in enumerate(STUDY.sheets):
        total = sum(item["x"][row] for item in figure["data"])
        assert total == sheet.architecture.parameters


def test_a_model_keeps_colour_and_marker_in_every_chart() -> None:
    figures = [
        charts.accuracy(VERDICT.tasks, MODELS),
        charts.routed(ROUTE.shares, MODELS),
        charts.throughput(STUDY.loads, MODELS),
    ]
    for model in MODELS:
        markers = [trace(figure, model)["marker"] for figure in figures]
        assert len({(marker["color"], marker["symbol"]) for marker in markers}) == 1


def test_colours_are_variables_that_the_stylesheet_knows() -> None:
    from weighbridge.report.page import asset  # noqa: PLC0415 -- only this test reads files

    known = set(re.findall(r"(--[a-z0-9-]+):", asset("style.css").decode()))
    figures = [charts.parameters(STUDY.sheets), charts.latency(STUDY.loads, "ttft_ms", MODELS)]
    used = set(re.findall(r"var\((--[a-z0-9-]+)\)", json.dumps(figures)))
    assert used
    assert used <= known
    assert {f"--series-{number}" for number in range(1, 9)} <= known


def test_names_from_outside_are_no_markup_for_plotly() -> None:
    share = TrafficShare("<b>bold</b>", "all", 1, Interval(1, 0, 1))
    figure = charts.routed([share], ["<b>bold</b>"])
    assert figure["data"][0]["name"] == "&lt;b&gt;bold&lt;/b&gt;"

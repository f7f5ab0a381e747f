from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.report import sample_load as sample
from weighbridge.report.load_charts import cdf_charts, latency_charts, service_charts
from weighbridge.report.load_plot import (
    Axis,
    Chart,
    Graph,
    Point,
    Rule,
    Series,
    graph,
    sparkline,
)
from weighbridge.report.load_samples import counted, distribution
from weighbridge.report.load_samples import sample as sample_of
from weighbridge.report.page import asset


def drawn(chart: Chart) -> Graph:
    found = graph(chart)
    assert found is not None
    return found


def line(*values: tuple[float, float], **more: bool) -> Series:
    return Series("one", tuple(Point(x, y) for x, y in values), 0, **more)  # type: ignore[arg-type]


def place(found: Graph, axis: str, value: float) -> float:
    at = found.data[axis]
    share = (value - at["low"]) / (at["high"] - at["low"])
    return float(at["start"] + share * (at["end"] - at["start"]))


def test_points_lie_where_their_values_are() -> None:
    axis = Axis("", kind="linear")
    found = drawn(Chart("t", axis, axis, (line((0, 0), (5, 20), (10, 10), marked=True),)))
    places = re.findall(r'cx="([\d.]+)%" cy="([\d.]+)%"', found.drawing)
    assert len(places) == 3
    for (cx, cy), (x, y) in zip(places, ((0, 0), (5, 20), (10, 10)), strict=True):
        assert float(cx) == pytest.approx(place(found, "x", x), abs=0.01)
        assert float(cy) == pytest.approx(place(found, "y", y), abs=0.01)


def test_nothing_to_show_is_no_drawing() -> None:
    assert graph(Chart("t", Axis(""), Axis(""), (Series("one", (), 0),))) is None


@pytest.mark.parametrize("values", [[(1.0, 0.0)], [(0.0, 0.0), (0.0, 0.0)], [(1e-9, 1e12), (3, 4)]])
def test_odd_values_still_draw(values: list[tuple[float, float]]) -> None:
    found = drawn(Chart("t", Axis("x"), Axis("y"), (line(*values, marked=True),)))
    assert "nan" not in found.drawing
    assert "inf" not in found.drawing


def test_names_are_escaped() -> None:
    series = Series("<b>", (Point(1, 1), Point(2, 2)), 0, marked=True, labels=("<i>", "x"))
    rule = Rule(1.5, "<u>")
    found = drawn(Chart("<em>", Axis("<s>"), Axis(""), (series,), across=(rule,)))
    assert not re.search(r"<(b|i|u|em|s)>", found.drawing)
    assert "&lt;i&gt;" in found.drawing


def test_intervals_and_limits_stay_within_the_drawing() -> None:
    series = Series("one", (Point(1, 5, 1, 90), Point(2, 6, 2, 80)), 0, marked=True)
    found = drawn(Chart("t", Axis(""), Axis(""), (series,), across=(Rule(3.0, "r", 2.5, 4.0),)))
    places = [
        float(value) for value in re.findall(r'(?:[xy][12]?|c[xy])="([\d.]+)%"', found.drawing)
    ]
    assert min(places) >= 0
    assert max(places) <= 100


class TestDistribution:
    def test_a_short_sample_is_shown_in_full(self) -> None:
        assert distribution([1.0, 2.0, 4.0]) == [
            (1.0, 0.0),
            (1.0, pytest.approx(1 / 3)),
            (2.0, pytest.approx(2 / 3)),
            (4.0, 1.0),
        ]

    def test_a_long_one_keeps_its_ends_and_rises(self) -> None:
        found = distribution([float(x) for x in range(100_000)])
        assert found[0] == (0.0, 0.0)
        assert found[-1] == (99_999.0, 1.0)
        assert len(found) < 150
        assert found == sorted(found)
        for value, share in found[1:-1]:
            assert value / 100_000 == pytest.approx(share, abs=1e-4)

    def test_nothing_has_none(self) -> None:
        assert distribution([]) == []

    def test_gaps_inside_an_arrival_count_as_zeros(self) -> None:
        records = counted(sample.closed_run(), 1)
        values = sample_of(records, "itl", scheduled=False)
        assert len(values) == sum(one.output_tokens - 1 for one in records)

    def test_only_the_steady_part_counts(self) -> None:
        run = sample.closed_run()
        steady = run.levels[1].steady
        assert steady is not None
        found = counted(run, 1)
        assert 0 < len(found) < 240
        assert all(steady.from_s <= one.sent_ms / 1000 <= steady.to_s for one in found)


def test_latency_is_drawn_for_every_percentile_with_limit_and_knee() -> None:
    run = sample.open_run()
    ttft = latency_charts(run)[0]
    assert [name for _, name in ttft.legend] == ["p50", "p95", "p99"]
    assert ">limit<" in ttft.drawing
    assert "p95 &lt; 500" in ttft.drawing
    for series, name in zip(ttft.data["series"], ("p50", "p95", "p99"), strict=True):
        by_rate = sorted(run.levels, key=lambda level: level.rate or 0)
        assert series["y"] == [
            pytest.approx(getattr(level.ttft_ms, name), rel=1e-3) for level in by_rate
        ]


def test_a_client_limited_run_has_no_knee_and_no_limit() -> None:
    assert all(">knee<" not in one.drawing for one in latency_charts(sample.limited_run()))


def test_schedule_and_service_differ_by_the_waiting() -> None:
    ttft = service_charts(sample.open_run())[0]
    last = {series["name"]: series["x"][-1] for series in ttft.data["series"]}
    assert last["12 requests/s, from schedule"] > last["12 requests/s, service"] + 100


def test_every_level_has_its_cdf() -> None:
    charts = cdf_charts(sample.closed_run())
    assert len(charts) == 4
    assert all(len(one.data["series"]) == 4 for one in charts)


def test_colours_and_patterns_are_known_to_the_stylesheet() -> None:
    style = asset("style.css").decode()
    used = {
        name
        for one in cdf_charts(sample.closed_run())
        for name in re.findall(r'class="([^"]+)"', one.drawing)
    }
    for name in {part for names in used for part in names.split()} - {"dash-0"}:
        assert f".{name}" in style


def test_a_sparkline_breaks_where_nothing_is_known() -> None:
    found = sparkline([1.0, 2.0, None, 3.0, 4.0], "x", str)
    path = re.search(r'class="line series-1" d="([^"]+)"', found)
    assert path is not None
    assert path[1].count("M") == 2
    assert "nothing yet" in sparkline([None], "x", str)


def test_labels_that_would_lie_on_each_other_give_way() -> None:
    series = Series(
        "one",
        (Point(1, 1), Point(1.001, 1), Point(9, 9)),
        0,
        marked=True,
        labels=("first", "second", "third"),
    )
    found = drawn(Chart("t", Axis(""), Axis(""), (series,)))
    assert [text in found.drawing for text in series.labels] == [True, False, True]


def test_a_search_draws_its_rates_and_not_the_users_that_it_began_with() -> None:
    run, closed = sample.open_run(), sample.closed_run().levels
    mixed = replace(run, levels=(*closed[:3], *run.levels[:2]))
    drawn_rates = latency_charts(mixed)[0].data["series"][0]["x"]
    assert drawn_rates == [2, 8]
    assert latency_charts(replace(mixed, limit=None))[0].data["series"][0]["x"] == [1, 4, 16]

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report import plans
from weighbridge.core.provenance import Interval
from weighbridge.report.pareto_chart import Mark, leading, pareto_views
from weighbridge.report.pareto_scale import linear, logarithmic


def mark(place: int, x: float, y: float) -> Mark:
    return Mark(place, f"way {place}", f"way {place}", Interval(x, x, x), y, False)


def test_leading_marks_are_those_that_none_surpasses() -> None:
    marks = [mark(0, 30, 9), mark(1, 20, 9), mark(2, 10, 5), mark(3, 15, 5), mark(4, 5, 1)]
    assert [one.place for one in leading(marks, more=False)] == [1, 2, 4]
    assert [one.place for one in leading(marks, more=True)] == [0]


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=12),
    st.booleans(),
)
def test_leading_agrees_with_the_definition(pairs: list[tuple[int, int]], more: bool) -> None:
    marks = [mark(place, x, y) for place, (x, y) in enumerate(pairs)]
    sign = 1 if more else -1
    gains = [(y, sign * x) for x, y in pairs]
    best = {one for one in gains if not any(a >= one[0] and b >= one[1] and (a, b) != one
                                            for a, b in gains)}  # fmt: skip
    found = {(one.y, sign * one.x.value) for one in leading(marks, more=more)}
    assert found == best


def test_every_respect_that_is_known_has_a_drawing() -> None:
    views = {view.key: view for view in pareto_views(plans.plan().ranked, (0, 1, 4))}
    assert list(views) == ["tpot", "ttft", "throughput", "memory"]
    assert all(view.missing == 1 for view in views.values()), "one has no quality"
    priced = {view.key: view for view in pareto_views(plans.two_sources().ranked, ())}
    assert priced["cost"].missing == 5


def test_marks_lead_to_their_rows_and_say_their_figures() -> None:
    drawing = str(pareto_views(plans.plan().ranked, (0, 1, 4))[0].drawing)
    assert drawing.count('<a class="way') == 5
    assert 'href="#way-2"' in drawing
    assert "No. 2: Quick-8B fp8 · vllm; quality 8.00 (assumed); 12.5" in drawing
    assert drawing.count("lead") == 3
    assert drawing.count("overall") == 3


def test_qualities_of_different_sources_never_share_a_panel() -> None:
    drawing = str(pareto_views(plans.two_sources().ranked, ())[0].drawing)
    assert "quality \N{UPWARDS ARROW} (measured" in drawing
    assert "quality \N{UPWARDS ARROW} (assumed" in drawing
    places = dict(
        re.findall(r'href="#way-(\d)".*?class="dot" cx="[\d.]+%" cy="([\d.]+)%"', drawing)
    )
    measured = [float(places[number]) for number in ("1", "2")]
    assumed = [float(places[number]) for number in ("3", "4", "5")]
    assert max(measured) < min(assumed)


def test_nothing_known_draws_nothing() -> None:
    bare = replace(plans.plan().ranked[0], quality=None)
    assert pareto_views((bare,), ()) == ()
    assert pareto_views((), ()) == ()


@given(st.floats(1e-3, 1e6), st.floats(1, 1e4))
def test_a_logarithmic_axis_holds_its_values_and_round_ticks(least: float, factor: float) -> None:
    scale = logarithmic(least, least * factor, 10, 90)
    assert 10 <= scale.place(least) <= scale.place(least * factor) <= 90
    assert len(scale.ticks) <= 8
    assert all(10 <= scale.place(tick) <= 90 for tick in scale.ticks)


@pytest.mark.parametrize(("least", "most"), [(0.0, 0.0), (5.0, 5.0), (-1.0, 3.0), (0.61, 0.84)])
def test_a_linear_axis_holds_its_values(least: float, most: float) -> None:
    scale = linear(least, most, 90, 10)
    assert 10 <= scale.place(most) <= scale.place(least) <= 90
    assert scale.ticks


def test_numbers_of_rows_leave_room_for_each_other() -> None:
    full = plans.plan()
    near = tuple(
        plans.way(f"acme/Way{at}", 8.0 - at / 100, tpot=12.5 - at / 100, use=plans.memory(8, 10))
        for at in range(4)
    )
    drawing = pareto_views((*near, *full.ranked), ())[0].drawing
    places = re.findall(r'<text[^>]*class="place"[^>]*>(\d+)</text>', str(drawing))
    assert "1" in places
    assert not {"2", "3", "4"} <= set(places), "four marks in one place cannot all be numbered"

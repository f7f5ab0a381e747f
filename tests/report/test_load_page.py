from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.report import sample_load as sample
from tests.report.html_check import Page
from tests.report.sample_study import HOSTILE
from weighbridge.core.load import LoadRun, RampBin
from weighbridge.core.traffic import LoadShape
from weighbridge.report.load_page import load_page
from weighbridge.report.numbers import number
from weighbridge.report.run_page import run_page

MAKERS = [
    sample.closed_run,
    sample.open_run,
    sample.limited_run,
    sample.plain_run,
    sample.failed_run,
]


def page_of(run: LoadRun, *, standalone: bool = True) -> Page:
    return Page(load_page(run, standalone=standalone))


def text_of(run: LoadRun) -> str:
    return page_of(run).text.replace("\xa0", " ")


@pytest.mark.parametrize("standalone", [True, False])
@pytest.mark.parametrize("make", MAKERS)
def test_every_run_has_a_page_with_unique_ids(
    make: Callable[[], LoadRun], standalone: bool
) -> None:
    run = make()
    page = Page(run_page(run, standalone=standalone))
    assert len(page.ids()) == len(set(page.ids()))
    assert run.info.id in page.text
    assert run.info.machine in page.text
    assert run.command in page.text


@pytest.mark.parametrize("make", MAKERS)
def test_sentences_under_the_headline_begin_like_sentences(make: Callable[[], LoadRun]) -> None:
    run = replace(make(), workload="short synthetic prompts; seed 0")
    assert "Short synthetic prompts; seed 0, at" in text_of(run)
    html = load_page(run, standalone=True)
    assert not re.search(r"Note:</span> [a-z]", html)


@pytest.mark.parametrize("make", MAKERS)
def test_a_single_file_is_small_and_loads_nothing(make: Callable[[], LoadRun]) -> None:
    html = load_page(make(), standalone=True)
    assert len(html) < 1_000_000
    loaded = [address for tag, address in Page(html).addresses if tag != "a"]
    assert all(address.startswith("data:image/svg+xml,") for address in loaded)


def test_the_table_has_every_figure_of_every_level_with_its_interval() -> None:
    run = sample.closed_run()
    text = text_of(run)
    for level in run.levels:
        for found in (level.ttft_ms, level.tpot_ms, level.e2e_ms, level.itl_ms):
            assert found is not None
            assert number(found.p50) in text
            low, high = found.intervals["p50"]
            assert low is not None
            assert high is not None
            assert f"{number(low)}–{number(high)}" in text
        assert number(level.requests_per_s) in text
    # 60 requests do not bound their p99 from above.
    ttft = run.levels[0].ttft_ms
    assert ttft is not None
    assert f"≥ {number(ttft.intervals['p99'][0])}" in text


def test_what_servers_wrote_is_text_and_nothing_else() -> None:
    for standalone in (True, False):
        html = load_page(sample.failed_run(), standalone=standalone)
        page = Page(html)
        assert HOSTILE in page.text
        assert not page.tags("img")
        assert "<script>alert(1)" not in html


def test_data_for_hovering_is_escaped_json() -> None:
    run = sample.failed_run()
    hostile = replace(
        run, requests=tuple(replace(one, error="</script><b>") for one in run.requests)
    )
    html = load_page(hostile, standalone=False)
    found = re.findall(r'<script type="application/json">(.*?)</script>', html, flags=re.DOTALL)
    assert found
    rows = json.loads(found[0])["rows"]
    assert rows[0][-1] == "</script><b>"


def test_a_client_limited_run_carries_no_verdict() -> None:
    run = sample.limited_run()
    text = text_of(run)
    assert text.index("CLIENT-LIMITED") < text.index("Levels")
    assert "18 ms late" in text
    assert "Knee" not in text
    # The level that the client did not limit keeps its own: in both tables, per condition.
    assert text.count("no verdict ") == 1 + 3
    assert len(re.findall(r"\bheld\b", text)) == 3


def test_a_ramp_has_a_table_of_latency_by_rate() -> None:
    run = sample.open_run()
    bins = tuple(
        RampBin(rate, 30, 0, 50.0, 77.5 + rate, 12.0, 300.0, 400.0, rate < 60)
        for rate in (20.0, 40.0, 80.0)
    )
    shape = LoadShape("ramp", rate=100.0)
    level = replace(run.levels[0], shape=shape, ramp=bins, ramp_breaks_at=60.0)
    text = text_of(replace(run, levels=(level,), limit=None))
    assert "Ramp up to 100 requests/s, in parts of as many requests each" in text
    assert "97.5" in text
    assert "118" in text
    assert "at about 60 requests/s" in text


def test_more_than_one_percent_of_errors_is_in_the_headline() -> None:
    run = sample.closed_run()
    few = replace(run, levels=(*run.levels[:3], replace(run.levels[3], errors=99)))
    page = load_page(few, standalone=False)
    head = re.search(r"<h1>(.*?)</h1>", page)
    assert head is not None
    assert "9.7\xa0% of the requests failed." in head[1]


def test_errors_are_counted_by_kind_with_their_first_example() -> None:
    run = sample.closed_run()
    text = text_of(run)
    for kind, count in run.levels[3].error_kinds:
        assert f"{kind} " in text
        assert f"64 users: {count}" in text
    first = next(one for one in run.requests if one.error == "timeout")
    assert f"level 4, request {first.index + 1}" in text
    assert "the server answered with status 503" in text


def test_open_loops_show_service_beside_schedule() -> None:
    run = sample.open_run()
    text = text_of(run)
    last = run.levels[3]
    assert last.service_ttft_ms is not None
    assert last.ttft_ms is not None
    assert number(last.service_ttft_ms.p99) in text
    assert number(last.ttft_ms.p99) in text
    assert "From the schedule, and from sending" in text
    assert "From the schedule, and from sending" not in text_of(sample.closed_run())


def test_the_books_of_both_sides_are_compared() -> None:
    text = text_of(sample.closed_run())
    assert "requests finished 240 237 differ by 3" in text
    assert "output tokens 5,760 5,760 agree" in text
    assert "kJ per 1,000 requests" in text


def test_books_of_the_last_repeat_are_not_compared_with_those_of_all() -> None:
    run = sample.closed_run()
    text = text_of(replace(run, levels=run.levels[:1], requests=()))
    assert "These are of the last repeat only." in text
    assert "differ by" not in text
    assert "kJ per 1,000" not in text


def test_reasoning_has_times_to_the_answer() -> None:
    run = sample.plain_run()
    answer = run.levels[0].answer_ms
    assert answer is not None
    assert "first token of the answer" in text_of(run)
    assert number(answer.p95) in text_of(run)


def test_an_interrupted_run_says_so_in_the_headline() -> None:
    assert "The run was interrupted." in text_of(sample.plain_run())
    assert "The run was interrupted." not in text_of(sample.closed_run())


def test_a_run_without_levels_has_a_page() -> None:
    run = replace(sample.plain_run(), levels=(), requests=())
    assert "No request was sent." in text_of(run)


def test_a_run_without_raw_requests_keeps_its_tables() -> None:
    text = text_of(replace(sample.closed_run(), requests=()))
    assert "64 users" in text
    assert "Every request over time" in text
    assert "Whole distributions" not in text


def test_stalls_are_counted() -> None:
    run = sample.closed_run()
    stalls = run.levels[2].stalls
    assert stalls is not None
    assert f"16 users 220 ms 10 × median {stalls.count} {stalls.requests}" in text_of(run)


def test_the_health_of_the_client_explains_its_numbers() -> None:
    text = text_of(sample.closed_run())
    assert "0.05 / 0.90 / 31.50" in text
    assert "how late its event loop woke" in text
    assert "1.003" in text

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.report.html_check import Page
from tests.report.sample_study import HOSTILE, MACHINE, sample_route, sample_study, sample_verdict
from weighbridge.core.runs import RunInfo
from weighbridge.core.verdict import Verdict
from weighbridge.report import charts, words
from weighbridge.report.numbers import bounds, number, percent, point_bounds, points, size
from weighbridge.report.study import all_infos, study_page, wrong_answers

STUDY = sample_study()
VERDICT_RUN = sample_verdict()
ROUTE = sample_route()
BOTH = pytest.mark.parametrize("standalone", [True, False])


@pytest.fixture(scope="module")
def live() -> Page:
    return Page(study_page(STUDY, standalone=False))


@pytest.fixture(scope="module")
def single_file() -> str:
    return study_page(STUDY, standalone=True)


@BOTH
def test_page_is_well_formed_and_orderly(standalone: bool) -> None:
    html = study_page(STUDY, standalone=standalone)
    page = Page(html)
    assert html.startswith("<!doctype html>")
    assert len(page.ids()) == len(set(page.ids()))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert len(page.tags("table")) == len(page.tags("caption"))
    assert all("scope" in head for head in page.tags("th"))
    assert not [name for _, values in page.elements for name in values if name.startswith("on")]
    assert not [values for _, values in page.elements if "style" in values]


@BOTH
def test_hostile_answers_are_shown_as_text(standalone: bool) -> None:
    html = study_page(STUDY, standalone=standalone)
    assert "<script>alert" not in html
    assert "<img" not in html
    page = Page(html)
    assert " ".join(HOSTILE.split()) in page.text
    assert not page.tags("img")


def test_hostile_names_are_shown_as_text() -> None:
    info = replace(STUDY.run.info, machine=HOSTILE, subject=HOSTILE, id=HOSTILE)
    study = replace(STUDY, run=replace(STUDY.run, info=info))
    page = Page(study_page(study, standalone=False))
    assert not page.tags("img")
    assert " ".join(HOSTILE.split()) in page.text
    assert "</script" not in "".join(address for _, address in page.addresses)


def test_decision_comes_first(live: Page) -> None:
    decision, alternative = VERDICT_RUN.verdict.sentence.split(". ", 1)
    assert live.text.index(f"{decision}.") < live.text.index(alternative)
    assert live.text.index(alternative) < live.text.index("what the models are")


def test_figures_are_those_of_the_records(live: Page) -> None:
    text = live.text
    gain = ROUTE.gain
    for shown in (points(gain.difference.value), point_bounds(gain.difference), f"n = {gain.n}"):
        assert folded(shown) in text
    for task in VERDICT_RUN.verdict.tasks:
        for evidence in task.standings:
            assert folded(f"{percent(evidence.accuracy.value)} {bounds(evidence.accuracy)}") in text
    for share in ROUTE.shares:
        assert folded(f"{percent(share.accuracy.value)} {bounds(share.accuracy)}") in text
    for comparison in STUDY.run.comparisons:
        assert folded(point_bounds(comparison.difference)) in text
    for memory in VERDICT_RUN.verdict.memory:
        assert folded(size(memory.bytes or 0)) in text
    for run in STUDY.evals:
        assert f"{run.correct} of {len(run.items)}" in text
    for sheet in STUDY.sheets:
        assert f"{sheet.architecture.parameters:,}" in text
        assert folded(size(sheet.inspection.weight_bytes or 0)) in text


def test_load_table_has_every_percentile(live: Page) -> None:
    for load in STUDY.loads:
        for level in load.levels:
            for sample in (level.ttft_ms, level.itl_ms, level.tpot_ms, level.e2e_ms):
                assert sample is not None
                row = f"{number(sample.p50)} {number(sample.p95)} {number(sample.p99)}"
                assert row in live.text
            assert number(level.requests_per_s) in live.text
    assert "1 × timeout" in live.text
    assert "226*" in live.text  # arrivals were counted there, and a note says so


def test_a_lead_that_includes_zero_is_not_called_a_win(live: Page) -> None:
    assert "tally : clear" in live.text
    assert "clerk : cannot tell" in live.text


def test_at_most_eight_wrong_answers_and_their_number() -> None:
    run = STUDY.evals[1]
    shown, total = wrong_answers(run)
    assert len(shown) == 8
    assert total == len(run.items) - run.correct
    assert not any(item.correct for item in shown)


def test_every_run_is_named_with_machine_and_limits(live: Page) -> None:
    for info in all_infos(STUDY):
        assert isinstance(info, RunInfo)
        assert info.id in live.text
    assert MACHINE in live.text
    assert "What was not checked" in live.text
    assert "The header names no licence." in live.text


def test_every_sort_of_provenance_is_tagged(live: Page) -> None:
    tags = [values for values in live.tags("span") if "tag" in (values.get("class") or "").split()]
    kinds = {(values.get("class") or "").split()[1] for values in tags}
    assert kinds == {"tag-measured", "tag-predicted", "tag-vendor", "tag-assumed"}
    measured = [tag["title"] or "" for tag in tags if tag["class"] == "tag tag-measured"]
    assert all(re.fullmatch(r"measured: .+, \d{4}-\d\d-\d\d", title) for title in measured)


def test_live_page_loads_only_from_its_own_server(live: Page) -> None:
    loaded = [address for tag, address in live.addresses if tag != "a"]
    assert loaded == [
        "/static/icon.svg",
        "/static/style.css",
        "/static/page.js",
        "/static/plotly.min.js",
    ]
    assert all(address[0] in "/#" for tag, address in live.addresses if tag == "a")


def test_single_file_loads_nothing_and_stays_small(single_file: str) -> None:
    page = Page(single_file)
    loaded = [address for tag, address in page.addresses if tag != "a"]
    assert all(address.startswith("data:image/svg+xml,") for address in loaded)
    assert all(address.startswith("#") for tag, address in page.addresses if tag == "a")
    assert len(single_file.encode()) < 6_000_000
    (policy,) = [values["content"] or "" for values in page.tags("meta") if "http-equiv" in values]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_a_study_in_which_one_model_does_everything() -> None:
    verdict = VERDICT_RUN.verdict
    assert verdict.single is not None
    alone: Verdict = replace(verdict, chosen=verdict.single, tighter=None, budget_bytes=None)
    study = replace(STUDY, verdict=replace(VERDICT_RUN, verdict=alone))
    text = Page(study_page(study, standalone=False)).text
    assert "Run porter for everything." in text
    assert "no budget set" in text
    assert "No other assignment needs less memory" in text


def test_files_of_one_model_are_told_apart() -> None:
    # As in the demo, which also evaluates the same model at lower precision.
    sheet = STUDY.sheets[2]
    coarse = replace(sheet.inspection.quantization, name="Q4_0")
    other = replace(sheet.inspection, quantization=coarse)
    more = replace(sheet, info=replace(sheet.info, id="inspect-ffffff"), inspection=other)
    same = replace(sheet, info=replace(sheet.info, id="inspect-eeeeee"), inspection=other)
    sheets = (*STUDY.sheets, more, same)
    names = ["tally", "clerk", "porter Q8_0", "porter Q4_0 inspect-ffffff"]
    names.append("porter Q4_0 inspect-eeeeee")
    assert words.sheet_names(sheets) == names
    text = Page(study_page(replace(STUDY, sheets=sheets), standalone=False)).text
    assert all(name in text for name in names)
    for trace in charts.parameters(sheets)["data"]:
        assert trace["y"] == names


def test_evaluations_beyond_the_verdict_are_shown_but_not_ranked(live: Page) -> None:
    run = STUDY.evals[0]
    more = replace(run, info=replace(run.info, id="eval-ffffff", model="porter-q4_0"))
    page = Page(study_page(replace(STUDY, evals=(*STUDY.evals, more)), standalone=False))
    tasks = page.text.index("On your tasks")
    assert "porter-q4_0" not in page.text[tasks : page.text.index("Capacity", tasks)]
    assert page.text.rindex("porter-q4_0") > page.text.index("speed under load")
    assert "porter-q4_0" not in live.text


def folded(text: str) -> str:
    return " ".join(text.split())

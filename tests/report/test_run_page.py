from __future__ import annotations

from dataclasses import replace

import pytest

from tests.report.html_check import Page
from tests.report.sample_study import sample_route, sample_study, sample_verdict
from weighbridge.report.run_page import Record, run_page

STUDY = sample_study()
VERDICT_RUN = sample_verdict()
ROUTE = sample_route()
RECORDS: list[Record] = [
    STUDY.sheets[0],
    STUDY.loads[2],
    STUDY.evals[0],
    VERDICT_RUN,
    ROUTE,
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: str(record.info.kind))
@pytest.mark.parametrize("standalone", [True, False])
def test_every_kind_has_a_page(record: Record, standalone: bool) -> None:
    page = Page(run_page(record, standalone=standalone))
    assert record.info.id in page.text
    assert record.info.machine in page.text


def test_an_evaluation_page_shows_every_wrong_answer() -> None:
    run = STUDY.evals[0]
    text = Page(run_page(run, standalone=False)).text
    for item in run.items:
        assert (item.id in text) is not item.correct


def test_an_empty_evaluation_has_a_page() -> None:
    assert "0 of 0" in Page(run_page(replace(STUDY.evals[0], items=()), standalone=False)).text

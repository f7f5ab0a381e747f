from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from tests.report import sample_load as sample
from tests.report.html_check import Page
from tests.report.sample_study import HOSTILE
from weighbridge.core.load_comparison import LoadComparison
from weighbridge.report.load_compare_page import choose_page, comparison_page, summary
from weighbridge.report.load_forest import change_words, forest, metric_words

A = sample.closed_run()
B = replace(A, info=sample.info("b0b", "clerk"))


def text_of(*comparisons: LoadComparison, standalone: bool = True) -> str:
    page = Page(comparison_page(comparisons, [A], [B], standalone=standalone))
    return page.text.replace("\xa0", " ")


@pytest.mark.parametrize("standalone", [True, False])
def test_the_sentence_leads_and_every_difference_has_its_interval(standalone: bool) -> None:
    text = text_of(sample.comparison(), standalone=standalone)
    assert "clerk's p95 TTFT is 18 % lower" in text
    assert "The two runs have different prompts." in text
    assert "TTFT p95 250 205 −18.0 % (−26.0 to −9.0) p = 0.002 B is better" in text
    assert "TPOT p50 22.0 22.2 +1.0 % (−2.0 to +4.0) p = 0.6 cannot tell" in text
    assert "−8.0 % (−11.0 to −5.0) p = 0.001 B is worse" in text


def test_several_loads_have_a_section_each() -> None:
    shapes = [level.shape for level in A.levels[1:3]]
    page = Page(
        comparison_page(
            [sample.comparison(shape=shape) for shape in shapes], [A], [B], standalone=False
        )
    )
    assert len(page.ids()) == len(set(page.ids()))
    assert "At 4 users" in page.text
    assert "At 16 users" in page.text


@pytest.mark.parametrize(
    ("count", "is_real", "words"),
    [
        (
            1,
            True,
            "clerk against tally at 16 users: TTFT p95 18 % lower, output tokens/s 8 % lower.",
        ),
        (1, False, "No detectable difference between tally and clerk at 16 users."),
        (3, True, "tally and clerk differ at 3 of 3 loads."),
        (3, False, "No detectable difference between tally and clerk at any of 3 loads."),
    ],
)
def test_the_headline_is_short(count: int, is_real: bool, words: str) -> None:
    one = sample.comparison()
    if not is_real:
        one = replace(
            one, differences=tuple(replace(each, is_real=False) for each in one.differences)
        )
    assert summary([one] * count).replace("\xa0", " ") == words


def test_distributions_are_of_both_sides() -> None:
    html = comparison_page([sample.comparison()], [A], [B], standalone=False)
    assert html.count("A: tally</li>") == 4
    assert html.count("B: clerk</li>") == 4


def test_a_client_limited_side_leaves_no_verdict() -> None:
    limited = sample.limited_run()
    text = Page(comparison_page([sample.comparison()], [A], [limited], standalone=False)).text
    assert "CLIENT-LIMITED" in text
    assert "is better" not in text
    assert "is 18 % lower" not in text


def test_nothing_in_common_says_what_to_do() -> None:
    assert "no level in common" in text_of()


def test_names_are_escaped() -> None:
    html = comparison_page([sample.comparison(HOSTILE, HOSTILE)], [A], [B], standalone=False)
    assert not Page(html).tags("img")
    assert "<script>alert(1)" not in html


def test_the_forest_has_no_difference_in_its_middle_and_all_within() -> None:
    drawing = forest(sample.comparison().differences)
    rule = re.search(r'class="rule" x1="([\d.]+)%"', drawing)
    assert rule is not None
    dots = [float(x) for x in re.findall(r'cx="([\d.]+)%"', drawing)]
    middle = float(rule[1])
    assert [x < middle for x in dots] == [True, False, False, True]
    assert drawing.count('class="open"') == 2


def test_boundless_intervals_end_at_the_edge() -> None:
    one = replace(sample.comparison().differences[0], low=0.0, high=math.inf)
    drawing = forest([one])
    assert "inf" not in drawing
    assert "∞" in change_words(one)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("ttft_ms_p95", "TTFT p95"),
        ("output_tokens_per_s", "output tokens/s"),
        ("requests_per_s", "requests/s"),
        ("error_rate", "error rate"),
    ],
)
def test_metrics_have_words(metric: str, words: str) -> None:
    assert metric_words(metric) == words


def test_choosing_needs_two_runs() -> None:
    one = Page(choose_page([A.info], "", ""))
    assert not one.tags("form")
    two = Page(choose_page([A.info, B.info], A.info.id, B.info.id, "They differ.", "Do x."))
    chosen = [values["value"] for values in two.tags("option") if "selected" in values]
    assert chosen == [A.info.id, B.info.id]
    assert "They differ. Do x." in two.text

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.report import plans
from tests.report.html_check import Page
from weighbridge.core.units import GIB
from weighbridge.report.placement_drawing import taken
from weighbridge.report.placement_page import headline, placement_page

FITTED = plans.FITTED


@pytest.mark.parametrize("standalone", [True, False])
def test_devices_places_commands_and_what_is_left_out(standalone: bool) -> None:
    page = Page(
        placement_page(
            plans.placement(),
            standalone=standalone,
            provenance=FITTED,
            commands=[("box", "vllm serve acme/Big")],
            notes=["Load is the median."],
        )
    )
    assert len(page.ids()) == len(set(page.ids()))
    text = page.text.replace("\xa0", " ")
    for words in ("chat", "box: 0, 1", "20.00 GiB", "short by 3.1 GiB", "vllm serve acme/Big"):
        assert words in text
    assert "Load is the median." in text


def test_the_table_counts_what_is_shared_once() -> None:
    made = plans.placement()
    assert taken(made) == ((20 * GIB,), (12 * GIB,), (3 * GIB,))
    html = placement_page(made, standalone=True, provenance=FITTED)
    table = html.partition('<table class="ways">')[2].partition("</table>")[0]
    text = table.replace("\xa0", " ").replace("&nbsp;", " ")
    assert [figure in text for figure in ("20.00 GiB", "12.00 GiB", "3.00 GiB")] == [True] * 3
    assert "13.00 GiB" not in text


def test_the_headline_says_whether_all_fits() -> None:
    made = plans.placement()
    assert headline(made) == "All that is required has its place."
    assert headline(replace(made, unplaced=())) == "All 3 have their place."
    failed = replace(made, feasible=False, placed=made.placed[:1])
    assert headline(failed) == "Not everything fits; the nearest that does: chat."
    assert headline(replace(failed, placed=())) == "Nothing of it has a place."


def test_hostile_names_are_text() -> None:
    made = plans.placement()
    bad = replace(made.placed[0], wanted=plans.HOSTILE)
    made = replace(made, placed=(bad, *made.placed[1:]), reasons=(plans.HOSTILE,))
    page = Page(placement_page(made, standalone=True, provenance=FITTED, notes=[plans.HOSTILE]))
    assert not page.tags("img")
    assert page.text.count(plans.HOSTILE) >= 3

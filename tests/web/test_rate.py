from __future__ import annotations

from pathlib import Path

import pytest
from starlette.types import ASGIApp

from tests.web.asgi import HOST, PORT, ask, get
from weighbridge.core.ballots import Ballot, Choice
from weighbridge.core.rating_session import RatingAnswer, RatingInfo, RatingInput
from weighbridge.web.app import create_app
from weighbridge.web.security import Binding
from weighbridge.workspace.ballots import Ratings

OWN = ("origin", f"http://{HOST}")
BUTTON = ("x-weighbridge-ui", "rate")


@pytest.fixture
def link(tmp_path: Path) -> str:
    ratings = Ratings(tmp_path)
    info = RatingInfo("rating-1", "2026", "blind", "s.jsonl", ("acme-1", "zebra-2"), 1, target=1)
    ratings.create(info, [RatingInput("i", "What?")])
    for model in info.models:
        ratings.add_answer(info.id, RatingAnswer("i", model, f"By {len(model)}"))
    return f"/rate/by/{ratings.add_rater(info.id, 'p').token}"


def app(root: Path, token: str | None = None) -> ASGIApp:
    return create_app(root, token=token, binding=Binding("127.0.0.1", PORT))


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (OWN,),
        (BUTTON,),
        (("origin", "http://evil.example"), BUTTON),
        (("origin", "null"), BUTTON),
    ],
)
def test_votes_come_from_the_page_only(
    tmp_path: Path, link: str, headers: tuple[tuple[str, str], ...]
) -> None:
    for what in ("vote", "undo"):
        answer = get(app(tmp_path), f"{link}/{what}", *headers, method="POST")
        assert answer.status == 403
    assert not Ratings(tmp_path).ballots("rating-1")


def test_a_vote_that_is_none(tmp_path: Path, link: str) -> None:
    answer = get(app(tmp_path), f"{link}/vote", OWN, BUTTON, method="POST")
    assert (answer.status, answer.json()) == (400, {"sentence": "That is no vote."})


def test_links_that_nobody_has(tmp_path: Path, link: str) -> None:
    for target in ("/rate/by/x", f"{link[:-1]}", "/rate/by/%00", "/rate/nothing"):
        assert get(app(tmp_path), target).status == 404
    answer = get(app(tmp_path), "/rate/by/x/undo", OWN, BUTTON, method="POST")
    assert answer.status == 404


def test_a_link_opens_its_rating_and_nothing_else(tmp_path: Path, link: str) -> None:
    pages = app(tmp_path, token="secret")
    assert get(pages, link).status == 200
    for target in ("/rate", "/rate/rating-1", "/runs", "/rate/by"):
        assert get(pages, target).status == 401, target
    text = get(pages, link).text
    assert "acme" not in text
    assert "zebra" not in text
    assert "rating-1" not in text


def test_names_are_for_others_until_the_end(tmp_path: Path, link: str) -> None:
    pages = app(tmp_path)
    cookie = get(pages, link).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    shown = ("cookie", cookie.partition(";")[0])
    assert get(pages, "/rate/rating-1", shown).status == 403
    assert get(pages, "/rate/rating-1").status == 200
    ratings = Ratings(tmp_path)
    ratings.close(ratings.find(), "2027")
    assert get(pages, "/rate/rating-1", shown).status == 200


def test_a_browser_may_rate_several(tmp_path: Path, link: str) -> None:
    ratings = Ratings(tmp_path)
    ratings.create(RatingInfo("rating-2", "2027", "blind", "s", ("m", "n"), 0, target=1))
    other = f"/rate/by/{ratings.add_rater('rating-2', 'p').token}"
    pages, shown = app(tmp_path), ("cookie", "")
    for one in (link, other, link):
        answer = get(pages, one, shown)
        shown = ("cookie", answer.headers["set-cookie"].partition(";")[0])
    assert get(pages, "/rate/rating-1", shown).status == 403
    assert get(pages, "/rate/rating-2", shown).status == 403


def test_one_name_keeps_the_cookies_of_loopback(tmp_path: Path, link: str) -> None:
    pages = app(tmp_path)
    for target in (link, "/rate/rating-1"):
        for name in ("localhost", "[::1]"):
            answer = ask(pages, target, [("host", f"{name}:{PORT}")])
            assert answer.status == 303, name
            assert answer.headers["location"] == f"http://{HOST}{target}"
    six = create_app(tmp_path, token=None, binding=Binding("::1", PORT))
    answer = ask(six, link, [("host", HOST)])
    assert answer.headers["location"] == f"http://[::1]:{PORT}{link}"


def test_a_proxy_in_front(tmp_path: Path, link: str) -> None:
    binding = Binding("127.0.0.1", PORT, public="https://rate.example.org")
    assert not binding.is_loopback
    pages = create_app(tmp_path, token="t", binding=binding)
    body = (("origin", "https://rate.example.org"), BUTTON)
    for host in ("rate.example.org", HOST):  # proxies pass a name on, or not
        assert ask(pages, link, [("host", host)]).status == 200
        answer = ask(pages, f"{link}/undo", [("host", host), *body], method="POST")
        assert answer.status == 200, answer.text
        assert ask(pages, "/rate", [("host", host)]).status == 401
    evil = (("origin", "https://rate.example.com"), BUTTON)
    assert ask(pages, f"{link}/undo", [("host", HOST), *evil], method="POST").status == 403
    assert ask(pages, link, [("host", "rate.example.com")]).status == 421
    plain = app(tmp_path)
    assert ask(plain, f"{link}/undo", [("host", HOST), *body], method="POST").status == 403


def test_the_footer_says_what_is_written(tmp_path: Path, link: str) -> None:
    assert link
    for target in ("/rate", "/rate/rating-1"):
        text = get(app(tmp_path), target).text
        assert "changes nothing in it" not in text
        assert "keeps raters' votes in it, nothing else" in text.replace("&#39;", "'")


def test_the_list(tmp_path: Path, link: str) -> None:
    text = get(app(tmp_path), "/rate").text
    assert "rating-1" in text
    assert link.rpartition("/")[2] not in text, "links are secrets"
    assert "There are none yet" in get(app(tmp_path / "other"), "/rate").text


def test_results_as_a_page(tmp_path: Path, link: str) -> None:
    assert link
    ratings = Ratings(tmp_path)
    for number in range(30):
        winner: Choice = ("a", "b", "tie", "both_bad")[number % 4]
        a, b = ("acme-1", "zebra-2") if number % 8 < 4 else ("zebra-2", "acme-1")
        for rater in "pq":
            ballot = Ballot(
                f"i{number}", rater, a, b, winner, task="<i>code</i>", reason=f"<b>{number}</b>"
            )
            ratings.add_ballot("rating-1", ballot)
        ratings.add_ballot("rating-1", Ballot(f"i{number}", "J", a, b, winner, judge=True))
    text = get(app(tmp_path), "/rate/rating-1").text
    assert "kappa 1.000 (Cohen)" in text
    assert "favour the first side" in text
    assert "&lt;i&gt;code&lt;/i&gt;" in text
    assert "The judge J" in text
    assert ">reference<" in text
    assert "-0<" not in text
    assert text.index("&lt;b&gt;29&lt;/b&gt;") < text.index("&lt;b&gt;0&lt;/b&gt;")
    assert "8 for acme-1, 8 for zebra-2, 7 tied, 7 with two bad answers" in text
    assert text.count("the votes cannot tell (+0 Elo") == 2
    assert "of their own for ties (Davidson)" in text

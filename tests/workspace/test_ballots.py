from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.core.ballots import Ballot
from weighbridge.core.errors import UnknownRunError
from weighbridge.core.rating_session import RatingAnswer, RatingInfo, RatingInput
from weighbridge.workspace.ballots import Ratings


def info(name: str, created: str = "2026-01-01") -> RatingInfo:
    return RatingInfo(name, created, "blind", "s.jsonl", ("x", "y"), 1)


def ballot(item: str, rater: str = "p", *, judge: bool = False) -> Ballot:
    return Ballot(item, rater, "x", "y", "a", judge=judge)


def test_ballots_are_kept_and_taken_back(tmp_path: Path) -> None:
    ratings = Ratings(tmp_path)
    ratings.create(info("rating-1"), [RatingInput("i", "What?")])
    for one in (ballot("i"), ballot("i", "q"), ballot("j"), ballot("k", judge=True)):
        ratings.add_ballot("rating-1", one)
    ratings.undo("rating-1", "p")
    assert ratings.ballots("rating-1") == [ballot("i"), ballot("i", "q"), ballot("k", judge=True)]
    ratings.undo("rating-1", "p")
    ratings.undo("rating-1", "p")
    assert [one.rater for one in ratings.ballots("rating-1")] == ["q", "p"]


def test_a_torn_line_costs_itself_only(tmp_path: Path) -> None:
    ratings = Ratings(tmp_path)
    ratings.create(info("rating-1"))
    ratings.add_answer("rating-1", RatingAnswer("i", "x", "one"))
    path = tmp_path / "ratings/rating-1/answers.jsonl"
    path.write_bytes(path.read_bytes() + b'{"item":"j","mod')
    ratings.add_answer("rating-1", RatingAnswer("i", "y", "two"))
    ratings.add_answer("rating-1", RatingAnswer("i", "x", "later"))
    assert [(one.model, one.text) for one in ratings.answers("rating-1")] == [
        ("x", "later"), ("y", "two"),
    ]  # fmt: skip


def test_finding(tmp_path: Path) -> None:
    ratings = Ratings(tmp_path)
    with pytest.raises(UnknownRunError, match="no ratings"):
        ratings.find()
    ratings.create(info("rating-a1", "2026-01-02"))
    ratings.create(info("rating-a2", "2026-01-01"))
    assert ratings.find().id == "rating-a1"
    assert ratings.find("rating-a2").id == "rating-a2"
    with pytest.raises(UnknownRunError, match="could be"):
        ratings.find("rating-a")
    with pytest.raises(UnknownRunError, match="There are rating-a1"):
        ratings.find("nothing")


def test_only_this_user_may_read_and_links_differ(tmp_path: Path) -> None:
    ratings = Ratings(tmp_path)
    ratings.create(info("rating-1"))
    one, other = (ratings.add_rater("rating-1", name) for name in "pq")
    assert len(one.token) >= 32
    assert one.token != other.token
    folder = tmp_path / "ratings/rating-1"
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "raters.jsonl").stat().st_mode & 0o077 == 0
    closed = ratings.close(ratings.find(), "2026-01-03")
    assert ratings.find() == closed
    assert closed.closed == "2026-01-03"

"""The page on which answers are rated blind, and the one that says what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from weighbridge.core.ballots import Choice
from weighbridge.core.rating_session import RatingInfo, RatingReport
from weighbridge.report.page import render
from weighbridge.report.rating_markdown import nodes_of

BUTTONS: Final[tuple[tuple[Choice, str], ...]] = (
    ("a", "Left is better"),
    ("b", "Right is better"),
    ("tie", "Equally good"),
    ("both_bad", "Both bad"),
)
WORDS: Final[dict[Choice, str]] = {"tie": "equally good", "both_bad": "both bad"}
MOST_REASONS: Final = 200


def ballot_json(
    *,
    ballot: str,
    done: int,
    total: int,
    before: Sequence[tuple[str, str]],
    prompt: str,
    left: str,
    right: str,
    chosen: Choice | None,
    reason: str,
    is_closed: bool,
) -> dict[str, Any]:
    """All that a rater's browser is ever sent of a ballot: texts as trees of harmless elements."""
    return {
        "ballot": ballot,
        "done": done,
        "total": total,
        "before": [{"role": role, "text": nodes_of(text)} for role, text in before],
        "prompt": nodes_of(prompt),
        "left": nodes_of(left),
        "right": nodes_of(right),
        "chosen": chosen,
        "reason": reason,
        "closed": is_closed,
    }


def rater_page(first: dict[str, Any], told: str) -> str:
    """The page of a rater, with the first ballot inside.

    Args:
        first: what :func:`ballot_json` made.
        told: what was done to the answers before they are shown.
    """
    return render(
        "rate.html", standalone=False, charts=False, first=first, told=told, buttons=BUTTONS
    )


def ratings_page(infos: Sequence[tuple[RatingInfo, int]]) -> str:
    """All ratings of a workspace, each with its number of ballots."""
    return render("rate_list.html", standalone=False, charts=False, here="rate", infos=infos)


def results_page(info: RatingInfo, report: RatingReport | None, ballots: int) -> str:
    """What the ballots of a rating say, with the names of the models."""
    return render(
        "rate_results.html",
        standalone=False,
        charts=False,
        here="rate",
        info=info,
        found=report.results if report else None,
        reasons=report.reasons[:MOST_REASONS] if report else (),
        more_reasons=max(0, len(report.reasons) - MOST_REASONS) if report else 0,
        words=WORDS,
        ballots=ballots,
    )

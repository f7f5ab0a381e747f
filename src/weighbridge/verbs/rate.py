"""Blind ratings: votes brought in, results, and what so many ballots can tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from weighbridge.core.ballots import Ballot, Counts, RatingResults, WinRate
from weighbridge.core.preferences import Agreement, Ratings
from weighbridge.core.provenance import Interval
from weighbridge.core.rating_session import RatingInfo
from weighbridge.decide.rating_results import rating_results
from weighbridge.decide.statistics.power import detectable_win_rate, wins_needed
from weighbridge.measure.ratings.votes_file import read_votes, votes_csv
from weighbridge.workspace.ballots import Ratings as RatingsFolder
from weighbridge.workspace.ballots import new_rating_id


@dataclass(frozen=True, slots=True)
class Imported:
    """Votes that were brought in, and what of the file meant nothing."""

    info: RatingInfo
    votes: int
    notes: tuple[str, ...]


def now() -> str:
    """UTC, ISO 8601, to the microsecond: ratings made in one second keep their order."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def import_votes(root: Path, path: Path) -> Imported:
    """Keep the votes of a file as a rating of the workspace in ``root``.

    Raises:
        InputError: the file cannot be read or is no table of votes.
        WorkspaceError: the workspace cannot be written.
    """
    ballots, unknown = read_votes(path)
    models = sorted({model for one in ballots for model in (one.a, one.b)})
    inputs = len({one.item for one in ballots})
    info = RatingInfo(
        new_rating_id(), now(), "import", str(path), tuple(models), inputs, closed=now()
    )
    RatingsFolder(root).create(info, ballots=ballots)
    notes = [f"Columns without meaning here: {', '.join(unknown)}."] if unknown else []
    return Imported(info, len(ballots), tuple(notes))


def results(
    root: Path, name: str | None = None, *, reference: str | None = None
) -> tuple[RatingInfo, RatingResults]:
    """What the ballots of a rating say; of the newest one where none is named.

    Raises:
        UnknownRunError: there is no such rating.
        InputError: it has no ballots, or none on the reference.
    """
    folder = RatingsFolder(root)
    info = folder.find(name)
    order = info.models if info.origin == "blind" else ()
    return info, rating_results(folder.ballots(info.id), reference=reference, order=order)


def listed(root: Path) -> list[tuple[RatingInfo, int]]:
    """All ratings, the newest first, each with its number of votes."""
    folder = RatingsFolder(root)
    return [(info, len(folder.ballots(info.id))) for info in folder.all()]


def listed_json(info: RatingInfo, votes: int) -> dict[str, Any]:
    """The documented keys of ``weigh rate list --json``."""
    return {
        "rating": info.id,
        "state": info.state,
        "source": info.source,
        "models": list(info.models),
        "inputs": info.inputs,
        "votes": votes,
        "created": info.created,
    }


def export(root: Path, name: str | None = None) -> str:
    """The ballots of a rating as CSV, as :func:`import_votes` reads it."""
    folder = RatingsFolder(root)
    return votes_csv(folder.ballots(folder.find(name).id))


@dataclass(frozen=True, slots=True)
class Power:
    """What so many ballots on one pair of models can and cannot show.

    Attributes:
        ballots: without ties.
        wins: of them that differ from chance at 5 %; None where not even all would.
        rate: the true win rate that is found in four of five such ratings; None likewise.
    """

    ballots: int
    wins: int | None
    rate: float | None


def power_of(ballots: int) -> Power:
    """What ballots on one pair can show."""
    return Power(ballots, wins_needed(ballots), detectable_win_rate(ballots) if ballots else None)


def power_sentence(power: Power) -> str:
    """The same for people."""
    if power.wins is None or power.rate is None:
        return f"{power.ballots} ballots on a pair of models can show nothing: six are the least."
    return (
        f"{power.ballots} ballots on a pair without ties: {power.wins} must go one way to differ "
        f"from chance, and in four of five such ratings that shows only a model that wins at least "
        f"{100 * power.rate:.0f} % of the time. Ties make it coarser."
    )


# ---- As JSON ----


def results_json(info: RatingInfo, found: RatingResults) -> dict[str, Any]:
    """The documented keys of ``weigh rate results --json``."""
    return {
        "rating": info.id,
        "models": list(info.models),
        "counts": counts_json(found.counts),
        "votes": counts_json(found.votes),
        "undecided": found.undecided,
        "raters": list(found.raters),
        "agreement": {
            "cohen": [_agreement_json(one) for one in found.cohen],
            "fleiss": _agreement_json(found.fleiss) if found.fleiss else None,
        },
        "ratings": _ratings_json(found.ratings),
        "reference": found.ratings.reference if found.ratings else None,
        "method": found.ratings.method if found.ratings else None,
        "win_rates": [_win_rate_json(one) for one in found.win_rates],
        "position": {
            "share": _interval_json(found.position.share),
            "n": found.position.n,
            "sentence": found.position.sentence,
        },
        "tasks": [
            {
                "task": one.task,
                "counts": counts_json(one.counts),
                "win_rates": [_win_rate_json(rate) for rate in one.win_rates],
                "ratings": _ratings_json(one.ratings),
            }
            for one in found.tasks
        ],
        "judges": [
            {
                "judge": one.judge,
                "counts": counts_json(one.counts),
                "inconsistency": _interval_json(one.inconsistency),
                "ratings": _ratings_json(one.ratings),
                "agreement": _agreement_json(one.agreement) if one.agreement else None,
            }
            for one in found.judges
        ],
        "notes": list(found.notes),
    }


def counts_json(counts: Counts) -> dict[str, int]:
    """How many went which way."""
    return {"a": counts.a, "b": counts.b, "tie": counts.tie, "both_bad": counts.both_bad}


def _ratings_json(ratings: Ratings | None) -> list[dict[str, Any]]:
    if ratings is None:
        return []
    return [
        {
            "model": one.model,
            "elo": one.elo.value,
            "low": _finite(one.elo.low),
            "high": _finite(one.elo.high),
            "error": _finite(one.error),
            "votes": one.votes,
            "wins": one.wins,
        }
        for one in ratings.ratings
    ]


def _agreement_json(one: Agreement) -> dict[str, Any]:
    return {"raters": list(one.raters), "n": one.n, "share": one.share, "kappa": one.kappa}


def _win_rate_json(one: WinRate) -> dict[str, Any]:
    return {
        "model": one.model,
        "against": one.against,
        "n": one.n,
        "wins": one.wins,
        "ties": one.ties,
        "rate": one.rate.value,
        "low": one.rate.low,
        "high": one.rate.high,
    }


def _interval_json(interval: Interval | None) -> dict[str, float] | None:
    if interval is None:
        return None
    return {"value": interval.value, "low": interval.low, "high": interval.high}


def _finite(value: float) -> float | None:
    """JSON has no infinity: what is not bounded is null."""
    return value if math.isfinite(value) else None


def ballots_of(root: Path, rating: str) -> Sequence[Ballot]:
    """All ballots of a rating."""
    return RatingsFolder(root).ballots(rating)

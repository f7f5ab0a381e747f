"""Blind ratings: votes brought in, listed and given out, and what so many ballots can tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from weighbridge.core.ballots import Ballot
from weighbridge.core.counting import counted
from weighbridge.core.rating_session import RatingInfo
from weighbridge.decide.statistics.power import detectable_win_rate, wins_needed
from weighbridge.measure.ratings.votes_file import contradictions, read_votes, votes_csv
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
    count, torn = contradictions(ballots)
    if torn:
        first, other = torn
        pairs = f"{counted(count, 'pair')} of answers"
        notes.append(
            f"A rater has contradicted an own vote on {pairs}, and every vote counts: first "
            f"{first.rater} on {first.item}, {first.a} against {first.b}, who voted "
            f"{_side(first)} and {_side(other)}."
        )
    return Imported(info, len(ballots), tuple(notes))


def _side(ballot: Ballot) -> str:
    return {"a": ballot.a, "b": ballot.b}.get(ballot.winner, ballot.winner)


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
        wins: of them that differ from chance at 5 % for all pairs together; None where not even
            all would.
        rate: the true win rate that is found in four of five such ratings; None likewise.
        pairs: of models that are judged together.
    """

    ballots: int
    wins: int | None
    rate: float | None
    pairs: int = 1


def power_of(ballots: int, pairs: int = 1) -> Power:
    """What ballots on one pair of so many can show, at the strictest level of Holm's procedure."""
    alpha = 0.05 / max(1, pairs)
    rate = detectable_win_rate(ballots, alpha=alpha) if ballots else None
    return Power(ballots, wins_needed(ballots, alpha=alpha), rate, pairs)


def power_sentence(power: Power) -> str:
    """The same for people."""
    if power.wins is None or power.rate is None:
        ballots = counted(power.ballots, "ballot")
        least = next(n for n in count(1) if power_of(n, power.pairs).wins is not None)
        return (
            f"{ballots} on a pair of models can show nothing: {least} are the least"
            f"{_allowing(power)}."
        )
    return (
        f"{power.ballots} ballots on a pair without ties: {power.wins} must go one way to differ "
        f"from chance{_allowing(power)}, and in four of five such ratings that shows only a model "
        f"that wins at least {100 * power.rate:.0f} % of the time. Ties make it coarser."
    )


def _allowing(power: Power) -> str:
    return f" ({power.pairs} pairs allowed for)" if power.pairs > 1 else ""


def ballots_of(root: Path, rating: str) -> Sequence[Ballot]:
    """All ballots of a rating."""
    return RatingsFolder(root).ballots(rating)

"""What the ballots of a rating say, with what a reader of them must know; and as JSON."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from weighbridge.core.ballots import Ballot, Counts, RatingResults, WinRate
from weighbridge.core.counting import counted
from weighbridge.core.preferences import Agreement, Ratings
from weighbridge.core.provenance import Interval
from weighbridge.core.rating_session import Alike, RatingInfo, RatingReport
from weighbridge.decide.rating_results import rating_results
from weighbridge.measure.ratings.selection import Field
from weighbridge.measure.ratings.tidy import only_thinks
from weighbridge.verbs.rate_desk import field_of
from weighbridge.workspace.ballots import Ratings as RatingsFolder


def results(root: Path, name: str | None = None, *, reference: str | None = None) -> RatingReport:
    """What the ballots of a rating say; of the newest one where none is named.

    Raises:
        UnknownRunError: there is no such rating.
        InputError: it has no ballots, or none on the reference.
    """
    folder = RatingsFolder(root)
    info = folder.find(name)
    ballots = folder.ballots(info.id)
    order = info.models if info.origin == "blind" else ()
    found = rating_results(ballots, reference=reference, order=order)
    alike = _alike(field_of(folder, info), found)
    notes = (
        *found.notes,
        *(one.sentence for one in alike),
        *_judging_themselves(info, found),
        *_unfinished(folder, info),
    )
    reasons = tuple(one for one in reversed(ballots) if one.reason)
    return RatingReport(info, replace(found, notes=notes), alike, reasons)


def _alike(field: Field, found: RatingResults) -> tuple[Alike, ...]:
    rates = {(one.model, one.against): one.rate for one in found.win_rates}
    return tuple(
        Alike(x, y, count, both, _with_ties(rates.get((x, y)), count / both))
        for (x, y), count in field.alike.items()
        for both in [field.answered((x, y))]
    )


def _with_ties(rate: Interval | None, share: float) -> Interval | None:
    """A win rate where a share of the inputs is tied beforehand."""
    if rate is None:
        return None
    value, low, high = (share / 2 + (1 - share) * one for one in (rate.value, rate.low, rate.high))
    return Interval(value, low, high)


def _judging_themselves(info: RatingInfo, found: RatingResults) -> list[str]:
    return [own_judge(one.judge) for one in found.judges if one.judge in info.models]


def own_judge(name: str) -> str:
    """What is said of a judge that is one of the models compared."""
    return (
        f"The judge {name} has the name of one of the models it judges: models favour their own "
        "answers, so its votes are no evidence for it."
    )


def _unfinished(folder: RatingsFolder, info: RatingInfo) -> list[str]:
    told = unfinished([one.model for one in folder.answers(info.id) if only_thinks(one.text)])
    return [told] if told else []


def unfinished(models: list[str]) -> str:
    """What is said of answers that end before their thinking does; a model's name for each."""
    if not models:
        return ""
    by_model = ", ".join(f"{models.count(name)} of {name}" for name in dict.fromkeys(models))
    return (
        f"{counted(len(models), 'answer')} ended before the thinking did ({by_model}): nobody is "
        "asked on them, which is kind to that model. --max-tokens allows longer ones."
    )


# ---- As JSON ----


def results_json(report: RatingReport) -> dict[str, Any]:
    """The documented keys of ``weigh rate results --json``."""
    found = report.results
    return {
        "rating": report.info.id,
        "models": list(report.info.models),
        "counts": counts_json(found.counts),
        "votes": counts_json(found.votes),
        "undecided": found.undecided,
        "raters": list(found.raters),
        "agreement": {
            "cohen": [_agreement_json(one) for one in found.cohen],
            "fleiss": _agreement_json(found.fleiss) if found.fleiss else None,
        },
        "ratings": _ratings_json(found.ratings),
        "sides": list(found.sides) if found.sides else None,
        "differences": _differences_json(found.ratings),
        "davidson": _davidson_json(found.davidson),
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
                "differences": _differences_json(one.ratings),
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
        "alike": [_alike_json(one) for one in report.alike],
        "reasons": [_reason_json(one) for one in report.reasons],
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
            "comparisons": one.comparisons,
            "wins": one.wins,
        }
        for one in ratings.ratings
    ]


def _differences_json(ratings: Ratings | None) -> list[dict[str, Any]]:
    return [
        {
            "a": one.a,
            "b": one.b,
            "elo": one.elo.value,
            "low": _finite(one.elo.low),
            "high": _finite(one.elo.high),
            "p": one.p,
            "p_adjusted": one.p_adjusted,
            "real": one.real,
            "sentence": one.sentence,
        }
        for one in (ratings.differences if ratings else ())
    ]


def _davidson_json(ratings: Ratings | None) -> dict[str, Any] | None:
    if ratings is None:
        return None
    return {
        "ratings": _ratings_json(ratings),
        "differences": _differences_json(ratings),
        "nu": ratings.nu,
        "nu_low": _finite(ratings.nu_interval.low) if ratings.nu_interval else None,
        "nu_high": _finite(ratings.nu_interval.high) if ratings.nu_interval else None,
    }


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


def _alike_json(one: Alike) -> dict[str, Any]:
    return {
        "models": [one.a, one.b],
        "n": one.n,
        "inputs": one.inputs,
        "rate": _interval_json(one.rate),
    }


def _reason_json(one: Ballot) -> dict[str, str]:
    return {
        "item": one.item,
        "rater": one.rater,
        "a": one.a,
        "b": one.b,
        "winner": one.winner,
        "reason": one.reason,
    }

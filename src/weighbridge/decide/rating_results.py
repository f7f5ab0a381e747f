"""What blind ballots say: who wins how often, how sure that is, and how far raters agree. Pure.

Strengths and win rates rest on comparisons, each by the judgement of most of its raters: three
raters of one pair of answers are three looks at one thing, not three things.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Final

import numpy as np

from weighbridge.core.ballots import (
    Ballot,
    Choice,
    Counts,
    JudgeResults,
    PositionBias,
    RatingResults,
    TaskResults,
    WinRate,
)
from weighbridge.core.errors import InputError
from weighbridge.core.preferences import Agreement, Ratings
from weighbridge.core.provenance import Interval
from weighbridge.decide.agreement import cohen, fleiss
from weighbridge.decide.preferences import bradley_terry, davidson
from weighbridge.decide.rating_comparisons import Comparison, comparisons, counted
from weighbridge.decide.statistics.flips import paired_difference
from weighbridge.decide.statistics.paired import paired
from weighbridge.decide.statistics.rates import Z95, wilson

_MOST_RATERS: Final = 30  # every two of them have a kappa
_PEOPLE: Final = "people"
_Labels = dict[str, dict[str, Choice]]


def rating_results(
    ballots: Sequence[Ballot], *, reference: str | None = None, order: Sequence[str] = ()
) -> RatingResults:
    """What the ballots say; those of people and of judging models apart.

    Args:
        ballots: all of them.
        reference: the model at 0; by default the first of ``order``, else of the alphabet.
        order: the models as whoever rates names them.

    Raises:
        InputError: there are no ballots, one is between a model and itself, or no vote is on the
            reference.
    """
    people = [one for one in ballots if not one.judge]
    models = _models(ballots, reference)
    at_zero = reference or next(iter([*order, *models]))
    found = comparisons(people, order)
    notes: list[str] = []
    ratings = _ratings(found, at_zero, notes) if found else None
    has_ties = any(one.vote.winner == "tie" for one in found)
    labels = _labels(found)
    return RatingResults(
        votes=counted([one.winner for one in people]),
        counts=_counts(found),
        undecided=sum(not one.has_majority for one in found),
        raters=tuple(labels),
        ratings=ratings,
        win_rates=_win_rates(found),
        cohen=_cohen(labels, notes),
        fleiss=_fleiss(labels, notes) if found else None,
        position=position_bias(people),
        tasks=_tasks(found, at_zero),
        judges=_judges(ballots, found, at_zero, order),
        davidson=_ratings(found, at_zero, [], davidson) if ratings and has_ties else None,
        sides=_sides(models, order),
        notes=tuple(dict.fromkeys(notes)),
    )


def _sides(models: Sequence[str], order: Sequence[str]) -> tuple[str, str] | None:
    """The two models in the order in which comparisons name them; None for more."""
    if len(models) != 2:
        return None
    places = {model: place for place, model in enumerate(order)}
    a, b = sorted(models, key=lambda model: (places.get(model, len(places)), model))
    return a, b


def _models(ballots: Sequence[Ballot], reference: str | None) -> list[str]:
    if not ballots:
        raise InputError("There are no votes.", fix="Rate some inputs first.")
    models = sorted({model for one in ballots for model in (one.a, one.b)})
    if reference is not None and reference not in models:
        raise InputError(
            f"There is no vote on {reference!r}.", fix=f"The models are {', '.join(models)}."
        )
    return models


def _ratings(
    found: Sequence[Comparison],
    reference: str,
    notes: list[str],
    fit: Callable[..., Ratings] = bradley_terry,
) -> Ratings | None:
    """Strengths, or None with a note where the votes cannot place all models on one scale."""
    votes = [one.vote for one in found]
    has_it = any(reference in (vote.a, vote.b) for vote in votes)
    try:
        made = fit(votes, reference=reference if has_it else None)
    except InputError as error:
        notes.append(f"There are no strengths: {error}")
        return None
    if not has_it:
        notes.append(f"No vote is on {reference}, so the mean of all models is at 0.")
    notes.extend(made.notes)
    return made


def _counts(found: Sequence[Comparison]) -> Counts:
    return counted([one.label for one in found])


# ---- Win rates ----


def _win_rates(found: Sequence[Comparison]) -> tuple[WinRate, ...]:
    models = sorted({model for one in found for model in (one.a, one.b)})
    rates = [_win_rate(model, None, [c for c in found if model in (c.a, c.b)]) for model in models]
    rates.sort(key=lambda rate: -rate.rate.value)
    by_pair: dict[tuple[str, str], list[Comparison]] = defaultdict(list)
    for one in found:
        by_pair[one.key[1], one.key[2]].append(one)
    pairs = [pair for pair in combinations(models, 2) if pair in by_pair]
    return (*rates, *(_win_rate(x, y, by_pair[x, y]) for x, y in pairs))


def _win_rate(model: str, against: str | None, found: Sequence[Comparison]) -> WinRate:
    scores = [one.score(model) for one in found]
    rate = _clustered_rate(scores, [one.cluster for one in found])
    return WinRate(model, against, len(scores), scores.count(1.0), scores.count(0.5), rate)


def _clustered_rate(scores: Sequence[float], clusters: Sequence[str]) -> Interval:
    """The share of wins; Wilson's interval where each comparison is decided and stands alone.

    With ties, or several comparisons on an input, it is that of the paired difference of wins and
    losses, so that it excludes one half where the strengths differ. One win and one loss that did
    not come up keep it from being certain.
    """
    n, mean = len(scores), sum(scores) / len(scores)
    _, numbers = np.unique(np.array(clusters), return_inverse=True)
    inputs = int(numbers.max()) + 1
    if inputs == 1:  # no spread to learn from
        found = wilson(mean, 1)
    elif inputs == n and 0.5 not in scores:
        found = wilson(mean * n, n)
    elif inputs == n:
        found = _as_rate(paired_difference(scores.count(1.0), scores.count(0.0), n))
    else:
        differences = np.append(2 * np.array(scores, dtype=np.float64) - 1, (1.0, -1.0))
        numbers = np.append(numbers, (inputs, inputs + 1))
        found = _as_rate(paired(differences, numbers).interval())
    return Interval(mean, min(mean, found.low), max(mean, found.high))


def _as_rate(difference: Interval) -> Interval:
    """Wins less losses as a share of wins, ties as one half."""
    return Interval(*((end + 1) / 2 for end in (difference.value, difference.low, difference.high)))


# ---- Agreement ----


def _labels(found: Sequence[Comparison]) -> _Labels:
    """What each named rater said of each comparison."""
    labels: _Labels = {}
    for one in found:
        for rater, label in one.labels:
            if rater:
                labels.setdefault(rater, {})[repr(one.key)] = label
    return labels


def _cohen(labels: _Labels, notes: list[str]) -> tuple[Agreement, ...]:
    if len(labels) > _MOST_RATERS:
        notes.append(f"With {len(labels)} raters there is no table of every two of them.")
        return ()
    return cohen(labels) if len(labels) > 1 else ()


def _fleiss(labels: _Labels, notes: list[str]) -> Agreement | None:
    if not labels:
        notes.append("No vote says who cast it: how far raters agree is not known.")
        return None
    if len(labels) < 2:
        notes.append("One rater alone: how far others would agree is not known.")
        return None
    try:
        return fleiss(labels)
    except InputError:
        notes.append("No comparison was judged by every rater, so Fleiss's kappa is left out.")
        return None


# ---- Standing first ----


def position_bias(ballots: Sequence[Ballot]) -> PositionBias:
    """How often the first side wins, each model taken as first as often as the other.

    Per pair of models, the share of first sides among decided votes is taken for either model
    standing first, and the mean of both is free of which model is better. Pairs whose sides never
    changed cannot tell a side from a model and are left out.
    """
    sides: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])  # first wins, votes
    for one in ballots:
        if one.winner in ("a", "b"):
            tally = sides[one.a, one.b]
            tally[0] += one.winner == "a"
            tally[1] += 1
    total, mean, variance = 0, 0.0, 0.0
    for x, y in sorted({(min(pair), max(pair)) for pair in sides}):
        if (x, y) in sides and (y, x) in sides:
            tallies = sides[x, y], sides[y, x]
            n = sum(votes for _, votes in tallies)
            total += n
            mean += n * sum(wins / votes for wins, votes in tallies) / 2
            variance += n**2 * sum(_variance(wins, votes) for wins, votes in tallies) / 4
    if not total:
        return PositionBias(
            None,
            0,
            "No two models stood in both orders, so a preference for a side cannot be told from "
            "one for a model.",
        )
    value, half = mean / total, Z95 * math.sqrt(variance) / total
    share = Interval(value, max(0.0, value - half), min(1.0, value + half))
    return PositionBias(share, total, _said_of_sides(share, total))


def _variance(wins: int, votes: int) -> float:
    """Of a share, with one win and one loss more, so that few votes never look certain."""
    rate = (wins + 1) / (votes + 2)
    return rate * (1 - rate) / votes


def _said_of_sides(share: Interval, n: int) -> str:
    first = (
        f"Of {n} decided votes, {100 * share.value:.0f} % "
        f"({100 * share.low:.0f} to {100 * share.high:.0f} %) favour the first side, each model "
        "taken as first as often as the other"
    )
    if share.low > 0.5:
        return f"{first}: standing first helps."
    if share.high < 0.5:
        return f"{first}: standing second helps."
    return f"{first}: no preference for a side is shown."


# ---- Tasks and judges ----


def _tasks(found: Sequence[Comparison], reference: str) -> tuple[TaskResults, ...]:
    by_task: dict[str, list[Comparison]] = defaultdict(list)
    for one in found:
        by_task[one.task].append(one)
    if set(by_task) <= {""}:
        return ()
    return tuple(
        TaskResults(task, _counts(of), _win_rates(of), _ratings(of, reference, []))
        for task, of in sorted(by_task.items())
    )


def _judges(
    ballots: Sequence[Ballot],
    people: Sequence[Comparison],
    reference: str,
    order: Sequence[str],
) -> tuple[JudgeResults, ...]:
    names = dict.fromkeys(one.rater for one in ballots if one.judge)
    return tuple(
        _judge(name, [one for one in ballots if one.judge and one.rater == name], people,
               reference, order)
        for name in names
    )  # fmt: skip


def _judge(
    name: str,
    ballots: Sequence[Ballot],
    people: Sequence[Comparison],
    reference: str,
    order: Sequence[str],
) -> JudgeResults:
    found = comparisons(ballots, order)
    theirs = {one.key: one for one in people}
    mine = {one.key: one for one in found if one.key in theirs}
    agreement = None
    if mine:
        labels = {
            name: {repr(key): one.score(one.key[1]) for key, one in mine.items()},
            _PEOPLE if name != _PEOPLE else f"{_PEOPLE} (joint)": {
                repr(key): theirs[key].score(key[1]) for key in mine
            },
        }
        agreement = cohen(labels)[0]
    contradicted = sum(one.inconsistent for one in ballots)
    return JudgeResults(
        name,
        _counts(found),
        wilson(contradicted, len(ballots)),
        _ratings(found, reference, []),
        agreement,
    )

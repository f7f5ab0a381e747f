"""Results of blind ratings on a terminal."""

from __future__ import annotations

import math

import click

from weighbridge.cli.diagnostics import printable
from weighbridge.cli.tables import print_table
from weighbridge.core.ballots import Ballot, Counts, RatingResults
from weighbridge.core.counting import counted
from weighbridge.core.preferences import Agreement, Ratings
from weighbridge.core.provenance import Interval
from weighbridge.core.rating_session import RatingReport

_MOST_REASONS = 20


def show_results(report: RatingReport, model: str = "bradley-terry") -> None:
    """All that the ballots say; strengths by the model of that name."""
    info, found = report.info, report.results
    raters = counted(len(found.raters), "rater") if found.raters else "unnamed raters"
    click.echo(
        printable(
            f"{info.id}: {counted(found.counts.total, 'comparison')} of "
            f"{counted(len(info.models), 'model')} by {raters}; "
            f"{_decided(found.counts, found.sides)}."
        )
    )
    if found.votes.total != found.counts.total:
        votes = counted(found.votes.total, "vote")
        click.echo(
            f"They come of {votes}: those of several raters on the same two answers are one "
            "comparison, by the judgement of most."
        )
    _show_strengths(found, model)
    _show_win_rates(found)
    for one in found.cohen:
        click.echo(printable(f"{one.raters[0]} and {one.raters[1]}: {_kappa(one, 'Cohen')}."))
    if found.fleiss is not None and len(found.raters) > 2:
        click.echo(f"All {len(found.raters)} raters: {_kappa(found.fleiss, 'Fleiss')}.")
    click.echo(found.position.sentence)
    for task in found.tasks:
        decided = _decided(task.counts, found.sides)
        click.echo(printable(f"Task {task.task or '(none)'}: {decided}."))
        if task.ratings is not None:
            _show_ratings(f"Strength on {task.task or 'inputs without a task'}", task.ratings)
    _show_judges(found)
    _show_reasons(report)
    for note in found.notes:
        click.echo(printable(note))


def _show_strengths(found: RatingResults, model: str) -> None:
    """Strengths with a verdict on every pair, and where the other model's verdict is another."""
    plain, tied = found.ratings, found.davidson
    if plain is None:
        return
    shown = tied if model == "davidson" and tied is not None else plain
    if model == "davidson" and tied is None:
        click.echo("There are no ties, so Davidson's model is that of Bradley and Terry.")
    title = "Strength, ties with a probability of their own," if shown is tied else "Strength"
    _show_ratings(title, shown)
    for one in shown.differences:
        click.echo(printable(one.sentence))
    if len(shown.differences) > 1:
        click.echo(
            f"Verdicts allow for {len(shown.differences)} comparisons (Holm); intervals do not."
        )
    if tied is not None and shown is plain:
        click.echo(printable(otherwise(plain, tied)))


def otherwise(plain: Ratings, tied: Ratings) -> str:
    """What Davidson's model adds to the verdicts of Bradley and Terry's."""
    known = {frozenset((one.a, one.b)): one.real for one in plain.differences}
    others = [one for one in tied.differences if known.get(frozenset((one.a, one.b))) != one.real]
    if not others:
        return "Davidson's model, in which ties have a probability of their own, agrees."
    said = " ".join(one.sentence for one in others)
    return f"Davidson's model, in which ties have a probability of their own, says: {said}"


def _show_reasons(report: RatingReport) -> None:
    if not report.reasons:
        return
    click.echo("Reasons, the newest first:")
    for one in report.reasons[:_MOST_REASONS]:
        who = f"{one.item}, {one.rater or 'unnamed'}"
        click.echo(printable(f"  {' '.join(one.reason.split())} ({who}: {_judged(one)})"))
    if len(report.reasons) > _MOST_REASONS:
        left = counted(len(report.reasons) - _MOST_REASONS, "older one")
        click.echo(f"`weigh rate export` has {left}.")


def _judged(one: Ballot) -> str:
    if one.winner in ("tie", "both_bad"):
        good = "equally good" if one.winner == "tie" else "both bad"
        return f"{one.a} and {one.b} {good}"
    winner, loser = (one.a, one.b) if one.winner == "a" else (one.b, one.a)
    return f"{winner} better than {loser}"


def _show_judges(found: RatingResults) -> None:
    for one in found.judges:
        said = f"The judge {one.judge}: {_decided(one.counts, found.sides)}"
        if one.inconsistency is not None:
            said += f"; its two orders contradict each other in {_percent(one.inconsistency)}"
        if one.agreement is not None:
            said += f"; with the people, {_kappa(one.agreement, 'Cohen')}"
        click.echo(printable(f"{said}."))
        if one.ratings is not None:
            _show_ratings(f"Strength by {one.judge} alone", one.ratings)


def _show_ratings(title: str, ratings: Ratings) -> None:
    at = "the mean of all" if ratings.reference is None else ratings.reference
    print_table(
        f"{title} in Elo, {at} at 0",
        ["<model", "elo", "95 % interval", "wins", "comparisons"],
        [
            [
                one.model,
                _signed(one.elo.value),
                "reference" if one.model == ratings.reference else _bounds(one.elo),
                f"{one.wins:g}",
                str(one.comparisons),
            ]
            for one in ratings.ratings
        ],
    )


def _show_win_rates(found: RatingResults) -> None:
    if not found.win_rates:
        return
    print_table(
        "Win rate, ties as one half",
        ["<model", "<against", "rate", "95 % interval", "wins", "ties", "comparisons"],
        [
            [one.model, one.against or "all others", f"{100 * one.rate.value:.0f} %",
             f"{100 * one.rate.low:.0f} to {100 * one.rate.high:.0f} %", str(one.wins),
             str(one.ties), str(one.n)]
            for one in found.win_rates
        ],
    )  # fmt: skip


def _decided(counts: Counts, sides: tuple[str, str] | None) -> str:
    """How many went which way; for whom, where there are two models."""
    decided = f"{counts.decided} decided"
    if sides is not None:
        decided = f"{counts.a} for {sides[0]}, {counts.b} for {sides[1]}"
    return f"{decided}, {counted(counts.tie, 'tie')}, {counted(counts.both_bad, 'time')} both bad"


def _kappa(one: Agreement, whose: str) -> str:
    kappa = "not defined" if one.kappa is None else f"{one.kappa:.3f}"
    return f"{100 * one.share:.0f} % of {one.n} alike, {whose}'s kappa {kappa}"


def _percent(interval: Interval) -> str:
    return f"{100 * interval.value:.0f} % ({100 * interval.low:.0f} to {100 * interval.high:.0f} %)"


def _bounds(interval: Interval) -> str:
    if not math.isfinite(interval.low):
        return "unknown"
    return f"{_signed(interval.low)} to {_signed(interval.high)}"


def _signed(value: float) -> str:
    """A whole number with its sign; 0 has none."""
    whole = round(value)
    return f"{whole:+d}" if whole else "0"

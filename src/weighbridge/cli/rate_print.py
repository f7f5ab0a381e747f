"""Results of blind ratings on a terminal."""

from __future__ import annotations

import math

import click

from weighbridge.cli.diagnostics import printable
from weighbridge.cli.tables import print_table
from weighbridge.core.ballots import Counts, RatingResults
from weighbridge.core.preferences import Agreement, Ratings
from weighbridge.core.provenance import Interval
from weighbridge.core.rating_session import RatingInfo


def show_results(info: RatingInfo, found: RatingResults) -> None:
    """All that the ballots say."""
    c = found.counts
    click.echo(
        printable(
            f"{info.id}: {c.total} comparisons of {len(info.models)} models by "
            f"{len(found.raters) or 'unnamed'} raters; {_decided(c)}."
        )
    )
    if found.ratings is not None:
        _show_ratings("Strength", found.ratings)
    _show_win_rates(found)
    for one in found.cohen:
        click.echo(printable(f"{one.raters[0]} and {one.raters[1]}: {_kappa(one, 'Cohen')}."))
    if found.fleiss is not None and len(found.raters) > 2:
        click.echo(f"All {len(found.raters)} raters: {_kappa(found.fleiss, 'Fleiss')}.")
    click.echo(found.position.sentence)
    for task in found.tasks:
        click.echo(printable(f"Task {task.task or '(none)'}: {_decided(task.counts)}."))
        if task.ratings is not None:
            _show_ratings(f"Strength on {task.task or 'inputs without a task'}", task.ratings)
    _show_judges(found)
    for note in found.notes:
        click.echo(printable(note))


def _show_judges(found: RatingResults) -> None:
    for one in found.judges:
        said = f"The judge {one.judge}: {_decided(one.counts)}"
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
        ["<model", "elo", "95 % interval", "wins", "of"],
        [
            [
                one.model,
                _signed(one.elo.value),
                "reference" if one.model == ratings.reference else _bounds(one.elo),
                f"{one.wins:g}",
                str(one.votes),
            ]
            for one in ratings.ratings
        ],
    )


def _show_win_rates(found: RatingResults) -> None:
    if not found.win_rates:
        return
    print_table(
        "Win rate, ties as one half",
        ["<model", "<against", "rate", "95 % interval", "wins", "ties", "of"],
        [
            [one.model, one.against or "all others", f"{100 * one.rate.value:.0f} %",
             f"{100 * one.rate.low:.0f} to {100 * one.rate.high:.0f} %", str(one.wins),
             str(one.ties), str(one.n)]
            for one in found.win_rates
        ],
    )  # fmt: skip


def _decided(counts: Counts) -> str:
    return (
        f"{counts.a} for a, {counts.b} for b, {counts.tie} ties, {counts.both_bad} times both bad"
    )


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

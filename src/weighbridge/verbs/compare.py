"""``weigh compare``: which differences between models are real."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weighbridge.core.effects import Store
from weighbridge.core.errors import InputError
from weighbridge.core.model_comparison import ModelComparison, PairDifference, SubjectComparison
from weighbridge.core.verdict import Comparison
from weighbridge.verbs.run_outcomes import load_runs, on_common_items, outcomes_of_runs

if TYPE_CHECKING:
    from weighbridge.verbs.outcome_table import TableChoice


def compare(
    store: Store, names: Sequence[str], *, average: bool = False, anytime: bool = False
) -> ModelComparison:
    """Every pair among the named runs, suite by suite, the later one against the earlier.

    Args:
        store: the workspace.
        names: evaluation runs.
        average: take several runs of one model as repeats.
        anytime: give bounds that hold however often one has looked.

    Raises:
        UnknownRunError: a name is no evaluation run.
        InputError: fewer than two, or one shares its items with no other.
    """
    from weighbridge.decide.model_comparison import compare_models  # noqa: PLC0415 -- numpy

    runs, notes = on_common_items(load_runs(store, names))
    found = compare_models(outcomes_of_runs(runs, average=average), anytime=anytime)
    return replace(found, notes=(*found.notes, *notes))


def compare_table(path: Path, choice: TableChoice, *, anytime: bool = False) -> ModelComparison:
    """Every pair of models in a table of per-item results, the later column against the earlier.

    Raises:
        InputError: it is no such table, or has fewer than two models.
    """
    from weighbridge.decide.model_comparison import compare_models  # noqa: PLC0415 -- numpy
    from weighbridge.verbs.outcome_table import read_outcomes  # noqa: PLC0415

    subjects, notes = read_outcomes(path, choice)
    if len(subjects[0].models) < 2:
        raise InputError(
            f"{path} has one model only: {', '.join(subjects[0].models)}.",
            fix="Give two columns of scores or more.",
        )
    found = compare_models(subjects, anytime=anytime)
    return replace(found, notes=(*found.notes, *notes))


def document(comparison: ModelComparison) -> dict[str, Any]:
    """The figures of ``weigh compare --json``; keys are documented in docs/json.md."""
    return {
        "pairs": [_difference(pair) for pair in comparison.pairs],
        "subjects": [_subject(subject) for subject in comparison.subjects],
        "correction": "holm",
        "notes": list(comparison.notes),
    }


def _difference(pair: PairDifference) -> dict[str, Any]:
    shown = pair.anytime or pair.difference  # what holds at one look only stands apart
    return {
        "a": pair.a,
        "b": pair.b,
        "subject": pair.subject,
        "n": pair.n,
        "difference": pair.difference.value,
        "low": shown.low,
        "high": shown.high,
        "p_mcnemar": None if pair.anytime else pair.p_mcnemar,
        "flips_up": pair.flips_up,
        "flips_down": pair.flips_down,
        "method": "betting" if pair.anytime else pair.method,
        "p": None if pair.anytime else pair.p,
        "p_adjusted": None if pair.anytime else pair.p_adjusted,
        "real": pair.real,
        "detectable": pair.detectable,
        "more_items": pair.more_items,
        **(
            {
                "anytime_low": pair.anytime.low,
                "anytime_high": pair.anytime.high,
                "one_look": {
                    "low": pair.difference.low,
                    "high": pair.difference.high,
                    "method": pair.method,
                    "p_mcnemar": pair.p_mcnemar,
                    "p": pair.p,
                    "p_adjusted": pair.p_adjusted,
                },
            }
            if pair.anytime
            else {}
        ),
        "sentence": pair.sentence,
    }


def _subject(subject: SubjectComparison) -> dict[str, Any]:
    return {
        "subject": subject.subject,
        "n": subject.n,
        "groups": subject.groups,
        "standings": [
            {
                "model": one.model,
                "accuracy": one.accuracy.value,
                "low": one.accuracy.low,
                "high": one.accuracy.high,
                "p_best": one.p_best,
                "missing": list(one.missing),
            }
            for one in subject.standings
        ],
    }


def to_json(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """Single pairs, as the demo compares them."""
    return {"pairs": [pair(comparison) for comparison in comparisons]}


def pair(comparison: Comparison) -> dict[str, Any]:
    """One comparison: b minus a, with its interval."""
    return {
        "a": comparison.a,
        "b": comparison.b,
        "subject": comparison.subject,
        "n": comparison.n,
        "difference": comparison.difference.value,
        "low": comparison.difference.low,
        "high": comparison.difference.high,
        "p_mcnemar": comparison.p_mcnemar,
        "flips_up": comparison.flips_up,
        "flips_down": comparison.flips_down,
        "real": comparison.real,
        **(
            {"p_adjusted": comparison.p_adjusted, "more_items": comparison.more_items}
            if comparison.p_adjusted is not None
            else {}
        ),
        "sentence": comparison.sentence,
    }

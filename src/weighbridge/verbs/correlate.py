"""``weigh correlate``: does a public leaderboard's order predict the utility measured here?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weighbridge.core.correlation import Basis, Correlation, LeftOut, RankCorrelation
from weighbridge.core.effects import Store
from weighbridge.core.outcomes import Outcomes
from weighbridge.decide.run_outcomes import outcomes_of_suite
from weighbridge.verbs.comparable_runs import comparable, elsewhere, heads_of
from weighbridge.verbs.score_table import read_scores, smaller_is_better

if TYPE_CHECKING:
    from weighbridge.decide.correlation import Utilities
    from weighbridge.decide.statistics.paired import Floats
    from weighbridge.verbs.outcome_table import TableChoice


@dataclass(frozen=True, slots=True)
class Board:
    """A leaderboard in a file.

    Attributes:
        path: CSV or JSON.
        column: which scores, where there are several.
        lower_is_better: whether the smallest stands first; None to go by the column's name.
    """

    path: Path
    column: str | None = None
    lower_is_better: bool | None = None


def correlate_runs(store: Store, board: Board, suites: Sequence[str] = ()) -> Correlation:
    """The leaderboard against the newest evaluations of the workspace.

    A model's utility is its mean accuracy over the suites, each of which counts alike: those named,
    or those that the most of the leaderboard's models answered. Where models answered different
    parts of a suite, the items that all of them share count.

    Raises:
        InputError: a file or suite is not there, or too few models are in both.
    """
    from weighbridge.decide.correlation import on_board  # noqa: PLC0415 -- numpy

    scores = read_scores(board.path, board.column)[1]
    heads = heads_of(store, suites)
    measured = tuple(dict.fromkeys(head.info.model for head in heads))
    # What the leaderboard does not have must not decide which suites and items count.
    wanted = on_board(_source(board), scores, measured)
    found = comparable(store, heads, wanted, suites)
    subjects = [outcomes_of_suite(runs) for runs in found.suites]
    others = [LeftOut(model, "not on the leaderboard") for model in measured if model not in wanted]
    others += _known_there(board, scores, measured, elsewhere(store, heads, suites))
    utilities = replace(
        _utilities(subjects), left_out=(*found.left_out, *others), notes=found.notes
    )
    return _correlate(board, utilities)


def _known_there(
    board: Board,
    scores: Sequence[tuple[str, float]],
    measured: Sequence[str],
    further: Sequence[LeftOut],
) -> list[LeftOut]:
    """Those of further models that the leaderboard has, where their names match no other's."""
    from weighbridge.decide.correlation import on_board  # noqa: PLC0415 -- numpy

    names, found = list(measured), []
    for one in further:
        if one.model.casefold() in {name.casefold() for name in names}:
            continue
        before = on_board(_source(board), scores, names)
        if set(on_board(_source(board), scores, [*names, one.model])) == {*before, one.model}:
            names.append(one.model)
            found.append(one)
    return found


def correlate_table(board: Board, table: Path, choice: TableChoice) -> Correlation:
    """The leaderboard against a table of per-item results; its tasks count alike.

    Raises:
        InputError: a file is not there or no such table, or too few models are in both.
    """
    from weighbridge.verbs.outcome_table import read_outcomes  # noqa: PLC0415

    return _correlate(board, _utilities(read_outcomes(table, choice)[0]))


def correlate_utilities(board: Board, utility: Path, utility_column: str | None) -> Correlation:
    """The leaderboard against utilities that come without items, so without their uncertainty.

    Raises:
        InputError: a file is not there or no such table, or too few models are in both.
    """
    from weighbridge.decide.correlation import Utilities  # noqa: PLC0415 -- numpy

    known = read_scores(utility, utility_column)[1]
    models, values = tuple(name for name, _ in known), tuple(value for _, value in known)
    return _correlate(board, Utilities(models, values))


def _correlate(board: Board, utilities: Utilities) -> Correlation:
    from weighbridge.decide.correlation import correlate  # noqa: PLC0415 -- numpy

    column, scores = read_scores(board.path, board.column)
    down = board.lower_is_better
    return correlate(
        _source(board),
        scores,
        utilities,
        lower_is_better=smaller_is_better(column) if down is None else down,
    )


def _source(board: Board) -> str:
    """What to call the leaderboard."""
    name = board.path.stem
    return name if board.column is None else f"{name} ({' '.join(board.column.split())})"


def _utilities(subjects: Sequence[Outcomes]) -> Utilities:
    import numpy as np  # noqa: PLC0415

    from weighbridge.decide.correlation import Utilities  # noqa: PLC0415
    from weighbridge.decide.model_comparison import columns  # noqa: PLC0415
    from weighbridge.decide.statistics.bootstrap import mean_draws  # noqa: PLC0415

    if not subjects:
        return Utilities((), ())
    models = subjects[0].models
    means: list[Floats] = []
    draws: list[Floats] = []
    for subject in subjects:
        order = [subject.models.index(model) for model in models]
        table = columns(subject)
        means.append(table.scores.mean(axis=0)[order])
        draws.append(mean_draws(table.scores, table.groups, seed=len(draws))[:, order])
    values = np.mean(means, axis=0)
    basis = tuple(Basis(subject.subject, len(subject.items)) for subject in subjects)
    return Utilities(models, tuple(map(float, values)), np.mean(draws, axis=0), basis=basis)


def to_json(correlation: Correlation) -> dict[str, Any]:
    """The figures of ``weigh correlate --json``; keys are documented in docs/json.md."""
    return {
        "source": correlation.source,
        "n": len(correlation.models),
        "lower_is_better": correlation.lower_is_better,
        "verdict": correlation.verdict,
        "sentence": correlation.sentence,
        "spearman": _figures(correlation.spearman),
        "kendall": _figures(correlation.kendall),
        "same_order": correlation.same_order,
        "models": [
            {"model": one.model, "score": one.score, "utility": one.utility}
            for one in correlation.models
        ],
        "only_scores": list(correlation.only_scores),
        "only_utility": list(correlation.only_utility),
        "left_out": [{"model": one.model, "reason": one.reason} for one in correlation.left_out],
        "basis": [{"subject": one.subject, "n": one.n} for one in correlation.basis],
        "notes": list(correlation.notes),
    }


def _figures(one: RankCorrelation) -> dict[str, Any]:
    return {
        "value": one.value,
        "low": one.interval.low if one.interval else None,
        "high": one.interval.high if one.interval else None,
        "value_with_items": one.with_items.value if one.with_items else None,
        "low_with_items": one.with_items.low if one.with_items else None,
        "high_with_items": one.with_items.high if one.with_items else None,
        "p": one.p,
        "exact": one.exact,
    }

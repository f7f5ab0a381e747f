"""``weigh correlate``: does a public leaderboard's order predict the utility measured here?"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weighbridge.core.correlation import Correlation, RankCorrelation
from weighbridge.core.effects import Store
from weighbridge.core.errors import FormatError, InputError
from weighbridge.core.outcomes import Outcomes
from weighbridge.core.runs import EvalRun
from weighbridge.verbs.run_outcomes import outcomes_of_runs

if TYPE_CHECKING:
    from weighbridge.decide.correlation import Utilities
    from weighbridge.decide.statistics.paired import Floats
    from weighbridge.verbs.outcome_table import TableChoice

Pairs = list[tuple[str, float]]
_FORM = "Give a CSV file with a column for the model and one for the score, and a header."
_EMPTY = frozenset({"", "na", "n/a", "nan", "none", "null", "-"})


def correlate_runs(
    store: Store, scores: Path, column: str | None, suites: Sequence[str] = ()
) -> Correlation:
    """The leaderboard against the newest evaluations of the workspace.

    A model's utility is its mean accuracy over the suites, each of which counts alike; only models
    that were evaluated on all of them take part.

    Raises:
        InputError: a file or suite is not there, or too few models are in both.
    """
    runs = _newest(store, suites)
    by_suite: dict[str, list[EvalRun]] = {}
    for run in runs:
        by_suite.setdefault(run.suite, []).append(run)
    models = set.intersection(*({run.info.model for run in own} for own in by_suite.values()))
    subjects = [
        outcomes_of_runs([run for run in own if run.info.model in models])[0]
        for own in by_suite.values()
        if len(models) > 1
    ]
    if not subjects:
        raise InputError(
            "Fewer than two models were evaluated on the same suites.",
            fix="Evaluate more models, or choose suites with --suite.",
        )
    return _correlate(scores, column, subjects)


def _newest(store: Store, suites: Sequence[str]) -> list[EvalRun]:
    infos = store.runs("eval")
    unknown = set(suites) - {info.subject for info in infos}
    if unknown:
        raise InputError(
            f"There are no evaluations on {min(unknown)!r}.", fix="`weigh runs` lists them."
        )
    newest: dict[tuple[str, str], str] = {}
    for info in infos:
        if not suites or info.subject in suites:
            newest.setdefault((info.model, info.subject), info.id)
    runs = [store.load(run_id, EvalRun) for run_id in newest.values()]
    # Suites that tell precisions of one model apart are no tasks, unless they are asked for.
    runs = [run for run in runs if suites or run.is_task]
    if not runs:
        raise InputError(
            "The workspace has no evaluations to correlate with.",
            fix="Run `weigh eval` for several models, or give --table or --utility.",
        )
    return runs


def correlate_table(
    scores: Path, column: str | None, table: Path, choice: TableChoice
) -> Correlation:
    """The leaderboard against a table of per-item results; its tasks count alike.

    Raises:
        InputError: a file is not there or no such table, or too few models are in both.
    """
    from weighbridge.verbs.outcome_table import read_outcomes  # noqa: PLC0415

    return _correlate(scores, column, read_outcomes(table, choice)[0])


def correlate_utilities(
    scores: Path, column: str | None, utility: Path, utility_column: str | None
) -> Correlation:
    """The leaderboard against utilities that come without items, so without their uncertainty.

    Raises:
        InputError: a file is not there or no such table, or too few models are in both.
    """
    from weighbridge.decide.correlation import Utilities, correlate  # noqa: PLC0415 -- numpy

    known = read_scores(utility, utility_column)
    utilities = Utilities(tuple(name for name, _ in known), tuple(value for _, value in known))
    return correlate(_source(scores, column), read_scores(scores, column), utilities)


def _correlate(scores: Path, column: str | None, subjects: Sequence[Outcomes]) -> Correlation:
    from weighbridge.decide.correlation import correlate  # noqa: PLC0415 -- numpy

    return correlate(_source(scores, column), read_scores(scores, column), _utilities(subjects))


def _source(scores: Path, column: str | None) -> str:
    """What to call the leaderboard."""
    return scores.stem if column is None else f"{scores.stem} ({' '.join(column.split())})"


def _utilities(subjects: Sequence[Outcomes]) -> Utilities:
    import numpy as np  # noqa: PLC0415

    from weighbridge.decide.correlation import Utilities  # noqa: PLC0415
    from weighbridge.decide.model_comparison import columns  # noqa: PLC0415
    from weighbridge.decide.statistics.bootstrap import mean_draws  # noqa: PLC0415

    models = subjects[0].models
    means: list[Floats] = []
    draws: list[Floats] = []
    for subject in subjects:
        order = [subject.models.index(model) for model in models]
        table = columns(subject)
        means.append(table.scores.mean(axis=0)[order])
        draws.append(mean_draws(table.scores, table.groups, seed=len(draws))[:, order])
    values = np.mean(means, axis=0)
    return Utilities(models, tuple(map(float, values)), np.mean(draws, axis=0))


def read_scores(path: Path, column: str | None = None) -> Pairs:
    """Model and score of each row: the first column and the named one, or the first with numbers.

    Rows without a score are left out, since leaderboards are sparse.

    Raises:
        InputError: the file cannot be read, or has no such column.
        FormatError: it is no such table.
    """
    with _rows(path) as rows:
        header = [" ".join(name.split()) for name in next(rows, [])]
        if len(header) < 2:
            raise FormatError(f"{path} is no table of scores.", fix=_FORM)
        named = [row for row in rows if any(cell.strip() for cell in row)]
    # A header may break its lines; whoever names a column on a command line will not.
    wanted = None if column is None else " ".join(column.split())
    if wanted is not None and wanted not in header[1:]:
        raise InputError(
            f"{path} has no column {column!r}.", fix=f"It has: {', '.join(header[1:])}."
        )
    model = next((i for i, name in enumerate(header) if name.casefold() == "model"), 0)
    place = header.index(wanted) if wanted else _score_place(path, header, named, model)
    scores = [
        (row[model].strip(), number)
        for line, row in enumerate(named, start=2)
        if len(row) > max(model, place) and (number := _number(path, line, row[place])) is not None
    ]
    if not scores:
        raise InputError(f"{path} has no scores.", fix=_FORM)
    return scores


@contextmanager
def _rows(path: Path) -> Iterator[Iterator[list[str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            delimiter = max(",;\t|", key=first.count)
            file.seek(0)
            yield csv.reader(file, delimiter=delimiter)
    except (UnicodeDecodeError, csv.Error) as error:
        raise FormatError(f"{path} is no CSV table in UTF-8: {error}.", fix=_FORM) from None
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.", fix="Check the path.") from None


def _score_place(
    path: Path, header: Sequence[str], rows: Sequence[Sequence[str]], model: int
) -> int:
    """The column called score, or the only other one."""
    for place, name in enumerate(header):
        if name.casefold() == "score":
            return place
    if len(header) == 2:
        return 1 - model
    numeric = [
        name
        for place, name in enumerate(header)
        if place != model and any(_is_number(row[place]) for row in rows if len(row) > place)
    ]
    raise InputError(
        f"{path} has several columns, and none is called score.",
        fix=f"Name one with --column: {', '.join(numeric) or ', '.join(header)}.",
    )


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _number(path: Path, line: int, cell: str) -> float | None:
    """The number in a cell; None where it is empty."""
    text = cell.strip().removesuffix("%").strip()
    if text.lower() in _EMPTY:
        return None
    if not _is_number(text):
        raise FormatError(f"{path}, row {line}: {cell.strip()[:40]!r} is no number.", fix=_FORM)
    return float(text)


def to_json(correlation: Correlation) -> dict[str, Any]:
    """The figures of ``weigh correlate --json``; keys are documented in docs/json.md."""
    return {
        "source": correlation.source,
        "n": len(correlation.models),
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
    }


def _figures(one: RankCorrelation) -> dict[str, Any]:
    return {
        "value": one.value,
        "low": one.interval.low if one.interval else None,
        "high": one.interval.high if one.interval else None,
        "low_with_items": one.with_items.low if one.with_items else None,
        "high_with_items": one.with_items.high if one.with_items else None,
        "p": one.p,
        "exact": one.exact,
    }

"""Two evaluation runs, item by item, as verdicts need them."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.core.errors import InputError
from weighbridge.core.provenance import Interval
from weighbridge.core.runs import EvalRun
from weighbridge.core.verdict import Comparison
from weighbridge.decide.statistics.flips import flip_difference, mcnemar
from weighbridge.decide.statistics.rates import wilson


def compare(
    a: str, b: str, subject: str, answers_a: Sequence[bool], answers_b: Sequence[bool]
) -> Comparison:
    """Compare b with the baseline a on the same items in the same order."""
    pairs = list(zip(answers_a, answers_b, strict=True))
    up = sum(right and not base for base, right in pairs)
    down = sum(base and not right for base, right in pairs)
    return Comparison(
        a=a,
        b=b,
        subject=subject,
        n=len(pairs),
        difference=flip_difference(up, down, len(pairs)),
        p_mcnemar=mcnemar(up, down),
        flips_up=up,
        flips_down=down,
    )


def run_accuracy(run: EvalRun) -> Interval:
    """The share of right answers with its 95 % interval; see :func:`rate`.

    Raises:
        ValueError: the run has no items.
    """
    shares = _means(run)
    return rate(list(shares.values()), item_groups((run,), list(shares)))


def rate(shares: Sequence[float], groups: Sequence[str] | None) -> Interval:
    """The mean over items of the share of right answers, with its 95 % interval.

    An item is one piece of evidence, however often it was asked; items of one group stand or fall
    together. It is the interval that comparisons show of each model.

    Args:
        shares: of each item, the share of its answers that are right.
        groups: of each item, its group; None where each stands by itself.

    Raises:
        ValueError: there are no items.
    """
    if groups is None and all(share in (0, 1) for share in shares):
        return wilson(sum(shares), len(shares))
    import numpy as np  # noqa: PLC0415 -- runs without repeats and groups do not need it

    from weighbridge.decide.statistics.paired import mean  # noqa: PLC0415

    numbers = None if groups is None else np.unique(np.array(groups), return_inverse=True)[1]
    return mean(np.array(shares, dtype=np.float64), numbers)


def compare_runs(a: EvalRun, b: EvalRun) -> Comparison:
    """Compare two evaluation runs item by item; b minus a.

    An item that only one of them answered counts as wrong for the other. Of repeated answers to an
    item the mean counts; the exact test is then the sign test of the items that differ.

    Raises:
        InputError: they are of different suites, or share no item.
    """
    if a.suite_hash != b.suite_hash:
        raise InputError(
            f"{a.info.id} ({a.suite}) and {b.info.id} ({b.suite}) did not answer the same items.",
            fix="Evaluate both models on the same version of the suite.",
        )
    right_a, right_b = _means(a), _means(b)
    if right_a.keys().isdisjoint(right_b):
        raise InputError(f"{a.info.id} and {b.info.id} share no items.")
    every = list(dict.fromkeys((*right_a, *right_b)))
    answers = [[right.get(item, 0.0) for item in every] for right in (right_a, right_b)]
    names = (_label(a, b), _label(b, a), a.suite)
    groups = item_groups((a, b), every)
    if groups or any(0 < answer < 1 for column in answers for answer in column):
        return _compare_means(names, (answers[0], answers[1]), groups)
    return compare(*names, *([answer == 1 for answer in column] for column in answers))


def _means(run: EvalRun) -> dict[str, float]:
    """Item → the share of its answers that are right."""
    given: dict[str, list[bool]] = {}
    for item in run.items:
        given.setdefault(item.id, []).append(item.correct)
    return {item: sum(answers) / len(answers) for item, answers in given.items()}


def item_groups(runs: Sequence[EvalRun], items: Sequence[str]) -> tuple[str, ...] | None:
    """The group of each item; None where the suite has none, or one that says nothing.

    An item without a group is one by itself.
    """
    named = {item.id: item.group for run in runs for item in run.items if item.group}
    groups = tuple(f"group {named[item]}" if item in named else f"item {item}" for item in items)
    return groups if 1 < len(set(groups)) < len(items) else None


def _compare_means(
    names: tuple[str, str, str],
    answers: tuple[Sequence[float], Sequence[float]],
    groups: Sequence[str] | None,
) -> Comparison:
    import numpy as np  # noqa: PLC0415 -- runs without repeats and groups do not need it

    from weighbridge.decide.statistics.paired import paired  # noqa: PLC0415

    differences = np.array(answers[1]) - np.array(answers[0])
    up, down = int((differences > 0).sum()), int((differences < 0).sum())
    numbers = None if groups is None else np.unique(np.array(groups), return_inverse=True)[1]
    return Comparison(
        *names,
        n=len(differences),
        difference=paired(differences, numbers).interval(),
        p_mcnemar=mcnemar(up, down),
        flips_up=up,
        flips_down=down,
    )


def _label(run: EvalRun, other: EvalRun) -> str:
    """The model's name, or the run's id where the same model was run twice."""
    return run.info.id if run.info.model == other.info.model else run.info.model

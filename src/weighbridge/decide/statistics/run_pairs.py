"""Two evaluation runs, item by item, as verdicts need them."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.core.errors import InputError
from weighbridge.core.runs import EvalRun
from weighbridge.core.verdict import Comparison
from weighbridge.decide.statistics.flips import flip_difference, mcnemar


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


def compare_runs(a: EvalRun, b: EvalRun) -> Comparison:
    """Compare two evaluation runs item by item; b minus a.

    An item that only one of them answered counts as wrong for the other.

    Raises:
        InputError: they are of different suites, or share no item.
    """
    if a.suite_hash != b.suite_hash:
        raise InputError(
            f"{a.info.id} ({a.suite}) and {b.info.id} ({b.suite}) did not answer the same items.",
            fix="Evaluate both models on the same version of the suite.",
        )
    right_a = {item.id: item.correct for item in a.items}
    right_b = {item.id: item.correct for item in b.items}
    if right_a.keys().isdisjoint(right_b):
        raise InputError(f"{a.info.id} and {b.info.id} share no items.")
    every = list(dict.fromkeys((*right_a, *right_b)))
    return compare(
        _label(a, b),
        _label(b, a),
        a.suite,
        [right_a.get(item, False) for item in every],
        [right_b.get(item, False) for item in every],
    )


def _label(run: EvalRun, other: EvalRun) -> str:
    """The model's name, or the run's id where the same model was run twice."""
    return run.info.id if run.info.model == other.info.model else run.info.model

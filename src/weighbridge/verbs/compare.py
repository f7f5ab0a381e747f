"""``weigh compare``: which differences between evaluation runs are real."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from weighbridge.core.effects import Store
from weighbridge.core.errors import InputError
from weighbridge.core.runs import EvalRun
from weighbridge.core.verdict import Comparison
from weighbridge.decide.statistics import compare_runs


def compare(store: Store, names: Sequence[str]) -> list[Comparison]:
    """Every pair among the named runs, the later one against the earlier.

    Raises:
        UnknownRunError: a name is no evaluation run.
        InputError: fewer than two, or they are of different suites.
    """
    if len(names) < 2:
        raise InputError("It takes two runs to compare.", fix="`weigh runs` lists them.")
    runs = [store.load(store.find(name, "eval").id, EvalRun) for name in names]
    return [compare_runs(a, b) for a, b in combinations(runs, 2)]


def to_json(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """The figures of ``weigh compare --json``; keys are documented in docs/json.md."""
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
        "real": comparison.difference.excludes_zero,
        "sentence": comparison.sentence,
    }

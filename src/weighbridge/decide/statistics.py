"""Rates and paired differences with their intervals. scipy is imported when first used."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from weighbridge.core.errors import InputError
from weighbridge.core.provenance import Interval
from weighbridge.core.runs import EvalRun
from weighbridge.core.verdict import Comparison

_Z95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution


def wilson(successes: int, n: int) -> Interval:
    """A rate with its 95 % score interval (Wilson 1927), which stays inside 0 to 1.

    Raises:
        ValueError: ``n`` is not positive or ``successes`` not within 0 to ``n``.
    """
    if n <= 0 or not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is no rate")
    rate = successes / n
    centre = (rate + _Z95**2 / (2 * n)) / (1 + _Z95**2 / n)
    spread = rate * (1 - rate) / n + _Z95**2 / (4 * n**2)
    half = _Z95 * math.sqrt(spread) / (1 + _Z95**2 / n)
    # Rounding must not push a bound past the estimate at rates of 0 and 1.
    return Interval(rate, min(rate, max(0.0, centre - half)), max(rate, min(1.0, centre + half)))


def paired_difference(flips_up: int, flips_down: int, n: int) -> Interval:
    """Difference of two rates on the same n items, with its 95 % interval.

    The adjusted Wald interval for paired binary data (Bonett & Price 2012, *J. Educ. Behav. Stat.*
    37:479), which keeps its coverage when flips are few. The point estimate is the plain one.
    """
    up, down = (flips_up + 1) / (n + 2), (flips_down + 1) / (n + 2)
    half = _Z95 * math.sqrt((up + down - (up - down) ** 2) / (n + 2))
    value = (flips_up - flips_down) / n
    low, high = max(-1.0, up - down - half), min(1.0, up - down + half)
    return Interval(value, min(value, low), max(value, high))


def mcnemar(flips_up: int, flips_down: int) -> float:
    """Two-sided exact McNemar p-value: are the flips a fair coin? 1 when nothing flipped."""
    if flips_up + flips_down == 0:
        return 1.0
    from scipy.stats import binomtest  # noqa: PLC0415 -- half a second of import

    return float(binomtest(flips_up, flips_up + flips_down, 0.5).pvalue)


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
        difference=paired_difference(up, down, len(pairs)),
        p_mcnemar=mcnemar(up, down),
        flips_up=up,
        flips_down=down,
    )


def compare_runs(a: EvalRun, b: EvalRun) -> Comparison:
    """Compare two evaluation runs item by item; b minus a.

    Raises:
        InputError: they are of different suites, or share no item.
    """
    if a.suite_hash != b.suite_hash:
        raise InputError(
            f"{a.info.id} ({a.suite}) and {b.info.id} ({b.suite}) did not answer the same items.",
            fix="Evaluate both models on the same version of the suite.",
        )
    right_b: Mapping[str, bool] = {item.id: item.correct for item in b.items}
    shared = [item for item in a.items if item.id in right_b]
    if not shared:
        raise InputError(f"{a.info.id} and {b.info.id} share no items.")
    return compare(
        _label(a, b),
        _label(b, a),
        a.suite,
        [item.correct for item in shared],
        [right_b[item.id] for item in shared],
    )


def _label(run: EvalRun, other: EvalRun) -> str:
    """The model's name, or the run's id where the same model was run twice."""
    return run.info.id if run.info.model == other.info.model else run.info.model

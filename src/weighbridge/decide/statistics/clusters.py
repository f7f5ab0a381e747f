"""Groups of observations that stand or fall together: the error of a mean, and how far to trust it.

Groups of unlike sizes are the trouble: one that holds half of the items decides what the mean is,
and the plain sandwich estimator takes it for one of many.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_FEW: Final = 20.0  # groups, or so many of unlike sizes as are worth it
_ROUNDING: Final = 1e-9
_ALIKE: Final = 0.05  # by how much fewer they may be worth before it is said


@dataclass(frozen=True, slots=True)
class MeanError:
    """The error of a mean over groups.

    Attributes:
        error: its standard error.
        dof: degrees of freedom of Student's t; one less than the groups where all have one size.
    """

    error: float
    dof: float


def mean_error(values: NDArray[np.float64], groups: NDArray[np.intp]) -> MeanError:
    """The standard error of the mean of values of which those in one group go together.

    The jackknife that leaves out one group after the other (CV3 of MacKinnon, Nielsen and Webb
    2023). Groups of one size give Liang and Zeger's error with the factor G / (G − 1), groups of
    one item each give Student's.
    """
    sums = np.bincount(groups, values - values.mean())
    sizes = np.bincount(groups).astype(np.float64)
    left = sums / (sizes.sum() - sizes)
    count = len(sizes)
    return MeanError(math.sqrt(float(left @ left) * (count - 1) / count), degrees(sizes))


def degrees(sizes: NDArray[np.float64]) -> float:
    """Degrees of freedom of that error by Satterthwaite's rule (Bell and McCaffrey 2002).

    They match the first two moments that the squared error has for independent items.
    """
    shares = sizes / sizes.sum()
    rest = np.maximum(1 - shares, _ROUNDING)
    squares = np.sort((shares / rest) ** 2)
    crossed = 2 * float(squares[1:] @ np.cumsum(squares)[:-1])
    return float((shares / rest).sum()) ** 2 / (float(squares.sum()) + crossed)


def worth(groups: NDArray[np.intp]) -> float:
    """How many groups of one size tell as much of the spread as these of unlike sizes."""
    return degrees(np.bincount(groups).astype(np.float64)) + 1


def few_groups(subject: str, groups: NDArray[np.intp] | None) -> str | None:
    """What to know of intervals by group where the groups are few, or are worth few."""
    if groups is None:
        return None
    count, alike = int(groups.max()) + 1, worth(groups)
    if alike > count * (1 - _ALIKE):
        if count >= _FEW:
            return None
        return f"{subject} has {count} groups only: intervals by group are rough below 20."
    if alike >= _FEW:
        return None
    return (
        f"{subject} has {count} groups of unlike sizes, worth about {alike:.0f} of one size: "
        "intervals by group are rough below 20, and wide."
    )

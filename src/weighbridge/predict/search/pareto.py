"""Which of many are surpassed by none in every respect."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def front(gains: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Rows that no other row surpasses: at least as large everywhere, larger somewhere.

    Args:
        gains: one row per thing, one column per respect in which more is better; no NaN.
    """
    best = np.zeros(len(gains), dtype=bool)
    # Nothing is surpassed by a row with a smaller sum, so that one pass in that order suffices.
    for row in np.argsort(-_ranks(gains).sum(axis=1), kind="stable"):
        kept = gains[best]
        mine = gains[row]
        surpassed = np.all(kept >= mine, axis=1) & np.any(kept > mine, axis=1)
        best[row] = not surpassed.any()
    return best


def _ranks(gains: NDArray[np.float64]) -> NDArray[np.float64]:
    """The columns as ranks, equal values alike: sums of them cannot overflow or swallow a unit."""
    columns = [np.unique(column, return_inverse=True)[1] for column in gains.T]
    return np.stack(columns, axis=1).astype(np.float64) if columns else gains

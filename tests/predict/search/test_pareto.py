from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.predict.search.pareto import front

ROWS = st.lists(st.tuples(*[st.integers(-3, 3).map(float)] * 3), max_size=40)


@given(ROWS)
def test_no_member_is_surpassed_and_every_other_row_is(rows: list[tuple[float, ...]]) -> None:
    gains = np.array(rows, dtype=np.float64).reshape(len(rows), 3)
    members = front(gains)

    def surpassed(row: int) -> bool:
        return any(
            bool(np.all(other >= gains[row]) and np.any(other > gains[row])) for other in gains
        )

    assert [bool(one) for one in members] == [not surpassed(row) for row in range(len(rows))]


def test_sizes_that_swallow_each_other_are_told_apart() -> None:
    gains = np.array([[1e300, 0.0], [1e300, 1.0], [-1e300, 2.0]])
    assert list(front(gains)) == [False, True, True]


def test_infinities_can_be_compared() -> None:
    assert list(front(np.array([[1.0, -np.inf], [1.0, 3.0]]))) == [False, True]

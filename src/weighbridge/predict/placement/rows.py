"""Constraints of an integer programme, and HiGHS, which solves it. scipy is imported when used."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from weighbridge.predict.placement.problem import NoTimeError

# HiGHS stops within 1e-6 of the optimum; in this unit that is less than the memory of any server.
_OBJECTIVE_SCALE: Final = 1e5
# As scipy numbers the outcomes of milp.
_OUT_OF_TIME: Final = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What HiGHS found: the columns, their price, and the price that nothing can be below."""

    columns: list[float]
    bound: float
    price: float


@dataclass(slots=True)
class Rows:
    """Constraints, as the entries of a sparse matrix."""

    row: list[int] = field(default_factory=list)
    column: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)

    def add(self, terms: Sequence[tuple[int, float]], high: float, low: float = -math.inf) -> None:
        """``low <= Σ value × column <= high``."""
        for column, value in terms:
            self.row.append(len(self.low))
            self.column.append(column)
            self.value.append(value)
        self.low.append(low)
        self.high.append(high)

    def solve(
        self,
        price: Sequence[float],
        *,
        time_limit_s: float,
        whole: int | None = None,
        gap: float = 0.0,
    ) -> Answer | None:
        """The cheapest columns of 0 or 1; those from ``whole`` on are any amounts.

        Raises:
            NoTimeError: the time is up, and nothing was found.
        """
        import numpy as np  # noqa: PLC0415 -- with scipy, half a second of import
        from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415
        from scipy.sparse import csr_array  # noqa: PLC0415

        count = len(price)
        integral, most = np.ones(count, dtype=int), np.ones(count)
        integral[whole or count :], most[whole or count :] = 0, np.inf
        matrix = csr_array((self.value, (self.row, self.column)), shape=(len(self.low), count))
        result = milp(
            _OBJECTIVE_SCALE * np.array(price),
            integrality=integral,
            bounds=Bounds(0, most),
            constraints=LinearConstraint(matrix, np.array(self.low), np.array(self.high)),
            options={"mip_rel_gap": gap, "time_limit": time_limit_s},
        )
        if result.x is None:
            if result.status == _OUT_OF_TIME:
                raise NoTimeError
            return None
        proven = result.status == 0 and not gap
        bound = result.fun if proven else result.mip_dual_bound
        return Answer(list(result.x), bound / _OBJECTIVE_SCALE, result.fun / _OBJECTIVE_SCALE)

"""An integer programme as it is built: its rows, and where each variable stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scipy.optimize import LinearConstraint


class Rows:
    """Constraints ``low ≤ row · variables ≤ high``, as they come."""

    def __init__(self) -> None:
        self._entries: list[Mapping[int, float]] = []
        self._bounds: list[tuple[float, float]] = []

    def add(self, entries: Mapping[int, float], low: float, high: float) -> None:
        """A row: factors by column."""
        self._entries.append(entries)
        self._bounds.append((low, high))

    def constraint(self, width: int) -> LinearConstraint:
        """All of them, sparse: with many replicas nearly all entries are 0."""
        from scipy.optimize import LinearConstraint  # noqa: PLC0415
        from scipy.sparse import csr_array  # noqa: PLC0415

        at = [(row, column) for row, entries in enumerate(self._entries) for column in entries]
        values = [value for entries in self._entries for value in entries.values()]
        rows, columns = zip(*at, strict=True)
        matrix = csr_array((values, (rows, columns)), shape=(len(self._entries), width))
        low, high = zip(*self._bounds, strict=True)
        return LinearConstraint(matrix, low, high)


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each variable stands: replicas, then x, then y row by row, then shared machines.

    Attributes:
        machines: how many machines each group of models that share some can have at most.
    """

    replicas: int
    models: int
    tasks: int
    machines: tuple[int, ...] = ()

    @property
    def width(self) -> int:
        """How many there are."""
        return self.costs + sum(self.machines) + len(self.machines)

    def x(self, model: int) -> int:
        """Whether a model is loaded."""
        return self.replicas + model

    def y(self, task: int, model: int) -> int:
        """Whether a model does a task."""
        return self.replicas + self.models + task * self.models + model

    def machine(self, group: int, number: int) -> int:
        """Whether a group has a further machine."""
        return self.y(self.tasks, 0) + sum(self.machines[:group]) + number

    @property
    def costs(self) -> int:
        """The first of the variables that are no whole numbers: shares of the most it can cost."""
        return self.y(self.tasks, 0) + sum(self.machines)

    def cost(self, group: int, number: int) -> int:
        """What that machine costs."""
        return self.costs + sum(self.machines[:group]) + number

    def once(self, group: int) -> int:
        """What a group pays once."""
        return self.costs + sum(self.machines) + group

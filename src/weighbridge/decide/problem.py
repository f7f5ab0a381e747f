"""What is to be assigned to what, and within which limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

MOST_REPLICAS: Final = 64


@dataclass(frozen=True, slots=True)
class Problem:
    """What is to be assigned, and within what.

    What one replica serves is known of a replica that has its machine, or its devices, to itself.
    So no two replicas of a model stand on one device; and where memory is one pool, each is on
    a machine of its own, all alike.

    Attributes:
        accuracy: task → model → accuracy; a model without a figure for a task may not do it.
        mix: task → share of the traffic.
        memory_bytes: model → bytes of one replica while it serves.
        budget_bytes: what one machine holds: a replica of every model; None for no limit.
        device_bytes: memory of each device; a replica that is larger than all of them is spread
            evenly over 2, 4 or 8. Empty where memory is one pool.
        demand: task → what it asks, in requests per second or users; empty where no load is given.
        capacity: model → what one replica serves, in the same unit; a model without a figure is
            taken to serve anything with one replica (see ``fairness``).
        usd_per_month: model → money for all replicas that its bill has.
        billed: model → how many those are, which are paid even where fewer would do; one each
            where nothing is said.
        usd_once: of that, what is paid once however many replicas there are: people, fixed lines.
        machine: model → which machine its money is for; others each have their own.
        shares: whether models that are billed the same machine stand on it together, which is
            so where the user says what one machine holds.
        hosted: models that others serve, which need no machine.
        budget_usd: what all replicas may cost together.
        max_models: how many models may be loaded; 1 asks for the best single model.
    """

    accuracy: Mapping[str, Mapping[str, float]]
    mix: Mapping[str, float]
    memory_bytes: Mapping[str, int]
    budget_bytes: int | None = None
    device_bytes: tuple[int, ...] = ()
    demand: Mapping[str, float] = field(default_factory=dict)
    capacity: Mapping[str, float] = field(default_factory=dict)
    usd_per_month: Mapping[str, float] = field(default_factory=dict)
    billed: Mapping[str, int] = field(default_factory=dict)
    usd_once: Mapping[str, float] = field(default_factory=dict)
    machine: Mapping[str, str] = field(default_factory=dict)
    shares: bool = False
    hosted: frozenset[str] = frozenset()
    budget_usd: float | None = None
    max_models: int | None = None

    def most_replicas(self, model: str) -> int:
        """How many replicas of a model all of the demand could need."""
        capacity = self.capacity.get(model)
        if not capacity:
            return 1
        needed = math.ceil(sum(self.demand.values()) / capacity - 1e-9)
        return min(MOST_REPLICAS, max(1, needed))

    def use(self, model: str, by_task: Mapping[str, str]) -> float:
        """How many replicas' work the tasks of a model are; 0 where its capacity is not known."""
        capacity = self.capacity.get(model)
        if not capacity:
            return 0.0
        return sum(self.demand.get(task, 0.0) for task, own in by_task.items() if own == model) / (
            capacity
        )

    def each_usd(self, model: str) -> float:
        """Money for each replica of a model, without what is paid once."""
        month = self.usd_per_month.get(model, 0.0) - self.usd_once.get(model, 0.0)
        return month / self.billed.get(model, 1)

    @property
    def shared(self) -> tuple[tuple[str, ...], ...]:
        """Models that share a machine where they are loaded together, machine by machine.

        With devices, or where nobody said what one machine holds, nobody knows which machine has
        room for what.
        """
        if not self.shares or self.device_bytes:
            return ()
        groups: dict[str, list[str]] = {}
        for model, machine in self.machine.items():
            if machine and model in self.usd_per_month and self.memory_bytes.get(model):
                groups.setdefault(machine, []).append(model)
        return tuple(tuple(models) for models in groups.values() if len(models) > 1)


@dataclass(frozen=True, slots=True)
class Replica:
    """The k-th replica of a model at one place: takes so many bytes of each of these devices.

    Where memory is one pool, the k-th is on the k-th machine.
    """

    model: int
    place: tuple[int, ...]
    k: int
    bytes_each: int

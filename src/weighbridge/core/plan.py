"""What a plan is asked, and what it answers: ways to serve that meet all, or nearly do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from weighbridge.core.candidate import Estimate, Verdict
from weighbridge.core.estimate import Engine
from weighbridge.core.machine import Machine
from weighbridge.core.provenance import Provenance
from weighbridge.core.runs import RunInfo
from weighbridge.core.workload import Slo, Workload

NO_SLO: Final = Slo()

Order = Literal["quality", "tpot", "ttft", "throughput", "memory", "users", "cost"]


@dataclass(frozen=True, slots=True)
class Requirements:
    """What a way to serve has to do, and what it may be.

    Attributes:
        workload: requests.
        slo: conditions on latency.
        engines: those to choose among; empty for all that run on the machine.
        formats: names of number formats of the weights, likewise.
        kv_bytes_per_value: of the cache, or None for what checkpoint and engine choose.
        utilisation: the share of a device's memory for the engine, or None for its default.
        eur_per_hour: what the whole machine costs, or None where nobody says.
    """

    workload: Workload
    slo: Slo = NO_SLO
    engines: tuple[Engine, ...] = ()
    formats: tuple[str, ...] = ()
    kv_bytes_per_value: float | None = None
    utilisation: float | None = None
    eur_per_hour: float | None = None


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A way to serve that fails, and single changes that were tried and make it meet everything.

    Attributes:
        estimate: as it fails.
        changes: the smallest of each kind, the least painful first: ``fp8 KV cache``, ``5 users``.
    """

    estimate: Estimate
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A model of which no way to serve meets everything.

    Attributes:
        model: its name.
        verdict: what kind of reason it is.
        reason: a sentence with the figures.
    """

    model: str
    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer.

    Attributes:
        machine: on which.
        requirements: what was asked.
        task: what the models are for, or "".
        order: what the ranking goes by first.
        ranked: ways that meet everything, best first; of each model its best ones.
        front: places in ``ranked`` of those that nothing else surpasses in every respect.
        near_misses: better models than the best that meets, or all where none does.
        refused: models of which no way meets everything.
        considered: how many ways to serve were weighed.
        models: how many models.
        provenance: of the times.
        notes: sentences on what all of it rests on.
    """

    machine: Machine
    requirements: Requirements
    task: str
    order: Order
    ranked: tuple[Estimate, ...]
    front: tuple[int, ...]
    near_misses: tuple[NearMiss, ...]
    refused: tuple[Refusal, ...]
    considered: int
    models: int
    provenance: Provenance
    notes: tuple[str, ...] = ()

    @property
    def winner(self) -> Estimate | None:
        """The first of the ranking."""
        return self.ranked[0] if self.ranked else None


@dataclass(frozen=True, slots=True)
class PlanRun:
    """A plan as kept in a workspace."""

    info: RunInfo
    plan: Plan

"""What a stage is made of: jobs that are done once, and again when what they rest on changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from weighbridge.core.effects import Clock, Progress, Store
from weighbridge.core.endpoint import Endpoint
from weighbridge.core.http import HttpClient
from weighbridge.core.study import StageName, Unit
from weighbridge.serve.supervisor.owner import Launcher


@dataclass(frozen=True, slots=True)
class Effects:
    """What a study acts through.

    Attributes:
        root: the workspace's folder, where ratings and captured traffic lie.
        store: its runs.
        client: asks models.
        clock: tells time.
        progress: shows how far it is.
        launcher: starts engines.
        environment: where ``${env.NAME}`` comes from.
        machine: this machine in a line.
    """

    root: Path
    store: Store
    client: HttpClient
    clock: Clock
    progress: Progress
    launcher: Launcher
    environment: Mapping[str, str]
    machine: str


class Endpoints(Protocol):
    """Where candidates answer; engines are started when they are asked for."""

    async def endpoint(self, name: str) -> Endpoint:
        """The candidate's address, its engine started if it is one of ours. Raises EngineError."""

    async def rest(self) -> None:
        """Stop every engine: something else needs the memory."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a job is done with."""

    effects: Effects
    engines: Endpoints


@dataclass(frozen=True, slots=True)
class Left:
    """What a job left behind.

    Attributes:
        runs: ids in the workspace.
        waits: what people have to do before it is complete, as a sentence; else nothing.
    """

    runs: tuple[str, ...]
    waits: str = ""


Do = Callable[[Means], Awaitable[Left]]


@dataclass(frozen=True, slots=True)
class Job:
    """A unit of a study as it would be done.

    Attributes:
        stage: to which it belongs.
        name: the same in every run of the study.
        key: hash of all that it depends on; empty where what it rests on is not done yet.
        do: does it.
        candidate: the one that it measures; empty where it measures none or several.
        basis: hash of what is measured, where one measurement may be judged by another SLO.
        judge: judges a measurement anew that was judged by another SLO.
        anywhere: ``key`` without the machine, where it depends on that.
    """

    stage: StageName
    name: str
    key: str
    do: Do = field(repr=False)
    candidate: str = ""
    basis: str = ""
    anywhere: str = ""
    judge: Callable[[Means, tuple[str, ...]], Awaitable[Left]] | None = field(
        default=None, repr=False
    )


@dataclass(slots=True)
class Settled:
    """What is known of the units of the stages before, as a study goes on."""

    units: dict[StageName, list[Unit]] = field(default_factory=dict)

    def add(self, unit: Unit) -> None:
        """Note a unit."""
        self.units.setdefault(unit.stage, []).append(unit)

    def runs(self, stage: StageName) -> tuple[str, ...]:
        """Ids of what the done units of a stage left."""
        done = (unit for unit in self.units.get(stage, ()) if unit.state in ("done", "waiting"))
        return tuple(run for unit in done for run in unit.runs)

    def run_of(self, stage: StageName, name: str) -> str | None:
        """The first run of a unit that is done."""
        for unit in self.units.get(stage, ()):
            if unit.name == name and unit.state == "done" and unit.runs:
                return unit.runs[0]
        return None

    @property
    def has_failures(self) -> bool:
        """Whether a unit has failed."""
        return any(unit.state == "failed" for units in self.units.values() for unit in units)

    def is_open(self, *stages: StageName) -> bool:
        """Whether a unit of these stages is still to be done: what rests on it cannot be known."""
        units = (unit for stage in stages for unit in self.units.get(stage, ()))
        return any(unit.state in ("to do", "stale") for unit in units)

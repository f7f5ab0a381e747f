"""Several models on the devices of one or more machines: what is asked, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Fault = Literal[
    "traffic",
    "users",
    "latency",
    "link domain",
    "memory",
    "load",
    "exclusivity",
    "budget",
    "devices",
    "value",
]


@dataclass(frozen=True, slots=True)
class Site:
    """Equal devices of one machine.

    Attributes:
        name: of the machine; unlike that of all other sites.
        count: how many devices.
        memory_bytes: of one device, that may be given to servers.
        domain: how many neighbours a link joins; the devices of one server lie within them.
        device: name of the device, for options that are made for one kind only.
    """

    name: str
    count: int
    memory_bytes: float
    domain: int = 8
    device: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """One way to serve a model: a configuration, and how many servers of it.

    Attributes:
        label: the configuration in words.
        memory_bytes: what one server takes of each of its devices, with 90 % certainty.
        load: the share of time, 0..1, that one server keeps each of its devices busy while the
            servers together have the traffic asked for.
        quality: of the answers; larger is better.
        devices: of one server (TP).
        replicas: servers side by side, on different devices.
        requests_per_s: that one server can finish; None if that was not asked.
        cost: of all replicas, in the unit of quality × share of traffic.
        device: the kind of device it was computed for; "" for any.
        server: options with the same name here are one server where they lie on the same devices;
            "" for a server of its own.
        shared_bytes: of ``memory_bytes``, what one server takes only once however many use it.
        ttft_ms: to the first token, typically, while nothing else computes; None if not asked.
        tpot_ms: per further token, likewise.
        users: requests that one server runs at once.
    """

    label: str
    memory_bytes: float
    load: float
    quality: float
    devices: int = 1
    replicas: int = 1
    requests_per_s: float | None = None
    cost: float = 0.0
    device: str = ""
    server: str = ""
    shared_bytes: float = 0.0
    ttft_ms: float | None = None
    tpot_ms: float | None = None
    users: int = 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """A model to place, or a task for which one of several models is to be placed.

    Attributes:
        name: of the model or task.
        options: ways to serve it, of which at most one is taken.
        requests_per_s: its traffic.
        required: whether there is no placement without it.
        exclusive: whether nothing else may lie on its devices.
        max_replicas: most servers of it.
        ttft_ms: the most that a typical request may wait for its first token.
        tpot_ms: the most per further token.
    """

    name: str
    options: tuple[Option, ...]
    requests_per_s: float
    required: bool = True
    exclusive: bool = False
    max_replicas: int | None = None
    ttft_ms: float | None = None
    tpot_ms: float | None = None


@dataclass(frozen=True, slots=True)
class PlacementRules:
    """What holds for the placement as a whole.

    Attributes:
        most_load: the share of time that a device may be busy.
        budget: the most that all may cost together.
        gap: how far, relative, a placement of very many may be from the best: the last thousandth
            takes longer to prove than all before. Those of few are exact.
        time_limit_s: when to be content with the best found.
    """

    most_load: float = 1.0
    budget: float | None = None
    gap: float = 1e-3
    time_limit_s: float = 5.0


@dataclass(frozen=True, slots=True)
class DeviceUse:
    """One device and what lies on it.

    Attributes:
        site: its machine's name.
        index: its number within the machine.
        memory_bytes: that may be given to servers.
        used_bytes: that are given.
        load: the share of time that it is busy.
        holds: names of the wanted that lie on it.
    """

    site: str
    index: int
    memory_bytes: float
    used_bytes: float
    load: float
    holds: tuple[str, ...]

    @property
    def free_bytes(self) -> float:
        """What is left."""
        return self.memory_bytes - self.used_bytes


@dataclass(frozen=True, slots=True)
class Placed:
    """One wanted and where it lies.

    Attributes:
        wanted: its name.
        option: the way that was taken.
        site: the machines of its servers, one per replica.
        devices: the devices' numbers within these machines, one tuple per replica.
    """

    wanted: str
    option: Option
    site: tuple[str, ...]
    devices: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Unplaced:
    """One wanted that found no place.

    Attributes:
        wanted: its name.
        fault: what is at fault.
        reason: the sentence.
    """

    wanted: str
    fault: Fault
    reason: str


@dataclass(frozen=True, slots=True)
class Placement:
    """The best placement; where not all that is required fits, the best of a part of it.

    Attributes:
        feasible: whether all that is required is placed.
        placed: what lies where, in the order asked.
        devices: all devices, machine by machine.
        unplaced: what found no place, and why.
        objective: quality weighted by each one's share of the traffic, less cost.
        reasons: if not feasible: sentences why, and what would help.
        gap: by how much, relative, a better placement might exist: 0 where this is proven best.
    """

    feasible: bool
    placed: tuple[Placed, ...]
    devices: tuple[DeviceUse, ...]
    unplaced: tuple[Unplaced, ...]
    objective: float
    reasons: tuple[str, ...] = ()
    gap: float = 0.0

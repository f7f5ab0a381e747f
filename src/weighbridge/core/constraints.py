"""What an option must meet before anything else counts, and which options were removed for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.tradeoffs import Flip
from weighbridge.core.workload import Slo

Constraint = Literal[
    "data", "territory", "licence", "latency", "memory", "budget", "accuracy", "evidence"
]
"""Why an option may be removed; ``evidence`` means that nothing is known of it that is needed."""


@dataclass(frozen=True, slots=True)
class Intents:
    """What somebody means to do with a model, as ``facts/licenses`` understands it.

    Attributes:
        names: keys of ``facts.licenses.intents.INTENTS``.
        users: users per month, if known.
        revenue: revenue per year in US dollars, if known.
    """

    names: tuple[str, ...]
    users: int | None = None
    revenue: int | None = None


@dataclass(frozen=True, slots=True)
class ExpectedLoad:
    """What all tasks together ask at the busy hour: one of the two.

    Attributes:
        requests_per_s: arrivals.
        users: requests in flight at once.
    """

    requests_per_s: float | None = None
    users: int | None = None

    def __str__(self) -> str:
        if self.requests_per_s is not None:
            return f"{self.requests_per_s:,.10g} requests/s"
        if self.users is None:
            return "no load given"
        return "1 user" if self.users == 1 else f"{self.users} users"


NO_LOAD: Final = ExpectedLoad()
ANY_LATENCY: Final = Slo()


@dataclass(frozen=True, slots=True)
class Constraints:
    """What must hold, whatever an option is worth otherwise.

    Attributes:
        data_may_leave: whether prompts may go to machines of others.
        territory: where the user has their seat and data must be processed (``EU``), or None.
        intents: what is meant to be done with the models, for their licences; None asks nothing.
        license_read: models whose licence the user has read and accepts, by name.
        places: model and where it answers: ``here``, or a territory; known from its address else.
        leaves: model and whether prompts to it leave these machines, whatever its address and
            place suggest: a proxy here may pass them on, a server elsewhere may be one's own.
        slo: conditions on latency.
        load: what has to be served; latency is looked up, and replicas are counted, for it.
        memory_budget_bytes: memory of all loaded models together.
        device_bytes: memory of each device; a replica must fit on those it is put on.
        usd_per_month: money for all of it.
        min_accuracy: task and the least accuracy that will do.
    """

    data_may_leave: bool = True
    territory: str | None = None
    intents: Intents | None = None
    license_read: tuple[str, ...] = ()
    places: tuple[tuple[str, str], ...] = ()
    leaves: tuple[tuple[str, bool], ...] = ()
    slo: Slo = ANY_LATENCY
    load: ExpectedLoad = NO_LOAD
    memory_budget_bytes: int | None = None
    device_bytes: tuple[int, ...] = ()
    usd_per_month: float | None = None
    min_accuracy: tuple[tuple[str, float], ...] = ()


NO_CONSTRAINTS: Final = Constraints()


@dataclass(frozen=True, slots=True)
class Removed:
    """An option that a constraint rules out.

    Attributes:
        model: which.
        constraint: which kind of constraint.
        reason: why, in a sentence with its figures.
        fix: what would let it in, in a sentence; empty where nothing would.
        task: the task it is ruled out for, or None where it is ruled out for all.
    """

    model: str
    constraint: Constraint
    reason: str
    fix: str = ""
    task: str | None = None

    def __str__(self) -> str:
        where = f" for {self.task}" if self.task else ""
        return f"{self.model}{where}: {self.reason} {self.fix}".rstrip()


NOTHING_LEFT: Final = ("Nothing is left for ", "No models that together do every task fit ")
"""How the message of a :class:`NothingLeftError` begins: a "no", and no failure."""


WOULD_BE_LEFT: Final = "Something would be left: "
"""How the lines of its message begin that say at which value of a constraint."""


class NothingLeftError(WeighbridgeError):
    """No option meets all constraints.

    ``removed`` has each with its reason, ``flips`` at which value of which constraint one would be
    left.
    """

    def __init__(
        self,
        message: str,
        removed: tuple[Removed, ...],
        *,
        fix: str = "",
        flips: tuple[Flip, ...] = (),
    ) -> None:
        super().__init__(message, fix=fix)
        self.removed = removed
        self.flips = flips

    def __str__(self) -> str:
        lines = [super().__str__(), *(f"  {one}" for one in self.removed)]
        lines += [f"  {WOULD_BE_LEFT}{flip.sentence}" for flip in self.flips]
        return "\n".join(lines)

"""What an option costs in time and money, and what would change a decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from weighbridge.core.provenance import Interval, Provenance

LoadUnit = Literal["requests/s", "users"]


def load_words(amount: float, unit: str) -> str:
    """A load as people write it: ``5,020 requests/s``, ``1 user``.

    >>> load_words(5017.4, "requests/s"), load_words(1.0, "users"), load_words(0.25, "requests/s")
    ('5,020 requests/s', '1 user', '0.25 requests/s')
    """
    number = f"{float(f'{amount:.3g}'):,.10g}"
    return (
        f"{number} {unit.replace('users', 'user').replace('requests', 'request')}"
        if (number == "1")
        else f"{number} {unit}"
    )


@dataclass(frozen=True, slots=True)
class Bounded:
    """A figure with the ends of its interval; an end is None where the data does not bound it."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Served:
    """How fast a model answers at the load that is expected.

    Attributes:
        percentile: of which the times are: ``p95``; ``typical`` where they are predicted.
        ttft_ms: to the first token; None where unknown, as the others.
        tpot_ms: per output token.
        e2e_ms: of the whole answer.
        at: the load of these times, in words: ``8 users, 12.4 requests/s``.
        covers_load: whether that is at least the expected load; None where none was given.
        capacity: the most that one replica serves with the SLO held (the most that was measured,
            where no SLO was given), in ``capacity_unit``; None where unknown.
        capacity_unit: that of the expected load.
        holds_slo: whether the SLO holds at some load; None where none was given or nothing is
            known of a metric that it names.
        provenance: the load run, or the prediction.
        is_client_limited: whether the client was the bottleneck, so that the times are no less than
            the server's, and the capacity no more.
        nearest: where the SLO holds at no load, what would have to be allowed instead at the load
            that comes nearest to it: metric and percentile, milliseconds.
    """

    percentile: str
    ttft_ms: Bounded | None
    tpot_ms: Bounded | None
    e2e_ms: Bounded | None
    at: str
    covers_load: bool | None
    capacity: Bounded | None
    capacity_unit: LoadUnit
    holds_slo: bool | None
    provenance: Provenance
    is_client_limited: bool = False
    nearest: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Spending:
    """What a model costs, as a cost run found, or as the user says.

    Attributes:
        usd_per_1000: requests; None where only the month is known.
        usd_per_1000_accepted: requests that come out right at the accuracy measured on the task.
        usd_per_month: of its ``replicas``, or of the whole volume where a host serves it.
        is_hosted: whether a host serves it, so that it needs no memory of ours.
        provenance: the cost run.
        machine: which machine its bill is for: models of one may share it, where memory allows;
            empty where that is not known.
        usd_once: of the month, what is paid once however many replicas there are: people and fixed
            lines.
        replicas: how many that money is for; no fewer are paid.
    """

    usd_per_1000: Interval | None
    usd_per_1000_accepted: Interval | None
    usd_per_month: Interval | None
    is_hosted: bool
    provenance: Provenance
    machine: str = ""
    usd_once: float = 0.0
    replicas: int = 1


@dataclass(frozen=True, slots=True)
class Flip:
    """One thing that would change the decision if it were different.

    Attributes:
        what: ``memory budget, less``, ``share of code``, ``accuracy of porter on code`` …
        now: its value, in ``unit``; None where there is none (no budget).
        flips_at: the value at which the decision changes; None where none within range does.
        unit: ``bytes``, ``devices``, ``load``, ``share``, ``percent``, ``usd``, ``ms``, or nothing
            where it is said in words alone.
        sentence: both with the consequence, in words.
    """

    what: str
    now: float | None
    flips_at: float | None
    unit: str
    sentence: str

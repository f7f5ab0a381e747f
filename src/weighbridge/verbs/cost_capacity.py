"""What a replica serves at its SLO: as measured by a load run, or as predicted by a plan."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from weighbridge.core.candidate import Estimate
from weighbridge.core.cost import Capacity, Uncertain, certain
from weighbridge.core.effects import Clock
from weighbridge.core.errors import InputError
from weighbridge.core.load import Limit, LoadLevel, LoadRun
from weighbridge.core.machine import Machine
from weighbridge.core.plan import Plan, PlanRun, Requirements
from weighbridge.core.provenance import Interval, Provenance
from weighbridge.core.units import format_figure, plural
from weighbridge.core.workload import Slo
from weighbridge.facts.catalog.catalogue import Catalogue
from weighbridge.predict.calibration import Calibration
from weighbridge.verbs.plan import parse_format, plan, verdict_sentence, workload

# A replica is asked for so many requests at once, until one of its conditions breaks.
_MOST_SLOTS: Final = 1024
_REFINEMENTS: Final = 4


@dataclass(frozen=True, slots=True)
class Served:
    """A capacity, and what else is known of the requests that it holds for.

    Attributes:
        prompt_tokens: mean of them, or None.
        output_tokens: likewise.
        notes: sentences on what it rests on.
    """

    capacity: Capacity
    prompt_tokens: float | None = None
    output_tokens: float | None = None
    notes: tuple[str, ...] = ()


class CapacityError(InputError):
    """What is to tell a replica's capacity does not tell it."""


def measured(run: LoadRun) -> Served:
    """The goodput of a load run: at its limit, else at the highest load that met its SLO.

    A client that was the bottleneck can only add to the times: where the SLO was met even so, what
    was served is the least that a replica can.

    Raises:
        CapacityError: nothing in it met an SLO.
    """
    level = _best(run)
    tokens = _tokens_per_request(level)
    provenance = Provenance("measured", run.info.id, run.info.created)
    rate = _rate(run.limit, level)
    per_s = Uncertain(rate.value * tokens, rate.low * tokens, rate.high * tokens, "triangular",
                      provenance)  # fmt: skip
    service = level.service_e2e_ms or level.e2e_ms
    held = run.limit.slo if run.limit else level.goodput.slo if level.goodput else Slo()
    capacity = Capacity(
        output_tokens_per_s=per_s,
        slots=max(1, math.ceil(level.users)) if level.users else None,
        service_s=None if service is None else certain(service.mean / 1000, provenance),
        cv=_spread(run, level),
        slo=str(held),
        at_least=run.is_client_limited,
    )
    return Served(capacity, _prompt_tokens(level), tokens, tuple(_said(run, level, held)))


def _best(run: LoadRun) -> LoadLevel:
    """The level with the highest rate among those that met the SLO."""
    met = [level for level in run.levels if level.goodput is not None and level.goodput.met]
    if run.limit is not None and run.limit.rate is not None:
        near = [level for level in met if level.rate and level.rate <= run.limit.rate * 1.0001]
        met = near or met
    if not met or (run.limit is not None and run.limit.rate is None):
        raise _no_goodput(run)
    best = max(met, key=lambda level: level.requests_per_s)
    if not _tokens_per_request(best):
        raise CapacityError(f"The answers in {run.info.id} have no tokens.", fix="Use another run.")
    return best


def _no_goodput(run: LoadRun) -> CapacityError:
    """Why no load of a run is a goodput."""
    if all(level.goodput is None for level in run.levels):
        return CapacityError(
            f"{run.info.id} was measured without an SLO, so it has no goodput.",
            fix="Measure with one: weigh bench … --slo 'ttft_p95<2s,tpot_p95<50ms' --find-limit.",
        )
    if run.is_client_limited:
        return CapacityError(
            f"In {run.info.id} the client was the bottleneck and no load met the SLO, so it says "
            "nothing of the server.",
            fix="Repeat it with more --workers, or from another machine.",
        )
    return CapacityError(
        f"No load in {run.info.id} met an SLO, so it has no goodput.",
        fix="Measure lower loads, or with another --slo.",
    )


def _rate(limit: Limit | None, level: LoadLevel) -> Interval:
    """Requests per second that hold the SLO."""
    if limit is None or limit.rate is None:
        found = [one.requests_per_s for one in level.repeats] or [level.requests_per_s]
        return Interval(level.requests_per_s, min(*found, level.requests_per_s),
                        max(*found, level.requests_per_s))  # fmt: skip
    high = limit.rate if limit.high is None else max(limit.rate, limit.high)
    return Interval(limit.rate, limit.low or limit.rate, high)


def _tokens_per_request(level: LoadLevel) -> float:
    served = level.requests - level.errors
    return level.output_tokens / served if served else 0.0


def _prompt_tokens(level: LoadLevel) -> float | None:
    served = level.requests - level.errors
    if level.prompt_tokens is None or not served:
        return None
    return level.prompt_tokens / served or None


def _spread(run: LoadRun, level: LoadLevel) -> float:
    """Standard deviation of the times that requests take over their mean."""
    place = run.levels.index(level)
    times = [one.e2e_ms for one in run.requests if one.level == place and one.error is None]
    mean = sum(times) / len(times) if times else 0.0
    if len(times) < 2 or not mean:
        return 1.0
    return math.sqrt(sum((one - mean) ** 2 for one in times) / (len(times) - 1)) / mean


def _said(run: LoadRun, level: LoadLevel, slo: Slo) -> Iterator[str]:
    yield (
        f"A replica's capacity is measured: {run.info.id}, {run.info.model}, "
        f"{level.shape} holding {slo}."
    )
    if run.is_client_limited:
        yield (
            f"In {run.info.id} the client was the bottleneck and the SLO held even so: a replica "
            f"of {run.info.model} serves at least that, so its bill is at most what is said here."
        )


def as_requests(served: Served, prompt_tokens: float, output_tokens: float) -> Served:
    """A capacity where the requests that were measured are the demand's, whatever their lengths.

    How many requests a replica serves was measured; the tokens that it generates are then those
    of so many requests of the demand.
    """
    if not served.output_tokens or output_tokens <= 0:
        return served
    factor, per_s = output_tokens / served.output_tokens, served.capacity.output_tokens_per_s
    scaled = replace(
        per_s, base=per_s.base * factor, low=per_s.low * factor, high=per_s.high * factor
    )
    capacity = replace(served.capacity, output_tokens_per_s=scaled)
    return replace(
        served, capacity=capacity, prompt_tokens=prompt_tokens, output_tokens=output_tokens
    )


def planned(run: PlanRun) -> Served:
    """What the first way of a kept plan serves, as predicted there.

    Raises:
        InputError: nothing in it meets its conditions, or its speed is not predicted.
    """
    asked, way = run.plan.requirements, run.plan.winner
    if way is None:
        raise InputError(
            f"Nothing in {run.info.id} meets what it asks.",
            fix="Choose another plan or a load run.",
        )
    load = asked.workload
    lengths = (load.prompt_tokens, load.output_tokens)
    found = _of_estimate(way, load.users, asked.slo, lengths)
    notes = tuple(f"{run.info.id}: {note}" for note in found.notes)
    return Served(found.capacity, float(lengths[0]), float(lengths[1]), notes)


def predicted(
    machine: Machine,
    model: str,
    slo: Slo,
    lengths: tuple[int, int],
    *,
    catalogue: Catalogue,
    clock: Clock,
    quantization: str = "",
    calibrations: Sequence[Calibration] = (),
) -> Served:
    """The tokens that a plan expects of one replica on a machine, at the most users that meet.

    Raises:
        InputError: the model is not known, or no way to serve it meets.
    """
    asked = Requirements(
        workload=workload(prompt=lengths[0], output=lengths[1], context=sum(lengths)),
        slo=slo,
        formats=(parse_format(quantization),) if quantization else (),
    )

    def at(users: int) -> Plan:
        load = replace(asked.workload, users=users)
        return plan(
            machine, replace(asked, workload=load), catalogue, clock, names=(model,),
            per_model=1, order="throughput", calibrations=calibrations,
        )  # fmt: skip

    best = _most(at)
    if best is None:
        raise NothingServesError(verdict_sentence(at(1)))
    users, way = best
    return _of_estimate(way, users, slo, lengths)


class NothingServesError(InputError):
    """No way to serve the model on this machine meets the conditions: the answer is no."""


def _most(at: Callable[[int], Plan]) -> tuple[int, Estimate] | None:
    """The number of users with the most tokens per second among those that meet."""
    found: list[tuple[int, Estimate]] = []
    users = 1
    while users <= _MOST_SLOTS and (way := at(users).winner) is not None:
        found.append((users, way))
        users *= 2
    if not found:
        return None
    low, high = found[-1][0], users
    for _ in range(_REFINEMENTS):
        middle = (low + high) // 2
        if middle in (low, high) or middle > _MOST_SLOTS:
            break
        way = at(middle).winner
        if way is None:
            high = middle
        else:
            found.append((middle, way))
            low = middle
    return max(found, key=lambda one: one[1].tokens_per_s.value if one[1].tokens_per_s else 0.0)


def _of_estimate(way: Estimate, users: int, slo: Slo, lengths: tuple[int, int]) -> Served:
    speed, first, each = way.tokens_per_s, way.ttft_ms, way.tpot_ms
    if speed is None or first is None or each is None:
        raise InputError(
            f"How fast {way.candidate.label} is cannot be predicted.",
            fix="Give --tokens-per-s, or measure it: weigh bench, then --from-run.",
        )
    origin = way.provenance
    per_s = Uncertain(speed.value, speed.low, speed.high, "lognormal", origin)
    by = lengths[1] - 1
    service = Uncertain(
        (first.value + each.value * by) / 1000,
        (first.low + each.low * by) / 1000,
        (first.high + each.high * by) / 1000,
        "lognormal",
        origin,
    )
    note = (
        f"A replica's capacity is predicted, with 80 % intervals: {way.candidate.label} with "
        f"{users} requests at once{f' holding {slo}' if slo.bounds else ''}. `weigh bench` on the "
        "real server, then --from-run, makes it measured."
    )
    capacity = Capacity(output_tokens_per_s=per_s, slots=users, service_s=service, slo=str(slo))
    return Served(capacity, notes=(*_without_slo(way, users, slo, service.base), note))


def _without_slo(way: Estimate, users: int, slo: Slo, service_s: float) -> Sequence[str]:
    """How slow the most that a replica can do is for each of its users."""
    if slo.bounds or way.ttft_ms is None or way.tpot_ms is None:
        return ()
    note = (
        f"No SLO was given, so a replica's capacity is its peak, with {plural(users, 'request')} "
        f"at once: each takes {format_figure(service_s)} s, "
        f"{format_figure(way.ttft_ms.value / 1000)} s to its first token and "
        f"{format_figure(way.tpot_ms.value)} ms for each further one. --slo "
        "'ttft_p95<2s,tpot_p95<50ms' counts what it serves with such conditions."
    )
    return (note,)

"""How fast a model that was not load-tested should answer, and what memory it should take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from weighbridge.core.constraints import ExpectedLoad
from weighbridge.core.inspection import Inspection
from weighbridge.core.machine import Machine
from weighbridge.core.provenance import Interval, Provenance
from weighbridge.core.tradeoffs import Bounded, Served
from weighbridge.core.workload import Slo
from weighbridge.decide.served import at_words, unit_of

if TYPE_CHECKING:
    from weighbridge.predict.rows import Job, Prediction

_USERS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True, slots=True)
class Asked:
    """One model on one machine, as a prediction needs it.

    Attributes:
        inspection: the model.
        machine: which devices.
        engine: by name: ``vllm``, ``llama.cpp`` …
        prompt_tokens: of a typical request.
        output_tokens: of a typical answer.
    """

    inspection: Inspection
    machine: Machine
    engine: str
    prompt_tokens: float
    output_tokens: float


@dataclass(frozen=True, slots=True)
class Expected:
    """What is predicted: latency, and the memory of one replica, in bytes; 80 % intervals."""

    served: Served
    memory_bytes: int
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class _Point:
    """One number of users with what is predicted for it."""

    users: int
    prediction: Prediction
    e2e_ms: Interval

    @property
    def requests_per_s(self) -> float:
        return 1000 * self.users / self.e2e_ms.value


def expected(asked: Asked, load: ExpectedLoad, slo: Slo) -> Expected | None:
    """What our formulas say, or None where they cannot tell.

    A condition of the SLO is held to fail only where even the low end of the typical time is above
    it with one user: a prediction of typical times says little of a P95.

    Raises:
        InputError: the model has layers that are not modelled, or there is no such engine.
    """
    from weighbridge.predict.rows import predict  # noqa: PLC0415 -- with numpy

    wanted = sorted({*_USERS, *([load.users] if load.users else [])})
    predictions = predict([_job(asked, users) for users in wanted])
    points = [_point(asked, *one) for one in zip(wanted, predictions, strict=True)]
    known = [point for point in points if point is not None]
    if not known:
        return None
    at = _at(known, load)
    first = at.prediction
    held = [point for point in known if _may_hold(point, slo)]
    unit = unit_of(load)
    most = [point.users if unit == "users" else point.requests_per_s for point in held]
    served = Served(
        percentile="typical",
        ttft_ms=_bounded(first.ttft_ms),
        tpot_ms=_bounded(first.tpot_ms),
        e2e_ms=_bounded(at.e2e_ms),
        at=at_words(at.users, at.requests_per_s),
        covers_load=_covers(at, load),
        capacity=Bounded(max(most), None, None) if most else None,
        capacity_unit=unit,
        holds_slo=bool(held) if slo.bounds else None,
        provenance=first.provenance,
    )
    return Expected(served, _memory_bytes(at), first.provenance)


def _job(asked: Asked, users: int) -> Job:
    from weighbridge.predict.rows import Job  # noqa: PLC0415 -- with numpy
    from weighbridge.predict.table import Scenario, model  # noqa: PLC0415

    seen = asked.inspection
    exact = seen.weights.weight_bytes if seen.weights else None
    scenario = Scenario(
        model=seen.name,
        system=asked.machine.device.name,
        backend=asked.engine,
        backend_version="",
        precision="",
        isl=asked.prompt_tokens,
        osl=asked.output_tokens,
        concurrency=float(users),
    )
    formed = model(seen.name, seen.architecture, seen.quantization, exact)
    machine = asked.machine
    return Job(scenario, formed, machine.device, machine.host_bandwidth_bytes_per_s)


def _point(asked: Asked, users: int, prediction: Prediction) -> _Point | None:
    ttft, tpot = prediction.ttft_ms, prediction.tpot_ms
    if ttft is None or tpot is None:
        return None
    further = max(0.0, asked.output_tokens - 1)
    e2e = Interval(
        ttft.value + further * tpot.value,
        ttft.low + further * tpot.low,
        ttft.high + further * tpot.high,
        ttft.level,
    )
    return _Point(users, prediction, e2e)


def _at(points: Sequence[_Point], load: ExpectedLoad) -> _Point:
    """The fewest users at which the load is served, else the most that were tried."""
    if load.users is None and load.requests_per_s is None:
        return points[0]
    return next((point for point in points if _covers(point, load)), points[-1])


def _covers(point: _Point, load: ExpectedLoad) -> bool | None:
    if load.users is not None:
        return point.users >= load.users
    return None if load.requests_per_s is None else point.requests_per_s >= load.requests_per_s


def _may_hold(point: _Point, slo: Slo) -> bool:
    by_metric = {
        "ttft": point.prediction.ttft_ms,
        "tpot": point.prediction.tpot_ms,
        "itl": point.prediction.tpot_ms,
        "e2e": point.e2e_ms,
    }
    figures = [(by_metric[bound.metric], bound.limit_ms) for bound in slo.bounds]
    return all(figure is None or figure.low < limit for figure, limit in figures)


def _memory_bytes(point: _Point) -> int:
    """What is there before the first request, and the cache of the requests in flight."""
    use = point.prediction.memory
    fixed = sum(part.value for part in (use.weights, use.activation, use.overhead, use.graphs))
    return round(fixed + (use.sequence_bytes or 0.0) * point.users)


def _bounded(interval: Interval | None) -> Bounded | None:
    return None if interval is None else Bounded(interval.value, interval.low, interval.high)

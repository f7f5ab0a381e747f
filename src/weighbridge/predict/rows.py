"""Many scenarios predicted in one go: serving engines as arrays, llama.cpp one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from weighbridge.core.estimate import MemoryUse
from weighbridge.core.machine import Device
from weighbridge.core.provenance import Interval, Provenance
from weighbridge.predict.llamacpp import coefficients as single_stream_coefficients
from weighbridge.predict.llamacpp.coefficients import SingleStream
from weighbridge.predict.llamacpp.latency import Case, LlamaCppLatency, llamacpp_latency
from weighbridge.predict.llamacpp.token_load import token_load
from weighbridge.predict.serving import coefficients as serving_coefficients
from weighbridge.predict.serving.coefficients import ServingCoefficients, Spread
from weighbridge.predict.serving.latency import latency
from weighbridge.predict.serving.scenes import Array, scenes, timeable
from weighbridge.predict.serving.spreads import spreads_on, stranger
from weighbridge.predict.table import Model, Placed, Scenario, engine_name, placed

LEVEL: Final = 0.8


@dataclass(frozen=True, slots=True)
class Job:
    """A scenario whose names are resolved.

    Attributes:
        scenario: what is asked.
        model: in its number format.
        device: on what.
        host_bandwidth: bytes/s of the host's memory where it is known.
    """

    scenario: Scenario
    model: Model
    device: Device
    host_bandwidth: float | None = None

    @property
    def engine(self) -> str:
        """The engine by our name."""
        return engine_name(self.scenario.backend)


@dataclass(frozen=True, slots=True)
class Numbers:
    """The coefficients of both kinds of engines."""

    serving: ServingCoefficients
    single: SingleStream


@dataclass(frozen=True, slots=True)
class Times:
    """Typical times of many jobs, in order; NaN where one cannot be told."""

    ttft_s: Array
    tpot_s: Array


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is expected of one scenario; intervals hold with 80 %.

    Attributes:
        ttft_ms: to the first token, waiting included; None where it cannot be told.
        tpot_ms: per further token; None likewise.
        memory: of the fullest device.
        provenance: of the times.
        notes: sentences on what was assumed.
    """

    ttft_ms: Interval | None
    tpot_ms: Interval | None
    memory: MemoryUse
    provenance: Provenance
    notes: tuple[str, ...] = ()


def shipped() -> Numbers:
    """The coefficients that come with the package."""
    serving = serving_coefficients.fitted().coefficients
    return Numbers(serving, single_stream_coefficients.fitted())


def predict(jobs: Sequence[Job]) -> list[Prediction]:
    """Predict all jobs.

    Raises:
        InputError: a job names an engine that there is not.
    """
    numbers = shipped()
    places = [_placed(job) for job in jobs]
    rows = [row for row, job in enumerate(jobs) if job.engine != "llama.cpp"]
    timed = _serving([(jobs[row], places[row]) for row in rows], numbers.serving)
    found = dict(zip(rows, zip(*timed, strict=True), strict=True))
    predictions = []
    for row, (job, place) in enumerate(zip(jobs, places, strict=True)):
        if row in found:
            ttft, tpot = found[row]
            predictions.append(_served(job, place, float(ttft), float(tpot)))
        else:
            predictions.append(_from_llamacpp(place, _llamacpp(job, place, numbers.single)))
    return predictions


def times(jobs: Sequence[Job], numbers: Numbers) -> Times:
    """Typical times alone, with any coefficients."""
    ttft, tpot = np.full(len(jobs), np.nan), np.full(len(jobs), np.nan)
    places = [_placed(job) for job in jobs]
    rows = [row for row, job in enumerate(jobs) if job.engine != "llama.cpp"]
    ttft[rows], tpot[rows] = _serving([(jobs[row], places[row]) for row in rows], numbers.serving)
    for row in set(range(len(jobs))) - set(rows):
        timed = _llamacpp(jobs[row], places[row], numbers.single)
        tpot[row] = timed.tpot_s.value
        ttft[row] = np.nan if timed.ttft_s is None else timed.ttft_s.value
    return Times(ttft, tpot)


def _placed(job: Job) -> Placed:
    """A job on its devices; what does not fit there is timed as if it did."""
    found = placed(job.scenario, job.model, job.device)
    if found.memory.fits:
        return found
    return replace(found, scene=replace(found.scene, slots=float("inf")))


def spreads(job: Job) -> tuple[Spread, Spread]:
    """Factors from times to the ends of their intervals: of TTFT and of TPOT."""
    if job.engine != "llama.cpp":
        return spreads_on(job.device, job.scenario.concurrency)
    numbers = single_stream_coefficients.fitted()
    timed = _llamacpp(job, _placed(job), numbers)
    tpot, ttft = timed.tpot_s, timed.ttft_s or timed.tpot_s
    return _factors(ttft), _factors(tpot)


def _factors(interval: Interval) -> Spread:
    return Spread(interval.low / interval.value, interval.high / interval.value)


def _serving(of: Sequence[tuple[Job, Placed]], c: ServingCoefficients) -> tuple[Array, Array]:
    """TTFT and TPOT in seconds; NaN on devices whose rates are not known."""
    ttft, tpot = np.full(len(of), np.nan), np.full(len(of), np.nan)
    known = [row for row, (job, _) in enumerate(of) if timeable(job.device)]
    if known:
        timed = latency(scenes([of[row][1].scene for row in known]), c)
        ttft[known], tpot[known] = timed.ttft_s, timed.tpot_s
    return ttft, tpot


def _served(job: Job, place: Placed, ttft_s: float, tpot_s: float) -> Prediction:
    fitted = serving_coefficients.fitted()
    provenance = Provenance("predicted", fitted.source, fitted.date)
    notes = (*place.notes, *place.memory.notes)
    if np.isnan(tpot_s):
        unknown = f"The rates of {job.device.name} are not known: no times."
        return Prediction(None, None, place.memory, provenance, (*notes, unknown))
    ttft, tpot = spreads_on(job.device, job.scenario.concurrency)
    doubt = stranger(job.device)
    notes = (*notes, doubt) if doubt else notes
    return Prediction(
        _interval(ttft_s, ttft), _interval(tpot_s, tpot), place.memory, provenance, notes
    )


def _interval(seconds: float, spread: Spread) -> Interval:
    value = seconds * 1e3
    return Interval(value, value * spread.low, value * spread.high, LEVEL)


def _llamacpp(job: Job, place: Placed, numbers: SingleStream) -> LlamaCppLatency:
    row, scene = job.scenario, place.scene
    case = Case(
        load=token_load(job.model.work, job.model.quantization.name),
        device=job.device,
        devices=scene.parallelism.devices,
        version=row.backend_version,
        kv_bytes=scene.kv_bytes,
        offload=place.settings.offload,
        host_bandwidth=job.host_bandwidth,
    )
    return llamacpp_latency(
        case, users=row.concurrency, prompt=row.isl, output=row.osl, numbers=numbers
    )


def _from_llamacpp(place: Placed, timed: LlamaCppLatency) -> Prediction:
    numbers = single_stream_coefficients.fitted()
    return Prediction(
        None if timed.ttft_s is None else _ms(timed.ttft_s),
        _ms(timed.tpot_s),
        place.memory,
        Provenance(timed.kind, numbers.source, numbers.date),
        (*place.notes, *place.memory.notes, *timed.notes),
    )


def _ms(interval: Interval) -> Interval:
    return Interval(interval.value * 1e3, interval.low * 1e3, interval.high * 1e3, interval.level)

"""A level as its server saw it, put together from what was read meanwhile. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from weighbridge.core.telemetry import ServerSample, ServerSide
from weighbridge.measure.load.server.engine_metrics import EngineReading, difference
from weighbridge.measure.load.server.gpus import GpuReading, energy_j

_IDLE_USE = 0.01
_SUMMED = (
    *("requests", "prompt_tokens", "prefill_tokens", "cached_tokens", "output_tokens"),
    *("preemptions", "energy_j"),
)


@dataclass(slots=True)
class Kept:
    """What has been read of a level under way.

    Attributes:
        began_ns: its beginning, by the monotonic clock.
        first: the engine's reading then, None where there was none.
        samples: so far.
        notes: what is missing or to be known, one sentence each.
    """

    began_ns: int
    first: EngineReading | None
    samples: list[ServerSample] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def level_side(
    kept: Kept,
    last: EngineReading | None,
    readings: Sequence[GpuReading],
    ended_ns: int,
) -> ServerSide | None:
    """All of a level together; None when nothing was read.

    Args:
        kept: what was read meanwhile; its notes are joined by what is found missing here.
        last: the engine's reading after the level, None where that failed.
        readings: all of the GPUs, also from before the level.
        ended_ns: when it ended, by the monotonic clock.
    """
    readings = _within(readings, kept.began_ns, ended_ns)
    if not kept.samples:
        return None
    counted: dict[str, int] = {}
    if kept.first is not None and last is not None:
        counted, went_back = difference(kept.first.counters, last.counters)
        if went_back:
            kept.notes.append("The engine was started anew meanwhile: its counters are left out.")
    samples, energy = tuple(kept.samples), None
    if readings:
        busy = [one.use * one.gpus for one in readings if one.use is not None]
        if busy and max(busy) < _IDLE_USE:
            # A tunnel to another machine, or an engine that runs on processors.
            kept.notes.append("The GPUs of this host were idle: the server does not use them.")
            samples = tuple(_without_gpus(sample) for sample in samples)
        else:
            energy = energy_j(readings, kept.began_ns, ended_ns)
            if readings[-1].gpus > 1:
                kept.notes.append(f"All {readings[-1].gpus} GPUs of this host are counted.")
    engine = kept.first.engine if kept.first else ""
    if not engine and all(sample.power_w is None and sample.gpu_use is None for sample in samples):
        return None
    return ServerSide(
        engine=engine,
        samples=samples,
        energy_j=energy,
        notes=tuple(dict.fromkeys(kept.notes)),
        **counted,
    )


def _without_gpus(sample: ServerSample) -> ServerSample:
    return ServerSample(sample.at_s, sample.running, sample.waiting, sample.kv_used)


def added_up(sides: Sequence[ServerSide | None], offsets_s: Sequence[float]) -> ServerSide | None:
    """Repeats of a level as one, each beginning at its offset; None when one is missing."""
    known = [side for side in sides if side is not None]
    if not known or len(known) < len(sides):
        return None

    def total(name: str) -> Any:  # noqa: ANN401 -- of whatever type the field has
        values = [getattr(side, name) for side in known]
        return None if None in values else sum(values)

    return ServerSide(
        engine=known[0].engine,
        samples=tuple(
            replace(sample, at_s=round(sample.at_s + offset_s, 3))
            for side, offset_s in zip(known, offsets_s, strict=True)
            for sample in side.samples
        ),
        notes=tuple(dict.fromkeys(note for side in known for note in side.notes)),
        **{name: total(name) for name in _SUMMED},
    )


def _within(readings: Sequence[GpuReading], from_ns: int, to_ns: int) -> tuple[GpuReading, ...]:
    """The readings of a level, and the one before it."""
    before = [one for one in readings if one.at_ns < from_ns]
    return (*before[-1:], *(one for one in readings if from_ns <= one.at_ns <= to_ns))

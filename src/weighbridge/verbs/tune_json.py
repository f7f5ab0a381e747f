"""An estimate of a training run as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from weighbridge.core.provenance import Interval, Provenance

if TYPE_CHECKING:
    from weighbridge.core.tuning import TuningCost, TuningMemory, TuningTime
    from weighbridge.verbs.tune_estimate import TuningEstimate


def to_json(found: TuningEstimate) -> dict[str, Any]:
    """All keys, whether known or null."""
    question, machine = found.question, found.question.machine
    return {
        "model": found.model,
        "parameters": found.parameters,
        "run": asdict(found.run),
        "packed": question.packed,
        "tokens": question.tokens,
        "device": None
        if machine is None
        else {
            "name": machine.device.name,
            "count": found.run.devices,
            "memory_bytes": machine.device.memory_bytes,
            "provenance": _provenance(machine.device.provenance),
        },
        "memory": _memory(found.memory),
        "fits": found.fits,
        "changes": [
            {"change": each.text, "total_bytes": _interval(each.total), "fits": each.fits}
            for each in found.changes
        ],
        "devices": [
            {
                "name": fit.device.name,
                "memory_bytes": fit.device.memory_bytes,
                "fits": fit.fits,
                "doubts": [doubt.sentence for doubt in fit.doubts],
            }
            for fit in found.devices
        ],
        "time": _time(found.time),
        "cost": _cost(found.cost),
        "licence": found.licence,
        "advice": [
            {
                "title": each.title,
                "sentences": list(each.sentences),
                "commands": list(each.commands),
                "source": each.source,
            }
            for each in found.advice
        ],
        "notes": list(found.notes),
        "provenance": _provenance(found.provenance),
    }


def _memory(memory: TuningMemory) -> dict[str, Any]:
    return {
        "moment": memory.moment,
        "parts": [
            {"name": part.name, "bytes": _interval(part.bytes), "formula": part.formula}
            for part in memory.parts
        ],
        "active_bytes": _interval(memory.active),
        "total_bytes": _interval(memory.total),
        "trained_parameters": memory.trained,
        "without_adapters": list(memory.untouched),
    }


def _time(time: TuningTime | None) -> dict[str, Any] | None:
    if time is None:
        return None
    return {
        "flops_per_token": time.flops_per_token,
        "tokens_per_s": _interval(time.tokens_per_s),
        "hours": _interval(time.hours),
    }


def _cost(cost: TuningCost) -> dict[str, Any]:
    price = cost.price
    return {
        "compute_usd": None if cost.compute is None else _interval(cost.compute),
        "labour_usd": cost.labour,
        "total_usd": None if cost.total is None else _interval(cost.total),
        "usd_per_gpu_hour": None
        if price is None
        else _interval(price.usd) | {"provenance": _provenance(price.provenance)},
    }


def _interval(figure: Interval) -> dict[str, float]:
    return {
        "value": figure.value,
        "low": figure.low,
        "high": figure.high,
        "level": figure.level,
    }


def _provenance(of: Provenance) -> dict[str, str]:
    return {"kind": of.kind, "source": of.source, "date": of.date}

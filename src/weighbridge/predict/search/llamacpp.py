"""Ways to serve by llama.cpp, timed by its own formulas one by one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from weighbridge.core.estimate import MemoryUse
from weighbridge.core.workload import Bound, Workload
from weighbridge.predict.llamacpp.coefficients import SingleStream, fitted
from weighbridge.predict.llamacpp.latency import Case, llamacpp_latency, tpot_width, ttft_width
from weighbridge.predict.llamacpp.silicon import silicon
from weighbridge.predict.llamacpp.token_load import token_load
from weighbridge.predict.search.timing import Stage, Timing, timings
from weighbridge.predict.search.ways import Way
from weighbridge.predict.serving.coefficients import Spread
from weighbridge.predict.serving.latency import Latency
from weighbridge.predict.serving.scenes import Array

_NOTHING: Final = 1e-12


@dataclass(frozen=True, slots=True)
class _Row:
    """A way, and what its times follow from."""

    way: Way
    case: Case
    prompt: float
    output: float


def time_llamacpp(
    of: Sequence[tuple[Way, MemoryUse]], workload: Workload, bounds: tuple[Bound, ...]
) -> list[Timing | None]:
    """Time ways by llama.cpp; None where the device's figures do not suffice."""
    rows = [_row(way, workload) for way, _ in of]
    known = [row for row in rows if _timeable(row)]
    if not known:
        return [None] * len(of)
    stage = Stage(
        of=[row.way for row in known],
        at=lambda users, numbers: _latency(known, users, numbers.single),
        slots=np.array([row.way.settings.users for row in known], dtype=np.float64),
        roof_s=lambda running: np.array(
            [_roof_s(row, float(n)) for row, n in zip(known, running, strict=True)]
        ),
        spreads=[_spreads(row, workload) for row in known],
    )
    found = iter(timings(stage, workload, bounds))
    return [next(found) if _timeable(row) else None for row in rows]


def _row(way: Way, workload: Workload) -> _Row:
    machine, settings = way.machine, way.settings
    case = Case(
        load=token_load(way.form.work, way.form.quantization.name),
        device=machine.device,
        devices=settings.parallelism.devices,
        version=settings.engine.version,
        kv_bytes=settings.kv_bytes_per_value,
        offload=settings.offload,
        host_bandwidth=machine.host_bandwidth_bytes_per_s,
    )
    fresh = max(1.0, workload.prompt_tokens * (1 - workload.prefix_share))
    return _Row(way, case, fresh, float(workload.output_tokens))


def _timeable(row: _Row) -> bool:
    chip = silicon(row.case.device)
    return chip.matrix_rate is not None and chip.bandwidth > 0


def _latency(rows: Sequence[_Row], users: Array, numbers: SingleStream) -> Latency:
    table = [_times(row, float(n), numbers) for row, n in zip(rows, users, strict=True)]
    return Latency(*np.array(table, dtype=np.float64).T)


def _times(row: _Row, users: float, numbers: SingleStream) -> tuple[float, ...]:
    """In the order of :class:`Latency`."""
    slots = float(row.way.settings.users)
    found = llamacpp_latency(
        row.case, users=users, prompt=row.prompt, output=row.output, slots=slots, numbers=numbers
    )
    if found.ttft_s is None or found.prefill_s is None or found.requests_per_s is None:
        raise ValueError("the device's rate is not known; ask _timeable() first")
    first, each = found.ttft_s.value, found.tpot_s.value
    return first, each, found.step_s, found.prefill_s, found.running, found.requests_per_s


def _roof_s(row: _Row, sequences: float) -> float:
    """No step is faster: what every token uses, read at the bandwidth on paper."""
    load, case = row.case.load, row.case
    read = load.dense_bytes + load.expert_bytes * load.touched(1)
    read += sequences * load.cache_bytes(row.prompt, case.kv_bytes)
    if case.offloads:  # the host may read its part at the same time, if not at the same pace
        read *= case.device_layers * (1 - case.host_experts)
    return read / max(case.device.bandwidth_bytes_per_s, _NOTHING)


def _spreads(row: _Row, workload: Workload) -> tuple[Spread, Spread]:
    users = max(1.0, math.ceil(workload.users / row.way.replicas))
    widths = (ttft_width(row.case, users, fitted()), tpot_width(row.case, users, fitted()))
    ttft, tpot = (Spread(math.exp(-width), math.exp(width)) for width in widths)
    return ttft, tpot

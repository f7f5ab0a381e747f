"""What a machine may be slower at than predicted: reading, launching, prompts.

The three factors by which a user's own measurements correct predictions; see
:mod:`weighbridge.predict.calibration`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Literal

import numpy as np

from weighbridge.predict.llamacpp.coefficients import SingleStream, Table
from weighbridge.predict.rows import Job, Numbers, Times, shipped, times
from weighbridge.predict.serving.coefficients import ServingCoefficients
from weighbridge.predict.serving.scenes import Array

Factor = Literal["reading", "launching", "prefill"]
FACTORS: Final[tuple[Factor, ...]] = ("reading", "launching", "prefill")
_STEP: Final = 0.02


def sensitivities(jobs: Sequence[Job]) -> tuple[Times, Array, Array]:
    """Typical times of jobs, and how they move; see :func:`slopes`."""
    return slopes(lambda numbers: times(jobs, numbers))


def slopes(at: Callable[[Numbers], Times]) -> tuple[Times, Array, Array]:
    """Typical times, and by how much the logarithms of TTFT and TPOT move with that of a factor.

    The last two have a row per time and a column per factor; a factor that a time does not depend
    on has 0, one that it is proportional to 1.
    """
    numbers = shipped()
    base = at(numbers)
    moved = [at(slowed(numbers, factor, float(np.exp(_STEP)))) for factor in FACTORS]
    ttft = np.stack([np.log(one.ttft_s / base.ttft_s) / _STEP for one in moved], axis=1)
    tpot = np.stack([np.log(one.tpot_s / base.tpot_s) / _STEP for one in moved], axis=1)
    return base, ttft, tpot


def slowed(numbers: Numbers, factor: Factor, by: float) -> Numbers:
    """The coefficients of a machine on which something takes ``by`` times as long."""
    return Numbers(_serving(numbers.serving, factor, by), _single(numbers.single, factor, by))


def _serving(c: ServingCoefficients, factor: Factor, by: float) -> ServingCoefficients:
    if factor == "reading":
        return replace(
            c,
            read_weights=c.read_weights / by,
            read_experts=c.read_experts / by,
            read_cache=c.read_cache / by,
            compute_step=c.compute_step / by,
        )
    if factor == "launching":
        first, second, third = c.launch_s
        request = c.request_s
        return replace(
            c,
            launch_s=(first * by, second * by, third * by),
            launch_attention_data=c.launch_attention_data * by,
            request_s=(request[0] * by, request[1] * by, request[2] * by),
            exchange_s=c.exchange_s * by,
            step_s=c.step_s * by,
            first_launch_s=c.first_launch_s * by,
        )
    return replace(
        c,
        compute_bf16=c.compute_bf16 / by,
        compute_fp8=c.compute_fp8 / by,
        compute_fp4=c.compute_fp4 / by,
    )


def _single(numbers: SingleStream, factor: Factor, by: float) -> SingleStream:
    d, p = numbers.decode, numbers.prefill
    if factor == "reading":
        decode = replace(
            d,
            efficiency=_times(d.efficiency, 1 / by),
            bytes_per_cycle=_times(d.bytes_per_cycle, 1 / by),
            unpack=_times(d.unpack, by),
        )
        return replace(numbers, decode=decode)
    if factor == "launching":
        decode = replace(
            d,
            launch_us=_times(d.launch_us, by),
            expert_us=d.expert_us * by,
            recurrent_us=d.recurrent_us * by,
            die_us=d.die_us * by,
            handover_ms=d.handover_ms * by,
        )
        return replace(numbers, decode=decode, prefill=replace(p, launch_us=p.launch_us * by))
    prefill = replace(
        p,
        efficiency=_times(p.efficiency, 1 / by),
        per_watt=_times(p.per_watt, 1 / by),
        reads=p.reads * by,
    )
    return replace(numbers, prefill=prefill)


def _times(table: Table, by: float) -> Table:
    return {key: value * by for key, value in table.items()}

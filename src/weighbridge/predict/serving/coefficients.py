"""How much of the paper figures engines reach: fitted numbers, and what they were fitted on.

``tools/fit_serving.py`` writes the file; :mod:`weighbridge.predict.serving.step_time` and
:mod:`weighbridge.predict.serving.latency` say what each number does.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from typing import Any, Final

from weighbridge.core.estimate import EngineName

# Numbers that differ by engine are tuples in this order.
ENGINES: Final[tuple[EngineName, ...]] = ("vllm", "sglang", "trtllm")
PerEngine = tuple[float, float, float]
# Among the names of devices: those that the fit has no runs of.
OTHERS: Final = "others"


@dataclass(frozen=True, slots=True)
class ServingCoefficients:
    """Medians; all are positive.

    Attributes:
        read_weights: share of the memory bandwidth at which dense weights are read.
        read_experts: the same of experts.
        read_cache: the same of keys and values.
        compute_step: share of the dense rate that products of a decoding step reach.
        compute_bf16: the same in prefill, in 16 bits,
        compute_fp8: ... in fp8 and int8,
        compute_fp4: ... in fp4.
        compute_experts: a further factor for experts in prefill: many small products.
        launch_s: seconds per kernel in a decoding step, by engine.
        launch_width: exponent of hidden / 5120 on it: wide models have longer kernels.
        launch_blackwell: factor on it for Blackwell.
        launch_attention_data: further seconds per kernel with data-parallel attention.
        kernels_softmax: kernels of an attention layer,
        kernels_latent: ... of an MLA layer,
        kernels_dense: ... of a dense feed-forward part,
        kernels_routed: ... of one with experts,
        kernels_shared: ... of a shared expert,
        kernels_quantize: ... that bring the inputs of one product into a short format.
        exchange_s: seconds of one all-reduce among devices of a domain, message aside.
        exchange_share: share of the link's bandwidth that its message reaches.
        exchange_pcie_s: as ``exchange_s`` where devices are joined by PCIe only,
        exchange_pcie_share: ... and as ``exchange_share``.
        step_s: seconds per step beside all layers.
        request_s: seconds per step and running request, by engine.
        interference: how long other requests' prefill holds up a step, as a multiple of the time
            that it takes by itself.
        expert_spread: distinct experts touched by a batch, relative to independent uniform choices:
            the exponent's share of the batch.
        first_floor_s: seconds to a first token beside all that follows, by engine.
        first_floor_old_s: the same of TensorRT-LLM before 1.1.
        first_launch_s: seconds per kernel of a prefill step, which is not captured in graphs.
        first_width: exponent of hidden / 5120 on it.
        first_attention_data: exponent of the copies of attention on the time to first token.
        first_stretch: how much longer a prompt takes in company than alone, by engine.
        first_queue: share of the other running requests whose prefill one has to wait for.
        first_queue_old: the same of SGLang before 0.5.5, where requests keep in step.
        speculation: how many times faster decoding is with multi-token prediction.
    """

    read_weights: float
    read_experts: float
    read_cache: float
    compute_step: float
    compute_bf16: float
    compute_fp8: float
    compute_fp4: float
    compute_experts: float
    launch_s: PerEngine
    launch_width: float
    launch_blackwell: float
    launch_attention_data: float
    kernels_softmax: float
    kernels_latent: float
    kernels_dense: float
    kernels_routed: float
    kernels_shared: float
    kernels_quantize: float
    exchange_s: float
    exchange_share: float
    exchange_pcie_s: float
    exchange_pcie_share: float
    step_s: float
    request_s: PerEngine
    interference: float
    expert_spread: float
    first_floor_s: PerEngine
    first_floor_old_s: float
    first_launch_s: float
    first_width: float
    first_attention_data: float
    first_stretch: PerEngine
    first_queue: PerEngine
    first_queue_old: float
    speculation: float


@dataclass(frozen=True, slots=True)
class Spread:
    """Factors from a prediction to the ends of its 80 % interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Intervals:
    """80 % intervals of a model that was not in the fit, by device.

    Attributes:
        users: exponent of users / 32 on the logarithms of the ends of TTFT's.
        ttft: by the device's name, for 32 users; :data:`OTHERS` are devices without runs.
        tpot: likewise, for any number of users.
    """

    users: float
    ttft: Mapping[str, Spread]
    tpot: Mapping[str, Spread]


@dataclass(frozen=True, slots=True)
class Fitted:
    """The content of the file.

    Attributes:
        coefficients: the numbers.
        ttft: spread of the time to first token of all runs, on models left out of the fit.
        tpot: spread of the time per output token, likewise.
        intervals: the same in more detail, and on devices left out of the fit.
        source: what they were fitted on, in words.
        date: when.
        devices: names of those with enough runs in the fit for predictions to be trusted on them.
    """

    coefficients: ServingCoefficients
    ttft: Spread
    tpot: Spread
    intervals: Intervals
    source: str
    date: str
    devices: frozenset[str]


@cache
def fitted() -> Fitted:
    """The coefficients that ship with the package."""
    path = resources.files("weighbridge.predict") / "coefficients" / "serving.toml"
    return decode(tomllib.loads(path.read_text(encoding="utf-8")))


def decode(table: dict[str, Any]) -> Fitted:
    """The coefficients of a parsed file; numbers by engine are tables there."""
    values: dict[str, Any] = {
        field.name: _value(table["coefficients"][field.name])
        for field in fields(ServingCoefficients)
    }
    return Fitted(
        coefficients=ServingCoefficients(**values),
        ttft=Spread(**table["spread"]["ttft"]),
        tpot=Spread(**table["spread"]["tpot"]),
        intervals=_intervals(table["interval"]),
        source=table["source"],
        date=str(table["date"]),
        devices=frozenset(table["devices"]),
    )


def _intervals(table: dict[str, Any]) -> Intervals:
    ttft, tpot = (
        {name: Spread(*ends) for name, ends in table[what].items()} for what in ("ttft", "tpot")
    )
    return Intervals(float(table["users"]), ttft, tpot)


def _value(entry: float | dict[str, float]) -> float | PerEngine:
    if not isinstance(entry, dict):
        return float(entry)
    first, second, third = (float(entry[engine]) for engine in ENGINES)
    return first, second, third

"""Ways to serve models, as arrays: thousands are timed in one go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from weighbridge.core.estimate import Engine, Parallelism
from weighbridge.core.machine import Arithmetic, Device
from weighbridge.predict.serving.coefficients import ENGINES
from weighbridge.predict.versions import parse_version
from weighbridge.predict.work import Format, Group, Work

Array: TypeAlias = NDArray[np.float64]

_OLD_SGLANG = (0, 5, 5)
# Dynamo numbers its images of TensorRT-LLM from 0 on; those are newer.
_OLD_TRTLLM = ((1, 0), (1, 1))


@dataclass(frozen=True, slots=True)
class Scene:
    """One way to serve one model to a number of users who each wait for their answer.

    Attributes:
        work: the model in its number format.
        device: on what.
        engine: by which engine.
        parallelism: over how many devices.
        users: requests in flight on this replica.
        prompt: tokens of each prompt.
        output: tokens of each answer.
        slots: requests that run at once; others wait.
        kv_bytes: per number in the cache.
        speculative: whether multi-token prediction is on.
    """

    work: Work
    device: Device
    engine: Engine
    parallelism: Parallelism
    users: float
    prompt: float
    output: float
    slots: float = float("inf")
    kv_bytes: float = 2.0
    speculative: bool = False


@dataclass(frozen=True, slots=True)
class Scenes:
    """Many scenes, one array per quantity; see :class:`Work` and :class:`Scene` for meanings.

    Rates are dense operations per second of one device in the arithmetic that a group of weights
    runs in; ``fp8`` and ``fp4`` say, per group, which that is (1 or 0).
    """

    attention: Array
    attention_bytes: Array
    attention_rate: Array
    attention_fp8: Array
    attention_fp4: Array
    attention_quantized: Array
    dense: Array
    dense_bytes: Array
    dense_rate: Array
    dense_fp8: Array
    dense_fp4: Array
    dense_quantized: Array
    experts: Array
    experts_bytes: Array
    experts_rate: Array
    experts_fp8: Array
    experts_fp4: Array
    experts_quantized: Array
    head: Array
    head_bytes: Array
    rate_16: Array
    bandwidth: Array
    link: Array
    pcie: Array
    blackwell: Array
    depth: Array
    hidden: Array
    softmax: Array
    normed: Array
    latent: Array
    sparse: Array
    recurrent: Array
    dense_layers: Array
    routed: Array
    shared: Array
    expert_count: Array
    active_share: Array
    kv_values: Array
    kv_limited: Array
    kv_limit: Array
    kv_heads: Array
    state_bytes: Array
    score: Array
    score_limited: Array
    decode_score: Array
    decode_score_limited: Array
    tensor: Array
    expert_groups: Array
    attention_data: Array
    devices: Array
    engine: Array
    old_sglang: Array
    old_trtllm: Array
    users: Array
    prompt: Array
    output: Array
    slots: Array
    kv_bytes: Array
    speculative: Array


def scenes(rows: Sequence[Scene]) -> Scenes:
    """Lay out ``rows`` as arrays, in their order.

    The devices' rates must be known: see :func:`timeable`.
    """
    known: dict[tuple[int, int], tuple[float, ...]] = {}
    table = []
    for row in rows:
        key = (id(row.work), id(row.device))
        if key not in known:
            known[key] = (*_weights(row.work, row.device), *_shape(row.work))
        table.append(known[key] + _serving(row))
    columns = np.array(table, dtype=np.float64).reshape(len(table), len(fields(Scenes))).T
    return Scenes(*columns)


def timeable(device: Device) -> bool:
    """Whether a device's figures suffice to time anything on it."""
    return device.rate("bf16") is not None and device.bandwidth_bytes_per_s > 0


def arithmetic(format_: Format, device: Device) -> Arithmetic:
    """The arithmetic in which products of a format run on a device.

    Formats that only shorten weights, and those without support in hardware, run in 16 bits.
    """
    if format_ in {"bf16", "weights only"}:
        return "bf16"
    known = {rate.arithmetic for rate in device.rates}
    if format_ in known:
        return format_
    # Without units for fp4 its weights are unpacked to 16 bits, not to 8.
    return "bf16"


def _weights(work: Work, device: Device) -> tuple[float, ...]:
    head = (work.head.parameters, work.head.bytes)
    groups = (work.attention, work.dense, work.experts)
    bf16 = device.rate("bf16")
    own = (
        bf16.flops if bf16 else 0.0,
        device.bandwidth_bytes_per_s,
        max(device.link.bytes_per_s, 1.0),
        float(device.link.kind not in {"nvlink", "infinity fabric"}),
        float(device.generation == "Blackwell"),
    )
    return tuple(value for group in groups for value in _group(group, device)) + head + own


def _group(group: Group, device: Device) -> tuple[float, ...]:
    runs_in = arithmetic(group.format, device)
    rate = device.rate(runs_in)
    return (
        group.parameters,
        group.bytes,
        rate.flops if rate else 0.0,
        float(runs_in in {"fp8", "int8"}),
        float(runs_in == "fp4"),
        float(group.quantized_activations and runs_in != "bf16"),
    )


def _shape(work: Work) -> tuple[float, ...]:
    kernels = work.kernels
    return (
        work.depth,
        work.hidden,
        kernels.softmax,
        kernels.normed,
        kernels.latent,
        kernels.sparse,
        kernels.recurrent,
        kernels.dense,
        kernels.routed,
        kernels.shared,
        work.expert_count,
        work.active_share,
        work.kv_values,
        work.kv_limited_values,
        work.kv_limit,
        work.kv_heads,
        work.state_bytes,
        work.score_width,
        work.score_limited_width,
        work.decode_score_width,
        work.decode_score_limited_width,
    )


def _serving(row: Scene) -> tuple[float, ...]:
    spread, version = row.parallelism, parse_version(row.engine.version)
    name = row.engine.name
    return (
        spread.tensor,
        spread.expert,
        spread.attention_data,
        # The stages of a pipeline take turns: what one token waits for, they do not shorten.
        spread.tensor * spread.attention_data,
        ENGINES.index(name),
        float(name == "sglang" and version < _OLD_SGLANG),
        float(name == "trtllm" and _OLD_TRTLLM[0] <= version < _OLD_TRTLLM[1]),
        row.users,
        row.prompt,
        row.output,
        max(row.slots, 1.0),
        row.kv_bytes,
        float(row.speculative),
    )

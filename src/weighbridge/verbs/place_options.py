"""The configurations of one model that a placement chooses from: their memory and speed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from weighbridge.core.errors import InputError
from weighbridge.core.estimate import Engine, Parallelism, Settings
from weighbridge.core.machine import Machine
from weighbridge.core.placement import Option
from weighbridge.predict.calibration import Calibration, of_device
from weighbridge.predict.memory.use import memory_on
from weighbridge.predict.rows import Numbers, shipped
from weighbridge.predict.search.calibrated import correction_by
from weighbridge.predict.serving.latency import Latency, latency
from weighbridge.predict.serving.scenes import Array, Scene, scenes, timeable
from weighbridge.predict.table import Model, kv_bytes_per_value
from weighbridge.verbs.place_file import Demand

# vLLM is told its share of a device with three decimals.
SHARE_STEP: Final = 1000
_FORMAT_STEP: Final = 0.01
_TENSOR: Final = (1, 2, 4, 8)

Resolve = Callable[[str, str], Model]
"""From a model's name and a number format to the model."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one model of one wanted is asked for.

    Attributes:
        model: its name.
        quality: how good it is.
        demand: traffic, context and formats.
        server: what servers that others may use are called after; "" for servers of its own.
        server_users: sequences of all who may use such a server together.
        server_context: the longest of their contexts.
    """

    model: str
    quality: float
    demand: Demand
    server: str = ""
    server_users: int = 0
    server_context: int = 0


def with_users(asked: Asked, users: int) -> Asked:
    """The same with another number of requests in flight."""
    demand = msgspec.structs.replace(asked.demand, users=users)
    together = asked.server_users + users - asked.demand.users if asked.server else 0
    return replace(asked, demand=demand, server_users=together)


@dataclass(frozen=True, slots=True)
class _Variant:
    """One configuration on one kind of machine."""

    asked: Asked
    machine: Machine
    model: Model
    format: str
    preference: int
    tensor: int
    replicas: int

    @property
    def users(self) -> int:
        return math.ceil(self.asked.demand.users / self.replicas)

    def settings(self, version: str) -> Settings:
        shared = bool(self.asked.server)
        users = self.asked.server_users if shared else self.users
        return Settings(
            engine=Engine("vllm", version),
            context=self.asked.server_context if shared else self.asked.demand.context,
            users=users,
            parallelism=Parallelism(self.tensor),
            kv_bytes_per_value=kv_bytes_per_value("vllm", self.model),
            utilisation=1.0,
            max_num_seqs=max(users, 1),
        )


@dataclass(frozen=True, slots=True)
class _Speed:
    """How fast one server is while all its users are served and nothing else computes."""

    ttft_s: float
    tpot_s: float
    requests_per_s: float


def options(
    asked: Sequence[Asked],
    machines: Sequence[Machine],
    resolve: Resolve,
    *,
    version: str,
    device_cost: float,
    calibrations: Sequence[Calibration] = (),
) -> tuple[Option, ...]:
    """All configurations of these models on these kinds of machines.

    All that are asked together have the same demand.

    Raises:
        InputError: a model or a device is not known well enough to predict it.
    """
    kinds = {machine.device.name: machine for machine in machines}.values()
    variants = [v for one in asked for machine in kinds for v in _variants(one, machine, resolve)]
    if not variants:
        return ()
    timed = _timed(variants, version, calibrations)
    return tuple(
        _option(v, _Speed(float(first), float(each), float(rate)), version, device_cost)
        for v, first, each, rate in zip(
            variants, timed.ttft_s, timed.tpot_s, timed.requests_per_s, strict=True
        )
    )


def _timed(
    variants: Sequence[_Variant], version: str, calibrations: Sequence[Calibration]
) -> Latency:
    """Typical latencies with all users in flight, as the user's own measurements correct them."""
    table = scenes([_scene(v, version) for v in variants])

    def at(users: Array, numbers: Numbers) -> Latency:
        return latency(replace(table, users=users), numbers.serving)

    timed = at(table.users, shipped())
    each = [of_device(calibrations, v.machine.device.name, "vllm") for v in variants]
    by = correction_by(each, [v.model.name for v in variants], at, table.users)
    if by is None:
        return timed
    return by.applied(timed, float(variants[0].asked.demand.output_tokens))


def _variants(asked: Asked, machine: Machine, resolve: Resolve) -> Iterator[_Variant]:
    if not timeable(machine.device):
        raise InputError(
            f"How fast {machine.device.name} computes is not known.",
            fix="State `tflops` and `bandwidth` under `machines`.",
        )
    seen = set()
    for preference, precision in enumerate(asked.demand.formats):
        model = resolve(asked.model, precision)
        if model.quantization.name in seen:
            continue
        seen.add(model.quantization.name)
        most = min(machine.device.link.domain, machine.count)
        sizes = asked.demand.tensor or tuple(size for size in _TENSOR if size <= most)
        for tensor in sizes:
            # vLLM divides the heads of attention among devices.
            if model.footprint.heads % tensor:
                continue
            for replicas in range(1, asked.demand.max_replicas + 1):
                yield _Variant(asked, machine, model, precision, preference, tensor, replicas)


def _scene(v: _Variant, version: str) -> Scene:
    return Scene(
        work=v.model.work,
        device=v.machine.device,
        engine=Engine("vllm", version),
        parallelism=Parallelism(v.tensor),
        users=v.users,
        prompt=v.asked.demand.prompt_tokens,
        output=v.asked.demand.output_tokens,
        slots=v.users,
        kv_bytes=kv_bytes_per_value("vllm", v.model),
    )


def _option(v: _Variant, speed: _Speed, version: str, device_cost: float) -> Option:
    asked, device = v.asked, v.machine.device
    shared, sequence = _bytes(v, version)
    own = _stepped(v.users * sequence, device.memory_bytes)
    total = own + shared
    name = f"{asked.model} {v.model.quantization.name} · TP{v.tensor}"
    share = total / device.memory_bytes * v.tensor * v.replicas
    return Option(
        label=name if v.replicas == 1 else f"{name} ×{v.replicas}",
        memory_bytes=total,
        load=asked.demand.requests_per_s / (speed.requests_per_s * v.replicas),
        quality=asked.quality * (1 - _FORMAT_STEP * v.preference),
        devices=v.tensor,
        replicas=v.replicas,
        requests_per_s=speed.requests_per_s,
        ttft_ms=speed.ttft_s * 1e3,
        tpot_ms=speed.tpot_s * 1e3,
        cost=device_cost * share,
        device=device.name,
        server=f"{name} · {device.name}" if asked.server else "",
        shared_bytes=shared if asked.server else 0.0,
    )


def _bytes(v: _Variant, version: str) -> tuple[float, float]:
    """What a server takes whoever uses it (90 % certain), and what one sequence adds."""
    settings = v.settings(version)
    use = memory_on(v.machine, v.model.footprint, v.model.weights, settings)
    if use.sequence_bytes is None:
        raise InputError(
            f"How vLLM lays out the cache of {v.asked.model} is not modelled.",
            fix="Leave it out, and give it devices of its own.",
        )
    parts = (use.weights, use.activation, use.overhead, use.graphs)
    middle = sum(part.value for part in parts)
    reach = math.hypot(*(part.high - part.value for part in parts))
    # A sequence of a shorter context than the server's takes its part of the longest.
    part = v.asked.demand.context / settings.context
    sequence = use.sequence_bytes * min(1.0, part)
    return _stepped(middle + reach, v.machine.device.memory_bytes), sequence


def _stepped(count: float, of: float) -> float:
    """Bytes rounded up to the next share of a device that vLLM can be told."""
    return math.ceil(SHARE_STEP * count / of) * of / SHARE_STEP

"""The configurations of one model that a placement chooses from: their memory and speed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
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
# Requests that one server may run at once, to choose from where nobody says how many; 256 are what
# vLLM allows by itself on most devices.
_SLOTS: Final = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
# More at once keep a device less busy with the same traffic, and take more memory: which is worth
# it depends on what else lies there.
_ROOMIER: Final = (2, 4)
_WORTH: Final = 0.95
_DEVIATIONS: Final = 2.0

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


def together(demands: Sequence[Demand]) -> int:
    """Sequences of all who may use a server together."""
    said = [demand.users for demand in demands if demand.users is not None]
    return sum(said) if len(said) == len(demands) else _SLOTS[-1]


def changed(asked: Asked, change: Mapping[str, object]) -> Asked:
    """The same with another demand, on a server of its own."""
    demand = msgspec.structs.replace(asked.demand, **change)
    return replace(asked, demand=demand, server="")


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
    users: int

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
    """How fast one server is while all its slots are taken and nothing else computes."""

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
    most_load: float = 1.0,
    calibrations: Sequence[Calibration] = (),
) -> tuple[Option, ...]:
    """All configurations of these models on these kinds of machines.

    All that are asked together have the same demand. Where it does not say how many requests are in
    flight, there are as many slots as keep devices busy ``most_load`` of the time at most, and some
    more.

    Raises:
        InputError: a model or a device is not known well enough to predict it.
    """
    kinds = {machine.device.name: machine for machine in machines}.values()
    variants = [v for one in asked for machine in kinds for v in _variants(one, machine, resolve)]
    if not variants:
        return ()
    timed = _timed(variants, version, calibrations)
    rows = zip(timed.ttft_s, timed.tpot_s, timed.requests_per_s, strict=True)
    speeds = [_Speed(float(first), float(each), float(rate)) for first, each, rate in rows]
    return tuple(
        _option(v, speed, version, device_cost)
        for v, speed in _with_slots(list(zip(variants, speeds, strict=True)), most_load)
    )


def _with_slots(
    ways: Sequence[tuple[_Variant, _Speed]], most_load: float
) -> Iterator[tuple[_Variant, _Speed]]:
    """Of each configuration those numbers of slots that it is worth to choose from."""
    if ways[0][0].asked.demand.users is not None:
        yield from ways
        return
    for at in range(0, len(ways), len(_SLOTS)):
        yield from _worthwhile(ways[at : at + len(_SLOTS)], most_load)


def _worthwhile(
    ways: Sequence[tuple[_Variant, _Speed]], most_load: float
) -> Iterator[tuple[_Variant, _Speed]]:
    """The fewest slots that do, and more as far as they help; where none do, the fastest.

    Slots beyond the fewest are for when other servers compute: alone, no more requests are in
    flight, and none takes longer.
    """
    variant = ways[0][0]
    rate = variant.asked.demand.requests_per_s / variant.replicas
    enough = (
        rate <= most_load * speed.requests_per_s and _seldom_full(v.users, rate, speed)
        for v, speed in ways
    )
    first = next((at for at, does in enumerate(enough) if does), None)
    if first is None:
        yield max(ways, key=lambda way: way[1].requests_per_s)
        return
    fewest, alone = ways[first][0].users, ways[first][1]
    yield ways[first]
    before = alone.requests_per_s
    for v, speed in ways[first + 1 :]:
        times = v.users / fewest
        if times in _ROOMIER and speed.requests_per_s * _WORTH > before:
            before = speed.requests_per_s
            yield v, replace(alone, requests_per_s=before)


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


def _seldom_full(slots: int, rate: float, speed: _Speed) -> bool:
    """Whether requests that come independently of each other seldom find all slots taken.

    In flight are, by Little's law, as many as arrive while one is served; their number scatters as
    Poisson's does, and is rarely above two standard deviations.
    """
    in_flight = slots * rate / speed.requests_per_s
    return in_flight + _DEVIATIONS * math.sqrt(in_flight) <= slots


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
                users = asked.demand.users
                for slots in _SLOTS if users is None else (math.ceil(users / replicas),):
                    yield _Variant(
                        asked, machine, model, precision, preference, tensor, replicas, slots
                    )


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
        users=v.users,
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

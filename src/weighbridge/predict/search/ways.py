"""Ways to serve models on a machine, with what they take and how fast they are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from weighbridge.core.candidate import Candidate
from weighbridge.core.estimate import Engine, MemoryUse, Offload, Parallelism, Settings
from weighbridge.core.machine import Machine
from weighbridge.core.plan import Requirements
from weighbridge.core.provenance import Interval
from weighbridge.core.workload import Workload
from weighbridge.predict.calibration import Calibration
from weighbridge.predict.memory.engine_defaults import batch
from weighbridge.predict.memory.use import memory_on
from weighbridge.predict.search.models import ModelFacts, form, shape_of
from weighbridge.predict.search.runs_on import engines_on
from weighbridge.predict.search.space import (
    GGUF_CACHE,
    formats_for,
    keeps,
    short_cache,
    spreads,
    supports,
    usual_engines,
    worth_trying,
)
from weighbridge.predict.table import Model, kv_bytes_per_value

# What llama.cpp's server is given where nobody says how many users there are.
_OPEN_SLOTS: Final = 8
# Standard deviations of the requests in flight, about their square root, that find a slot.
_CROWDED: Final = 3.0
_ROUNDING: Final = 1e-6
# Bytes per number of a cache in 16 bits.
LONG_CACHE: Final = 2.0
# Devices that mainboards take; a link may join more.
_MOST_IN_A_HOST: Final = 8


@dataclass(frozen=True, slots=True)
class Way:
    """One way to serve one model.

    Attributes:
        facts: the model.
        form: the model in its number format.
        format: that format's name among those of the search.
        machine: on what.
        settings: what each replica's engine is told.
        replicas: servers side by side.
        known: what the user's own measurements say of devices under engines.
    """

    facts: ModelFacts
    form: Model
    format: str
    machine: Machine
    settings: Settings
    replicas: int
    known: tuple[Calibration, ...] = ()

    @property
    def candidate(self) -> Candidate:
        """As a record."""
        return Candidate(
            self.facts.name,
            self.form.quantization.name,
            self.settings,
            self.replicas,
            source=self.facts.source,
            published=self.form.quantization is self.facts.native,
        )


def ways(
    facts: ModelFacts,
    machine: Machine,
    asked: Requirements,
    known: tuple[Calibration, ...] = (),
) -> Iterator[Way]:
    """Every sensible way to serve a model on a machine; whether it fits is not asked."""
    # Only one engine loads such files, or has such a cache.
    local = facts.gguf or asked.kv_bytes_per_value == GGUF_CACHE
    usual = engines_on if local else usual_engines
    chosen = asked.engines or tuple(Engine(name) for name in usual(machine.device))
    for engine in chosen:
        if not supports(engine.name, facts, machine.device) or not keeps(
            engine.name, machine.device, shape_of(facts), asked.kv_bytes_per_value
        ):
            continue
        formats = formats_for(engine.name, machine.device, facts)
        if asked.formats:
            formats = tuple(name for name in formats if _wanted(name, facts, asked.formats))
        for name in worth_trying(formats, machine, facts):
            for spread in spreads(engine.name, machine, facts):
                one = way(facts, name, machine=machine, engine=engine, spread=spread, asked=asked)
                yield replace(one, known=known) if known else one


def way(
    facts: ModelFacts,
    format_name: str,
    *,
    machine: Machine,
    engine: Engine,
    spread: Parallelism,
    asked: Requirements,
) -> Way:
    """One way, its settings made for the workload."""
    model, load = form(facts, format_name), asked.workload
    arriving = load.requests_per_s is not None
    # How many are in flight at a rate follows from the times: then all devices are used, and as
    # many run at once as the engine lets; llama.cpp has to be told.
    users = _crowd(machine, spread, engine) if arriving else load.users
    replicas = _replicas(machine, spread, users)
    share = math.ceil(users / replicas / spread.attention_data)
    settings = Settings(
        engine=engine,
        context=asked.workload.longest,
        users=share,
        parallelism=spread,
        kv_bytes_per_value=asked.kv_bytes_per_value or _cache_format(engine, machine, model),
        utilisation=asked.utilisation,
        max_num_seqs=None if arriving else _slots(share),
    )
    return Way(facts, model, format_name, machine, settings, replicas)


def memory_of(one: Way) -> MemoryUse:
    """What a way takes on the fullest device."""
    return memory_on(one.machine, one.form.footprint, one.form.weights, one.settings)


def memory_of_typical(one: Way, use: MemoryUse, workload: Workload) -> MemoryUse:
    """The same memory, its cache counted in sequences as long as the workload's requests are.

    Where blocks are handed out as sequences grow, the longest context only has to fit once.
    llama.cpp sets the whole context aside for every slot.
    """
    settings, typical = one.settings, workload.prompt_tokens + workload.output_tokens
    if settings.engine.name == "llama.cpp" or typical >= settings.context or use.cache.value <= 0:
        return use
    short = memory_of(replace(one, settings=replace(settings, context=typical)))
    held = short.concurrency
    if held is None or short.cache.value <= 0:
        return use
    # The cache is what is left beside steps of the longest context.
    part = use.cache.value / short.cache.value
    held = Interval(held.value * part, held.low * part, held.high * part, held.level)
    return replace(use, sequence_bytes=short.sequence_bytes, concurrency=held)


def with_flying(one: Way, flying: float) -> Settings:
    """Settings for so many requests in flight on all replicas, as a rate of arrivals brings about.

    Arrivals at random times come in bunches: slots are left for three standard deviations more.
    """
    settings = one.settings
    if settings.engine.name == "llama.cpp":
        return settings  # its slots were told beforehand, and what they take is set aside
    share = flying / one.replicas / settings.parallelism.attention_data
    slots = _slots(math.ceil(share + _CROWDED * math.sqrt(share)))
    if settings.engine.name != "sglang":  # which knows no limit of its own
        device = one.machine.device
        slots = min(slots, batch(settings, device.memory_bytes, device.name).sequences)
    users = max(1, math.ceil(share - _ROUNDING))
    return replace(settings, users=users, max_num_seqs=max(slots, users))


def hopeless(one: Way) -> bool:
    """Whether its weights alone, evenly divided, exceed the devices: then no more needs computing.

    What llama.cpp leaves to the host does not count.
    """
    if one.settings.offload != Offload():
        return False
    devices = one.settings.parallelism.devices
    return one.form.weights.total > devices * one.machine.device.memory_bytes


def with_users(one: Way, users: int) -> Way:
    """The same way for another number of users in all."""
    spread = one.settings.parallelism
    replicas = _replicas(one.machine, spread, users)
    share = math.ceil(users / replicas / spread.attention_data)
    settings = replace(one.settings, users=share, max_num_seqs=_slots(share))
    return replace(one, settings=settings, replicas=replicas)


def on_more(one: Way, asked: Requirements, count: int) -> list[Way]:
    """The same model, format and engine on a machine with so many devices."""
    asked = replace(asked, kv_bytes_per_value=one.settings.kv_bytes_per_value)
    machine, engine = replace(one.machine, count=count), one.settings.engine
    found = [
        way(one.facts, one.format, machine=machine, engine=engine, spread=spread, asked=asked)
        for spread in spreads(engine.name, machine, one.facts)
    ]
    return [replace(each, known=one.known) for each in found]


def larger(machine: Machine) -> tuple[int, ...]:
    """Counts of devices beyond those of a machine, up to what one host or link domain takes.

    What is a computer of its own (Apple's, a CPU) comes alone.
    """
    if machine.device.kind != "gpu":
        return ()
    most = max(_MOST_IN_A_HOST, machine.device.link.domain)
    return tuple(range(machine.count + 1, most + 1))


def _cache_format(engine: Engine, machine: Machine, model: Model) -> float:
    """What checkpoint and engine choose, where the device can compute with it."""
    chosen = kv_bytes_per_value(engine.name, model)
    if engine.name == "llama.cpp" or short_cache(engine.name, machine.device, model.footprint):
        return chosen
    return max(chosen, LONG_CACHE)


def _crowd(machine: Machine, spread: Parallelism, engine: Engine) -> int:
    """Users that settings are made for where requests arrive at a rate."""
    copies = machine.count // spread.devices * spread.attention_data
    return max(1, copies) * (_OPEN_SLOTS if engine.name == "llama.cpp" else 1)


def _replicas(machine: Machine, spread: Parallelism, users: int) -> int:
    """As many as there is room for, but none without a user."""
    return max(1, min(machine.count // spread.devices, users))


def _slots(users: int) -> int:
    """Sequences that an engine is told to run at once: a power of two, as graphs are captured."""
    return 1 << (max(users, 1) - 1).bit_length()


def _wanted(name: str, facts: ModelFacts, formats: tuple[str, ...]) -> bool:
    """Whether a format is among those asked for, by the search's name or by the model's own."""
    own = facts.native.name if name == "native" else name
    keys = {name.lower(), own.lower(), own.lower().partition(" ")[0]}
    return any(each.lower() in keys for each in formats)

"""``weigh tune-estimate``: what adapting a model takes, before anybody rents a GPU for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from weighbridge.core.errors import InputError
from weighbridge.core.machine import Device, Machine
from weighbridge.core.provenance import Interval, Provenance
from weighbridge.core.tuning import (
    Advice,
    HourPrice,
    TuningCost,
    TuningMemory,
    TuningRun,
    TuningTime,
    Verdict,
)
from weighbridge.core.units import format_count, format_tokens
from weighbridge.facts.devices.rows import entries
from weighbridge.facts.licenses.intents import parse_intents
from weighbridge.facts.licenses.questions import answer
from weighbridge.predict.tuning.advice import advice, labour_note
from weighbridge.predict.tuning.changes import Change, changes
from weighbridge.predict.tuning.coefficients import coefficients
from weighbridge.predict.tuning.memory import tuning_memory
from weighbridge.predict.tuning.shapes import shape_of
from weighbridge.predict.tuning.speed import training_time
from weighbridge.predict.tuning.support import Doubt, doubts
from weighbridge.verbs.plan_models import NO_GENERATORS, chosen
from weighbridge.verbs.tune_question import Question

if TYPE_CHECKING:
    from weighbridge.core.effects import Clock
    from weighbridge.facts.catalog.catalogue import Catalogue
    from weighbridge.facts.prices import Prices
    from weighbridge.predict.search.models import ModelFacts

_METHOD: Final = "counted tensors; interval from published runs"
# Below it, what is not counted takes longer than what is.
_SHORT_HOURS: Final = 0.25
# Devices of so many times the least memory count as equally small.
_ABOUT: Final = 1.05
_START: Final = (
    "Loading, compiling and saving take minutes and are not counted, and small models do not "
    "fill a GPU: so short a run takes longer than this."
)
_NOT_RUN: Final = (
    "It has no room there, so there are no hours and no cost; ask again with one of the changes."
)
_ROOM: Final = (
    "Room is not support: beside memory only bf16 and, for NF4 and 8-bit states, bitsandbytes are "
    "looked at, and no trainer was started."
)
_TRAINING: Final = parse_intents("finetune")


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether one device of the catalogue has room, and what makes it doubtful that it runs it."""

    device: Device
    fits: Verdict
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True, slots=True)
class TuningEstimate:
    """What adapting a model takes.

    Attributes:
        model: its name.
        parameters: number of its weights.
        run: how it is trained.
        question: what was asked beside.
        memory: of the fullest device.
        fits: whether the machine's devices have room; None without a machine.
        changes: what would give room, where it does not fit for certain.
        devices: the devices of the catalogue, each on its own.
        time: how long; None where tokens, machine or its rate are not known.
        cost: what it costs.
        licence: what the model's licence says to training it.
        advice: what to try first, and what to check afterwards.
        notes: sentences on what is not known or was assumed.
        provenance: of the prediction.
    """

    model: str
    parameters: int
    run: TuningRun
    question: Question
    memory: TuningMemory
    fits: Verdict | None
    changes: tuple[Change, ...]
    devices: tuple[Fit, ...]
    time: TuningTime | None
    cost: TuningCost
    licence: str
    advice: tuple[Advice, ...]
    notes: tuple[str, ...]
    provenance: Provenance


def estimate(
    model: str,
    run: TuningRun,
    question: Question,
    catalogue: Catalogue,
    clock: Clock,
    *,
    prices: Prices | None = None,
) -> TuningEstimate:
    """What the run takes in memory, time and money.

    Args:
        model: a catalogue name, Hub id, folder, config.json or GGUF file.
        run: how it is trained, the number of devices included.
        question: what is asked beside.
        catalogue: where names are looked up.
        clock: says when.
        prices: of GPUs; None to use the question's alone.

    Raises:
        InputError: the model is not known well enough, or the run contradicts itself.
    """
    facts = _facts(model, catalogue, clock)
    shape = shape_of(facts.architecture)
    run = _padded(run, question)
    _check(facts, run, question.machine)
    memory = tuning_memory(shape, run)
    machine = question.machine
    fits = None if machine is None else memory.fits(machine.device.memory_bytes)
    time, slow = _time(facts, run, question, fits)
    price, unpriced = _price(question, prices)
    cost = TuningCost(_compute(time, price, run.devices), question.labour, price)
    unsure = machine is not None and fits != "yes"
    return TuningEstimate(
        model=facts.name,
        parameters=facts.architecture.parameters,
        run=run,
        question=question,
        memory=memory,
        fits=fits,
        changes=changes(shape, run, machine.device.memory_bytes) if machine and unsure else (),
        devices=_devices(memory, run),
        time=time,
        cost=cost,
        licence=_licence(facts),
        advice=advice(run, question.tokens),
        notes=(
            *_model_notes(facts, run, memory),
            *_machine_notes(question, run),
            *slow,
            *unpriced,
            *labour_note(question.labour),
        ),
        provenance=Provenance("predicted", f"{_METHOD}: {coefficients().source}", clock.now_iso()),
    )


def _padded(run: TuningRun, question: Question) -> TuningRun:
    """The run with its examples' length, where each has a sequence of its own."""
    return run if question.packed else replace(run, padded=question.example_tokens)


def _facts(model: str, catalogue: Catalogue, clock: Clock) -> ModelFacts:
    found = chosen(catalogue, [model], clock)
    if not found.facts:
        reason = found.refused[0].reason
        raise InputError(f"{model} cannot be estimated: {reason}", fix="Give its config.json.")
    facts = found.facts[0]
    built = facts.architecture
    if facts.modality in NO_GENERATORS:
        raise InputError(
            f"{facts.name} is a model for {facts.modality}; only text generators are estimated.",
            fix="Name a text generator; `weigh models` lists them.",
        )
    unread = [name for name in built.incomplete if name not in ("vision", "audio")]
    if unread or not built.layers:
        raise InputError(
            f"{facts.name} has weights that are not modelled ({', '.join(unread) or 'layers'}), so "
            "its training memory cannot be told.",
            fix="`weigh inspect` says what is known of it.",
        )
    if not built.vocabulary:
        raise InputError(
            f"{facts.name} does not state its vocabulary, so the size of its logits is not known.",
            fix="Give the config.json that belongs to it.",
        )
    return facts


def _check(facts: ModelFacts, run: TuningRun, machine: Machine | None) -> None:
    if machine is not None and machine.device.kind == "cpu":
        raise InputError(
            f"Training on a processor ({machine.device.name}) is not modelled.",
            fix="Name a GPU: `weigh doctor` shows yours, and any other can be rented.",
        )
    if run.method != "full" and run.rank > facts.architecture.hidden:
        raise InputError(
            f"Rank {run.rank} is above the width of {facts.name}, {facts.architecture.hidden}: "
            "such adapters would be larger than what they adapt.",
            fix="Choose --rank 8 to 256.",
        )
    if run.expert_adapters and not shape_of(facts.architecture).expert_adapters:
        raise InputError(
            f"{facts.name} has no routed experts that could get adapters.",
            fix="Leave --expert-adapters out.",
        )


def _time(
    facts: ModelFacts, run: TuningRun, question: Question, fits: Verdict | None
) -> tuple[TuningTime | None, tuple[str, ...]]:
    """How long it takes, or why that is not known."""
    if question.machine is None or question.tokens is None:
        return None, ()
    if fits == "no":
        return None, (_NOT_RUN,)
    device = question.machine.device
    try:
        found = training_time(
            shape_of(facts.architecture),
            run,
            device,
            question.tokens,
            packed=question.packed,
            length=question.example_tokens,
        )
    except InputError as error:
        return None, (str(error),)
    short = found.hours.high < _SHORT_HOURS
    return found, (_START,) if short else ()


def _price(question: Question, prices: Prices | None) -> tuple[HourPrice | None, tuple[str, ...]]:
    """What an hour of one GPU costs, or why that is not known."""
    stated = question.gpu_price
    if stated is not None:
        said = Provenance("assumed", "--gpu-price", prices.today if prices else "")
        return HourPrice(Interval(stated, stated, stated, 1.0), said), ()
    if question.machine is None or prices is None:
        return None, ()
    from weighbridge.core.prices import is_stale  # noqa: PLC0415 -- few estimates need it
    from weighbridge.verbs.cost_options import gpu_note  # noqa: PLC0415

    try:
        found = prices.find_gpu(question.machine.device.name)
    except InputError as error:
        return None, (f"{error.message} The cost is not known; state it with --gpu-price.",)
    low, high = found.reckoned
    price = HourPrice(Interval(found.median, low, high, 1.0), found.provenance)
    weak = found.is_thin or is_stale(found.provenance, prices.today)
    return price, (gpu_note(found, prices.today),) if weak else ()


def _compute(time: TuningTime | None, price: HourPrice | None, count: int) -> Interval | None:
    """Hours × devices × price; the low end has both low."""
    if time is None or price is None:
        return None
    hours, usd = time.hours, price.usd
    return Interval(
        count * hours.value * usd.value,
        count * hours.low * usd.low,
        count * hours.high * usd.high,
        hours.level,
    )


def _devices(memory: TuningMemory, run: TuningRun) -> tuple[Fit, ...]:
    """Every GPU of the catalogue, the smallest first."""
    found = {
        entry.device.name: Fit(
            entry.device, memory.fits(entry.device.memory_bytes), doubts(entry.device, run)
        )
        for entry in entries()
        if entry.device.kind == "gpu" and entry.device.rate("bf16") is not None
    }
    return tuple(sorted(found.values(), key=lambda fit: (fit.device.memory_bytes, fit.device.name)))


def _licence(facts: ModelFacts) -> str:
    asked = answer(facts.terms, _TRAINING, multimodal="+" in facts.modality)
    return f"{facts.terms.id}: fine-tuning {asked.verdict} – {asked.reasons[0].words}"


def _model_notes(facts: ModelFacts, run: TuningRun, memory: TuningMemory) -> tuple[str, ...]:
    notes: list[str] = []
    bits = facts.native.bits_of("mlp")
    if facts.native.known and bits < 15:
        notes.append(
            f"{facts.name} is stored as {facts.native.name}; training starts from its 16-bit "
            "weights, and figures are for those."
        )
    if facts.context is not None and run.sequence > facts.context:
        notes.append(
            f"Sequences of {run.sequence:,} tokens are longer than its context of "
            f"{format_tokens(facts.context)}."
        )
    if memory.untouched:
        notes.append(f"Without adapters: {', '.join(memory.untouched)}.")
    if facts.architecture.by_component["vision"] or facts.architecture.by_component["audio"]:
        notes.append("Trained on text: towers stay frozen, activations of images are not counted.")
    if facts.architecture.active < facts.architecture.parameters:
        active = format_count(facts.architecture.active)
        notes.append(
            f"Mixture of experts: memory for all weights, time for the {active} active."
            " No such run was there to check the time against: half a dense model's speed is "
            "assumed, and down to a sixth of it."
        )
    return tuple(notes)


def _machine_notes(question: Question, run: TuningRun) -> tuple[str, ...]:
    notes: list[str] = []
    machine = question.machine
    if machine is not None:
        notes += [one.sentence for one in doubts(machine.device, run)]
    notes.append(_ROOM)
    if run.devices > 1:
        notes.append(
            "Weights, gradients and states are divided as FSDP does; each device has its own "
            "batch. The links between devices are not modelled: over PCIe it is slower."
        )
    if not question.packed:
        notes.append(
            "Unpacked: short examples were 3.4 times slower than packed ones in torchtune's own "
            "run. Packing is the first lever."
        )
        notes.append(_lengths(run))
    if machine is not None and machine.device.vendor != "NVIDIA":
        notes.append(
            f"All runs that this was checked against are on NVIDIA; {machine.device.name} is "
            f"of {machine.device.vendor}."
        )
    if machine is not None and any(
        rate.status == "unverified" for rate in machine.device.rates if rate.arithmetic == "bf16"
    ):
        notes.append(f"The 16-bit rate of {machine.device.name} is not verified.")
    if machine is None:
        notes.append("Name a --device for hours and cost.")
    elif question.tokens is None:
        notes.append("Give --tokens, or --examples and --tokens-per-example, for hours and cost.")
    return tuple(notes)


def _lengths(run: TuningRun) -> str:
    """Which lengths memory is for, where each example has a sequence of its own."""
    if run.padded is None:
        return (
            f"Memory is for examples padded to --seq, {run.sequence:,}; --tokens-per-example says "
            "how long they are."
        )
    return (
        f"Memory is for examples of {run.length:,} tokens; its high end is for a batch with one as "
        f"long as --seq, {run.sequence:,}. Lower --seq to your longest example."
    )


def smallest(devices: Sequence[Fit], verdict: Verdict) -> tuple[Fit, ...]:
    """Devices of the least memory for which that is the verdict, without those in doubt."""
    of = [fit for fit in devices if fit.fits == verdict and not fit.doubts]
    least = min((fit.device.memory_bytes for fit in of), default=0)
    return tuple(fit for fit in of if fit.device.memory_bytes <= least * _ABOUT)


def doubtful(devices: Sequence[Fit], verdict: Verdict) -> dict[str, tuple[Fit, ...]]:
    """Devices of that verdict, no larger than the smallest without a doubt, by their doubt."""
    sure = smallest(devices, verdict)
    most = sure[0].device.memory_bytes * _ABOUT if sure else math.inf
    of = [fit for fit in devices if fit.fits == verdict and fit.device.memory_bytes <= most]
    words = dict.fromkeys(doubt.word for fit in of for doubt in fit.doubts)
    return {
        word: tuple(fit for fit in of if word in (doubt.word for doubt in fit.doubts))
        for word in words
    }

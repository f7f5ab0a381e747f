"""What does not fit together in what a user asks of costs: refused, or told in a note."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from weighbridge.core.cost import Capacity, Demand
from weighbridge.core.errors import InputError
from weighbridge.core.units import format_figure, plural
from weighbridge.predict.cost.labels import short
from weighbridge.verbs.cost_asked import Asked, CapacityAsked
from weighbridge.verbs.cost_capacity import CapacityError, Served
from weighbridge.verbs.cost_options import HardwareAsked

if TYPE_CHECKING:
    from weighbridge.facts.catalog.catalogue import Catalogue

# How much more prompt there may be per generated token than where the capacity was found.
_MORE_PROMPT: Final = 1.25
_LEAST: Final = 1e-6
# Slots full of requests must reach the stated speed, up to rounding by hand.
_SLOWER: Final = 2.0
# Beyond this nothing that is computed of both would mean anything.

_ABSURD: Final = 1000.0
# What the GPUs of today compute at most, FLOP/s, for a model of a billion weights.
_MOST_OF_ANY_GPU: Final = 1e16 / (2 * 1e9)
_OWNING: Final = (
    "host", "years", "residual", "maintenance", "watts", "idle_watts", "pue", "kwh", "colocation",
)  # fmt: skip


def check_prompts(
    asked: Asked, demand: Demand, served: Served, catalogue: Catalogue | None
) -> tuple[str, ...]:
    """That prompts cost time too, where a speed of generated tokens alone was said.

    Args:
        asked: what the user says.
        demand: lengths of requests.
        served: what tells the capacity.
        catalogue: to know the model, or None.

    Raises:
        InputError: the stated speed would take more than the GPU can compute.
        CapacityError: a measured one holds for shorter prompts.
    """
    have = asked.capacity
    if have.prefill_per_s or not (have.tokens_per_s or have.from_run):
        return ()
    generated = demand.output_tokens.low + demand.reasoning_tokens.low
    if generated < _LEAST:  # refused later, as no length at all
        return ()
    ratio = demand.prompt_tokens.high * (1 - demand.cached_share.low) / generated
    if have.from_run and not have.tokens_per_s:
        return _other_lengths(demand, served, ratio)
    rate = served.capacity.output_tokens_per_s.base * ratio
    most = _most_prefill(asked, catalogue)
    limit = most or _MOST_OF_ANY_GPU * (asked.gpus_per_replica or 1)
    if rate > limit:
        what = f"{asked.device} computes {short(limit)} of {asked.model}" if most else (
            f"GPUs of today compute {short(limit)} of a model of 1B weights"
        )  # fmt: skip
        raise InputError(
            f"{have.tokens_per_s} output tokens/s with these requests would be "
            f"{short(rate)} prompt tokens/s besides, and {what} at their peak.",
            fix="Give --prefill-per-s, or leave --tokens-per-s out for a prediction.",
        )
    note = (
        f"Prompts are taken to be within --tokens-per-s {have.tokens_per_s}: each replica reads "
        f"{short(rate)} prompt tokens/s besides. If it was measured with shorter prompts, this is "
        "too cheap: give --prefill-per-s too."
    )
    return (note,)


def _other_lengths(demand: Demand, served: Served, ratio: float) -> tuple[str, ...]:
    if not (served.prompt_tokens and served.output_tokens):
        return ("Whether the run had prompts as long as these is not known.",)
    known = served.prompt_tokens / served.output_tokens
    was = f"{served.prompt_tokens:,.0f} prompt and {served.output_tokens:,.0f} output tokens"
    if ratio > known * _MORE_PROMPT:
        raise CapacityError(
            f"The run's capacity holds for requests of {was}; these have more prompt for each "
            "output token, and how fast a replica reads it is not known.",
            fix="Give --prefill-per-s, choose a run with such requests, or leave --prompt and "
            "--output to the run.",
        )
    asks = demand.prompt_tokens.base / demand.output_tokens.base
    if asks * _MORE_PROMPT < known:
        return (f"The run had {was} a request; with less prompt a replica can do more than this.",)
    return ()


def _most_prefill(asked: Asked, catalogue: Catalogue | None) -> float | None:
    """Prompt tokens per second that no software can pass: all operations, two per weight."""
    from weighbridge.facts.devices.described import read_machine  # noqa: PLC0415 -- read on use

    if catalogue is None or not (asked.model and asked.device):
        return None
    try:
        active = catalogue.find(asked.model).active
        machine = read_machine(asked.device)
    except InputError:
        return None
    rates = [rate.flops for rate in machine.device.rates]
    if not rates or not active:
        return None
    return (asked.gpus_per_replica or machine.count) * max(rates) / (2 * active)


def check_slots(have: CapacityAsked, capacity: Capacity, demand: Demand) -> tuple[str, ...]:
    """That so many slots with requests of that duration reach the stated speed."""
    if not (have.slots or have.service) or not capacity.slots or capacity.service_s is None:
        return ()
    generated = demand.output_tokens.base + demand.reasoning_tokens.base
    most = capacity.slots * generated / capacity.service_s.base
    stated = capacity.output_tokens_per_s.base
    if most * _SLOWER >= stated:
        return ()
    said = (
        f"{plural(capacity.slots, 'request')} at once of "
        f"{format_figure(capacity.service_s.base)} s each generate {format_figure(most)} tokens/s "
        f"at most, and the speed of a replica is said to be {short(stated)}"
    )
    if most * _ABSURD < stated:
        raise InputError(f"{said}.", fix="Correct --slots, --service or --tokens-per-s.")
    wrong = "one of --slots, --service and the speed is wrong. The smaller decides"
    return (f"{said}: {wrong}.",)


def without_effect(asked: Asked) -> Iterator[str]:
    """What was said and is not used, each with why."""
    hardware, costs, have = asked.hardware, asked.operating, asked.capacity
    if not hardware.owned:
        yield from _unused([name for name in _OWNING if getattr(hardware, name)],
                           "no price of a bought GPU is given (--owned)")  # fmt: skip
    if not _rents(hardware):
        said = (("on", hardware.on_fraction), ("cold-start-hours", hardware.cold_start_hours),
                ("spot", hardware.spot))  # fmt: skip
        yield from _unused([name for name, value in said if value], "no GPU is rented")
    if costs.fte_cost and not costs.fte:
        yield from _unused(["fte_cost"], "nobody is counted (--fte)")
    if have.slo and (have.tokens_per_s or have.from_run):
        yield from _unused(["slo"], "the speed is not predicted; it must be the one at the SLO")
    if have.quantization and (have.tokens_per_s or have.from_run):
        yield from _unused(["quantization"], "the speed is not predicted")
    if asked.token_ratios and not asked.apis:
        yield from _unused(["token_ratio"], "a host of the same model counts the same tokens")
    if costs.ops and (costs.fte or costs.on_call):
        yield "--ops is counted besides --fte and --on-call."


def _rents(hardware: HardwareAsked) -> bool:
    if hardware.gpu_price or hardware.rented_too:
        return True
    return not (hardware.owned or hardware.owned_monthly)


def _unused(names: list[str], why: str) -> Iterator[str]:
    if names:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in names)
        yield f"Without effect here: {flags}; {why}."

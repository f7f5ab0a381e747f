"""The options of a cost question, from what the user says, price books and the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from weighbridge.core.cost import (
    ALL,
    NOTHING,
    FixedLine,
    Hosted,
    HostedPrice,
    Owned,
    People,
    Rented,
    Uncertain,
    certain,
)
from weighbridge.core.errors import InputError
from weighbridge.core.prices import ApiPrice, TokenPrice, is_stale
from weighbridge.core.provenance import Provenance
from weighbridge.core.units import plural
from weighbridge.facts.devices.catalogue import matches
from weighbridge.facts.prices import Prices
from weighbridge.verbs.cost_words import parse_uncertain

# Where the user says nothing of what owning costs. Power under load is a share of the board's.
_USUAL: Final = {
    "years": (3.0, 2.0, 5.0),
    "residual": (0.15, 0.0, 0.3),
    "kwh": (0.15, 0.08, 0.35),
    "pue": (1.3, 1.0, 1.6),
    "load": (0.7, 0.5, 1.0),
    "idle": (0.12, 0.05, 0.25),
}
_USUAL_ORIGIN: Final = "Weighbridge's usual range"


@dataclass(frozen=True, slots=True)
class HardwareAsked:
    """What the user says of GPUs; each text as :func:`parse_uncertain` takes it, empty if unsaid.

    Attributes:
        gpu_price: USD per GPU and hour.
        spot: whether GPUs may be taken away.
        on_fraction: share of the month that is billed.
        cold_start_hours: a month and GPU.
        rented_too: whether GPUs are rented besides, where ``owned`` is said.
        owned: price of a GPU with all that is not in ``host``, USD.
        host: the server's share of each GPU, USD.
        years: of use.
        residual: share of the price got back.
        maintenance: share of the price a year.
        watts: of a GPU and its share of the server under load.
        idle_watts: likewise without.
        pue: of the building.
        kwh: USD.
        colocation: USD a month and GPU.
    """

    gpu_price: str = ""
    spot: bool = False
    on_fraction: str = ""
    cold_start_hours: str = ""
    rented_too: bool = False
    owned: str = ""
    host: str = ""
    years: str = ""
    residual: str = ""
    maintenance: str = ""
    watts: str = ""
    idle_watts: str = ""
    pue: str = ""
    kwh: str = ""
    colocation: str = ""


@dataclass(frozen=True, slots=True)
class OperatingAsked:
    """What the user says of people and of other costs; texts as above.

    Attributes:
        fte: full-time people.
        fte_cost: USD a year.
        on_call: USD a month.
        ops: USD a month for all of operations in one figure.
        fixed: ``NAME=USD`` a month, repeated.
    """

    fte: str = ""
    fte_cost: str = ""
    on_call: str = ""
    ops: str = ""
    fixed: tuple[str, ...] = ()


NOTHING_OF_HARDWARE: Final = HardwareAsked()
NOTHING_OF_OPERATING: Final = OperatingAsked()


def rented(
    asked: HardwareAsked, device: str, prices: Prices, origin: Provenance
) -> tuple[Rented, tuple[str, ...]]:
    """GPUs by the hour, at the user's price or at all that is known, and what there is to say.

    Raises:
        InputError: no price of the device is known.
    """
    on = _or(asked.on_fraction, "share of the month", origin, ALL)
    cold = _or(asked.cold_start_hours, "hours of cold starts", origin, NOTHING)
    if asked.gpu_price:
        price = parse_uncertain(asked.gpu_price, "GPU price", origin)
        return Rented(price, on, cold, asked.spot), ()
    if not device:
        raise InputError(
            "Nobody says what a GPU costs.",
            fix="Give --device for a known price, --gpu-price USD an hour, or --owned USD.",
        )
    known = prices.find_gpu(device, "spot" if asked.spot else "on-demand")
    price = Uncertain(known.median, known.low, known.high, "triangular", known.provenance)
    old = " Some are more than 60 days old." if is_stale(known.provenance, prices.today) else ""
    note = (
        f"{known.device} {known.terms}: ${known.low:g} to ${known.high:g} an hour, median "
        f"${known.median:g}, from {plural(known.offers, 'offer')} ({known.provenance.date}).{old}"
    )
    return Rented(price, on, cold, asked.spot), (note,)


def owned(asked: HardwareAsked, device: str, origin: Provenance) -> tuple[Owned, tuple[str, ...]]:
    """GPUs bought; what the user does not say gets a usual range, which the notes name.

    Raises:
        InputError: their power is not known.
    """
    load, idle = _watts(asked, device, origin)
    have = Owned(
        capex_gpu=parse_uncertain(asked.owned, "price of a GPU", origin),
        capex_host=_or(asked.host, "price of the host", origin, NOTHING),
        years=_or(asked.years, "years of use", origin, _usual("years")),
        residual=_or(asked.residual, "residual value", origin, _usual("residual")),
        load_w=load,
        idle_w=idle,
        usd_per_kwh=_or(asked.kwh, "price of power", origin, _usual("kwh")),
        pue=_or(asked.pue, "PUE", origin, _usual("pue")),
        maintenance=_or(asked.maintenance, "maintenance", origin, NOTHING),
        colocation=_or(asked.colocation, "colocation", origin, NOTHING),
    )
    said = {
        "years of use": (asked.years, have.years), "residual": (asked.residual, have.residual),
        "USD per kWh": (asked.kwh, have.usd_per_kwh), "PUE": (asked.pue, have.pue),
        "W under load": (asked.watts, have.load_w),
    }  # fmt: skip
    taken = [f"{name} {one.base:g} ({one.low:g} to {one.high:g})"
             for name, (text, one) in said.items() if not text]  # fmt: skip
    return have, (f"Assumed of owning: {', '.join(taken)}.",) if taken else ()


def _watts(asked: HardwareAsked, device: str, origin: Provenance) -> tuple[Uncertain, Uncertain]:
    """Power under load and idle: as said, or as shares of the board's limit."""
    said = _said(asked.watts, "power under load", origin)
    idle = _said(asked.idle_watts, "power when idle", origin)
    if said is not None and idle is not None:
        return said, idle
    found = matches(device) if device else ()
    board = found[0].device.power_w if len(found) == 1 else None
    if said is not None:
        return said, idle or _scaled(_usual("idle"), said.base)
    if board is None:
        raise InputError(
            f"The power of {device or 'the GPU'} is not known.",
            fix="Give --watts under load, and --idle-watts if you know them.",
        )
    return _scaled(_usual("load"), board), idle or _scaled(_usual("idle"), board)


def _scaled(one: Uncertain, by: float) -> Uncertain:
    return replace(one, base=one.base * by, low=one.low * by, high=one.high * by)


def _usual(name: str) -> Uncertain:
    base, low, high = _USUAL[name]
    return Uncertain(base, low, high, "triangular", Provenance("assumed", _USUAL_ORIGIN, ""))


def _said(text: str, what: str, origin: Provenance) -> Uncertain | None:
    return parse_uncertain(text, what, origin) if text else None


def _or(text: str, what: str, origin: Provenance, usual: Uncertain) -> Uncertain:
    return parse_uncertain(text, what, origin) if text else usual


def operations(
    asked: OperatingAsked, origin: Provenance
) -> tuple[People, tuple[FixedLine, ...], tuple[str, ...]]:
    """People and fixed lines, and what is left out.

    Raises:
        InputError: people without their cost, or a line without a name.
    """
    if asked.fte and not asked.fte_cost:
        raise InputError(
            "What a full-time person costs is not said.", fix="Give --fte-cost USD a year."
        )
    people = People(
        fte=_or(asked.fte, "full-time people", origin, NOTHING),
        usd_per_year=_or(asked.fte_cost, "cost of a full-time person", origin, NOTHING),
        on_call=_or(asked.on_call, "on-call", origin, NOTHING),
    )
    lines = []
    if asked.ops:
        lines.append(FixedLine("operations", parse_uncertain(asked.ops, "operations", origin)))
    for pair in asked.fixed:
        name, _, usd = pair.rpartition("=")
        if not name.strip():
            raise InputError(f"{pair!r} is no line of a bill.", fix="Write for example audit=200.")
        lines.append(FixedLine(name.strip(), parse_uncertain(usd, name.strip(), origin)))
    free = not (asked.fte or asked.ops or asked.on_call)
    note = "Nobody's time is counted for self-hosting: give --fte and --fte-cost, or --ops."
    return people, tuple(lines), (note,) if free else ()


def hosted(
    text: str, prices: Prices, prompt_tokens: float, origin: Provenance, *, same_model: bool
) -> tuple[Hosted, tuple[str, ...]]:
    """An API by its name in the price books or by its price, and what there is to say of it.

    Raises:
        InputError: no price, or several, go by that name.
    """
    if ".." in text:
        return _ranged(text, origin, same_model=same_model), ()
    found = prices.find_api(text)
    if not found.provider and found.provenance.kind == "assumed" and found not in prices.api:
        found = replace(found, provenance=origin)
    tier = _tier(found, prompt_tokens)
    old = is_stale(found.provenance, prices.today)
    price = _price(found, prompt_tokens, f"prompts from {tier} tokens on" if tier else "", old=old)
    return Hosted(found.name, price, same_model=same_model), tuple(_about(found, tier))


def _tier(found: ApiPrice, prompt_tokens: float) -> int:
    return max(
        (one.from_prompt_tokens for one in found.tiers if prompt_tokens >= one.from_prompt_tokens),
        default=0,
    )


def _price(found: ApiPrice, prompt_tokens: float, tier: str, *, old: bool) -> HostedPrice:
    def of(usd: float | None) -> Uncertain | None:
        return None if usd is None else certain(usd, found.provenance)

    usual = found.at(prompt_tokens)
    batch: TokenPrice | None = None
    if found.batch is not None:
        batch = found.at(prompt_tokens, batch=True)
    return HostedPrice(
        input=certain(usual.input, found.provenance),
        output=certain(usual.output, found.provenance),
        cached_input=of(usual.cached),
        written_input=of(usual.cache_write),
        batch_input=of(batch.input if batch else None),
        batch_output=of(batch.output if batch else None),
        tier=tier,
        is_stale=old,
    )


def _about(found: ApiPrice, tier: int) -> Sequence[str]:
    said = []
    if tier:
        said.append(f"{found.name} bills prompts of {tier:,} tokens and more at another price.")
    if found.hours:
        said.append(f"{found.name} has other prices at some hours; its usual one is taken.")
    if found.retires:
        said.append(f"{found.name} ends on {found.retires}: moving away is a cost of its own.")
    return said


def _ranged(text: str, origin: Provenance, *, same_model: bool) -> Hosted:
    """``NAME=1.5..2/8..10`` in USD per million tokens; a third part is of cached input."""
    name, _, stated = text.strip().rpartition("=")
    parts = stated.split("/")
    if not 2 <= len(parts) <= 3:
        raise InputError(
            f"{text!r} is no price.", fix="Write for example our-host=0.02..0.04/0.05."
        )
    usd = [parse_uncertain(part, "price", origin) for part in parts]
    cached = usd[2] if len(usd) == 3 else None
    return Hosted(name.strip() or stated, HostedPrice(usd[0], usd[1], cached), same_model)

"""The options of a cost question, from what the user says, price books and the catalogue."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from weighbridge.core.cost import (
    ALL,
    NOTHING,
    AllIn,
    FixedLine,
    Owned,
    People,
    Rented,
    Uncertain,
)
from weighbridge.core.errors import InputError
from weighbridge.core.prices import GpuPrice, Terms, is_stale
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
        terms: on which known prices are taken; empty for those that ``spot`` says.
        on_fraction: share of the month that is billed.
        cold_start_hours: a month and GPU.
        rented_too: whether GPUs are rented besides, where ``owned`` is said.
        owned: price of a GPU with all that is not in ``host``, USD.
        owned_monthly: USD a month for all of owning a GPU, in one figure instead.
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
    terms: Terms | Literal[""] = ""
    on_fraction: str = ""
    cold_start_hours: str = ""
    rented_too: bool = False
    owned: str = ""
    owned_monthly: str = ""
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
    terms = _terms(asked)
    if asked.gpu_price:
        price = parse_uncertain(asked.gpu_price, "GPU price", origin)
        return Rented(price, on, cold, terms == "spot"), ()
    if not device:
        raise InputError(
            "Nobody says what a GPU costs.",
            fix="Give --device for a known price, --gpu-price USD an hour, or --owned USD.",
        )
    known = prices.find_gpu(device, terms)
    low, high = known.reckoned
    price = Uncertain(known.median, low, high, "triangular", known.provenance)
    return Rented(price, on, cold, terms == "spot"), (gpu_note(known, prices.today),)


def gpu_note(known: GpuPrice, today: str) -> str:
    """Where the price of a GPU is from, and how far to trust it."""
    low, high = known.reckoned
    old = " Some are older than 60 days or undated." if is_stale(known.provenance, today) else ""
    few = (
        f" So few say little of the market: ${low:.3g} to ${high:.3g} is reckoned with (assumed); "
        "--gpu-price or your price book says what you pay."
        if known.is_thin
        else ""
    )
    spread = f"${known.low:g} to ${known.high:g}" if known.low < known.high else f"${known.low:g}"
    return (
        f"{known.device} {known.terms}: {spread} an hour, middle offer ${known.median:g}, from "
        f"{plural(known.offers, 'offer')} ({known.provenance.date or 'undated'}).{old}{few}"
    )


def _terms(asked: HardwareAsked) -> Terms:
    """On which terms GPUs are rented.

    Raises:
        InputError: two are said.
    """
    usual: Terms = "spot" if asked.spot else "on-demand"
    if asked.spot and asked.terms not in ("", "spot"):
        raise InputError(
            f"--spot and --terms {asked.terms} contradict each other.", fix="Give one of them."
        )
    return asked.terms or usual


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
        "W under load": (asked.watts, have.load_w), "W idle": (asked.idle_watts, have.idle_w),
    }  # fmt: skip
    taken = [f"{name} {one.base:g} ({one.low:g} to {one.high:g})"
             for name, (text, one) in said.items() if not text]  # fmt: skip
    return have, (f"Assumed of owning: {', '.join(taken)}.",) if taken else ()


def all_in(asked: HardwareAsked, origin: Provenance) -> tuple[AllIn, tuple[str, ...]]:
    """GPUs of one's own at one figure a month.

    Raises:
        InputError: what they cost is said in parts too.
    """
    if asked.owned:
        raise InputError(
            "What owning a GPU costs is said twice: --owned and --owned-monthly.",
            fix="Give the price with its years and power, or one figure a month.",
        )
    return AllIn(parse_uncertain(asked.owned_monthly, "cost of a GPU a month", origin)), ()


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

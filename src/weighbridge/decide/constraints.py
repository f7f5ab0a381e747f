"""Hard constraints first: which options they remove, each with its reason. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from weighbridge.core.constraints import Constraints, Intents, Removed
from weighbridge.core.provenance import Interval
from weighbridge.core.routing import ModelEntry
from weighbridge.core.tradeoffs import Served, Spending
from weighbridge.core.units import format_bytes
from weighbridge.core.verdict import ModelMemory
from weighbridge.facts.licenses.questions import Answer

HERE: Final = "here"
_NONE: Final[Mapping[str, str]] = {}
_EU: Final = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK EU"


def place_of(url: str, entry: ModelEntry | None) -> str | None:
    """``here`` where a model answers on this machine or its network; None where nobody knows."""
    if entry is not None and (entry.engine or entry.cmd):
        return HERE
    addresses = entry.urls if entry is not None and entry.urls else (url,)
    return HERE if all(map(_is_near, addresses)) else None


def _is_near(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal", ".lan")):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        # A name without a dot is one of the local network.
        return bool(host) and "." not in host
    return address.is_private or address.is_loopback or address.is_link_local


def by_place(
    models: Mapping[str, tuple[str, str | None]], constraints: Constraints
) -> Iterator[Removed]:
    """Options to which data may not go: model → address and place."""
    told = dict(constraints.places)
    for model, (url, found) in models.items():
        place = told.get(model, found)
        if place == HERE:
            continue
        where = f"It answers at {urlsplit(url).hostname or 'an address that nobody kept'}"
        if not constraints.data_may_leave:
            yield Removed(
                model,
                "data",
                f"{where}, so that prompts would leave your machines.",
                f"If these are yours, say --at {model}=here." if model not in told else "",
            )
        elif constraints.territory and place is None:
            yield Removed(
                model,
                "territory",
                f"{where}, and where that processes data is not known.",
                f"If it is known to you, say --at {model}={constraints.territory}.",
            )
        elif constraints.territory and not within(place or "", constraints.territory):
            yield Removed(
                model, "territory", f"It processes data in {place}, not in {constraints.territory}."
            )


def within(place: str, territory: str) -> bool:
    """Whether a place is part of a territory: a country by its code, or ``EU``."""
    place, territory = place.upper(), territory.upper()
    return place == territory or (territory == "EU" and f" {place} " in f" {_EU} ")


def intents_of(constraints: Constraints) -> Intents | None:
    """What the licences are asked: a seat in the European Union is one of the intents."""
    asked = constraints.intents
    if constraints.territory is None or not within(constraints.territory, "EU"):
        return asked
    if asked is None:
        return Intents(("eu",))
    names = asked.names if "eu" in asked.names else (*asked.names, "eu")
    return Intents(names, asked.users, asked.revenue)


def by_licence(
    answers: Mapping[str, Answer | None], constraints: Constraints
) -> tuple[tuple[Removed, ...], tuple[str, ...]]:
    """Options whose licence says no, or that nobody has read; and the conditions of the others.

    Args:
        answers: model → what its licence says; None where no licence is known.
        constraints: with the models whose licence the user has read.
    """
    removed, notes = [], []
    for model, given in answers.items():
        if model in constraints.license_read:
            notes.append(f"{model}: you have read its licence; nothing was checked.")
            continue
        verdict = "unknown" if given is None else given.verdict
        words = " ".join(_reasons(given, verdict))
        name = "" if given is None else f"Its licence is {given.license.name}. "
        if verdict == "no":
            removed.append(Removed(model, "licence", f"{name}{words}"))
        elif verdict == "unknown":
            why = words or "Blocked until read: no licence of it is known."
            fix = f"Read it, then say --license-read {model}."
            removed.append(Removed(model, "licence", f"{name}{why}", fix))
        elif verdict == "conditional":
            notes.append(f"{model}: allowed on conditions. {name}{words}")
    return tuple(removed), tuple(notes)


def _reasons(given: Answer | None, verdict: str) -> list[str]:
    if given is None:
        return []
    return list(dict.fromkeys(one.words for one in given.reasons if one.verdict == verdict))


def by_latency(
    served: Mapping[tuple[str, str | None], Served | None],
    constraints: Constraints,
    limited: Mapping[str, str] = _NONE,
) -> Iterator[Removed]:
    """Options of which no load that was measured (or predicted) holds the SLO.

    Args:
        served: model and task (None for all tasks) → how fast it answers.
        constraints: with the SLO.
        limited: model → its load run, where the client limited it so that it has no verdict.
    """
    if not constraints.slo.bounds:
        return
    for (model, task), one in served.items():
        if one is None or one.holds_slo is None:
            why = (
                f": the client limited {limited[model]}" if one is None and model in limited else ""
            )
            yield Removed(
                model,
                "latency",
                f"Whether it holds {constraints.slo} is not known{why}.",
                "Run `weigh bench` for it, or say --devices for a prediction.",
                task,
            )
        elif not one.holds_slo:
            kind, source = one.provenance.kind, one.provenance.source
            yield Removed(
                model,
                "latency",
                f"It does not hold {constraints.slo} at any load ({kind}: {source}).",
                "",
                task,
            )


def by_memory(memory: Sequence[ModelMemory], constraints: Constraints) -> Iterator[Removed]:
    """Options of which not even one replica fits."""
    budget, devices = constraints.memory_budget_bytes, constraints.device_bytes
    for one in memory:
        if one.bytes is None:
            continue
        size = f"It takes {format_bytes(one.bytes)} ({one.provenance.kind})"
        if budget is not None and one.bytes > budget:
            room = format_bytes(budget)
            yield Removed(one.model, "memory", f"{size}, more than the budget of {room}.")
        elif devices and one.bytes > sum(sorted(devices)[-8:]):
            room = format_bytes(sum(devices))
            yield Removed(one.model, "memory", f"{size}, more than the devices' {room}.")


def by_budget(
    models: Sequence[str], spending: Mapping[str, Spending], constraints: Constraints
) -> Iterator[Removed]:
    """Options that cost too much by themselves, or nobody knows how much."""
    limit = constraints.usd_per_month
    if limit is None:
        return
    for model in models:
        month = spending[model].usd_per_month if model in spending else None
        if month is None:
            yield Removed(
                model,
                "budget",
                "What it costs a month is not known.",
                f"Run `weigh cost` for it, or say --usd {model}=1200.",
            )
        elif month.value > limit:
            yield Removed(
                model,
                "budget",
                f"It costs {month.value:,.0f} USD a month, more than {limit:,.0f} USD.",
            )


def by_accuracy(
    accuracy: Mapping[tuple[str, str], Interval], constraints: Constraints
) -> Iterator[Removed]:
    """Options that were measured to be right too rarely: task and model → accuracy."""
    least = dict(constraints.min_accuracy)
    for (task, model), found in accuracy.items():
        if task in least and found.value < least[task]:
            reach = f"its interval ends at {100 * found.high:.1f} %"
            below = f"below {100 * least[task]:g} %"
            yield Removed(
                model,
                "accuracy",
                f"It is right in {100 * found.value:.1f} %, {below} ({reach}).",
                "More items may clear it." if found.high >= least[task] else "",
                task,
            )

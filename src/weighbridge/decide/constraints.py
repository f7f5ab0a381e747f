"""Hard constraints first: which options they remove, each with its reason. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from weighbridge.core.constraints import Constraints, Intents, Removed
from weighbridge.core.provenance import Interval
from weighbridge.core.routing import ModelEntry
from weighbridge.core.territories import within
from weighbridge.core.tradeoffs import Served, Spending
from weighbridge.core.units import format_bytes
from weighbridge.core.verdict import ModelMemory
from weighbridge.decide.advice import COMMAND, Advice
from weighbridge.facts.licenses.questions import Answer

HERE: Final = "here"
_NONE: Final[Mapping[str, str]] = {}


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
    models: Mapping[str, tuple[str, str | None]],
    constraints: Constraints,
    advice: Advice = COMMAND,
) -> Iterator[Removed]:
    """Options to which data may not go: model → address and place."""
    told, said = dict(constraints.places), dict(constraints.leaves)
    for model, (url, found) in models.items():
        place = where_of(model, found, constraints)
        where = f"It answers at {urlsplit(url).hostname or 'an address that nobody kept'}"
        territory = constraints.territory
        if not constraints.data_may_leave and leaves(model, found, constraints):
            passes_on = ", and you say that its prompts leave" if said.get(model) else ""
            is_open = model not in told and model not in said
            yield Removed(
                model,
                "data",
                f"{where}{passes_on}, so that prompts would leave your machines.",
                advice.here(model) if is_open else "",
            )
        elif territory and place is None:
            yield Removed(
                model,
                "territory",
                f"{where}, and where that processes data is not known.",
                advice.place(model, territory),
            )
        elif territory and place != HERE and not within(place or "", territory):
            yield Removed(model, "territory", f"It processes data in {place}, not in {territory}.")


def leaves(model: str, found: str | None, constraints: Constraints) -> bool:
    """Whether prompts leave these machines: as the user says, else as place and address suggest."""
    said = dict(constraints.leaves).get(model)
    return dict(constraints.places).get(model, found) != HERE if said is None else said


def where_of(model: str, found: str | None, constraints: Constraints) -> str | None:
    """``here``, a territory, or None where nobody knows.

    A territory that the user names holds, whoever owns the machine; an address here says nothing
    where prompts are passed on, and one elsewhere nothing where they are known to stay.
    """
    said, told = dict(constraints.leaves).get(model), dict(constraints.places).get(model)
    if told is not None and not (told == HERE and said):
        return told
    if said is None:
        return found
    return None if said else HERE


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
    answers: Mapping[str, Answer | None], constraints: Constraints, advice: Advice = COMMAND
) -> tuple[tuple[Removed, ...], tuple[str, ...]]:
    """Options whose licence says no, or that nobody has read; and the conditions of the others.

    Args:
        answers: model → what its licence says; None where no licence is known.
        constraints: with the models whose licence the user has read.
        advice: how to say what would let an option in.
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
            removed.append(Removed(model, "licence", f"{name}{why}", advice.license_read(model)))
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
    advice: Advice = COMMAND,
) -> Iterator[Removed]:
    """Options of which no load that was measured (or predicted) holds the SLO.

    Args:
        served: model and task (None for all tasks) → how fast it answers.
        constraints: with the SLO.
        limited: model → its load run, where the client limited it so that it has no verdict.
        advice: how to say what would let an option in.
    """
    if not constraints.slo.bounds:
        return
    for (model, task), one in served.items():
        if one is None or one.holds_slo is None:
            is_limited = one is None and model in limited
            why = (
                f": in {limited[model]} the client was the bottleneck, and its times are above it"
                if is_limited
                else ""
            )
            yield Removed(
                model,
                "latency",
                f"Whether it holds {constraints.slo} is not known{why}.",
                advice.bench_elsewhere if is_limited else advice.bench,
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
    models: Sequence[str],
    spending: Mapping[str, Spending],
    constraints: Constraints,
    advice: Advice = COMMAND,
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
                advice.usd(model),
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

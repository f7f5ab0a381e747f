"""``weigh place``: several models on the devices of one or more machines."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.core.errors import ConfigError, InputError
from weighbridge.core.machine import Machine
from weighbridge.core.placement import Placement, PlacementRules, Site, Wanted
from weighbridge.core.units import parse_bytes
from weighbridge.facts.catalog.catalogue import load
from weighbridge.facts.devices import from_block
from weighbridge.facts.quantizations.served import served_as
from weighbridge.facts.quantizations.table import from_config
from weighbridge.predict.placement.solve import place as best
from weighbridge.predict.serving.coefficients import fitted
from weighbridge.predict.table import Model, model
from weighbridge.verbs.place_file import (
    PUBLISHED,
    Demand,
    ModelBlock,
    PlacementFile,
    TaskBlock,
    read,
)
from weighbridge.verbs.place_options import Asked, Resolve, options, with_users
from weighbridge.verbs.place_servers import Server, servers_of
from weighbridge.verbs.place_users import with_users_told


@dataclass(frozen=True, slots=True)
class PlacementPlan:
    """A placement, the servers that it means, and what was assumed."""

    placement: Placement
    servers: tuple[Server, ...]
    notes: tuple[str, ...]


def plan(path: Path, own: Path | None = None) -> PlacementPlan:
    """Place what the file at ``path`` asks for; ``own`` is the user's own catalogue.

    Raises:
        InputError: the file, a model or a device is not what it should be.
    """
    file = read(path)
    machines = [from_block(block) for block in file.machines]
    sites = _sites(file, machines)
    resolve = _resolver(own)
    asked, notes = _asked(file, str(path), resolve)
    blocks: tuple[ModelBlock | TaskBlock, ...] = (*file.models, *file.tasks)
    wanted = tuple(_wanted(file, one, asked[one.name], machines, resolve) for one in blocks)
    rules = PlacementRules(most_load=file.most_load, budget=file.budget)
    demands = {name: each[0].demand for name, each in asked.items()}
    named = {one.name: one for one in blocks}

    def again(name: str, users: int) -> Wanted:
        changed = [with_users(each, users) for each in asked[name]]
        return _wanted(file, named[name], changed, machines, resolve)

    users = {name: demand.users for name, demand in demands.items()}
    placement = with_users_told(best(sites, wanted, rules), sites, rules, users, again)
    of = {site.name: machine for site, machine in zip(sites, machines, strict=True)}
    servers = servers_of(placement, of, demands, resolve)
    return PlacementPlan(
        placement,
        servers,
        (*notes, *_notes(file, placement, servers)),
    )


def to_json(found: PlacementPlan) -> dict[str, Any]:
    """The document of ``weigh place --json``; see docs/placement.md."""
    document: dict[str, Any] = msgspec.to_builtins(found.placement)
    for device, use in zip(document["devices"], found.placement.devices, strict=True):
        device["free_bytes"] = use.free_bytes
    return {
        **document,
        "servers": msgspec.to_builtins(found.servers),
        "notes": list(found.notes),
        "provenance": {
            "kind": "predicted",
            "source": f"coefficients fitted to {fitted().source}",
            "date": fitted().date,
        },
    }


def _sites(file: PlacementFile, machines: list[Machine]) -> tuple[Site, ...]:
    reserve = parse_bytes(file.reserve)
    sites = []
    for number, machine in enumerate(machines, start=1):
        device = machine.device
        name = machine.label if len(machines) == 1 else f"machine {number}"
        left = float(device.memory_bytes - reserve)
        if left <= 0:
            raise ConfigError(
                f"`reserve: {file.reserve}` leaves nothing of {device.name}.", fix="Reserve less."
            )
        # Devices without a link between them serve alone.
        domain = max(1, device.link.domain)
        sites.append(Site(name, machine.count, left, domain, device.name))
    return tuple(sites)


def _resolver(own: Path | None) -> Resolve:
    catalogue = load(own)

    @cache
    def resolve(name: str, precision: str) -> Model:
        found = catalogue.find(name)
        if "text" not in found.modality.split("+"):
            raise InputError(
                f"{found.id} does not write text ({found.modality}); only that is predicted.",
                fix="Leave it out, and subtract its memory with `reserve`.",
            )
        architecture = found.architecture()
        native = from_config(found.config or {}, architecture).quantization
        if native is None:
            raise InputError(
                f"The number format of {found.id} is not known.", fix="Name a plain checkpoint."
            )
        word = "" if precision == PUBLISHED else precision
        return model(found.id, architecture, served_as(word, architecture, native))

    return resolve


def _asked(
    file: PlacementFile, origin: str, resolve: Resolve
) -> tuple[dict[str, list[Asked]], tuple[str, ...]]:
    """What each model or task asks of which models."""
    rows = [
        (one.name, one.name, one.quality, one.or_else(file, origin, one.name))
        for one in file.models
    ]
    for task in file.tasks:
        demand = task.or_else(file, origin, task.name)
        rows += [(task.name, each.model, each.quality, demand) for each in task.candidates]
    rows = [(name, resolve(of, PUBLISHED).name, value, demand) for name, of, value, demand in rows]
    qualities, notes = _qualities(rows, resolve, origin)
    users: dict[str, list[Demand]] = defaultdict(list)
    for _, of, _, demand in rows:
        users[of].append(demand)
    asked: dict[str, list[Asked]] = defaultdict(list)
    for (name, of, _, demand), quality in zip(rows, qualities, strict=True):
        question = Asked(of, quality, demand)
        if len(users[of]) > 1:
            together = sum(each.users for each in users[of])
            longest = max(each.context for each in users[of])
            question = replace(question, server=of, server_users=together, server_context=longest)
        asked[name].append(question)
    return asked, notes


def _qualities(
    rows: list[tuple[str, str, float | None, Demand]], resolve: Resolve, origin: str
) -> tuple[list[float], tuple[str, ...]]:
    """As stated; by size where nobody states any."""
    stated = [value for _, _, value, _ in rows if value is not None]
    if len(stated) == len(rows):
        return stated, ()
    if stated:
        silent = next(of for _, of, value, _ in rows if value is None)
        raise ConfigError(
            f"{origin}: `quality` is stated of some models, but not of {silent}.",
            fix="State it of all, on one scale, or of none: then larger counts as better.",
        )
    sizes = {of: sum(p[-1] for p in resolve(of, PUBLISHED).footprint.parts) for _, of, _, _ in rows}
    order = sorted(set(sizes.values()))
    note = "Quality is assumed: no `quality` is stated, so a larger model counts as a better one."
    return [(order.index(sizes[of]) + 1) / len(order) for _, of, _, _ in rows], (note,)


def _wanted(
    file: PlacementFile,
    block: ModelBlock | TaskBlock,
    asked: list[Asked],
    machines: list[Machine],
    resolve: Resolve,
) -> Wanted:
    return Wanted(
        name=block.name,
        options=options(
            asked, machines, resolve, version=file.engine_version, device_cost=file.device_cost
        ),
        requests_per_s=asked[0].demand.requests_per_s,
        required=block.required,
        exclusive=block.exclusive,
        max_replicas=asked[0].demand.max_replicas,
    )


def _notes(
    file: PlacementFile, placement: Placement, servers: tuple[Server, ...]
) -> tuple[str, ...]:
    notes = []
    if not file.engine_version:
        notes.append("The version of vLLM is not given; a recent one is assumed.")
    on = Counter((one.site, device) for one in servers for device in one.devices)
    most = max(on.values(), default=0)
    if most > 1:
        notes.append(
            "Servers on one GPU each have weights, buffers and a CUDA context of their own. Start "
            "them one after the other, each with its --gpu-memory-utilization: each looks at what "
            "is free."
        )
        notes.append(
            f"They take turns: while {most} compute at once, each takes up to {most} times as "
            "long. Load counts the time they need; it does not promise latency."
        )
    if placement.gap > 1e-9:
        notes.append(f"A better placement may exist, by at most {100 * placement.gap:.2g} %.")
    return tuple(notes)

"""``weigh place``: several models on the devices of one or more machines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec

from weighbridge.core.errors import ConfigError, InputError
from weighbridge.core.machine import Machine
from weighbridge.core.placement import Placement, PlacementRules, Site, Wanted
from weighbridge.core.provenance import Provenance
from weighbridge.core.units import parse_bytes
from weighbridge.facts.catalog.catalogue import Catalogue, load
from weighbridge.facts.devices import from_block
from weighbridge.facts.quantizations.served import served_as
from weighbridge.facts.quantizations.table import from_config
from weighbridge.predict.calibration import Calibration
from weighbridge.predict.memory.engine_defaults import largest_share
from weighbridge.predict.placement.solve import fits as has_place
from weighbridge.predict.placement.solve import place as best
from weighbridge.predict.search.notes import corrected
from weighbridge.predict.serving.coefficients import fitted
from weighbridge.predict.table import Model, model
from weighbridge.verbs.effects import SystemClock
from weighbridge.verbs.place_changes import what_helps
from weighbridge.verbs.place_cures import Change, with_cures_told
from weighbridge.verbs.place_file import (
    PUBLISHED,
    Demand,
    ModelBlock,
    PlacementFile,
    TaskBlock,
    read,
)
from weighbridge.verbs.place_notes import notes_of
from weighbridge.verbs.place_options import Asked, Resolve, changed, options, together
from weighbridge.verbs.place_servers import Server, servers_of
from weighbridge.verbs.plan import calibrations as measured

TIME_LIMIT_S: Final = 5.0
# Trying what would make all fit is worth this share of the time for each change.
_CHANGE_TIME: Final = 0.3
# Of a device's memory, as `weigh plan` tells vLLM at most: the rest is for what no share counts.
_MOST_SHARE: Final = largest_share("vllm") or 1.0


@dataclass(frozen=True, slots=True)
class PlacementPlan:
    """A placement, the servers that it means, what was assumed, and where its figures are from."""

    placement: Placement
    servers: tuple[Server, ...]
    notes: tuple[str, ...]
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known beside the file."""

    resolve: Resolve
    machines: tuple[Machine, ...]
    calibrations: tuple[Calibration, ...]


def plan(path: Path, own: Path | None = None, workspace: Path | None = None) -> PlacementPlan:
    """Place what the file at ``path`` asks for.

    Args:
        path: of the file.
        own: the user's own catalogue.
        workspace: the user's own measurements are in, if there are any.

    Raises:
        InputError: the file, a model or a device is not what it should be.
        WorkspaceError: the workspace's measurements are damaged.
    """
    file, catalogue = read(path), load(own)
    known = measured(workspace, catalogue, SystemClock()) if workspace else ()
    return plan_file(file, str(path), catalogue, calibrations=known)


def plan_file(
    file: PlacementFile,
    origin: str,
    catalogue: Catalogue,
    *,
    calibrations: Sequence[Calibration] = (),
    time_limit_s: float = TIME_LIMIT_S,
) -> PlacementPlan:
    """Place what a file asks for that came from ``origin``.

    Args:
        file: machines, and models or tasks.
        origin: what errors name.
        catalogue: all models that we know.
        calibrations: what the user's own measurements say of devices.
        time_limit_s: when to be content with the best found; explanations take as long again.

    Raises:
        InputError: a model or a device is not what it should be, or nothing was found in time.
    """
    machines = tuple(from_block(block) for block in file.machines)
    devices = {machine.device.name for machine in machines}
    mine = tuple(one for one in calibrations if one.engine == "vllm" and one.device in devices)
    known = _Known(_resolver(catalogue), machines, mine)
    question = _question(file, origin, known, time_limit_s)
    placement, cured = _best(file, question, known)
    # What helps the only one has been told with it.
    if not placement.feasible and not (cured and len(question.wanted) == 1):

        def fits(other: PlacementFile) -> bool:
            question = _question(other, origin, known, _CHANGE_TIME * time_limit_s)
            return has_place(question.sites, question.wanted, question.rules)

        placement = replace(
            placement, reasons=(*placement.reasons, *what_helps(file, fits, time_limit_s))
        )
    of = dict(zip((site.name for site in question.sites), machines, strict=True))
    servers = servers_of(placement, of, question.demands, known.resolve)
    corrections = tuple(corrected(one) for one in mine)
    return PlacementPlan(
        placement,
        servers,
        (*question.notes, *corrections, *notes_of(file, question.demands, placement, servers)),
        _provenance(mine),
    )


@dataclass(frozen=True, slots=True)
class _Question:
    """What the solver is asked, and what it was made of."""

    sites: tuple[Site, ...]
    wanted: tuple[Wanted, ...]
    rules: PlacementRules
    asked: dict[str, list[Asked]]
    notes: tuple[str, ...]

    @property
    def demands(self) -> dict[str, Demand]:
        return {name: each[0].demand for name, each in self.asked.items()}


def _question(file: PlacementFile, origin: str, known: _Known, time_limit_s: float) -> _Question:
    asked, notes = _asked(file, origin, known.resolve)
    return _Question(
        sites=_sites(file, known.machines),
        wanted=tuple(_wanted(file, one, asked[one.name], known) for one in _blocks(file)),
        rules=PlacementRules(file.most_load, file.budget, time_limit_s=time_limit_s),
        asked=asked,
        notes=notes,
    )


def _blocks(file: PlacementFile) -> tuple[ModelBlock | TaskBlock, ...]:
    return (*file.models, *file.tasks)


def _best(file: PlacementFile, question: _Question, known: _Known) -> tuple[Placement, bool]:
    """The placement, and whether it tells of one that has no place at all what would help it."""
    named = {one.name: one for one in _blocks(file)}

    def again(name: str, change: Change) -> Wanted:
        asked = question.asked[name]
        if change:
            asked = [changed(each, change) for each in asked]
        return _wanted(file, named[name], asked, known)

    found = best(question.sites, question.wanted, question.rules)
    told = with_cures_told(found, question.sites, question.rules, question.demands, again)
    return told, told != found


def _provenance(calibrated: Sequence[Calibration]) -> Provenance:
    found = Provenance("predicted", f"coefficients fitted to {fitted().source}", fitted().date)
    for one in calibrated:
        found = one.explained(found)
    return found


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
            "kind": found.provenance.kind,
            "source": found.provenance.source,
            "date": found.provenance.date,
        },
    }


def _sites(file: PlacementFile, machines: Sequence[Machine]) -> tuple[Site, ...]:
    reserve = parse_bytes(file.reserve)
    sites = []
    for number, machine in enumerate(machines, start=1):
        device = machine.device
        name = machine.label
        if len(machines) > 1:
            name = f"machine {number} ({machine.label})"
        left = min(float(device.memory_bytes - reserve), _MOST_SHARE * device.memory_bytes)
        if left <= 0:
            raise ConfigError(
                f"`reserve: {file.reserve}` leaves nothing of {device.name}.", fix="Reserve less."
            )
        # Devices without a link between them serve alone.
        domain = max(1, device.link.domain)
        sites.append(Site(name, machine.count, left, domain, device.name))
    return tuple(sites)


def _resolver(catalogue: Catalogue) -> Resolve:
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
            longest = max(each.context for each in users[of])
            question = replace(
                question, server=of, server_users=together(users[of]), server_context=longest
            )
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
    known: _Known,
) -> Wanted:
    demand = asked[0].demand
    return Wanted(
        name=block.name,
        options=options(
            asked,
            known.machines,
            known.resolve,
            version=file.engine_version,
            device_cost=file.device_cost,
            most_load=file.most_load,
            calibrations=known.calibrations,
        ),
        requests_per_s=demand.requests_per_s,
        required=block.required,
        exclusive=block.exclusive,
        max_replicas=demand.max_replicas,
        ttft_ms=demand.ttft_ms,
        tpot_ms=demand.tpot_ms,
    )

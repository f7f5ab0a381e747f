"""What a file for ``weigh place`` says: machines, and models or tasks with their traffic."""

from __future__ import annotations

import math
import re
from pathlib import Path

import msgspec

from weighbridge.core.errors import ConfigError, InputError
from weighbridge.core.units import parse_tokens
from weighbridge.facts.devices import MachineBlock
from weighbridge.facts.documents import read_yaml

PUBLISHED = "published"
_MISNAMED = re.compile(r"unknown field `model` - at `\$\.models\[")


class Traffic(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What may be said for all, and again for one.

    Attributes:
        requests_per_s: arrivals.
        users: requests in flight at once, for which the cache has room.
        context: tokens that one sequence may come to, e.g. ``16k`` (16,384).
        prompt_tokens: of a typical request.
        output_tokens: of a typical answer.
        formats: number formats to try, the preferred one first; ``published`` as it is on the Hub.
        tensor: numbers of devices per server to try.
        max_replicas: most servers side by side.
    """

    requests_per_s: float | None = None
    users: int | None = None
    context: int | str | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    formats: list[str] | None = None
    tensor: list[int] | None = None
    max_replicas: int | None = None

    def or_else(self, other: Traffic, origin: str, name: str) -> Demand:
        """What holds for one, where all that it does not say is said for all.

        Raises:
            ConfigError: something is said nowhere, or cannot be.
        """
        names = Traffic.__struct_fields__
        said = {
            key: mine if (mine := getattr(self, key)) is not None else getattr(other, key)
            for key in names
        }
        for key in ("requests_per_s", "users", "context", "prompt_tokens", "output_tokens"):
            if said[key] is None:
                raise ConfigError(
                    f"{origin}: nothing says `{key}` of {name}.",
                    fix=f"Write `{key}:` beside it, or at the top for all.",
                )
        demand = Demand(
            requests_per_s=said["requests_per_s"],
            users=said["users"],
            context=_context(said["context"], f"{origin}: {name}"),
            prompt_tokens=said["prompt_tokens"],
            output_tokens=said["output_tokens"],
            formats=tuple(said["formats"] or (PUBLISHED,)),
            tensor=tuple(said["tensor"] or ()),
            max_replicas=said["max_replicas"] or 4,
        )
        _check(demand, origin, name)
        return demand


class Candidate(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A model that can do a task; ``quality`` is how well, on one scale for all."""

    model: str
    quality: float | None = None


class ModelBlock(Traffic, forbid_unknown_fields=True, kw_only=True):
    """A model that is to be served; see docs/placement.md."""

    name: str
    quality: float | None = None
    required: bool = True
    exclusive: bool = False


class TaskBlock(Traffic, forbid_unknown_fields=True, kw_only=True):
    """A task that one of several models is to do."""

    name: str
    candidates: list[Candidate]
    required: bool = True
    exclusive: bool = False


class PlacementFile(Traffic, forbid_unknown_fields=True, kw_only=True):
    """The whole file.

    Attributes:
        machines: where to place.
        models: what to place.
        tasks: for what to place one of several models each.
        engine_version: of vLLM; a recent one where it is not said.
        reserve: memory of each device that no server gets.
        most_load: the share of time that a device may be busy.
        device_cost: what a whole device is worth in quality × share of traffic.
        budget: the most that all may cost together, in that unit.
    """

    machines: list[MachineBlock]
    models: list[ModelBlock] = []
    tasks: list[TaskBlock] = []
    engine_version: str = ""
    reserve: str = "512MiB"
    most_load: float = 0.8
    device_cost: float = 0.0
    budget: float | None = None


class Demand(msgspec.Struct, frozen=True):
    """What :class:`Traffic` comes to for one model or task."""

    requests_per_s: float
    users: int
    context: int
    prompt_tokens: int
    output_tokens: int
    formats: tuple[str, ...]
    tensor: tuple[int, ...]
    max_replicas: int


def read(path: Path) -> PlacementFile:
    """The file, checked.

    Raises:
        InputError: it cannot be read.
        ConfigError: it says something that cannot be.
    """
    try:
        file = read_yaml(path, PlacementFile)
    except ConfigError as error:
        # Candidates are named with `model`, so that looks right for models, too.
        if _MISNAMED.search(str(error)) is None:
            raise
        raise ConfigError(
            f"{path}: what is under `models` is named with `name`, not with `model`.",
            fix="Write `- name: Qwen/Qwen3-8B`.",
        ) from None
    if not file.machines:
        raise ConfigError(f"{path}: `machines` is empty.", fix="Write `- device: RTX 4090`.")
    if not (file.models or file.tasks):
        raise ConfigError(f"{path}: there is nothing to place.", fix="Write `models` or `tasks`.")
    for task in file.tasks:
        if not task.candidates:
            raise ConfigError(f"{path}: the task {task.name} has no candidates.")
    if not (math.isfinite(file.device_cost) and file.device_cost >= 0):
        raise ConfigError(f"{path}: `device_cost` must be 0 or more.")
    return file


def _context(said: int | str, where: str) -> int:
    """Tokens; k is 1024 of them, as everywhere."""
    try:
        return parse_tokens(str(said))
    except InputError:
        raise ConfigError(
            f"{where}: `context: {said}` is not a number of tokens.",
            fix="Write for example 16k or 16384.",
        ) from None


def _check(demand: Demand, origin: str, name: str) -> None:
    where = f"{origin}: {name}"
    if not (math.isfinite(demand.requests_per_s) and demand.requests_per_s >= 0):
        raise ConfigError(f"{where}: `requests_per_s` must be 0 or more.")
    for key in ("users", "context", "prompt_tokens", "output_tokens", "max_replicas"):
        if getattr(demand, key) < 1:
            raise ConfigError(f"{where}: `{key}` must be at least 1.")
    if demand.context < demand.prompt_tokens + demand.output_tokens:
        raise ConfigError(
            f"{where}: prompt and answer have more tokens than `context` allows.",
            fix=f"Set `context` to {demand.prompt_tokens + demand.output_tokens} or more.",
        )
    if any(size < 1 for size in demand.tensor):
        raise ConfigError(f"{where}: numbers of devices under `tensor` are 1 or more.")

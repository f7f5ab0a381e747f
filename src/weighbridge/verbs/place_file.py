"""What a file for ``weigh place`` says: machines, and models or tasks with their traffic."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from weighbridge.core.errors import ConfigError, InputError
from weighbridge.core.units import parse_tokens
from weighbridge.facts.devices import MachineBlock
from weighbridge.facts.documents import parse_yaml, read_yaml

PUBLISHED = "published"
REPLICAS: Final = 4
# More than anybody serves side by side: each number up to it is a configuration of its own.
_MOST_REPLICAS: Final = 64
_MOST_NAMES: Final = 64
_MOST_LISTED: Final = 16
_MISNAMED = re.compile(r"unknown field `model` - at `\$\.models\[")
_BARE = re.compile(r"got `str` - at `\$\.(models|tasks)\[")


class Traffic(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What may be said for all, and again for one.

    Attributes:
        requests_per_s: arrivals.
        users: requests in flight at once, for which the cache has room; where it is not said, as
            many as the traffic needs.
        context: tokens that one sequence may come to, e.g. ``16k`` (16,384).
        prompt_tokens: of a typical request.
        output_tokens: of a typical answer.
        formats: number formats to try, the preferred one first; ``published`` as it is on the Hub.
        tensor: numbers of devices per server to try.
        max_replicas: most servers side by side.
        ttft_ms: the most that a typical request may wait for its first token.
        tpot_ms: the most per further token.
    """

    requests_per_s: float | None = None
    users: int | None = None
    context: int | str | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    formats: list[str] | None = None
    tensor: list[int] | None = None
    max_replicas: int | None = None
    ttft_ms: float | None = None
    tpot_ms: float | None = None

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
        for key in ("requests_per_s", "context", "prompt_tokens", "output_tokens"):
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
            max_replicas=REPLICAS if said["max_replicas"] is None else said["max_replicas"],
            ttft_ms=said["ttft_ms"],
            tpot_ms=said["tpot_ms"],
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
        machines: where to place; a line such as ``2x L40S`` does for a block.
        models: what to place.
        tasks: for what to place one of several models each.
        engine_version: of vLLM; a recent one where it is not said.
        reserve: memory of each device that no server gets.
        most_load: the share of time that a device may be busy.
        device_cost: what a whole device is worth in quality × share of traffic.
        budget: the most that all may cost together, in that unit.
    """

    machines: list[MachineBlock | str | int]
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
    users: int | None
    context: int
    prompt_tokens: int
    output_tokens: int
    formats: tuple[str, ...]
    tensor: tuple[int, ...]
    max_replicas: int
    ttft_ms: float | None = None
    tpot_ms: float | None = None


def read(path: Path) -> PlacementFile:
    """The file, checked.

    Raises:
        InputError: it cannot be read.
        ConfigError: it says something that cannot be.
    """
    with _misnamed_told(str(path)):
        file = read_yaml(path, PlacementFile)
    return checked(file, str(path))


def parse(text: str, origin: str) -> PlacementFile:
    """Likewise, of text that came from ``origin``.

    Raises:
        ConfigError: it says something that cannot be.
    """
    with _misnamed_told(origin):
        file = parse_yaml(text, PlacementFile, origin=origin)
    return checked(file, origin)


@contextmanager
def _misnamed_told(origin: str) -> Iterator[None]:
    """Candidates are named with `model`, so that looks right for models, too."""
    try:
        yield
    except ConfigError as error:
        bare = _BARE.search(str(error))
        if bare is not None:
            raise ConfigError(
                f"{origin}: what is under `{bare[1]}` is a block each, not a word.",
                fix="Write `- name: Qwen/Qwen3-8B`, and under it what holds for it alone."
                if bare[1] == "models"
                else "Write `- name: chat`, and under it `candidates: [{model: Qwen/Qwen3-8B}]`.",
            ) from None
        if _MISNAMED.search(str(error)) is None:
            raise
        raise ConfigError(
            f"{origin}: what is under `models` is named with `name`, not with `model`.",
            fix="Write `- name: Qwen/Qwen3-8B`.",
        ) from None


def checked(file: PlacementFile, origin: str) -> PlacementFile:
    """The same, if there is something to place somewhere.

    Raises:
        ConfigError: there is not, or a figure cannot be.
    """
    if not file.machines:
        raise ConfigError(f"{origin}: `machines` is empty.", fix="Write `- RTX 4090`.")
    names = [*(one.name for one in file.models), *(one.name for one in file.tasks)]
    if not names:
        raise ConfigError(f"{origin}: there is nothing to place.", fix="Write `models` or `tasks`.")
    if len(names) > _MOST_NAMES:
        raise ConfigError(
            f"{origin}: {len(names)} models and tasks are more than are placed at once.",
            fix=f"Place at most {_MOST_NAMES}.",
        )
    _check_twice(file, names, origin)
    for task in file.tasks:
        if not task.candidates:
            raise ConfigError(f"{origin}: the task {task.name} has no candidates.")
        if len(task.candidates) > _MOST_LISTED:
            raise ConfigError(f"{origin}: {task.name} can have {_MOST_LISTED} candidates at most.")
    for key in ("device_cost", "budget"):
        amount = getattr(file, key)
        if amount is not None and not (math.isfinite(amount) and amount >= 0):
            raise ConfigError(f"{origin}: `{key}` must be 0 or more.")
    return file


def _check_twice(file: PlacementFile, names: list[str], origin: str) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is None:
        return
    if twice in {one.name for one in file.models}:
        fix = (
            "Name it once, with the traffic of both together; or write two `tasks` that have it as "
            "their candidate: those share a server where that is best."
        )
    else:
        fix = "Give each task its own name."
    raise ConfigError(f"{origin}: {twice} stands twice.", fix=fix)


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
        said = getattr(demand, key)
        if said is not None and said < 1:
            raise ConfigError(f"{where}: `{key}` must be at least 1.")
    for key in ("formats", "tensor"):
        if len(getattr(demand, key)) > _MOST_LISTED:
            raise ConfigError(f"{where}: `{key}` can have {_MOST_LISTED} entries at most.")
    if demand.max_replicas > _MOST_REPLICAS:
        raise ConfigError(f"{where}: `max_replicas` can be {_MOST_REPLICAS} at most.")
    for key in ("ttft_ms", "tpot_ms"):
        limit = getattr(demand, key)
        if limit is not None and not (math.isfinite(limit) and limit > 0):
            raise ConfigError(f"{where}: `{key}` must be more than 0.")
    if demand.context < demand.prompt_tokens + demand.output_tokens:
        raise ConfigError(
            f"{where}: prompt and answer have more tokens than `context` allows.",
            fix=f"Set `context` to {demand.prompt_tokens + demand.output_tokens} or more.",
        )
    if any(size < 1 for size in demand.tensor):
        raise ConfigError(f"{where}: numbers of devices under `tensor` are 1 or more.")

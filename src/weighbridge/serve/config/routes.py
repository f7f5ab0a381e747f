"""Whether routes lead somewhere, and can ever apply."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path as FilePath

from weighbridge.core.errors import InputError
from weighbridge.core.gateway import COMPLETIONS
from weighbridge.core.learned_route import RouteHeader, decode
from weighbridge.core.routing import AUTO, Condition, RouterConfig
from weighbridge.serve.config import values
from weighbridge.serve.config.faults import Fault, Path, near
from weighbridge.serve.config.names import LEARNED, Names

_LANGUAGE = re.compile(r"[a-z]{2}")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def route_faults(config: RouterConfig, names: Names, folder: FilePath) -> Iterator[Fault]:
    """The faults of routes and of the signals that they wait for."""
    for task, signal in config.signals.task.items():
        at: Path = ("signals", "task", task)
        if not signal.keywords:
            yield Fault((*at, "keywords"), "there is no keyword, so the task is never recognised")
    learned = _read_learned(config, folder)
    if isinstance(learned, Fault):
        yield learned
    elif learned is not None:
        yield from _learned_models(learned, config, names)
    tasks = frozenset(config.signals.task)
    if isinstance(learned, RouteHeader):
        tasks |= {task.name for task in learned.tasks}
    for number, route in enumerate(config.routes):
        at = ("routes", number)
        if not route.use:
            yield Fault((*at, "use"), "it uses no model")
        for place, name in enumerate(route.use):
            here = (*at, "use", place)
            if name == LEARNED:
                yield from _learned(config, here)
            elif name == AUTO:
                yield Fault(here, f"{AUTO!r} asks for routing; a route uses models")
            else:
                yield from names.unknown(name, here)
        yield from _condition(route.when, (*at, "when"))
        # What a file that cannot be read would tell is not known.
        if not isinstance(learned, Fault):
            yield from _task(route.when, tasks, (*at, "when", "task"))


def _learned(config: RouterConfig, path: Path) -> Iterator[Fault]:
    if config.signals.learned is None:
        yield Fault(
            path,
            "`learned` needs `signals.learned`, the file that `weigh route train` writes",
        )


def _read_learned(config: RouterConfig, folder: FilePath) -> RouteHeader | Fault | None:
    """What the learned route's file says of itself, or what is wrong with it."""
    path: Path = ("signals", "learned")
    if config.signals.learned is None:
        return None
    for fault in values.file(folder, config.signals.learned, path):
        return fault
    file = folder / config.signals.learned
    try:
        return decode(file.read_bytes(), str(file)).header
    except InputError as error:
        return Fault(path, str(error).rstrip("."))
    except OSError as error:
        return Fault(path, f"it cannot be read: {error.strerror}")


def _learned_models(learned: RouteHeader, config: RouterConfig, names: Names) -> Iterator[Fault]:
    """Its best single model answers what it is not sure of, so that has to be there."""
    pair = learned.escalation
    needed = (pair.weak, pair.strong) if pair else learned.single[:1]
    for name in needed:
        if name not in config.models and name not in names.dropped:
            yield Fault(
                ("signals", "learned"),
                f"it was learned for the model {name!r}, which `models` does not have"
                f"{near(name, config.models)}",
            )


def _condition(when: Condition, at: Path) -> Iterator[Fault]:
    for key in ("min_prompt_tokens", "max_prompt_tokens", "max_queue"):
        yield from values.at_least(getattr(when, key), 0, (*at, key))
    low, high = when.min_prompt_tokens, when.max_prompt_tokens
    if low is not None and high is not None and low > high:
        yield Fault(at, "`min_prompt_tokens` is above `max_prompt_tokens`, so it never applies")
    yield from values.duration(when.max_deadline, (*at, "max_deadline"))
    yield from values.duration(when.max_ttft, (*at, "max_ttft"))
    if when.language is not None and not _LANGUAGE.fullmatch(when.language):
        yield Fault((*at, "language"), "a language is two small letters of ISO 639-1, such as en")
    if when.path is not None and when.path not in COMPLETIONS:
        hint = near(when.path, COMPLETIONS) or f"; known: {', '.join(COMPLETIONS)}"
        yield Fault((*at, "path"), f"{when.path!r} is no path that goes to models{hint}")
    for name in when.header:
        if not _HEADER.fullmatch(name):
            yield Fault((*at, "header"), "the name of a header has characters that none has")


def _task(when: Condition, tasks: frozenset[str], path: Path) -> Iterator[Fault]:
    if when.task is not None and when.task not in tasks:
        fault = f"it waits for the task {when.task!r}, which no signal tells"
        yield Fault(path, f"{fault}{near(when.task, tasks)}")

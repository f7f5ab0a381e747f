"""From a configured model to a plan for its engine."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from pathlib import Path

from weighbridge.core.endpoint import Endpoint, endpoint_at
from weighbridge.core.errors import ConfigError
from weighbridge.core.routing import ModelEntry
from weighbridge.core.units import parse_seconds, parse_size
from weighbridge.engines.adapter import Wanted
from weighbridge.engines.adapters import ADAPTERS
from weighbridge.engines.any_command import NAME as ANY_COMMAND
from weighbridge.serve.config.models import ENGINES
from weighbridge.serve.supervisor.expectation import predicted
from weighbridge.serve.supervisor.memory import Expected, Meter
from weighbridge.serve.supervisor.owner import Plan

_VARIABLE = re.compile(r"\$\{env\.([A-Za-z_][A-Za-z0-9_]*)\}")


def plan_for(
    name: str,
    entry: ModelEntry,
    folder: Path,
    environment: Mapping[str, str],
    meter: Meter,
    *,
    hidden: frozenset[str] = frozenset(),
) -> Plan:
    """How the engine of an entry is run; it gets no variables that are ``hidden``.

    Raises:
        ConfigError: it names an engine or a variable that there is not, or a size that is none.
    """
    engine = ANY_COMMAND if entry.cmd is not None else entry.engine or ""
    if engine not in ADAPTERS:
        known = ", ".join(ENGINES)
        message = f"models.{name}: there is no engine {engine!r}."
        raise ConfigError(message, fix=f"Choose one of {known}, or use `cmd`.")
    wanted = Wanted(
        model=name,
        engine=engine,
        source=_source(engine, entry, folder),
        served=_served(engine, name, entry),
        context=entry.context,
        slots=entry.slots,
        args=entry.args,
        cmd=entry.cmd,
        stop=entry.stop,
        env={key: _expanded(name, text, environment) for key, text in entry.env.items()},
        sleep=entry.sleep,
        ready_path=entry.ready_path,
        on_gpu=meter.is_gpu,
        can=entry.can,
        hidden=hidden,
    )
    expected = _expected(name, entry, wanted, meter)
    if expected.known_from == "configured" and meter.is_gpu and meter.total_bytes:
        share = min(1.0, expected.bytes / meter.total_bytes)
        wanted = dataclasses.replace(wanted, memory_share=share)
    limit_s = parse_seconds(entry.cold_start)
    return Plan(wanted, limit_s, expected, starts_alone=ADAPTERS[engine].starts_alone)


def endpoints_of(
    name: str, entry: ModelEntry, environment: Mapping[str, str]
) -> tuple[Endpoint, ...]:
    """Where somebody else's servers answer for an entry.

    Raises:
        ConfigError: its key is not in the environment.
    """
    key = None
    if entry.key_env is not None:
        key = environment.get(entry.key_env, "").strip()
        if not key:
            raise ConfigError(
                f"models.{name}: the environment variable {entry.key_env} is not set.",
                fix="Put the server's key there.",
            )
    return tuple(endpoint_at(url, entry.model or name, key) for url in entry.urls)


def most_at_once(entry: ModelEntry) -> int | None:
    """How many requests an engine is given at once; None for no limit."""
    if entry.max_concurrency is not None:
        return entry.max_concurrency
    return None if entry.url is not None else entry.slots


def differs(old: ModelEntry, new: ModelEntry) -> bool:
    """Whether an engine has to be started anew for a changed entry."""
    live = (
        "aliases",
        "max_concurrency",
        "ttl",
        "pinned",
        "preload",
        "cold_start",
        "price",
        "can",
    )
    return any(
        getattr(old, field) != getattr(new, field)
        for field in ModelEntry.__struct_fields__
        if field not in live
    )


def _source(engine: str, entry: ModelEntry, folder: Path) -> str:
    """A path where there is one; else a name that the engine finds itself."""
    source = entry.source or ""
    if not source or engine == "ollama":
        return source
    path = folder / Path(source).expanduser()
    if path.exists() or engine.startswith("llamacpp"):
        return os.fspath(path)
    return source


def _served(engine: str, name: str, entry: ModelEntry) -> str:
    if engine == "ollama":
        return entry.source or name
    return entry.model or name


def _expanded(name: str, text: str, environment: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] not in environment:
            raise ConfigError(
                f"models.{name}: the environment variable {match[1]} is not set.",
                fix="Set it, or take it out of `env`.",
            )
        return environment[match[1]]

    return _VARIABLE.sub(value, text)


def _expected(name: str, entry: ModelEntry, wanted: Wanted, meter: Meter) -> Expected:
    if entry.memory is None:
        return predicted(wanted, meter)
    text = str(entry.memory).strip()
    if text.endswith("%") and meter.total_bytes:
        return Expected(int(float(text[:-1]) / 100 * meter.total_bytes), "configured")
    try:
        return Expected(parse_size(entry.memory), "configured")
    except Exception as error:
        raise ConfigError(f"models.{name}: memory: {error}") from error

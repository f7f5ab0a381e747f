"""Reading, checking and writing ``router.config.yaml``."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import msgspec
import yaml

from weighbridge.core.errors import ConfigError, InputError
from weighbridge.core.http import parse_url
from weighbridge.core.routing import AUTO, Condition, ModelEntry, RouterConfig
from weighbridge.facts.documents import parse_yaml, read_yaml
from weighbridge.serve.guard import is_loopback, leads_here

ENGINES = ("llamacpp-embedded",)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_config(path: Path, *, port: int | None = None) -> RouterConfig:
    """The configuration in ``path``, checked as a whole.

    Args:
        path: the file.
        port: what the gateway will listen on instead of the configured port.

    Raises:
        InputError: the file cannot be read.
        ConfigError: it says something that cannot be; lists every fault found.
    """
    return _checked(read_yaml(path, RouterConfig), path.parent, str(path), port)


def parse_config(text: str, folder: Path, *, origin: str) -> RouterConfig:
    """Like :func:`read_config`, for text from ``origin``; sources are relative to ``folder``."""
    return _checked(parse_yaml(text, RouterConfig, origin=origin), folder, origin, None)


def warnings(config: RouterConfig) -> tuple[str, ...]:
    """What can be meant so, but most likely is not."""
    if any(route.when == Condition() for route in config.routes):
        return ()
    sentence = (
        "no route is without a condition, so `auto` refuses what no route applies to; "
        "end `routes` with `- {use: [MODEL]}`."
    )
    return (sentence,)


def first_listen(config: RouterConfig) -> str:
    """The first address to listen on."""
    return config.listen if isinstance(config.listen, str) else config.listen[0]


def listen_address(listen: str) -> tuple[str, int]:
    """Host and port of ``host:port``.

    Raises:
        ConfigError: it is not of that form.
    """
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(
            f"`listen: {listen}` is not host:port.", fix="For example 127.0.0.1:8080."
        )
    return host.strip("[]") or "127.0.0.1", int(port)


def write_config(config: RouterConfig, comment: str) -> str:
    """The configuration as YAML, each line of ``comment`` above it."""
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    document = msgspec.to_builtins(config)
    for route in document["routes"]:
        if not route["when"]:
            del route["when"]
    # In the order in which a reader asks: where, what with, how told apart, where to.
    document = {key: document[key] for key in ("listen", "models", "signals", "routes")}
    body = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, default_flow_style=None)
    return "\n".join([*lines, body])


def source_path(entry: ModelEntry, folder: Path) -> Path:
    """The model file of an entry, relative to the configuration's folder."""
    return folder / (entry.source or "")


def _checked(config: RouterConfig, folder: Path, origin: str, port: int | None) -> RouterConfig:
    faults = _faults(config, folder, port)
    if faults:
        raise ConfigError(f"{origin}: {'; '.join(faults)}.")
    return config


def _faults(config: RouterConfig, folder: Path, port: int | None) -> list[str]:
    faults = [
        fault for name, entry in config.models.items() for fault in _entry(name, entry, folder)
    ]
    if not config.models:
        faults.append("`models` names no model")
    if AUTO in config.models:
        faults.append(f"no model may be called {AUTO!r}: that name asks for routing")
    faults += _listen(config, port)
    if not config.routes:
        faults.append(f"`routes` is empty, so nothing answers the model {AUTO!r}")
    for number, route in enumerate(config.routes):
        if not route.use:
            faults.append(f"routes[{number}] uses no model")
        faults += [
            f"routes[{number}] uses {name!r}, which `models` does not name{_near(name, config)}"
            for name in route.use
            if name not in config.models
        ]
        task = route.when.task
        if task is not None and task not in config.signals.task:
            faults.append(f"routes[{number}] waits for the task {task!r}, which no signal tells")
    return faults


def _listen(config: RouterConfig, port: int | None) -> list[str]:
    listen = first_listen(config)
    try:
        host, configured = listen_address(listen)
    except ConfigError as error:
        return [str(error).rstrip(".")]
    if is_loopback(host):
        return _loops(config, configured if port is None else port)
    fault = f"`listen: {listen}` is not a loopback address, and there are no keys yet"
    return [f"{fault}: put a proxy that checks who asks in front of 127.0.0.1"]


def _loops(config: RouterConfig, port: int) -> list[str]:
    """Models that are the gateway itself, under whichever of its names."""
    faults = []
    for name, entry in config.models.items():
        try:
            url = parse_url(next(iter(entry.urls), ""))
        except InputError:
            continue
        if url.port == port and leads_here(url.host):
            faults.append(f"models.{name}: {entry.url} is where the gateway itself listens")
    return faults


def _near(name: str, config: RouterConfig) -> str:
    near = difflib.get_close_matches(name, config.models, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _entry(name: str, entry: ModelEntry, folder: Path) -> list[str]:
    where = f"models.{name}"
    if (entry.url is None) == (entry.source is None):
        return [f"{where} needs either `url` or `engine` with `source`"]
    faults = _server(entry) if entry.url is not None else _engine(entry, folder)
    return [f"{where}: {fault}" for fault in faults]


def _server(entry: ModelEntry) -> list[str]:
    faults = []
    try:
        parse_url(next(iter(entry.urls), ""))
    except InputError as error:
        faults.append(error.message.rstrip("."))
    # Whoever put the key itself here must not see it printed.
    if entry.key_env is not None and not _VARIABLE.fullmatch(entry.key_env):
        faults.append("`key_env` is the name of an environment variable, never a key")
    return faults


def _engine(entry: ModelEntry, folder: Path) -> list[str]:
    faults = []
    if entry.engine not in ENGINES:
        faults.append(f"the engine must be one of {', '.join(ENGINES)}")
    if not source_path(entry, folder).is_file():
        faults.append(f"there is no file {source_path(entry, folder)}")
    if entry.context < 1 or entry.slots < 1:
        faults.append("`context` and `slots` must be positive")
    if entry.key_env is not None:
        faults.append("`key_env` belongs to `url`; our own engines need no key")
    return faults

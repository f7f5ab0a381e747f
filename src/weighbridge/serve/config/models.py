"""Whether the models of a configuration can be had: engines, commands and servers of others."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from os.path import expanduser
from pathlib import Path as FilePath

from weighbridge.core.routing import ModelEntry, RouterConfig
from weighbridge.engines.adapters import ADAPTERS
from weighbridge.engines.any_command import NAME as ANY_COMMAND
from weighbridge.serve.config import values
from weighbridge.serve.config.faults import Fault, Path, listed, near
from weighbridge.serve.config.variables import PORT, variables

ENGINES = tuple(name for name in ADAPTERS if name != ANY_COMMAND)
CAN = ("tools", "json_schema", "images", "embeddings", "rerank", "responses", "messages")

_NEED_FILE = ("llamacpp-embedded", "llamacpp")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OURS = ("args", "stop", "env", "memory", "ttl", "sleep", "pinned", "preload")
"""What is said of engines that the gateway starts, and means nothing for servers of others."""


def source_path(entry: ModelEntry, folder: FilePath) -> FilePath:
    """The model file of an entry, relative to the configuration's folder."""
    return folder / (entry.source or "")


def model_faults(config: RouterConfig, folder: FilePath) -> Iterator[Fault]:
    """The faults of every model by itself."""
    if not config.models:
        yield Fault(("models",), "there is no model")
    for name, entry in config.models.items():
        at = ("models", name)
        yield from _origin(entry, at, folder)
        yield from _numbers(entry, at)
        yield from _words(entry, at)


def _origin(entry: ModelEntry, at: Path, folder: FilePath) -> Iterator[Fault]:
    """Exactly one of the three ways to have a model."""
    is_engine = entry.engine is not None or entry.source is not None
    ways = (is_engine, entry.cmd is not None, entry.url is not None)
    if sum(ways) != 1:
        met = "only one of them" if sum(ways) else "one of them"
        yield Fault(at, f"it needs `engine` with `source`, or `cmd`, or `url`: {met}")
    elif entry.url is not None:
        yield from _server(entry, at)
    elif entry.cmd is not None:
        yield from _command(entry.cmd, (*at, "cmd"))
    else:
        yield from _engine(entry, at, folder)
    # Whoever put the key itself here must not see it printed.
    if entry.key_env is not None and entry.url is None:
        yield Fault((*at, "key_env"), "it belongs to `url`; our own engines need no key")
    elif entry.key_env is not None and not _VARIABLE.fullmatch(entry.key_env):
        fault = "`key_env` is the name of an environment variable, never a key"
        yield Fault((*at, "key_env"), fault)


def _engine(entry: ModelEntry, at: Path, folder: FilePath) -> Iterator[Fault]:
    if entry.engine is None:
        yield Fault(at, f"`engine` is missing: {listed(ENGINES)}")
    elif entry.engine not in ENGINES:
        hint = near(entry.engine, ENGINES)
        fault = f"the engine must be one of {', '.join(ENGINES)}{hint}"
        yield Fault((*at, "engine"), fault)
    if entry.source is None:
        yield Fault(at, "`source` is missing: the model's file, folder or name")
    elif entry.engine in _NEED_FILE or entry.source.startswith(("/", "./", "../", "~")):
        # Unlike pathlib's, this one leaves `~nobody` as it is.
        file = expanduser(entry.source)  # noqa: PTH111
        folders = entry.engine not in _NEED_FILE
        yield from values.file(folder, file, (*at, "source"), folders=folders)
    elif not entry.source.strip():
        yield Fault((*at, "source"), "this is empty")
    if entry.sleep is not None and entry.engine != "vllm":
        yield Fault((*at, "sleep"), "only the engine vllm can sleep; others are stopped")


def _command(cmd: str, path: Path) -> Iterator[Fault]:
    try:
        words = shlex.split(cmd)
    except ValueError as error:
        yield Fault(path, f"its quotation marks do not match: {str(error).lower()}")
        return
    if not words:
        yield Fault(path, "this is empty")
    elif PORT not in variables(cmd):
        yield Fault(path, "`${PORT}` is missing: where the server is to listen, as --port ${PORT}")


def _server(entry: ModelEntry, at: Path) -> Iterator[Fault]:
    path = (*at, "url")
    several = not isinstance(entry.url, str)
    if not entry.urls:
        yield Fault(path, "there is no address")
    for number, url in enumerate(entry.urls):
        here = (*path, number) if several else path
        # An address with variables that nobody can fill in has a fault of its own.
        if not variables(url):
            yield from values.address(url, here)
        if url in entry.urls[:number]:
            yield Fault(here, "this address stands twice")
    default = ModelEntry()
    for key in _OURS:
        if getattr(entry, key) != getattr(default, key):
            fault = "it belongs to engines that the gateway starts, not to `url`"
            yield Fault((*at, key), fault)


def _numbers(entry: ModelEntry, at: Path) -> Iterator[Fault]:
    yield from values.at_least(entry.context, 1, (*at, "context"))
    yield from values.at_least(entry.slots, 1, (*at, "slots"))
    yield from values.at_least(entry.max_concurrency, 1, (*at, "max_concurrency"))
    yield from values.size(entry.memory, (*at, "memory"))
    yield from values.duration(entry.ttl, (*at, "ttl"), zero=True)
    yield from values.duration(entry.cold_start, (*at, "cold_start"))
    if entry.price is not None:
        for key in ("prompt", "output", "cached"):
            yield from values.at_least(getattr(entry.price, key), 0, (*at, "price", key))


def _words(entry: ModelEntry, at: Path) -> Iterator[Fault]:
    if not entry.ready_path.startswith("/"):
        yield Fault((*at, "ready_path"), "a path begins with /, for example /health")
    for number, ability in enumerate(entry.can):
        if ability not in CAN:
            fault = f"{ability!r} is not one of {', '.join(CAN)}{near(ability, CAN)}"
            yield Fault((*at, "can", number), fault)
    for name in entry.env:
        if not _VARIABLE.fullmatch(name):
            yield Fault((*at, "env"), "the name of a variable has letters, digits and _ only")
    if entry.model is not None and not entry.model.strip():
        yield Fault((*at, "model"), "this is empty")
    if entry.stop is not None:
        yield from _stop(entry, (*at, "stop"))


def _stop(entry: ModelEntry, path: Path) -> Iterator[Fault]:
    if entry.cmd is None and entry.url is None:
        yield Fault(path, "it belongs to `cmd`; engines are ended by what suits them")
    try:
        empty = not shlex.split(entry.stop or "")
    except ValueError as error:
        yield Fault(path, f"its quotation marks do not match: {str(error).lower()}")
        return
    if empty:
        yield Fault(path, "this is empty")

"""Programs that a configuration needs and this machine does not have."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
from collections.abc import Iterator

from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.routing import ModelEntry, RouterConfig
from weighbridge.engines.adapter import Wanted
from weighbridge.engines.adapters import ADAPTERS
from weighbridge.serve.config.variables import variables

# One that runs already is used, wherever its program lies.
_MAY_RUN = "ollama"


def missing_programs(config: RouterConfig) -> Iterator[str]:
    """Models whose engines cannot be started here; they may be installed before it is served."""
    for name, entry in config.models.items():
        program = program_of(name, entry)
        if program and shutil.which(program, path=entry.env.get("PATH")) is None:
            where = "is no program here" if "/" in program else "is not on the PATH"
            yield f"{name!r} cannot start: {program} {where}; install it, or write its whole path."


def program_of(name: str, entry: ModelEntry) -> str:
    """The first word of the command that starts a model; empty where there is none to look for."""
    if entry.cmd is not None:
        try:
            word = (shlex.split(entry.cmd) or [""])[0]
        except ValueError:
            return ""
    elif entry.engine in ADAPTERS and entry.engine != _MAY_RUN:
        wanted = Wanted(name, entry.engine, entry.source or "", name, args=entry.args)
        try:
            word = ADAPTERS[entry.engine].command(wanted, 1).argv[0]
        except WeighbridgeError:  # its source has faults of its own
            return ""
    else:
        return ""
    return "" if variables(word) else word


def is_installed(module: str) -> bool:
    """Whether a module could be imported; nothing of it is, but the packages that hold it."""
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:
        return False

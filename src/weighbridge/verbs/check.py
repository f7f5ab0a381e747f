"""``weigh serve --check``: whether a configuration can be served, without serving it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weighbridge.core.routing import RouterConfig
from weighbridge.core.units import plural
from weighbridge.facts.documents import read_text
from weighbridge.serve.config import (
    Fault,
    FaultyConfigError,
    check_config,
    listens,
    missing_programs,
    warnings,
)


@dataclass(frozen=True, slots=True)
class Report:
    """What came of checking a file.

    Attributes:
        path: the file.
        config: what it says, variables filled in; None where it has faults.
        faults: all of them.
        warnings: what can be meant so, but most likely is not.
    """

    path: Path
    config: RouterConfig | None
    faults: tuple[Fault, ...]
    warnings: tuple[str, ...]

    def raise_faults(self) -> RouterConfig:
        """The configuration.

        Raises:
            ConfigError: it has faults; the message has a line for each.
        """
        if self.config is None:
            raise FaultyConfigError(str(self.path), self.faults)
        return self.config


def check(
    path: Path, *, port: int | None = None, environment: Mapping[str, str] | None = None
) -> Report:
    """Check the file in ``path``.

    Raises:
        InputError: it cannot be read, or is no YAML.
    """
    environment = os.environ if environment is None else environment
    text = read_text(path)
    checked = check_config(text, path.parent, origin=str(path), port=port, environment=environment)
    if checked.written is None or checked.config is None:
        return Report(path, None, checked.faults, ())
    told = (*warnings(checked.written), *missing_programs(checked.config))
    return Report(path, checked.config, checked.faults, told)


def summary(config: RouterConfig) -> tuple[str, ...]:
    """What a right configuration amounts to, a sentence each."""
    ours = [name for name, entry in config.models.items() if not entry.urls]
    others = [name for name, entry in config.models.items() if entry.urls]
    sentences = [f"Listens on {', '.join(listens(config))}."]
    if ours:
        sentences.append(f"Starts engines for {', '.join(ours)}.")
    if others:
        sentences.append(f"Asks servers of others for {', '.join(others)}.")
    routes, keys = plural(len(config.routes), "route"), plural(len(config.keys), "key")
    who = keys if config.keys else "no keys: everybody on this machine may ask"
    sentences.append(f"{routes[:1].upper()}{routes[1:]}; {who}.")
    return tuple(sentences)


def to_json(report: Report) -> dict[str, Any]:
    """The report with documented keys."""
    config = report.config
    return {
        "file": str(report.path),
        "right": config is not None,
        "faults": [
            {"line": fault.line or None, "where": fault.where, "what": fault.text}
            for fault in report.faults
        ],
        "warnings": list(report.warnings),
        "models": [] if config is None else list(config.models),
        "listen": [] if config is None else list(listens(config)),
    }

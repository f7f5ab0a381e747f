"""The scorers by name, imported when first used: a suite of sums need not load a sandbox."""

from __future__ import annotations

import importlib

from weighbridge.core.errors import ConfigError
from weighbridge.measure.evals.scoring import Kind

# Name in suite.yaml -> module in `scorers/` and the constant there.
SCORERS = {
    "exact": ("text", "EXACT"),
    "normalised": ("text", "NORMALISED"),
    "regex": ("text", "REGEX"),
    "number": ("number", "NUMBER"),
    "math": ("math", "MATH"),
    "choice": ("choice", "CHOICE"),
    "json": ("json_object", "JSON"),
    "instructions": ("instructions", "INSTRUCTIONS"),
    "calls": ("calls", "CALLS"),
    "judge": ("judge", "JUDGE"),
    "python": ("function", "PYTHON"),
    "code": ("code", "CODE"),
    "command": ("command", "COMMAND"),
}


def kind_of(name: str, where: str) -> Kind:
    """The scorer of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in SCORERS:
        raise ConfigError(
            f"{where}: there is no scorer {name!r}.", fix=f"Scorers: {', '.join(sorted(SCORERS))}."
        )
    module, constant = SCORERS[name]
    found = importlib.import_module(f"weighbridge.measure.evals.scorers.{module}")
    kind: Kind = getattr(found, constant)
    return kind

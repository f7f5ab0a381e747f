"""``weigh study merge``: what other machines measured, beside what this one did."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from weighbridge.workspace.joining import Joined, join


def merge(root: Path, others: Sequence[Path]) -> list[Joined]:
    """Join each of the other workspaces into the one at ``root``.

    Raises:
        InputError: one is no workspace.
        WorkspaceError: one cannot be read, or this one cannot be written.
    """
    return [join(root, other) for other in others]


def to_json(one: Joined) -> dict[str, Any]:
    """The figures of ``weigh study merge --json``; keys are documented in docs/json.md."""
    return {
        "workspace": str(one.root),
        "runs": list(one.runs),
        "ratings": list(one.ratings),
        "known": one.known,
        "units": dict(one.units),
        "conflicts": list(one.conflicts),
    }

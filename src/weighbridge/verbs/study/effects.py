"""What a study acts through on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from weighbridge.core.effects import Progress
from weighbridge.core.http import HttpClient
from weighbridge.engines.started import EngineLauncher
from weighbridge.facts.host import host_line
from weighbridge.verbs.effects import Silent, SystemClock, open_workspace
from weighbridge.verbs.study.jobs import Effects


def real_effects(
    root: Path, client: HttpClient | None = None, progress: Progress | None = None
) -> Effects:
    """The real effects on the workspace in ``root``; without a client, for looking only."""
    return Effects(
        root=root,
        store=open_workspace(root),
        client=client,  # type: ignore[arg-type]
        clock=SystemClock(),
        progress=progress or Silent(),
        launcher=EngineLauncher(client),  # type: ignore[arg-type]
        environment=os.environ,
        machine=host_line(),
    )

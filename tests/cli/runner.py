"""Running `weigh` as a user does: a process, its exit code, its two streams."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

WEIGH = [sys.executable, "-c", "from weighbridge.cli.main import main; main()"]


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


def weigh(*words: str | Path, cwd: Path, timeout: float = 60) -> Outcome:
    """Run the command in ``cwd``, where its workspace will be."""
    done = subprocess.run(
        [*WEIGH, *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        # What readline, which pytest imports, sets behind Python's back stays out: COLUMNS.
        env=dict(os.environ),
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def runs(folder: Path) -> list[str]:
    """What the workspace in ``folder`` holds, drafts included."""
    kept = folder / ".weighbridge" / "runs"
    return sorted(path.name for path in kept.iterdir()) if kept.exists() else []

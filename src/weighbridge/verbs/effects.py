"""The real effects, put together for whoever calls a verb."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from weighbridge.core.errors import WorkspaceError

if TYPE_CHECKING:
    from weighbridge.workspace.folder import Workspace


class SystemClock:
    """The machine's clocks, as :class:`weighbridge.core.effects.Clock`."""

    def now_iso(self) -> str:
        """UTC, ISO 8601, to the second."""
        return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def monotonic_ns(self) -> int:
        """The performance counter, which the HTTP client's stamps use too."""
        return time.perf_counter_ns()


class Silent:
    """Progress that nobody watches, as :class:`weighbridge.core.effects.Progress`."""

    def stage(self, title: str, total: int) -> None:
        """Say nothing."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Say nothing."""


def open_workspace(root: Path) -> Workspace:
    """The workspace in ``root``, made if it is not there.

    Raises:
        WorkspaceError: it cannot be made or read.
    """
    from weighbridge.facts.host import host_line  # noqa: PLC0415 -- verbs that keep nothing
    from weighbridge.workspace.folder import Workspace  # noqa: PLC0415 -- need none of it

    return Workspace(root, SystemClock(), host_line)


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """A draft beside ``path`` that replaces it when the block succeeds, and vanishes when not.

    Raises:
        WorkspaceError: the file cannot be written.
    """
    draft = path.with_name(f".{path.name}.draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        draft.replace(path)
    except OSError as error:
        raise WorkspaceError(f"Cannot write {path}: {error.strerror or error}.") from error
    finally:
        draft.unlink(missing_ok=True)

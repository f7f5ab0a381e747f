"""Snapshots of load runs under way: small files in a workspace, each replaced as a whole.

The measuring process writes, pages read. A snapshot whose process is gone is shown no more, and
the next run that begins removes it.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from weighbridge.core.live_load import LiveLoad, LivePoint
from weighbridge.core.load import LoadLevel

MOST_POINTS = 120
_FOLDER = "live"
_ID = re.compile(r"[a-z]+-[0-9a-z]+")
# A process that lives may be stopped for a while; one of another host cannot be seen at all.
_QUIET_S = 15.0
_ABANDONED_S = 600.0

_decoder = msgspec.json.Decoder(LiveLoad)
_encoder = msgspec.json.Encoder()


class LiveLoads:
    """The snapshots of a workspace.

    Args:
        root: the workspace's folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root / _FOLDER

    def write(self, live: LiveLoad) -> None:
        """Show a run as it is now.

        What cannot be written is not shown: a full disk must not end a measurement.
        """
        path = self._path(live.info.id)
        draft = path.with_name(f".{path.name}.draft")
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(_encoder.encode(slim(live)))
            draft.replace(path)

    def remove(self, run_id: str) -> None:
        """Show a run no more: it is kept, or was given up."""
        with contextlib.suppress(OSError):
            self._path(run_id).unlink(missing_ok=True)

    def read(self, run_id: str) -> LiveLoad | None:
        """A run as last shown; None where there is none under way by that id."""
        if not _ID.fullmatch(run_id):
            return None
        live = self._decoded(self._path(run_id))
        return live if live is not None and is_under_way(live) else None

    def all(self) -> list[LiveLoad]:
        """Every run under way, the latest begun first."""
        found = [live for path in self._files() if (live := self._decoded(path)) is not None]
        alive = [live for live in found if is_under_way(live)]
        return sorted(alive, key=lambda live: (live.info.created, live.info.id), reverse=True)

    def clean(self) -> None:
        """Delete what killed processes left behind; what cannot be read is left alone."""
        for path in self._files():
            live = self._decoded(path)
            if live is not None and not is_under_way(live):
                with contextlib.suppress(OSError):
                    path.unlink()

    def _files(self) -> list[Path]:
        return sorted(path for path in self._folder.glob("*.json") if _ID.fullmatch(path.stem))

    def _path(self, run_id: str) -> Path:
        return self._folder / f"{run_id}.json"

    def _decoded(self, path: Path) -> LiveLoad | None:
        try:
            return _decoder.decode(path.read_bytes())
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return None


def slim(live: LiveLoad) -> LiveLoad:
    """The same with few points and without what only a finished run's page shows."""
    finished = tuple(_without_samples(level) for level in live.finished)
    return replace(live, points=thinned(live.points), finished=finished)


def thinned(points: Sequence[LivePoint], most: int = MOST_POINTS) -> tuple[LivePoint, ...]:
    """At most so many points, evenly spread, the last one always among them."""
    if len(points) <= most:
        return tuple(points)
    step = (len(points) - 1) / (most - 1)
    return tuple(points[round(number * step)] for number in range(most))


def is_under_way(live: LiveLoad, now: datetime | None = None) -> bool:
    """Whether somebody still measures: it was shown just now, or its process lives."""
    try:
        updated = datetime.fromisoformat(live.updated)
    except ValueError:
        return False
    if updated.tzinfo is None:
        updated = updated.replace(tzinfo=UTC)
    age_s = ((now or datetime.now(UTC)) - updated).total_seconds()
    if age_s <= _QUIET_S:
        # Right after a kill the snapshot is fresh; a process of another host cannot be asked.
        return True
    return age_s <= _ABANDONED_S and _is_alive(live.process)


def _is_alive(process: int) -> bool:
    if process <= 0:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OSError):
        return True
    return True


def _without_samples(level: LoadLevel) -> LoadLevel:
    return level if level.server is None else replace(level, server=None)

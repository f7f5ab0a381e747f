"""A load run under way, shown to whoever looks: the pages of ``weigh ui``, and the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from weighbridge.core.live_load import LiveLoad


@contextmanager
def show_live(root: Path, also: Callable[[LiveLoad], None]) -> Iterator[Callable[[LiveLoad], None]]:
    """Snapshots in the workspace for as long as the block lasts; each also goes to ``also``."""
    from weighbridge.workspace.live_load import LiveLoads  # noqa: PLC0415 -- not for --help

    snapshots, shown = LiveLoads(root), set[str]()
    snapshots.clean()

    def show(live: LiveLoad) -> None:
        shown.add(live.info.id)
        also(live)
        snapshots.write(live)

    try:
        yield show
    finally:
        for run_id in shown:
            snapshots.remove(run_id)

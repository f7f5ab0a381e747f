"""Progress bars on standard error; plain lines when it is no terminal."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from weighbridge.cli.diagnostics import printable
from weighbridge.core.effects import Progress

_TOLD_EVERY_S = 0.25


@contextmanager
def progress_display(*, quiet: bool = False) -> Iterator[Progress]:
    """A display that lasts as long as the block."""
    if quiet:
        from weighbridge.verbs.effects import Silent  # noqa: PLC0415 -- not needed for --help

        yield Silent()
    elif os.environ.get("WEIGHBRIDGE_PROGRESS") == "json":
        yield _Json()
    elif sys.stderr.isatty():
        with _Bars() as bars:
            yield bars
    else:
        yield _Lines()


class _Bars:
    """One bar per stage, the finished ones left standing."""

    def __init__(self) -> None:
        from rich import console, progress  # noqa: PLC0415 -- only when something is drawn

        self._progress = progress.Progress(
            progress.TextColumn("{task.description}", style="bold", markup=False),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TextColumn("{task.fields[note]}", style="dim", markup=False),
            console=console.Console(stderr=True),
        )
        self._current: progress.TaskID | None = None

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def stage(self, title: str, total: int) -> None:
        self._current = self._progress.add_task(printable(title), total=total, note="")

    def advance(self, steps: int = 1, note: str = "") -> None:
        if self._current is not None:
            self._progress.advance(self._current, steps)
            if note:
                self._progress.update(self._current, note=printable(note))


class _Lines:
    """One line per stage, for logs."""

    def stage(self, title: str, total: int) -> None:
        print(printable(f"{title} ({total})"), file=sys.stderr, flush=True)

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Too much for a log."""


class _Json:
    """A line of JSON per stage and a few a second in between, for a program that reads along."""

    def __init__(self) -> None:
        self._title, self._total, self._done = "", 0, 0
        self._told = 0.0

    def stage(self, title: str, total: int) -> None:
        self._title, self._total, self._done = title, total, 0
        self._tell("")

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._done += steps
        if self._done >= self._total or time.monotonic() - self._told > _TOLD_EVERY_S:
            self._tell(note)

    def _tell(self, note: str) -> None:
        self._told = time.monotonic()
        told = {"stage": self._title, "done": self._done, "total": self._total, "note": note}
        print(json.dumps(told), file=sys.stderr, flush=True)

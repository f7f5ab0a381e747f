"""The task of captured requests that named their model, so that routing had no need to ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec.structs import replace

from weighbridge.core.errors import InputError
from weighbridge.core.gateway import COMPLETIONS, Grant
from weighbridge.serve.asked import read_asked
from weighbridge.serve.config import read_config
from weighbridge.serve.routing.classifier import load_route
from weighbridge.serve.routing.conditions import Moment
from weighbridge.serve.routing.tasks import Tasks
from weighbridge.workspace.traffic import Captured

Recognise = Callable[[Captured], str | None]


def recogniser(path: Path) -> Recognise:
    """Tells tasks by the ``signals`` of a configuration, as its gateway does.

    Raises:
        InputError: the configuration cannot be read or is wrong.
    """
    signals = read_config(path).signals
    tasks = Tasks(signals)
    learned = None if signals.learned is None else load_route(path.parent / signals.learned)

    def recognise(captured: Captured) -> str | None:
        if captured.path not in COMPLETIONS:
            return None
        try:
            body = msgspec.json.encode(captured.request)
            asked = read_asked(captured.path, (), body, prefix=False)
        except InputError:
            return None
        return Moment(asked, Grant(), {}, tasks, learned).task

    return recognise


def with_tasks(captured: Iterable[Captured], recognise: Recognise) -> Iterator[Captured]:
    """The same requests; those that were routed keep the task that routing recognised."""
    for one in captured:
        yield replace(one, task=recognise(one)) if one.task is None else one

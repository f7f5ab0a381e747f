"""``weigh bench compare``: two load runs, or two servers measured in turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from weighbridge.core.effects import Clock, Progress, Store
from weighbridge.core.endpoint import Endpoint
from weighbridge.core.http import HttpClient
from weighbridge.core.live_load import LiveLoad
from weighbridge.core.load import LoadRun
from weighbridge.core.load_comparison import LoadComparison
from weighbridge.decide.load_comparison import compare_loads
from weighbridge.verbs.bench import BenchSettings, bench


def compare(store: Store, a: str, b: str) -> tuple[LoadComparison, ...]:
    """Two runs of the workspace, level by level; each name may be several, separated by commas.

    Raises:
        UnknownRunError: a name is no load run.
        InputError: they cannot be compared.
    """
    return compare_loads(_runs(store, a), _runs(store, b))


async def interleave(
    store: Store,
    client: HttpClient,
    clock: Clock,
    endpoints: tuple[Endpoint, Endpoint],
    settings: BenchSettings,
    *,
    pairs: int,
    progress: Progress,
    on_live: Callable[[LiveLoad], None] = lambda _: None,
) -> tuple[LoadComparison, ...]:
    """Measure two servers in turns, A B B A A B …, keep every run, and compare them pair by pair.

    Whatever changes slowly meanwhile hits both alike: the order turns round with every pair.

    Raises:
        InputError: a server does not serve its model, or the runs cannot be compared.
        EndpointError: one does not answer the first request.
    """
    runs: tuple[list[LoadRun], list[LoadRun]] = ([], [])
    for pair in range(pairs):
        for side in (0, 1) if pair % 2 == 0 else (1, 0):
            # Other openings every time: nothing is answered from what a turn before has left in a
            # cache, even if both are one server.
            salt = f"{settings.workload.salt}{'AB'[side]}{pair}"
            salted = replace(settings, workload=replace(settings.workload, salt=salt))
            runs[side].append(
                await bench(
                    store,
                    client,
                    clock,
                    endpoints[side],
                    salted,
                    progress=progress,
                    on_live=on_live,
                )
            )
    return compare_loads(*runs)


def to_json(comparisons: Sequence[LoadComparison]) -> dict[str, Any]:
    """The figures of ``weigh bench compare --json``; keys are documented in docs/json.md."""
    return {"comparisons": [msgspec.to_builtins(comparison) for comparison in comparisons]}


def _runs(store: Store, names: str) -> list[LoadRun]:
    return [store.load(store.find(name.strip(), "load").id, LoadRun) for name in names.split(",")]

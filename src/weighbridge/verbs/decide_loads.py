"""Which load runs of a workspace say how fast the models to decide on are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from weighbridge.core.constraints import Constraints
from weighbridge.core.effects import Store
from weighbridge.core.load import LoadRun
from weighbridge.core.load_place import measured_on
from weighbridge.core.machine import Machine
from weighbridge.core.runs import EvalRun, RunInfo
from weighbridge.core.tradeoffs import Served
from weighbridge.decide.served import about_task, served
from weighbridge.facts.devices.called import names_of

ServedBy = Mapping[tuple[str, str | None], Served]


class Loads:
    """The load runs of these models, each read once it is asked for.

    Attributes:
        infos: model → its runs, newest first.
        elsewhere: model → its newest run of another machine than is asked about.
        unplaced: ids of runs of which nobody can tell on which machine they were measured.
        on: the machine that is asked about, in words; empty where none is.
    """

    def __init__(
        self,
        store: Store,
        models: Sequence[str],
        evals: Sequence[EvalRun],
        machine: Machine | None,
    ) -> None:
        self.infos: dict[str, list[RunInfo]] = {}
        for info in store.runs("load"):
            if info.model in models:
                self.infos.setdefault(info.model, []).append(info)
        self.elsewhere: dict[str, LoadRun] = {}
        self.unplaced: set[str] = set()
        self.on = "" if machine is None else machine.label
        self._names = () if machine is None else names_of(machine.device.name)
        entries = [(run.info.model, run.entry) for run in evals if run.entry is not None]
        self._engines = {model: entry.engine or "" for model, entry in entries}
        self._store = store
        self._read: dict[str, LoadRun | None] = {}

    def get(self, info: RunInfo) -> LoadRun | None:
        """A run; None where it was certainly measured on another machine."""
        if info.id not in self._read:
            self._read[info.id] = self._placed(self._store.load(info.id, LoadRun))
        return self._read[info.id]

    def _placed(self, run: LoadRun) -> LoadRun | None:
        if not self._names:
            return run
        model = run.info.model
        there = measured_on(run, self._names, engine=self._engines.get(model, ""))
        if there is None:
            self.unplaced.add(run.info.id)
        if there is False:
            self.elsewhere.setdefault(model, run)
        return None if there is False else run


def measured(
    found: Loads, tasks: Sequence[str], constraints: Constraints
) -> Iterator[tuple[tuple[str, str | None], Served]]:
    """From the newest load run of each model that has a verdict, and that names a task."""
    for model, infos in found.infos.items():
        special = {task: about_task(infos, task) for task in tasks}
        named = [info for own in special.values() for info in own]
        general = [info for info in infos if info not in named]
        for task, own in [(None, general), *special.items()]:
            one = _served_of(found, own, constraints)
            if one is not None:
                yield (model, task), one


def _served_of(found: Loads, infos: Sequence[RunInfo], constraints: Constraints) -> Served | None:
    """Of the newest run that the client did not limit, else of the newest that bounds it."""
    bound = None
    for info in infos:
        run = found.get(info)
        one = None if run is None else served([run], constraints.load, constraints.slo)
        if one is not None and not one.is_client_limited:
            return one
        bound = bound or one
    return bound


def limited(found: Loads, known: ServedBy) -> dict[str, str]:
    """The newest load run of each model of which none has a verdict."""
    has = {model for model, _ in known}
    own = {
        model: [info.id for info in infos if found.get(info) is not None]
        for model, infos in found.infos.items()
        if model not in has
    }
    return {model: ids[0] for model, ids in own.items() if ids}


def place_notes(found: Loads, known: ServedBy, predicted: Sequence[str]) -> Iterator[str]:
    """Which load runs were left out for their machine, and of which nobody knows it."""
    used = {one.provenance.source: model for (model, _), one in known.items()}
    for model, run in found.elsewhere.items():
        if any(name == model for name, _ in known):
            continue  # one that was measured there says more
        what = "predicted instead" if model in predicted else "unknown"
        where = run.info.machine.partition(",")[0] or "another machine"
        yield (
            f"{run.info.id} of {model} was measured on {where} and says nothing of {found.on}: its "
            f"latency and what it serves there are {what}."
        )
    for source, model in used.items():
        if source in found.unplaced:
            yield (
                f"Whether {source} of {model} was measured on {found.on} cannot be told: its "
                "server's machine is not known. It is taken to be."
            )

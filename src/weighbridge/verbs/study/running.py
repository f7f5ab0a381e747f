"""``weigh study run``: stage by stage, unit by unit, from where the last run ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace

from weighbridge.core.errors import WeighbridgeError, WorkspaceError
from weighbridge.core.study import RESTS, STAGES, StageName, StageState, StudyRun, Unit
from weighbridge.verbs.study.asked import Asked
from weighbridge.verbs.study.book import Book
from weighbridge.verbs.study.engines import Engines
from weighbridge.verbs.study.jobs import Effects, Job, Left, Means, Settled
from weighbridge.verbs.study.stages import jobs_of, unasked
from weighbridge.verbs.study.summing_up import study_run
from weighbridge.workspace.ballots import Ratings
from weighbridge.workspace.studies import Studies, StudyLedger, UnitRecord

_EVERY: frozenset[StageName] = frozenset(STAGES)


@dataclass(frozen=True, slots=True)
class Options:
    """Which part of a study is run.

    Attributes:
        only: stages to run; what the others left is used as it is.
        again: stages that are done again though nothing has changed.
    """

    only: frozenset[StageName] = _EVERY
    again: frozenset[StageName] = field(default_factory=frozenset)


def options(stage: StageName | None, from_stage: StageName | None) -> Options:
    """What ``--stage`` and ``--from-stage`` mean."""
    only = _EVERY if stage is None else frozenset({stage})
    later = STAGES[STAGES.index(from_stage) :] if from_stage is not None else ()
    return Options(only, frozenset(later) & only)


async def run_study(asked: Asked, effects: Effects, how: Options | None = None) -> StudyRun:
    """Do what is to be done of a study, and keep how it ended.

    A unit that fails is noted with its reason, and the others go on.

    Raises:
        WorkspaceError: another process runs this study, or the workspace cannot be written.
    """
    began = effects.clock.monotonic_ns()
    studies = Studies(effects.root)
    with closing(studies.open(asked.name)) as ledger:
        async with Engines(asked, effects) as engines:
            work = _Work(asked, Means(effects, engines), how or Options(), ledger)
            stages = [await work.stage(stage) for stage in STAGES]
        seconds = (effects.clock.monotonic_ns() - began) / 1e9
        run = study_run(asked, effects, work.settled, tuple(stages), seconds)
        effects.store.save(run.info, run)
    return run


def stages_now(
    asked: Asked, effects: Effects, how: Options | None = None
) -> tuple[StageState, ...]:
    """How every stage stands, and what a run would do; nothing is done."""
    chosen = how or Options(only=frozenset())
    settled, stages = Settled(), []
    book = book_of(asked.name, effects)
    for stage in STAGES:
        units = []
        for job in planned(stage, asked, settled, effects):
            if isinstance(job, Unit):
                settled.add(job)
                units.append(job)
                continue
            unit = book.unit(job)
            if job.stage in chosen.again and unit.state in ("done", "waiting"):
                unit = replace(unit, state="stale", why="It is to be done again.")
            settled.add(unit)
            units += [unit, *book.elsewhere(job)]
        stages.append(StageState(stage, tuple(units), unasked(stage, asked)))
    return tuple(stages)


def planned(
    stage: StageName, asked: Asked, settled: Settled, effects: Effects
) -> Iterator[Job | Unit]:
    """The stage's jobs one by one; where what they need cannot be had, a unit that says so."""
    try:
        yield from jobs_of(stage, asked, settled, effects)
    except WorkspaceError:
        raise
    except WeighbridgeError as error:
        yield Unit(stage, stage, "", "failed", why=str(error))


def book_of(name: str, effects: Effects) -> Book:
    """What the workspace knows of a study at this moment."""
    runs = {info.id for info in effects.store.runs()}
    ratings = {info.id for info in Ratings(effects.root).all()}
    return Book(Studies(effects.root).records(name), runs | ratings, effects.machine)


class _Work:
    """A run of a study under way."""

    def __init__(self, asked: Asked, means: Means, how: Options, ledger: StudyLedger) -> None:
        self._asked = asked
        self._means = means
        self._how = how
        self._ledger = ledger
        self.settled = Settled()

    async def stage(self, stage: StageName) -> StageState:
        """Do what is to be done of a stage."""
        asked, effects = self._asked, self._means.effects
        units: list[Unit] = []
        for job in planned(stage, asked, self.settled, effects):
            if isinstance(job, Unit):
                self.settled.add(job)
                units.append(job)
                continue
            unit = await self._settle(job)
            self.settled.add(unit)
            units += [unit, *book_of(asked.name, effects).elsewhere(job)]
        return StageState(stage, tuple(units), unasked(stage, asked))

    async def _settle(self, job: Job) -> Unit:
        """The unit as it is after this."""
        book = book_of(self._asked.name, self._means.effects)
        unit = book.unit(job)
        if job.stage not in self._how.only:
            return unit
        if unit.state == "done" and job.stage not in self._how.again:
            return unit
        if not job.key:
            state = "failed" if self.settled.has_failures else unit.state
            return replace(unit, state=state, why=RESTS)
        measured = None if job.stage in self._how.again else book.measured(job)
        if measured is not None and job.judge is not None:
            judge, runs = job.judge, measured.runs
            return await self._done(job, lambda: judge(self._means, runs))
        return await self._done(job, lambda: job.do(self._means))

    async def _done(self, job: Job, do: Callable[[], Awaitable[Left]]) -> Unit:
        effects = self._means.effects
        began = effects.clock.monotonic_ns()
        left, why = Left(()), ""
        try:
            left = await do()
        except WorkspaceError:
            raise  # no room, or no right to write: nothing else would succeed either
        except WeighbridgeError as error:
            why = str(error)
        record = UnitRecord(
            stage=job.stage,
            unit=job.name,
            key=job.key,
            state="failed" if why else "waiting" if left.waits else "done",
            runs=left.runs,
            why=why or left.waits,
            seconds=(effects.clock.monotonic_ns() - began) / 1e9,
            created=effects.clock.now_iso(),
            machine=effects.machine,
            basis=job.basis,
        )
        self._ledger.append(record)
        return Unit(
            record.stage, record.unit, record.key, record.state, record.runs,
            record.why, record.seconds, record.created, record.machine,
        )  # fmt: skip

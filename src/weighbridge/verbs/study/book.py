"""Which units of a study are done, by the ledger: pure but for what the workspace holds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from weighbridge.core.runs import content_hash
from weighbridge.core.study import Unit
from weighbridge.verbs.study.jobs import Job
from weighbridge.workspace.studies import UnitRecord

_CHANGED = "What it rests on has changed since it was done."
_JUDGED = "Only what is expected of it has changed: its requests are judged anew, none are sent."
_GONE = "It was done, but its run is no longer in the workspace."


@dataclass(frozen=True, slots=True)
class Book:
    """What a workspace knows of a study.

    Attributes:
        records: of its units, the oldest first.
        kept: ids of all runs and ratings that the workspace holds.
        machine: this one, in a line; what was done here comes before what was done elsewhere.
    """

    records: Sequence[UnitRecord]
    kept: Collection[str]
    machine: str

    def unit(self, job: Job) -> Unit:
        """How a unit stands."""
        own = [one for one in self.records if (one.stage, one.unit) == (job.stage, job.name)]
        same = [one for one in own if job.key and one.key == job.key]
        complete = [one for one in same if one.state != "failed" and self._has(one)]
        if complete:
            here = [one for one in complete if one.machine == self.machine]
            return _of((here or complete)[-1])
        if same and same[-1].state == "failed":
            return _of(same[-1])
        done = [one for one in own if one.state != "failed"]
        if any(one.state != "failed" for one in same):
            return Unit(job.stage, job.name, job.key, "stale", why=_GONE)
        if done:
            why = _CHANGED if self.measured(job) is None else _JUDGED
            return Unit(job.stage, job.name, job.key, "stale", why=why)
        return Unit(job.stage, job.name, job.key, "to do")

    def measured(self, job: Job) -> UnitRecord | None:
        """The newest measurement of a unit that only has to be judged anew."""
        if not job.basis or job.judge is None:
            return None
        found = [
            one
            for one in self.records
            if (one.stage, one.unit, one.basis) == (job.stage, job.name, job.basis)
            and one.state == "done"
            and self._has(one)
        ]
        return found[-1] if found else None

    def elsewhere(self, job: Job) -> Iterator[Unit]:
        """The same unit as done on other machines, the newest of each."""
        if not job.anywhere:
            return
        newest: dict[str, UnitRecord] = {}
        for one in self.records:
            of_job = (one.stage, one.unit) == (job.stage, job.name) and one.state == "done"
            same = one.key == content_hash(one.machine, job.anywhere)
            if of_job and same and one.machine != self.machine and self._has(one):
                newest[one.machine] = one
        for one in newest.values():
            yield _of(one, name=f"{job.name} @ {one.machine}")

    def _has(self, record: UnitRecord) -> bool:
        return all(run in self.kept for run in record.runs)


def _of(record: UnitRecord, name: str = "") -> Unit:
    return Unit(
        record.stage,
        name or record.unit,
        record.key,
        record.state,
        record.runs,
        record.why,
        record.seconds,
        record.created,
        record.machine,
    )

"""A level of a load run while it is measured, once or several times."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from weighbridge.core.load import LoadLevel, RequestRecord
from weighbridge.core.traffic import LoadShape
from weighbridge.core.workload import Slo
from weighbridge.measure.load.figures.repeats import Repeat, later, pooled
from weighbridge.measure.load.figures.summary import summarise


class LevelUnderWay:
    """Finished repeats, and what the one under way has brought so far.

    Attributes:
        shape: how requests come; of a replay, with the rate that its trace has.
        repeats: those that are finished.
        pending: requests that have ended of the one that is not.
    """

    def __init__(self, shape: LoadShape) -> None:
        self.shape = shape
        self.repeats: list[Repeat] = []
        self.pending: list[RequestRecord] = []
        self._began = self._repeat_began = perf_counter()

    def begin_repeat(self) -> None:
        """Requests follow."""
        self._repeat_began = perf_counter()
        if not self.repeats:
            self._began = self._repeat_began

    def end_repeat(self, level: LoadLevel, records: Sequence[RequestRecord]) -> None:
        """It is finished, with these figures."""
        self.repeats.append(Repeat(level, records, self._repeat_began - self._began))
        self.pending = []

    def summary(self, slo: Slo | None) -> LoadLevel:
        """The level's figures so far: of finished repeats, or of the first one's beginning."""
        if len(self.repeats) > 1:
            return pooled(self.shape, self.repeats, slo)
        if self.repeats:
            return self.repeats[0].level
        end_ms = max((record.sent_ms + record.e2e_ms for record in self.pending), default=0.0)
        return summarise(self.shape, self.pending, end_ms / 1e3, slo=slo)

    def records(self) -> list[RequestRecord]:
        """Those behind the summary, on the clock of the first repeat, in order of sending."""
        if not self.repeats:
            return sorted(self.pending, key=lambda record: record.sent_ms)
        return [
            later(record, 1e3 * repeat.offset_s)
            for repeat in self.repeats
            for record in repeat.records
        ]

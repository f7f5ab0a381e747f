"""A learned route at work: the task of a message, and the models for it, by plain arithmetic.

All fields of a bucket lie in one large integer, 32 bits each, so that one addition adds them all:
summing up a message takes one look-up and one addition per bucket, however many tasks there are.
"""

from __future__ import annotations

import math
import struct
from array import array
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

from weighbridge.core.errors import InputError
from weighbridge.core.learned_route import (
    SIGNALS,
    LearnedFile,
    RouteHeader,
    TaskCard,
    decode,
    little,
)
from weighbridge.core.text_features import buckets
from weighbridge.serve.routing.learned import Learned

_BIAS = 32768
_LANE = 4
_TINY = 1e-9
_SMALLEST_SPREAD = 1e-3


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a message looks like.

    Attributes:
        task: the task that it is most like; None where the route knows none.
        confidence: that it is this one of the known tasks, as often as that proved right.
        is_typical: whether it is like what was evaluated for that task at all.
        shortfall: how far its signals fall short of the task's usual ones; 0 for none.
    """

    task: str | None
    confidence: float
    is_typical: bool
    shortfall: float


class Classifier:
    """The gateway's :class:`~weighbridge.serve.learned.LearnedRoute`."""

    def __init__(self, learned: LearnedFile) -> None:
        """Unpack the weights."""
        header = learned.header
        self._header = header
        self._bits = header.bits
        fields = header.fields
        self._unpack = struct.Struct(f"<{fields}I").unpack
        self._size = fields * _LANE
        self._table = _table(learned)
        self._scales = header.scales
        tasks = header.tasks
        self._priors = tuple(task.prior for task in tasks)
        self._answers = tuple(_answer(header, task) for task in tasks)
        self._default = Learned(header.single[:1], header.single[1:2], None, 0.0, _default(header))
        self._margins = [margin for margin, _ in header.sureness]
        self._rates = [rate for _, rate in header.sureness]
        esc = header.escalation
        if esc is not None:
            why = f"learned: {{}} is enough, {esc.strong} not called"
            self._weak = Learned((esc.weak,), (esc.strong,), None, 0.0, why.format(esc.weak))
            why = f"learned: {esc.strong} is worth it"
            self._strong = Learned((esc.strong,), (esc.weak,), None, 0.0, why)

    @property
    def header(self) -> RouteHeader:
        """What the file says of itself."""
        return self._header

    def choose(self, message: str) -> Learned:
        """The models for a message, and why; the best single model where nothing is shown."""
        header = self._header
        if not header.on:
            return self._default
        sums, count = self._sums(message)
        escalation = header.escalation
        if escalation is not None:
            score = escalation.mean + sums[1] / math.sqrt(max(_TINY, sums[0]))
            return self._strong if score > escalation.threshold else self._weak
        best, second, shortfall = self._nearest(sums, count)
        task = header.tasks[best[1]]
        if shortfall < task.least:
            return self._default
        confidence = self._confidence(best[0] - second)
        models, then, why = self._answers[best[1]]
        return Learned(models, then, task.name, confidence, why)

    def recognise(self, message: str) -> Recognised:
        """The task that a message looks like, whether or not the route is on."""
        if not self._header.tasks:
            return Recognised(None, 0.0, is_typical=False, shortfall=0.0)
        sums, count = self._sums(message)
        best, second, shortfall = self._nearest(sums, count)
        task = self._header.tasks[best[1]]
        confidence = self._confidence(best[0] - second)
        return Recognised(task.name, confidence, shortfall >= task.least, shortfall)

    def gain(self, message: str) -> float | None:
        """What the stronger model is expected to gain; None for a route by tasks."""
        escalation = self._header.escalation
        if escalation is None:
            return None
        sums, _ = self._sums(message)
        return escalation.mean + sums[1] / math.sqrt(max(_TINY, sums[0]))

    def _sums(self, message: str) -> tuple[list[float], int]:
        """Each field summed over the buckets of a message, and how many these are."""
        found = buckets(message, self._bits)
        total = sum(map(self._table.__getitem__, found))
        bias = _BIAS * len(found)
        lanes = self._unpack(total.to_bytes(self._size, "little"))
        pairs = zip(lanes, self._scales, strict=True)
        return [(lane - bias) * scale for lane, scale in pairs], len(found)

    def _nearest(self, sums: list[float], count: int) -> tuple[tuple[float, int], float, float]:
        """Score and number of the nearest task, the score of the second, and the shortfall."""
        norm = math.sqrt(max(_TINY, sums[0]))
        scores = [
            prior + value / norm
            for prior, value in zip(self._priors, sums[1::SIGNALS], strict=True)
        ]
        best = max(scores)
        number = scores.index(best)
        scores[number] = -math.inf
        second = max(scores) if len(scores) > 1 else 0.0
        at = 1 + SIGNALS * number
        task = self._header.tasks[number]
        values = (best, sums[at + 1] / max(1, count), sums[at + 2])
        shortfall = 0.0
        for value, usual, spread in zip(values, task.usual, task.spread, strict=True):
            shortfall += min(0.0, (value - usual) / max(spread, _SMALLEST_SPREAD))
        return (best, number), second, shortfall

    def _confidence(self, margin: float) -> float:
        if not self._margins:
            return 0.0
        return self._rates[max(0, bisect_right(self._margins, margin) - 1)]


def load_route(path: Path) -> Classifier:
    """The learned route in a file.

    Raises:
        InputError: it cannot be read.
        FormatError: it is no learned route.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"Cannot read the learned route {path}: {error.strerror}.",
            fix="`weigh route train` writes one.",
        ) from None
    return Classifier(decode(data, str(path)))


def _table(learned: LearnedFile) -> list[int]:
    """One integer per bucket: each field, made positive, in its own 32 bits."""
    header = learned.header
    size = header.fields * _LANE
    unseen = _packed(array("h", header.unseen))
    table = [int.from_bytes(unseen, "little")] * (1 << header.bits)
    packed = memoryview(_packed(learned.rows))
    for number, bucket in enumerate(learned.index):
        table[bucket] = int.from_bytes(packed[number * size : (number + 1) * size], "little")
    return table


def _packed(values: array[int]) -> bytes:
    return little(array("I", (value + _BIAS for value in values))).tobytes()


def _answer(header: RouteHeader, task: TaskCard) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """Models, those after them, and the reason, for a typical message of a task."""
    single = header.single
    if not task.on:
        return single[:1], single[1:2], f"learned: task {task.name}, no gain shown over {single[0]}"
    then = tuple(model for model in single[:1] if model not in task.models)
    return task.models, then, f"learned: task {task.name}"


def _default(header: RouteHeader) -> str:
    if not header.on:
        return "learned: no gain shown, best single model"
    return "learned: unlike what was evaluated, best single model"

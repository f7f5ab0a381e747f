"""Measurements as they are kept: append-only, each with a hash of what was measured."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from weighbridge.core.routing import ModelEntry

RunKind = Literal["inspect", "plan", "load", "eval", "verdict", "route", "demo", "cost", "study"]


def content_hash(*parts: Any) -> str:  # noqa: ANN401 -- anything that msgspec can encode
    """Short stable hash of what was measured (model, endpoint, settings, inputs): 16 hex digits."""
    encoded = msgspec.json.encode(parts, order="deterministic")
    return hashlib.sha256(encoded).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What every run has.

    Attributes:
        id: ``<kind>-<6 hex digits>``, unique in its workspace.
        kind: which sort of measurement.
        created: UTC, ISO 8601, to the second.
        model: the model measured, or several joined by commas.
        subject: what it was measured on: suite, workload, file.
        key: :func:`content_hash` of what was measured; equal keys may be compared or resumed.
        machine: the host, in one line.
        version: Weighbridge's version.
    """

    id: str
    kind: RunKind
    created: str
    model: str
    subject: str
    key: str
    machine: str
    version: str


@dataclass(frozen=True, slots=True)
class ItemResult:
    """One item of a suite, answered and scored.

    Attributes:
        id: the item's id in its suite.
        prompt: what the model was asked, template filled in.
        expected: the right answer as written in the suite.
        answer: what the model wrote; empty when it failed to.
        correct: whether the scorer accepts it as a whole.
        score: between 0 and 1; for structured answers the share of fields that are right.
        detail: why it was not accepted, or nothing.
        latency_ms: from sending to the end of the answer.
        output_tokens: by the server's usage, 0 when unknown.
        error: kind of failure; a failed item counts as wrong.
        answered_by: the model that the answer says it is from, which routing may have chosen.
        repeat: which of several answers to this item it is, from 0.
        group: what the item belongs to; items of one group are not independent.
        prompt_tokens: by the server's usage, 0 when unknown.
        request: hash of all that was sent: model, parameters, prompt.
        judged_by: hash of the scorer, its settings and the gold; nothing for one not yet judged.
        finish_reason: why the model stopped, in the server's word.
        calls: functions that it called, each with ``name`` and ``arguments``.
        notes: figures of the scorer's own, such as which fields were right.
    """

    id: str
    prompt: str
    expected: Any
    answer: str
    correct: bool
    score: float
    detail: str
    latency_ms: float
    output_tokens: int
    error: str | None = None
    answered_by: str = ""
    repeat: int = 0
    group: str = ""
    prompt_tokens: int = 0
    request: str = ""
    judged_by: str = ""
    finish_reason: str = ""
    calls: tuple[dict[str, Any], ...] = ()
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EvalRun:
    """A model on a suite, item by item.

    Attributes:
        info: identity.
        url: where the model answered.
        suite: the suite's name.
        suite_hash: of its settings and items; only equal ones may be compared.
        items: results in suite order; those of a run just made may still be in its log.
        memory_bytes: the engine's resident memory just after, where it could be read.
        entry: how a gateway can start this model, or None where only ``url`` is known.
        is_task: whether the suite stands for a task of the traffic; a suite that only tells
            precisions of one model apart does not.
        repeats: answers asked for per item; ``items`` then has each item so many times.
        wall_s: how long asking and judging took; 0 when unknown, as for an imported run.
        origin: the tool and file that an imported run is from; nothing for one of ours.
    """

    info: RunInfo
    url: str
    suite: str
    suite_hash: str
    items: Sequence[ItemResult]
    memory_bytes: int | None = None
    entry: ModelEntry | None = None
    is_task: bool = True
    repeats: int = 1
    wall_s: float = 0.0
    origin: str = ""

    def __post_init__(self) -> None:
        """What was read from a file is as fixed as what was measured."""
        if isinstance(self.items, list):
            object.__setattr__(self, "items", tuple(self.items))

    @property
    def correct(self) -> int:
        """Number of items accepted."""
        return sum(item.correct for item in self.items)

    @property
    def accuracy(self) -> float:
        """Share of items accepted; 0 for an empty run."""
        return self.correct / len(self.items) if self.items else 0.0

    @property
    def mean_score(self) -> float:
        """Mean of the items' scores: for structured answers the share of right fields."""
        return sum(item.score for item in self.items) / len(self.items) if self.items else 0.0

    @property
    def errors(self) -> int:
        """Items that failed and so count as wrong."""
        return sum(item.error is not None for item in self.items)

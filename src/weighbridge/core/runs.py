"""Measurements as they are kept: append-only, each with a hash of what was measured."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from weighbridge.core.routing import ModelEntry

RunKind = Literal["inspect", "plan", "load", "eval", "verdict", "route", "demo"]


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
class RequestRecord:
    """One streamed request of a load run. Times in ms from sending it.

    Attributes:
        concurrency: the level it belongs to.
        index: position in the level's schedule.
        sent_ms: when it was sent, from the start of the level.
        ttft_ms: first content, or None when none came.
        e2e_ms: end of the answer.
        gaps_ms: between arrivals of content after the first (several tokens may arrive as one).
        output_tokens: by the server's usage where it gives one, else the number of arrivals.
        tokens_from_usage: whether ``output_tokens`` is the server's own count.
        error: kind of failure, or None.
        message: what the failure said, or nothing.
    """

    concurrency: int
    index: int
    sent_ms: float
    ttft_ms: float | None
    e2e_ms: float
    gaps_ms: tuple[float, ...]
    output_tokens: int
    tokens_from_usage: bool
    error: str | None = None
    message: str = ""

    @property
    def tpot_ms(self) -> float | None:
        """(last content - first content) / (tokens - 1).

        None for fewer than two tokens, and where all arrived in one read: the pace of tokens that
        come together cannot be told.
        """
        span_ms = sum(self.gaps_ms)
        if self.error or self.output_tokens < 2 or not span_ms:
            return None
        return span_ms / (self.output_tokens - 1)


@dataclass(frozen=True, slots=True)
class Distribution:
    """A sample in five numbers; all NaN-free, in the unit that the owner's name states."""

    count: int
    mean: float
    p50: float
    p90: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class LoadLevel:
    """One concurrency level of a load run, summarised over its successful requests.

    Rates are over the level's duration, from the first request sent to the last answer's end.
    """

    concurrency: int
    requests: int
    errors: int
    error_kinds: tuple[tuple[str, int], ...]
    first_error: str
    duration_s: float
    requests_per_s: float
    output_tokens: int
    output_tokens_per_s: float
    tokens_from_usage: bool
    ttft_ms: Distribution | None
    itl_ms: Distribution | None
    tpot_ms: Distribution | None
    e2e_ms: Distribution | None


@dataclass(frozen=True, slots=True)
class LoadRun:
    """An endpoint under a closed loop of streamed requests, level by level.

    ``requests`` are the raw records behind the levels, in order of sending.
    """

    info: RunInfo
    url: str
    max_tokens: int
    levels: tuple[LoadLevel, ...]
    requests: tuple[RequestRecord, ...]


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


@dataclass(frozen=True, slots=True)
class EvalRun:
    """A model on a suite, item by item.

    Attributes:
        info: identity.
        url: where the model answered.
        suite: the suite's name.
        suite_hash: of its settings and items; only equal ones may be compared.
        items: results in suite order.
        memory_bytes: the engine's resident memory just after, where it could be read.
        entry: how a gateway can start this model, or None where only ``url`` is known.
        is_task: whether the suite stands for a task of the traffic; a suite that only tells
            precisions of one model apart does not.
    """

    info: RunInfo
    url: str
    suite: str
    suite_hash: str
    items: tuple[ItemResult, ...]
    memory_bytes: int | None = None
    entry: ModelEntry | None = None
    is_task: bool = True

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

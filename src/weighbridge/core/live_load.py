"""A load run under way, as pages and progress lines show it."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.core.load import LoadLevel
from weighbridge.core.runs import RunInfo
from weighbridge.core.traffic import LoadShape


@dataclass(frozen=True, slots=True)
class LivePoint:
    """A moment of a level under way, over the last few seconds. None where nothing came."""

    at_s: float
    done: int
    errors: int
    in_flight: int
    output_tokens_per_s: float
    ttft_ms_p50: float | None
    ttft_ms_p95: float | None
    itl_ms_p50: float | None
    itl_ms_p99: float | None


@dataclass(frozen=True, slots=True)
class LiveLoad:
    """A load run under way, as pages and progress lines show it.

    Attributes:
        info: the identity under which it will be kept.
        url: what is measured.
        level: index of the level under way.
        levels: how many there will be, or None where a search decides.
        shape: of the level under way.
        total: requests of this level, or None where time ends it.
        points: of this level, oldest first.
        finished: levels done.
        updated: UTC, ISO 8601; one that is old was left by a killed process.
        process: id of the measuring process.
    """

    info: RunInfo
    url: str
    level: int
    levels: int | None
    shape: LoadShape
    total: int | None
    points: tuple[LivePoint, ...]
    finished: tuple[LoadLevel, ...]
    updated: str
    process: int

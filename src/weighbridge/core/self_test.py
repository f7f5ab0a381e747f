"""The load client's own error, against a server whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.core.telemetry import ClientHealth


@dataclass(frozen=True, slots=True)
class SelfTestLevel:
    """The client against a server whose truth is known. Errors are reported minus true, in ms."""

    concurrency: int
    requests: int
    ttft_error_ms_p50: float
    ttft_error_ms_p99: float
    itl_error_ms_p50: float
    itl_error_ms_p99: float
    rate_kept: float
    cpu_ms_per_1000_tokens: float
    server_late_ms_p99: float
    client: ClientHealth
    is_trustworthy: bool


@dataclass(frozen=True, slots=True)
class SelfTest:
    """The client's own error on this machine.

    Attributes:
        levels: by concurrency.
        holds: the highest concurrency tried at which the client can be trusted, or None.
        sentence: that in words.
    """

    machine: str
    date: str
    levels: tuple[SelfTestLevel, ...]
    holds: int | None
    sentence: str

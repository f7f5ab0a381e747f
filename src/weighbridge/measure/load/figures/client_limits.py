"""Whether the measuring client was the bottleneck: then its figures say nothing of the server.

Each limit is set by what it would distort. Timestamps are taken when a read returns, so a loop
that is late by x makes a TTFT late by up to x, and shifts a gap by as much; up to 5 % of the
median TTFT and 25 % of the 99th percentile of the gaps pass, because the lag's own 99th percentile
rarely meets either, and 5 ms always pass. A loop that is busy for more than 90 % of its core has
no room to be on time. Where Little's law does not hold within 3 %, requests were lost or counted
twice. And a user of a closed loop who is idle for more than 5 % of the time loads the server with
less than was asked.
"""

from __future__ import annotations

from typing import Final

from weighbridge.core.load import LoadLevel
from weighbridge.core.telemetry import ClientHealth

_ALWAYS_MS: Final = 5.0
_OF_TTFT: Final = 0.05
_OF_GAPS: Final = 0.25
_BUSY: Final = 0.9
_LITTLE: Final = 0.03
_IDLE: Final = 0.05
_FEW: Final = 20  # requests of which edges make up too much for the books to agree


def limits_of(
    health: ClientHealth, level: LoadLevel, *, in_flight: float | None = None
) -> tuple[str, ...]:
    """Why the client was the bottleneck, one sentence each; nothing where it was not.

    Args:
        health: its own counters.
        level: what it measured meanwhile.
        in_flight: mean requests in flight in the steady part of a closed loop whose users never
            pause, by the records; None otherwise.
    """
    allowed = _allowed_ms(level)
    found = []
    if health.loop_lag_ms_p99 > allowed:
        found.append(
            f"The client's event loop was up to {health.loop_lag_ms_p99:.1f} ms late (99th "
            f"percentile), where the latencies it measured bear {allowed:.1f} ms."
        )
    if health.send_lag_ms_p99 > allowed:
        found.append(
            f"Requests left up to {health.send_lag_ms_p99:.1f} ms after they could have (99th "
            f"percentile), where the latencies measured bear {allowed:.1f} ms."
        )
    if health.cpu_share > _BUSY:
        found.append(
            f"The busiest client process took {health.cpu_share:.0%} of a core, which leaves it no "
            f"room to be on time."
        )
    if (
        health.little_ratio is not None
        and level.requests >= _FEW
        and abs(health.little_ratio - 1) > _LITTLE
    ):
        found.append(
            f"Rate × latency is {health.little_ratio:.2f} times the requests in flight (Little's "
            f"law says 1), so the client's books do not agree."
        )
    found += _idle(level, in_flight)
    return tuple(found)


def little_ratio(requests: int, duration_s: float, mean_e2e_ms: float, in_flight: float) -> float:
    """Requests per second × mean E2E / requests in flight: 1 by Little's law."""
    return requests / duration_s * mean_e2e_ms / 1e3 / in_flight


def _allowed_ms(level: LoadLevel) -> float:
    """How late the client may be without distorting what it measured."""
    ttft = level.service_ttft_ms or level.ttft_ms
    bearable = [_OF_TTFT * ttft.p50] if ttft else []
    if level.chunk_gap_ms:
        bearable.append(_OF_GAPS * level.chunk_gap_ms.p99)
    return max(_ALWAYS_MS, min(bearable, default=_ALWAYS_MS))


def _idle(level: LoadLevel, in_flight: float | None) -> list[str]:
    users = min(level.concurrency or 0, level.requests)
    if in_flight is None or not users or level.requests < _FEW:
        return []
    idle = 1 - in_flight / users
    if idle <= _IDLE:
        return []
    sentence = (
        f"Users were idle for {idle:.0%} of the time between an answer and their next request, so "
        f"the server had less load than was asked for."
    )
    return [sentence]

"""What the observers of a gateway have to tell, for ``/metrics`` and for the live page."""

from __future__ import annotations

from weighbridge.serve.admin.view import Figures
from weighbridge.serve.observing.access_log import AccessLog
from weighbridge.serve.observing.capture import Captures
from weighbridge.serve.observing.counts import RATE_WINDOW_S, Snapshot


def events(captures: Captures | None, log: AccessLog | None) -> dict[str, int]:
    """What was kept and lost, by a few fixed words; sums over workers make sense."""
    found: dict[str, int] = {}
    if captures is not None:
        found |= {"captures_kept": 0}
        found |= {f"captures_{what}": count for what, count in captures.counts.items()}
    if log is not None:
        found |= {"log_lines_written": log.written, "log_lines_dropped": log.lost}
    return found


def live_figures(counted: Snapshot, now: float, uptime_s: float) -> Figures:
    """The figures of the live page out of the metrics, so that nothing is counted twice.

    Args:
        counted: of one worker, or merged.
        now: UTC, seconds since 1970.
        uptime_s: since the gateway began.
    """
    return Figures(
        window_s=min(float(RATE_WINDOW_S), uptime_s),
        requests_in_window=round(RATE_WINDOW_S * counted.requests_per_s(now)),
        tokens_in_window=round(RATE_WINDOW_S * counted.tokens_per_s(now)),
        requests=counted.total,
        errors=counted.errors,
        ttft_s=tuple(counted.recent_ttft_s),
        duration_s=tuple(counted.recent_duration_s),
        routes=tuple(row for row in counted.routes() if row.model),
    )

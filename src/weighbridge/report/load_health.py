"""How the measuring client did, with what each of its numbers means."""

from __future__ import annotations

from typing import NamedTuple

from weighbridge.core.telemetry import ClientHealth
from weighbridge.report.load_words import seconds
from weighbridge.report.numbers import number, percent


class HealthRow(NamedTuple):
    """One number of the client's."""

    name: str
    value: str
    meaning: str


def health_rows(client: ClientHealth) -> list[HealthRow]:
    """The client's own figures in one level."""
    little = "unknown" if client.little_ratio is None else f"{client.little_ratio:.3f}"
    lags = (client.loop_lag_ms_p50, client.loop_lag_ms_p99, client.loop_lag_ms_max)
    return [
        HealthRow(
            "Loop lag, ms: p50 / p99 / max", " / ".join(f"{lag:.2f}" for lag in lags),
            "how late its event loop woke; latencies may be too long by as much",
        ),
        HealthRow(
            "Send lag p99, ms", f"{client.send_lag_ms_p99:.2f}",
            "from when a request could be sent until it was",
        ),
        HealthRow(
            "CPU", f"{percent(client.cpu_share)}, {seconds(client.cpu_s)}",
            "share of one core taken by its busiest process, and the time of all; near 100 % "
            "it cannot keep up",
        ),
        HealthRow(
            "Memory, MB", f"{client.max_rss_mb:,.0f}",
            "largest resident memory of all its processes",
        ),
        HealthRow("Workers", str(client.workers), "processes that sent requests"),
        HealthRow("In flight", number(client.in_flight), "requests at once, on average"),
        HealthRow(
            "Little's law", little,
            "requests/s × mean E2E ÷ in flight; 1 when the books agree",
        ),
    ]  # fmt: skip

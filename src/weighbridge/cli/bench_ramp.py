"""A ramp on the terminal: latency by rate."""

from __future__ import annotations

from weighbridge.cli.tables import print_table
from weighbridge.core.load import LoadLevel

_COLUMNS = (
    *("req/s, about", "requests", "errors"),
    *("TTFT p50", "TTFT p95", "TPOT p50", "E2E p50", "E2E p95"),
)


def show_ramp(level: LoadLevel) -> None:
    """The parts of a ramp as a table on standard output."""
    judged = any(one.holds is not None for one in level.ramp)
    rows = [
        [
            f"{one.rate:.3g}",
            str(one.requests),
            str(one.errors),
            *(
                "–" if value is None else f"{value:.1f}"
                for value in (
                    *(one.ttft_ms_p50, one.ttft_ms_p95, one.tpot_ms_p50),
                    *(one.e2e_ms_p50, one.e2e_ms_p95),
                )
            ),
            *(["held" if one.holds else "not held"] if judged else []),
        ]
        for one in level.ramp
    ]
    print_table(
        f"Ramp {level.shape}, by rate",
        [*_COLUMNS, *(["<SLO"] if judged else [])],
        rows,
        caption="ms, from when requests were due; a queue that lower rates built up lasts",
    )

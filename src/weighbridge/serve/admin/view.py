"""The gateway at one moment, put together for whoever looks. Pure: records in, one record out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from weighbridge import __version__
from weighbridge.core.gateway import GatewayView, ModelView, RouteCount, Spending

PERCENTILES: Final = (0.5, 0.9, 0.99)
MOST_ROUTES: Final = 50
MOST_SENTENCES: Final = 50
# Too short a time says nothing of a rate.
_LEAST_WINDOW_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What of late happened.

    Attributes:
        window_s: seconds over which requests and tokens are counted: fewer just after the start.
        requests_in_window: requests that ended in it.
        tokens_in_window: output tokens of these; those of a stream count at its end.
        requests: since the beginning.
        errors: of them, those that failed or were cut.
        ttft_s: of the latest answers.
        duration_s: of the latest answers.
        routes: decisions since the beginning, the most frequent first.
    """

    window_s: float = 0.0
    requests_in_window: int = 0
    tokens_in_window: int = 0
    requests: int = 0
    errors: int = 0
    ttft_s: tuple[float, ...] = ()
    duration_s: tuple[float, ...] = ()
    routes: tuple[RouteCount, ...] = ()


def gateway_view(
    *,
    time: float,
    uptime_s: float,
    listen: Sequence[str],
    models: Mapping[str, ModelView],
    figures: Figures,
    memory_bytes: int | None = None,
    used_bytes: int | None = None,
    spendings: Iterable[Spending] = (),
    config_error: str = "",
    recent: Sequence[str] = (),
) -> GatewayView:
    """Everything that the live page shows.

    Args:
        time: UTC, seconds since 1970.
        uptime_s: since the gateway began.
        listen: where it answers.
        models: ``Fleet.views``, in the order of the configuration.
        figures: what of late happened.
        memory_bytes: what engines may take together; None where no budget is known.
        used_bytes: what they take or are about to, by a ledger; by ``models`` where there is none.
        spendings: every budget.
        config_error: why the configuration on disk is not the one in use.
        recent: the latest sentences, the newest last.
    """
    views = tuple(models.values())
    window_s = max(figures.window_s, _LEAST_WINDOW_S)
    return GatewayView(
        time=time,
        version=__version__,
        listen=tuple(listen),
        uptime_s=uptime_s,
        models=views,
        memory_bytes=memory_bytes,
        used_bytes=sum(map(taken_bytes, views)) if used_bytes is None else used_bytes,
        requests_per_s=figures.requests_in_window / window_s,
        tokens_per_s=figures.tokens_in_window / window_s,
        in_flight=sum(one.in_flight + one.queued for one in views),
        requests=figures.requests,
        errors=figures.errors,
        ttft_ms=percentiles_ms(figures.ttft_s),
        duration_ms=percentiles_ms(figures.duration_s),
        routes=figures.routes[:MOST_ROUTES],
        budgets=tuple(spendings),
        config_error=config_error,
        recent=tuple(recent)[-MOST_SENTENCES:],
    )


def taken_bytes(model: ModelView) -> int:
    """What a model takes, or is about to take while it is loaded; nothing where it is not ours."""
    if not model.is_ours:
        return 0
    now = model.memory_bytes or 0
    expected = model.expected_bytes or 0
    match model.state:
        case "starting" | "waking":
            return max(now, expected)
        case "ready" | "draining":
            return expected if model.memory_bytes is None else now
        case _:
            return now


def percentiles_ms(samples_s: Sequence[float]) -> tuple[float, ...]:
    """p50, p90 and p99 in milliseconds, each one of the samples; empty where there are none."""
    if not samples_s:
        return ()
    ordered = sorted(samples_s)
    # The nearest rank: the least sample that so many do not exceed.
    ranks = (math.ceil(len(ordered) * share) for share in PERCENTILES)
    return tuple(1000 * ordered[rank - 1] for rank in ranks)

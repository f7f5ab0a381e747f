"""A running gateway as a page, brought up to date every second while somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup

from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.gateway import GatewayView, ModelView, RouteCount, Spending
from weighbridge.core.gateway_admin import Action
from weighbridge.report import gateway_bars as bars
from weighbridge.report import gateway_words as words
from weighbridge.report.load_plot import sparkline
from weighbridge.report.numbers import percent
from weighbridge.report.page import render

HISTORY_S: Final = 120
_SENTENCES: Final = 20
_ROUTES: Final = 20


@dataclass(frozen=True, slots=True)
class Moment:
    """What the lines of the page show of one moment. None where nothing is known."""

    time: float
    requests_per_s: float
    tokens_per_s: float
    in_flight: int
    ttft_ms: float | None
    duration_ms: float | None


@dataclass(frozen=True, slots=True)
class GatewayFigure:
    """A figure, what belongs beside it, and how it went of late."""

    name: str
    value: str
    beside: str
    spark: Markup


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model in the table."""

    view: ModelView
    manner: words.Manner
    memory: str
    bar: bars.Bar | None
    swatch: Markup | None
    replicas: str
    figures: tuple[str, ...]
    actions: tuple[tuple[Action, str], ...]


@dataclass(frozen=True, slots=True)
class RouteRow:
    """A decision in the table."""

    count: RouteCount
    share: str


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """A budget in the table."""

    budget: Spending
    usd: str
    tokens: str
    share: float | None
    used: str
    bar: Markup | None


def moment_of(view: GatewayView) -> Moment:
    """What is kept of a moment."""
    return Moment(
        view.time,
        view.requests_per_s,
        view.tokens_per_s,
        view.in_flight,
        view.ttft_ms[0] if view.ttft_ms else None,
        view.duration_ms[0] if view.duration_ms else None,
    )


def gateway_page(
    view: GatewayView, past: Sequence[Moment] = (), *, address: str, may_act: bool
) -> str:
    """The page of a gateway that runs.

    Args:
        view: the gateway now.
        past: moments before, oldest first; empty while nobody looked.
        address: of its admin port.
        may_act: whether the page may start and stop engines.
    """
    moments = [*(one for one in past if one.time < view.time), moment_of(view)]
    shown = sum(one.requests for one in view.routes)
    return _render(
        "running",
        view=view,
        address=address,
        may_act=may_act,
        headline=words.headline(view),
        up=words.duration(view.uptime_s),
        time=datetime.fromtimestamp(view.time, UTC).strftime("%Y-%m-%d %H:%M:%S"),
        failed=[one for one in view.models if one.state == "failed"],
        figures=figures_of(view, moments),
        machine=bars.machine_bar(view) if bars.shares_of(view.models) else None,
        rows=model_rows(view),
        routes=[RouteRow(one, percent(one.requests / shown)) for one in view.routes[:_ROUTES]],
        hidden_routes=view.routes[_ROUTES:],
        budgets=[_budget_row(one) for one in view.budgets],
        sentences=view.recent[: -_SENTENCES - 1 : -1],
    )


def no_gateway_page(vanished: str = "") -> str:
    """The page where no gateway runs; ``vanished`` tells of one that was killed."""
    return _render("none", vanished=vanished)


def silent_page(address: str, error: WeighbridgeError) -> str:
    """The page of a gateway that does not answer."""
    return _render("silent", address=address, sentence=error.message, fix=error.fix)


def figures_of(view: GatewayView, moments: Sequence[Moment]) -> list[GatewayFigure]:
    """What a reader watches, each with its last two minutes."""
    failed = f"{view.errors:,} of {view.requests:,} requests failed" if view.requests else ""
    queued = sum(one.queued for one in view.models)
    return [
        _figure("Requests/s", moments, lambda one: one.requests_per_s, words.rate, failed),
        _figure("Tokens/s", moments, lambda one: one.tokens_per_s, words.rate, "of answers"),
        _figure(
            "In flight",
            moments,
            lambda one: float(one.in_flight),
            lambda value: f"{value:.0f}",
            f"{queued} of them wait",
        ),
        _latency("TTFT p50", moments, lambda one: one.ttft_ms, view.ttft_ms),
        _latency("Duration p50", moments, lambda one: one.duration_ms, view.duration_ms),
    ]


def model_rows(view: GatewayView) -> list[ModelRow]:
    """Every model as the table shows it."""
    scale = bars.scale_of(view)
    shares = {share.model.model: share for share in bars.shares_of(view.models)}
    return [_row(one, shares.get(one.model), scale) for one in view.models]


def _row(one: ModelView, share: bars.Share | None, scale: float) -> ModelRow:
    speed = one.output_tokens_per_s
    busy = one.in_flight or one.queued
    return ModelRow(
        view=one,
        manner=words.manner(one.state),
        memory=words.memory_text(one),
        bar=bars.model_bar(share, scale) if share else None,
        swatch=bars.swatch(share) if share else None,
        replicas=words.replicas_text(one),
        figures=(
            f"{one.in_flight:,}",
            f"{one.queued:,}",
            words.milliseconds(None if one.ttft_s is None else 1000 * one.ttft_s),
            words.DASH if speed is None else words.rate(speed),
            words.DASH if busy else words.duration(one.idle_s),
        ),
        actions=words.offered(one),
    )


def _budget_row(one: Spending) -> BudgetRow:
    share = words.spent_share(one)
    bar = None if share is None else bars.budget_bar(one.name, share)
    used = words.used_text(share or 0.0)
    return BudgetRow(one, words.usd_text(one), words.tokens_text(one), share, used, bar)


def _latency(
    name: str,
    moments: Sequence[Moment],
    pick: Callable[[Moment], float | None],
    percentiles: Sequence[float],
) -> GatewayFigure:
    beside = words.percentiles_text(percentiles)
    for unit in ("s", "ms"):  # a line breaks between figures, not within one
        beside = beside.replace(f" {unit}", f"\N{NO-BREAK SPACE}{unit}")
    return _figure(name, moments, pick, words.milliseconds, beside)


def _figure(
    name: str,
    moments: Sequence[Moment],
    pick: Callable[[Moment], float | None],
    written: Callable[[float], str],
    beside: str,
) -> GatewayFigure:
    last = pick(moments[-1])
    value = words.DASH if last is None else written(last)
    label = f"{name}, the last two minutes"
    return GatewayFigure(name, value, beside, sparkline(_seconds(moments, pick), label, written))


def _seconds(
    moments: Sequence[Moment], pick: Callable[[Moment], float | None]
) -> list[float | None]:
    """A value per second up to the last moment; gaps where nobody looked."""
    end = int(moments[-1].time)
    values: list[float | None] = [None] * HISTORY_S
    for moment in moments:
        place = HISTORY_S - 1 - (end - int(moment.time))
        if 0 <= place < HISTORY_S:
            values[place] = pick(moment)
    # A page that asks every second or so now and then leaves one out: that is no gap.
    for place in range(1, HISTORY_S - 1):
        if values[place] is None and values[place - 1] is not None:
            values[place] = values[place - 1] if values[place + 1] is not None else None
    return values


def _render(state: str, **context: object) -> str:
    return render(
        "gateway.html", standalone=False, charts=False, here="gateway", state=state, **context
    )

"""The rows of a plan's tables: every way with its figures, its memory bar, and what is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weighbridge.core.candidate import Estimate, Quality
from weighbridge.core.plan import Plan
from weighbridge.core.provenance import Interval
from weighbridge.predict.search.verdict import needed_bytes
from weighbridge.report.memory_bars import MemoryBar, memory_bar, scale_of
from weighbridge.report.numbers import number
from weighbridge.report.plan_words import (
    cost,
    engine_text,
    milliseconds,
    settings_text,
    span,
    spread_text,
)


@dataclass(frozen=True, slots=True)
class Figure:
    """An expectation as text: the value, and the ends of its interval; a dash where unknown."""

    value: str
    range: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One way to serve.

    Attributes:
        place: in the ranking from 1; 0 for what is not ranked.
        owner: of the model, with the slash, or nothing.
        model: its name without owner.
        format: of the weights.
        engine: with its version.
        engine_key: for filters.
        spread: over devices.
        settings: what else the engine is told.
        devices: in use.
        bar: of memory, or None where that is not known.
        ttft: time to first token.
        tpot: time per further token.
        tokens: per second.
        users: who fit at the workload's context.
        quality: as text, empty where nothing is known.
        quality_of: the record behind it.
        cost: per million tokens; a dash where no price is known.
        reasons: doubts, or why it fails.
        front: whether nothing surpasses it in every respect.
        ttft_ms: bare, for filters and sorting; empty where not known.
        tpot_ms: likewise.
        tokens_per_s: likewise.
        most_users: likewise.
        quality_value: likewise.
        needed: bytes of the fullest device, likewise.
        cost_value: likewise.
    """

    place: int
    owner: str
    model: str
    format: str
    engine: str
    engine_key: str
    spread: str
    settings: str
    devices: int
    bar: MemoryBar | None
    ttft: Figure
    tpot: Figure
    tokens: Figure
    users: str
    quality: str
    quality_of: Quality | None
    cost: Figure
    reasons: tuple[str, ...]
    front: bool
    ttft_ms: str
    tpot_ms: str
    tokens_per_s: str
    most_users: str
    quality_value: str
    needed: str
    cost_value: str


def ranked_rows(plan: Plan) -> tuple[Row, ...]:
    """The ranking."""
    scale = _scale(plan)
    return tuple(
        row_of(one, plan, scale, place, front=place - 1 in plan.front)
        for place, one in enumerate(plan.ranked, start=1)
    )


def near_rows(plan: Plan) -> tuple[tuple[Row, tuple[str, ...]], ...]:
    """Near misses, each with the changes that would help."""
    scale = _scale(plan)
    return tuple((row_of(near.estimate, plan, scale), near.changes) for near in plan.near_misses)


def row_of(one: Estimate, plan: Plan, scale: float, place: int = 0, *, front: bool = False) -> Row:
    """One way as a row."""
    of, settings = one.candidate, one.candidate.settings
    owner, slash, model = of.model.rpartition("/")
    device = plan.machine.device.memory_bytes
    return Row(
        place=place,
        owner=owner + slash,
        model=model,
        format=of.quantization,
        engine=engine_text(settings),
        engine_key=settings.engine.name,
        spread=spread_text(of),
        settings=settings_text(settings),
        devices=of.devices,
        bar=memory_bar(one.memory, settings.users, device, scale) if one.memory else None,
        ttft=_time(one.ttft_ms),
        tpot=_time(one.tpot_ms),
        tokens=_figure(one.tokens_per_s),
        users=number(one.most_users) if one.most_users is None else f"{one.most_users:,.0f}",
        quality=number(one.quality.value) if one.quality else "",
        quality_of=one.quality,
        cost=_cost(cost(one)),
        reasons=one.reasons,
        front=front,
        ttft_ms=_plain(one.ttft_ms),
        tpot_ms=_plain(one.tpot_ms),
        tokens_per_s=_plain(one.tokens_per_s),
        most_users="" if one.most_users is None else f"{one.most_users:.0f}",
        quality_value="" if one.quality is None else f"{one.quality.value:.6g}",
        needed="" if one.memory is None else f"{needed_bytes(one.memory, settings).value:.0f}",
        cost_value=_plain(cost(one)),
    )


def choices(rows: Sequence[Row]) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Engines (key and name) and formats that occur, in order of first appearance."""
    engines = {row.engine_key: row.engine.partition(" ")[0] for row in rows}
    return tuple(engines.items()), tuple(dict.fromkeys(row.format for row in rows))


def _scale(plan: Plan) -> float:
    shown = (*plan.ranked, *(near.estimate for near in plan.near_misses))
    return scale_of(shown, plan.machine.device.memory_bytes)


def _time(interval: Interval | None) -> Figure:
    if interval is None:
        return Figure(number(None))
    if interval.value >= 10_000:
        seconds = Interval(interval.value / 1e3, interval.low / 1e3, interval.high / 1e3, 0.8)
        return Figure(milliseconds(interval.value), span(seconds))
    return Figure(milliseconds(interval.value), span(interval))


def _figure(interval: Interval | None) -> Figure:
    return (
        Figure(number(None)) if interval is None else Figure(number(interval.value), span(interval))
    )


def _cost(interval: Interval | None) -> Figure:
    figure = _figure(interval)
    return figure if interval is None else Figure(f"€{figure.value}", figure.range)


def _plain(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval.value:.6g}"

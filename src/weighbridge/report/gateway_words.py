"""What a running gateway says, in words: states, times, memory, what is left of budgets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal

from weighbridge.core.gateway import EngineState, GatewayView, ModelView, Spending
from weighbridge.core.gateway_admin import Action
from weighbridge.core.units import format_bytes, format_figure

Manner = Literal["well", "moving", "resting", "failed"]

DASH: Final = "\N{EN DASH}"
_MANNERS: Final[dict[EngineState, Manner]] = {
    "ready": "well",
    "starting": "moving",
    "waking": "moving",
    "draining": "moving",
    "sleeping": "moving",
    "stopping": "moving",
    "asleep": "resting",
    "stopped": "resting",
    "failed": "failed",
}
# What may be asked of an engine in each state, with the word on its button.
_OFFERED: Final[dict[EngineState, tuple[tuple[Action, str], ...]]] = {
    "ready": (("sleep", "Sleep"), ("stop", "Stop")),
    "starting": (("stop", "Stop"),),
    "waking": (("stop", "Stop"),),
    "asleep": (("start", "Wake"), ("stop", "Stop")),
    "stopped": (("start", "Start"),),
    "failed": (("start", "Start"),),
}
_ORDER: Final[tuple[EngineState, ...]] = tuple(_MANNERS)


def manner(state: EngineState) -> Manner:
    """How a state is to be taken: its colour and sign."""
    return _MANNERS[state]


def offered(model: ModelView) -> tuple[tuple[Action, str], ...]:
    """What may be asked of a model's engine now; nothing of servers that somebody else runs."""
    every = _OFFERED.get(model.state, ()) if model.is_ours else ()
    return tuple(one for one in every if model.can_sleep or one[0] != "sleep")


def headline(view: GatewayView) -> str:
    """How the models are, all together: ``3 models: 2 ready, 1 stopped``."""
    count = len(view.models)
    if not count:
        return "No models"
    states = [one.state for one in view.models]
    parts = [f"{states.count(state)} {state}" for state in _ORDER if state in states]
    return f"{count} model{'s' if count != 1 else ''}: {', '.join(parts)}"


def duration(seconds: float) -> str:
    """A time that has passed, in its two largest units: ``3 h 5 min``."""
    whole = max(0, int(seconds))
    units = (("d", whole // 86400), ("h", whole // 3600 % 24), ("min", whole // 60 % 60))
    parts = [(count, name) for name, count in units]
    first = next((place for place, (count, _) in enumerate(parts) if count), None)
    if first is None:
        return f"{whole} s"
    shown = [f"{count} {name}" for count, name in parts[first : first + 2] if count]
    return " ".join(shown)


def milliseconds(value: float | None) -> str:
    """A latency: below a second in ms."""
    if value is None:
        return DASH
    return f"{format_figure(value / 1000)} s" if value >= 1000 else f"{format_figure(value)} ms"


def rate(value: float) -> str:
    """Something per second."""
    return format_figure(value) if value < 1000 else f"{value:,.0f}"


def memory_text(model: ModelView) -> str:
    """What a model takes, and what it will take when it is ready."""
    if not model.is_ours:
        return "not this gateway's"
    expected = model.expected_bytes
    source = "" if model.memory_from == "unknown" else f", {model.memory_from}"
    if model.memory_bytes and expected is not None and model.memory_bytes > expected:
        kind = "guessed" if model.memory_from == "unknown" else model.memory_from
        return f"{format_bytes(model.memory_bytes)} used, over the {kind} {format_bytes(expected)}"
    if model.memory_bytes:
        text = f"{format_bytes(model.memory_bytes)} used"
        return text if expected is None else f"{text} of {format_bytes(expected)}{source}"
    return "not known yet" if expected is None else f"{format_bytes(expected)} when ready{source}"


def budget_text(view: GatewayView) -> str:
    """What engines take of the memory that they may take together."""
    used, limit = view.used_bytes, view.memory_bytes
    if limit is None:
        return format_bytes(used)
    if used > limit:
        over = format_bytes(used - limit)
        return f"{format_bytes(used)}, {over} over the budget of {format_bytes(limit)}"
    return f"{format_bytes(used)} of {format_bytes(limit)}"


def replicas_text(model: ModelView) -> str:
    """How many of a model's servers are well; empty where its state says as much."""
    many, well = model.replicas
    return "" if model.is_ours or (many, well) == (1, 1) else f"{well} of {many} servers well"


def usd(value: float) -> str:
    """Money: to the cent, and below ten cents in two digits, so that little is not nothing.

    >>> usd(630), usd(0.75), usd(0.0006)
    ('$630.00', '$0.75', '$0.0006')
    """
    if not 0 < value < 0.1:
        return f"${value:,.2f}"
    places = 1 - math.floor(math.log10(value))
    whole, _, cents = f"{value:.{places}f}".partition(".")
    return f"${whole}.{cents.rstrip('0').ljust(2, '0')}"


def usd_text(one: Spending) -> str:
    """Money spent of a budget; a dash where it has no limit and nothing was spent."""
    spent, limit = one.usd
    if limit is None:
        return usd(spent) if spent else DASH
    return f"{usd(spent)} of {usd(limit)}"


def tokens_text(one: Spending) -> str:
    """Tokens used of a budget; a dash where it has no limit and none were used."""
    used, limit = one.tokens
    if limit is None:
        return f"{used:,}" if used else DASH
    return f"{used:,} of {limit:,}"


def spent_share(one: Spending) -> float | None:
    """The larger share of a budget's limits that is used; None where it has none."""
    pairs = ((float(used), limit) for used, limit in (one.usd, one.tokens) if limit is not None)
    shares = [used / limit if limit > 0 else 1.0 for used, limit in pairs]
    return max(shares, default=None)


def used_text(share: float) -> str:
    """A share of a budget that is not used up: neither nothing nor all of it by rounding."""
    if 0 < share < 0.01:
        return "under 1 %"
    return f"{min(round(100 * share), 99)} %"


def percentiles_text(values: Sequence[float]) -> str:
    """What stands beside p50: p90 and p99."""
    if len(values) != 3:
        return "no answers yet"
    return f"p90 {milliseconds(values[1])}, p99 {milliseconds(values[2])}"

"""What engines take of a machine's memory, as bars that all have one scale.

Lengths are percentages, so that a bar fills any width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from weighbridge.core.gateway import GatewayView, ModelView
from weighbridge.report.numbers import size
from weighbridge.report.svg import tag

_COLOURS: Final = 8
# The part of a bar's height that its colour fills; outlines take it all.
_TOP: Final = "15%"
_HIGH: Final = "70%"


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar and the same in words."""

    drawing: Markup
    words: str


@dataclass(frozen=True, slots=True)
class Share:
    """What one model takes of the machine."""

    model: ModelView
    colour: int
    taken: int
    is_coming: bool


def shares_of(models: Sequence[ModelView]) -> tuple[Share, ...]:
    """Every model whose engine is the gateway's own, each with a colour that it keeps."""
    ours = [one for one in models if one.is_ours]
    return tuple(_share(one, number % _COLOURS + 1) for number, one in enumerate(ours))


def scale_of(view: GatewayView) -> float:
    """Bytes that a whole bar stands for: the budget, or whatever is more than that."""
    ours = [one for one in view.models if one.is_ours]
    largest = max((max(one.memory_bytes or 0, one.expected_bytes or 0) for one in ours), default=0)
    together = sum(share.taken for share in shares_of(view.models))
    return float(max(view.memory_bytes or 0, view.used_bytes, together, largest, 1))


def machine_bar(view: GatewayView) -> Bar:
    """What all engines take, side by side, within the budget."""
    scale = scale_of(view)
    shapes: list[Markup] = []
    told: list[str] = []
    if view.memory_bytes is not None:
        shapes.append(_rect(0, view.memory_bytes / scale, "m-room"))
    at = 0.0
    for share in shares_of(view.models):
        if share.taken:
            shapes.append(_rect(at / scale, share.taken / scale, _name(share)))
            coming = " when it is ready" if share.is_coming else ""
            told.append(f"{share.model.model} {size(share.taken)}{coming}")
            at += share.taken
    if view.used_bytes > at:
        shapes.append(_rect(at / scale, (view.used_bytes - at) / scale, "g-other"))
        told.append(f"{size(view.used_bytes - at)} more set aside")
    told.append(_room_words(view, max(at, view.used_bytes)))
    if view.memory_bytes is not None:
        shapes.append(_limit(view.memory_bytes / scale))
    words = ", ".join(told)
    return Bar(_frame("machine-bar", f"Memory, left to right: {words}", shapes), words)


def model_bar(share: Share, scale: float) -> Bar:
    """What one model takes: filled now, outlined when it is ready."""
    one = share.model
    now, expected = one.memory_bytes or 0, one.expected_bytes
    shapes = [_rect(0, 1.0, "g-rail")]
    told = [f"{size(now)} used" if now else "nothing used"]
    if now:
        shapes.append(_rect(0, now / scale, f"g-used g-{share.colour}"))
    if expected is not None:
        shapes.append(_rect(0, expected / scale, f"g-expected g-{share.colour}"))
        told.append(f"{size(expected)} expected")
    words = ", ".join(told)
    return Bar(_frame("model-bar", f"Memory of {one.model}: {words}", shapes), words)


def budget_bar(name: str, share: float) -> Markup:
    """How much of a budget is used."""
    kind = "g-over" if share >= 1 else "g-used g-1"
    shapes = [_rect(0, 1.0, "m-room"), _rect(0, min(share, 1.0), kind)]
    return _frame("model-bar", f"{name}: {100 * share:.0f} % used", shapes)


def swatch(share: Share) -> Markup:
    """A model's colour, for the list beside the bar."""
    frame = {"class": "swatch", "viewBox": "0 0 14 14", "aria-hidden": "true"}
    return tag("svg", frame, tag("rect", {"width": 14, "height": 14, "class": _name(share)}))


def _share(model: ModelView, colour: int) -> Share:
    now, expected = model.memory_bytes or 0, model.expected_bytes or 0
    coming = model.state in ("starting", "waking") and expected > now
    if coming or (model.memory_bytes is None and model.state in ("ready", "draining")):
        return Share(model, colour, expected, coming)
    return Share(model, colour, now, is_coming=False)


def _name(share: Share) -> str:
    return f"{'g-coming' if share.is_coming else 'g-used'} g-{share.colour}"


def _room_words(view: GatewayView, taken: float) -> str:
    if view.memory_bytes is None:
        return "no budget is known"
    left = view.memory_bytes - taken
    limit = size(view.memory_bytes)
    if left < 0:
        return f"{size(-left)} over the budget of {limit}"
    return f"{size(left)} free of {limit}"


def _frame(name: str, words: str, shapes: Sequence[Markup]) -> Markup:
    frame = {"class": name, "role": "img", "aria-label": words}
    return tag("svg", frame, tag("title", {}, words), *shapes)


def _rect(start: float, share: float, name: str) -> Markup:
    place = {"x": f"{100 * start:.2f}%", "width": f"{100 * share:.2f}%"}
    return tag("rect", {"class": name, **place, "y": _TOP, "height": _HIGH})


def _limit(share: float) -> Markup:
    # Half of a line at the very edge would be cut off.
    at = f"{100 * min(share, 1.0) - 0.1:.2f}%"
    return tag("line", {"class": "m-limit", "x1": at, "x2": at, "y1": "0%", "y2": "100%"})

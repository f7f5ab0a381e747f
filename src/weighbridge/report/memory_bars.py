"""Where a device's memory goes, as a bar: every bar of a table at one scale."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from weighbridge.core.candidate import Estimate
from weighbridge.core.estimate import MemoryUse
from weighbridge.report.numbers import size
from weighbridge.report.svg import tag

_WIDTH: Final = 200.0
_HEIGHT: Final = 16.0
_THICK: Final = 10.0
# Name of a part, and its class in the stylesheet. Their order never changes.
PARTS: Final = (
    ("weights", "m-weights"),
    ("activation", "m-activation"),
    ("overhead", "m-overhead"),
    ("graphs", "m-graphs"),
    ("cache in use", "m-cache"),
    ("cache to spare", "m-spare"),
)


@dataclass(frozen=True, slots=True)
class MemoryBar:
    """A bar, and what it says in words.

    Attributes:
        drawing: the SVG.
        words: every part with its size.
        summary: the fullest device's need and limit in one short text.
    """

    drawing: Markup
    words: str
    summary: str


def scale_of(estimates: Iterable[Estimate], device_bytes: float) -> float:
    """Bytes that a whole bar stands for: the device, or the largest need where that is more."""
    needs = (one.memory.total for one in estimates if one.memory)
    return max([device_bytes, *needs])


def memory_bar(use: MemoryUse, users: int, device_bytes: float, scale: float) -> MemoryBar:
    """The bar of a replica's fullest device.

    Args:
        use: where its memory goes.
        users: sequences that this device holds at once.
        device_bytes: the device's whole memory.
        scale: bytes that the bar's width stands for.
    """
    parts = parts_of(use, users)
    words = words_of(use, parts)
    shapes = [_rect(0, device_bytes / scale, "m-room")]
    at = 0.0
    for (_, name), count in zip(PARTS, parts, strict=True):
        if count > 0:
            shapes.append(_rect(at / scale, count / scale, name))
        at += count
    edge = _WIDTH * min(1.0, use.limit_bytes / scale)
    shapes.append(tag("path", {"class": "m-limit", "d": f"M{edge:.1f} 0v{_HEIGHT:g}"}))
    # The title is both what hovering shows and the name for those who do not see the bar.
    frame = {"class": "memory", "viewBox": f"0 0 {_WIDTH + 2:g} {_HEIGHT:g}", "role": "img"}
    needed = use.total - parts[-1]
    summary = f"{size(needed)} of {size(use.limit_bytes)}"
    if use.host_bytes:
        summary += f", and {size(use.host_bytes)} of the host's"
    return MemoryBar(tag("svg", frame, tag("title", {}, words), *shapes), words, summary)


def parts_of(use: MemoryUse, users: int) -> tuple[float, ...]:
    """Bytes of every part in :data:`PARTS`; a cache of unknown layout counts as in use."""
    wanted = use.cache.value if use.sequence_bytes is None else users * use.sequence_bytes
    taken = min(wanted, use.cache.value)
    fixed = (use.weights, use.activation, use.overhead, use.graphs)
    return (*(part.value for part in fixed), taken, use.cache.value - taken)


def words_of(use: MemoryUse, parts: tuple[float, ...]) -> str:
    """Every part with its size, the limit, and what is left to the host."""
    told = [
        f"{name} {size(count)}" for (name, _), count in zip(PARTS, parts, strict=True) if count > 0
    ]
    told.append(f"limit of the engine {size(use.limit_bytes)}")
    if use.host_bytes:
        told.append(f"left to the host {size(use.host_bytes)}")
    if use.shortage:
        told.append(str(use.shortage))
    return ", ".join(told)


def legend() -> tuple[tuple[Markup, str], ...]:
    """A swatch for every part, and what it stands for; limit and free memory last."""
    frame = {"class": "swatch", "viewBox": "0 0 14 14", "aria-hidden": "true"}
    whole = {"x": 0, "y": 0, "width": 14, "height": 14}
    entries = [
        (tag("svg", frame, tag("rect", {**whole, "class": name})), text) for text, name in PARTS
    ]
    rail = tag("rect", {**whole, "class": "m-room"})
    mark = tag("path", {"class": "m-limit", "d": "M7 0v14"})
    entries.append((tag("svg", frame, rail), "not given to the engine"))
    entries.append((tag("svg", frame, mark), "limit of the engine"))
    return tuple(entries)


def _rect(start: float, share: float, name: str) -> Markup:
    place = {"x": f"{_WIDTH * start:.1f}", "y": f"{(_HEIGHT - _THICK) / 2:g}"}
    place |= {"width": f"{_WIDTH * share:.1f}", "height": f"{_THICK:g}"}
    return tag("rect", {"class": name, **place})

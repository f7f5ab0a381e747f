"""Models on devices, drawn: a box per device, what lies in it to scale, its load, and TP groups.

Devices of one machine stand side by side; a line joins those that share one server. Colour says
which model it is, and so do number and name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from weighbridge.core.placement import DeviceUse, Placed, Placement
from weighbridge.core.plan import Plan
from weighbridge.core.units import GIB
from weighbridge.predict.search.verdict import needed_bytes
from weighbridge.report.numbers import percent, size
from weighbridge.report.plan_words import short_name
from weighbridge.report.svg import tag

# Of a device: narrow where eight stand in a row.
_NARROW, _WIDE = 132.0, 240.0
_WIDE_COLUMNS: Final = 4
_TALL: Final = 150.0
_GAP: Final = 16.0
_HEAD: Final = 22.0
_LOAD: Final = 34.0  # below a device, for its load
_BARE: Final = 9.0  # likewise where it is not told
_JOIN: Final = 12.0
_PER_ROW: Final = 8
_HUES: Final = 8
_LINE: Final = 13.0
_CHARACTER: Final = 6.9


@dataclass(frozen=True, slots=True)
class Piece:
    """What one server takes of one device.

    Attributes:
        of: number of the model among all that are placed.
        name: of the model or task.
        bytes: of this device.
        detail: the configuration in words.
    """

    of: int
    name: str
    bytes: float
    detail: str


@dataclass(frozen=True, slots=True)
class Box:
    """A device.

    Attributes:
        index: its number within its machine.
        memory_bytes: that may be given to servers.
        pieces: what lies on it, the first at the bottom.
        load: the share of time that it is busy, or None where that was not asked.
    """

    index: int
    memory_bytes: float
    pieces: tuple[Piece, ...]
    load: float | None


@dataclass(frozen=True, slots=True)
class Rack:
    """A machine.

    Attributes:
        name: of the machine.
        boxes: its devices.
        groups: servers that lie on several devices: number of the model, and the devices.
    """

    name: str
    boxes: tuple[Box, ...]
    groups: tuple[tuple[int, tuple[int, ...]], ...]

    @property
    def width(self) -> float:
        """Of every box in its drawing."""
        return _WIDE if len(self.boxes) <= _WIDE_COLUMNS else _NARROW


@dataclass(frozen=True, slots=True)
class PlacementDrawing:
    """A machine's drawing and what it says in words."""

    name: str
    drawing: Markup
    words: str


def placement_drawings(placement: Placement) -> tuple[PlacementDrawing, ...]:
    """A drawing per machine."""
    return tuple(_drawn(rack) for rack in racks(placement))


def taken(placement: Placement) -> tuple[tuple[float, ...], ...]:
    """What each one that is placed takes of a device, beside those named before it.

    Several figures where it takes less of some: there it joins a server that already runs.
    """
    found: list[set[float]] = [set() for _ in placement.placed]
    for rack in racks(placement):
        for box in rack.boxes:
            for piece in box.pieces:
                found[piece.of].add(piece.bytes)
    return tuple(tuple(sorted(each)) for each in found)


def winner_drawing(plan: Plan) -> PlacementDrawing | None:
    """The winner on the devices of the plan's machine; None without one, or on a single device."""
    winner = plan.winner
    if winner is None or winner.memory is None or plan.machine.count == 1:
        return None
    chosen, each = winner.candidate, winner.candidate.settings.parallelism.devices
    need = needed_bytes(winner.memory, chosen.settings).value
    boxes = []
    for index in range(plan.machine.count):
        copy, used = index // each + 1, index < chosen.devices
        detail = f"replica {copy} of {chosen.replicas}"
        pieces = (Piece(0, short_name(chosen), need, detail),) if used else ()
        boxes.append(Box(index, plan.machine.device.memory_bytes, pieces, None))
    groups = tuple(
        (0, tuple(range(copy * each, (copy + 1) * each)))
        for copy in range(chosen.replicas)
        if each > 1
    )
    return _drawn(Rack(plan.machine.label, tuple(boxes), groups))


def racks(placement: Placement) -> tuple[Rack, ...]:
    """The machines with what lies on each of their devices."""
    sites: dict[str, list[Box]] = {}
    groups: dict[str, list[tuple[int, tuple[int, ...]]]] = {}
    joined: set[tuple[str, str, tuple[int, ...]]] = set()
    for use in placement.devices:
        sites.setdefault(use.site, []).append(_box(use, placement.placed))
    for number, placed in enumerate(placement.placed):
        for site, devices in zip(placed.site, placed.devices, strict=True):
            # A server that several use is joined once, in the colour of the first of them.
            server = (placed.option.server or f"of {number}", site, devices)
            if len(devices) > 1 and server not in joined:
                joined.add(server)
                groups.setdefault(site, []).append((number, devices))
    return tuple(
        Rack(name, tuple(boxes), tuple(groups.get(name, ()))) for name, boxes in sites.items()
    )


def _box(use: DeviceUse, placed: Sequence[Placed]) -> Box:
    pieces = []
    seen: set[str] = set()
    for number, one in enumerate(placed):
        lies = any(
            site == use.site and use.index in devices
            for site, devices in zip(one.site, one.devices, strict=True)
        )
        if not lies:
            continue
        # A server that several share takes what it shares only once.
        shared = one.option.shared_bytes if one.option.server in seen else 0.0
        seen |= {one.option.server} - {""}
        pieces.append(Piece(number, one.wanted, one.option.memory_bytes - shared, one.option.label))
    return Box(use.index, use.memory_bytes, tuple(pieces), use.load)


def _drawn(rack: Rack) -> PlacementDrawing:
    words = "; ".join(_words(box) for box in rack.boxes)
    columns = min(len(rack.boxes), _PER_ROW)
    deep = max(_levels(rack), default=-1) + 1
    below = _LOAD if any(box.load is not None for box in rack.boxes) else _BARE
    row = _HEAD + _TALL + below + _JOIN * deep + _GAP
    rows = -(-len(rack.boxes) // _PER_ROW)
    width, height = columns * (rack.width + _GAP) - _GAP + 4, rows * row
    top = max((box.memory_bytes for box in rack.boxes), default=1.0)
    parts: list[Markup] = []
    for place, box in enumerate(rack.boxes):
        at = (2 + place % _PER_ROW * (rack.width + _GAP), place // _PER_ROW * row)
        parts.append(_device(box, at, top, rack.width))
    parts += _joins(rack, row, _HEAD + _TALL + below)
    frame = {
        "class": "placement",
        "viewBox": f"0 0 {width:g} {height:g}",
        "width": f"{width / 16.5:.2f}rem",
        "role": "img",
        "aria-label": f"{rack.name}: {words}",
    }
    return PlacementDrawing(rack.name, tag("svg", frame, *parts), words)


def _device(box: Box, at: tuple[float, float], most: float, width: float) -> Markup:
    """A device: title, memory with what lies in it, and its load."""
    tall = _TALL * box.memory_bytes / most
    floor = _HEAD + _TALL
    used = sum(piece.bytes for piece in box.pieces)
    parts = [_text(0, 13, f"GPU {box.index}", "title")]
    free = f"{max(0.0, box.memory_bytes - used) / GIB:.1f} GiB free"
    parts.append(_text(width, 13, free, "label", end=True))
    parts.append(_rect((0, floor - tall, width, tall), "p-room"))
    y = floor
    for piece in box.pieces:
        high = tall * piece.bytes / box.memory_bytes
        y -= high
        parts.append(_piece(piece, y, high, width))
    # The outline lies over the pieces, so that it is seen whole.
    parts.append(_rect((0, floor - tall, width, tall), "p-frame"))
    if box.load is not None:
        parts += _load(box.load, floor, width)
    return tag("g", {"transform": f"translate({at[0]:g} {at[1]:g})"}, *parts)


def _piece(piece: Piece, y: float, high: float, width: float) -> Markup:
    words = f"{piece.name}: {size(piece.bytes)}, {piece.detail}"
    room = int((width - 20) / _CHARACTER)
    parts = [tag("title", {}, words)]
    # The colour is at the edge, so that the writing stands on the surface beside it.
    parts.append(_rect((0, y, width, high), "p-piece"))
    parts.append(_rect((0, y, 10, high), f"hue h{piece.of % _HUES + 1}"))
    if high >= _LINE:
        name = f"{piece.of + 1}  {_clipped(piece.name, room - 3)}"
        parts.append(_text(16, y + 11, name, ""))
    if high >= 2 * _LINE:
        parts.append(_text(16, y + 11 + _LINE, size(piece.bytes), "label"))
    if high >= 3 * _LINE:
        parts.append(_text(16, y + 11 + 2 * _LINE, _clipped(piece.detail, room), "label"))
    return tag("g", {}, *parts)


def _load(load: float, floor: float, width: float) -> list[Markup]:
    """How busy the device is."""
    return [
        _rect((0, floor + 7, width, 6), "rail"),
        _rect((0, floor + 7, width * min(1.0, load), 6), "amount read"),
        _text(0, floor + 27, f"busy {percent(load)}", "label"),
    ]


def _joins(rack: Rack, row: float, below: float) -> list[Markup]:
    """A line below the devices that share a server, one level per group so that none overlap."""
    parts = []
    levels = _levels(rack)
    for (of, devices), level in zip(rack.groups, levels, strict=True):
        for start in sorted({index // _PER_ROW for index in devices}):
            own = [index % _PER_ROW for index in devices if index // _PER_ROW == start]
            y = start * row + below + _JOIN * level
            centres = [2 + (place + 0.5) * rack.width + place * _GAP for place in own]
            path = f"M{centres[0]:g} {y - 5:g}V{y:g}H{centres[-1]:g}V{y - 5:g}"
            path += "".join(f"M{centre:g} {y - 5:g}V{y:g}" for centre in centres[1:-1])
            words = f"One server of {len(devices)} devices (TP{len(devices)})"
            classes = f"p-join j{of % _HUES + 1}"
            parts.append(tag("path", {"class": classes, "d": path}, tag("title", {}, words)))
    return parts


def _levels(rack: Rack) -> list[int]:
    """For every group the first level on which no other covers the same devices."""
    reach: list[list[tuple[int, int]]] = []
    levels = []
    for _, devices in rack.groups:
        low, high = min(devices), max(devices)
        level = 0
        while level < len(reach) and any(a <= high and low <= b for a, b in reach[level]):
            level += 1
        if level == len(reach):
            reach.append([])
        reach[level].append((low, high))
        levels.append(level)
    return levels


def _words(box: Box) -> str:
    held = ", ".join(f"{piece.name} {size(piece.bytes)}" for piece in box.pieces) or "nothing"
    busy = "" if box.load is None else f", busy {percent(box.load)}"
    return f"GPU {box.index} of {size(box.memory_bytes)} holds {held}{busy}"


def _clipped(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def _rect(place: tuple[float, float, float, float], name: str) -> Markup:
    sides = zip(("x", "y", "width", "height"), (f"{value:.5g}" for value in place), strict=True)
    return tag("rect", {"class": name, **dict(sides)})


def _text(x: float, y: float, content: str, name: str, *, end: bool = False) -> Markup:
    place: dict[str, object] = {"class": name, "x": f"{x:g}", "y": f"{y:.5g}"}
    return tag("text", place | ({"text-anchor": "end"} if end else {}), content)

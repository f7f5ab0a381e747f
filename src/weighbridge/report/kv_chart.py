"""Cache against context: what a sequence takes as it grows, as a Plotly figure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from weighbridge.core.architecture import ModelArchitecture
from weighbridge.core.inspection import Inspection
from weighbridge.core.units import format_bytes

Figure = dict[str, Any]

_SHORTEST = 256
_LONGEST = 131_072
_SERIES = 8
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "hexagon")
_UNITS = (("B", 1), ("KiB", 1024), ("MiB", 1024**2), ("GiB", 1024**3), ("TiB", 1024**4))


def kv_growth(
    inspections: Sequence[Inspection], names: Sequence[str], kv_bytes_per_value: float = 2.0
) -> Figure | None:
    """Bytes of one sequence against its length; None when no model's cache is known.

    Solid: the least that the architecture allows. Dashed, where it differs: an engine that keeps
    windowed layers at full length. Both axes are logarithmic, so a window shows as a
    kink and a state as a level beginning.
    """
    known = [
        (index, item.architecture, name)
        for index, (item, name) in enumerate(zip(inspections, names, strict=True))
        if item.architecture.kv_known and item.architecture.kv_bytes(_LONGEST)
    ]
    if not known:
        return None
    longest = max(_longest(architecture) for _, architecture, _ in known)
    traces = []
    for index, architecture, name in known:
        lengths = context_lengths(architecture, longest)
        least = [architecture.kv_bytes(n, kv_bytes_per_value) or 0 for n in lengths]
        full = [architecture.kv_full_length_bytes(n, kv_bytes_per_value) or 0 for n in lengths]
        traces.append(_line(name, lengths, least, index, "solid"))
        if full != least:
            traces.append(_line(f"{name}, windows at full length", lengths, full, index, "dash"))
    values = [value for trace in traces for value in trace["y"] if value]
    return {"data": traces, "layout": _layout(longest, min(values), max(values))}


def context_lengths(architecture: ModelArchitecture, longest: int) -> list[int]:
    """Lengths at which to draw: powers of two, every window, and the native context."""
    powers = {2**power for power in range(8, 31) if 2**power <= longest}
    windows = {
        most
        for run in architecture.runs
        for layer in run.layers
        if layer.mixer.cache
        for _, most in layer.mixer.cache.windows
    }
    own = {architecture.context, architecture.context_extended, longest} - {None}
    found = powers | windows | {length for length in own if length is not None}
    return sorted(length for length in found if _SHORTEST <= length <= longest)


def _longest(architecture: ModelArchitecture) -> int:
    return max(architecture.context or 0, architecture.context_extended or 0, _LONGEST)


def _line(name: str, xs: Sequence[int], ys: Sequence[int], index: int, dash: str) -> Figure:
    color = f"var(--series-{index % _SERIES + 1})"
    shown = [format_bytes(value) for value in ys]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": escape(name, quote=False),
        "x": list(xs),
        # Nothing cannot be drawn on a logarithmic axis.
        "y": [value or None for value in ys] if 0 in ys else list(ys),
        "customdata": shown,
        "line": {"color": color, "dash": dash, "width": 2},
        "marker": {"color": color, "symbol": _SYMBOLS[index % len(_SYMBOLS)], "size": 7},
        "hovertemplate": "%{x:,} tokens: %{customdata}<extra>%{fullData.name}</extra>",
    }


def _layout(longest: int, least: float, most: float) -> Figure:
    lengths = [2**power for power in range(8, 31, 2) if 2**power <= 1.5 * longest]
    sizes = [2**power for power in range(0, 50, 3) if least / 8 <= 2**power <= most * 8]
    return {
        "height": 420,
        "margin": {"l": 8, "r": 12, "t": 8, "b": 48},
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
        "dragmode": False,
        "hovermode": "closest",
        "xaxis": {
            "title": {"text": "context, tokens"},
            "type": "log",
            "tickvals": lengths,
            "ticktext": [_short(length) for length in lengths],
        },
        "yaxis": {
            "title": {"text": "cache and states of one sequence"},
            "type": "log",
            "tickvals": sizes,
            "ticktext": [_round(size) for size in sizes],
            "automargin": True,
        },
    }


def _short(length: int) -> str:
    if length >= 2**20:
        return f"{length // 2**20}M"
    return f"{length // 1024}k" if length >= 1024 else str(length)


def _round(count: int) -> str:
    """A power of two in its largest unit, without decimals."""
    for unit, scale in reversed(_UNITS):
        if count >= scale:
            return f"{count // scale} {unit}"
    return "0 B"

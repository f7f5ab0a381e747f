"""The requests of a level on a line of time each: waiting, first token, end, errors and stalls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from weighbridge.core.load import LoadLevel, LoadRun, RequestRecord
from weighbridge.report.load_plot import written
from weighbridge.report.pareto_scale import Scale, linear
from weighbridge.report.svg import tag

_MOST_ROWS: Final = 240
_MOST_STALLS: Final = 12
_LEFT, _RIGHT, _TOP, _BOTTOM = 1.0, 99.0, 0.0, 90.0
# Units of the stretched coordinate system: across, per row, and the least that can be seen.
_WIDE, _ROW, _LEAST = 10_000, 10, 15


@dataclass(frozen=True, slots=True)
class Timeline:
    """The requests of a level over time.

    Attributes:
        drawing: the SVG.
        data: of the rows, for hovering.
        shown: how many requests are drawn.
        total: how many there were.
    """

    drawing: Markup
    data: dict[str, Any]
    shown: int
    total: int


def timeline(run: LoadRun, number: int) -> Timeline | None:
    """The timeline of a level; None when none of its requests was kept."""
    records = [record for record in run.requests if record.level == number]
    if not records:
        return None
    level = run.levels[number]
    threshold_ms = level.stalls.threshold_ms if level.stalls else None
    rows = sorted(_thinned(records, threshold_ms), key=lambda record: record.sent_ms)
    end_s = max(record.sent_ms + record.e2e_ms for record in rows) / 1000
    rough = linear(0, end_s, _LEFT, _RIGHT)
    ticks = tuple(tick for tick in rough.ticks if 0 <= tick <= end_s)
    scale = Scale(0, end_s or 1.0, _LEFT, _RIGHT, False, ticks)
    frame = {
        "class": f"timeline{' few' if len(rows) <= 40 else ''}",
        "role": "img",
        "aria-label": "Every request over time: waiting for its first token, then streaming; "
        "failures and stalls are marked. Counts are in the tables of this page.",
    }
    drawing = tag(
        "svg", frame, *_steady(level, scale), *_grid(scale), _rows(rows, end_s, threshold_ms)
    )
    return Timeline(drawing, _data(rows, scale, threshold_ms), len(rows), len(records))


def _thinned(records: Sequence[RequestRecord], threshold_ms: float | None) -> list[RequestRecord]:
    """At most so many, spread evenly; of those left out, failed and stalled ones come first."""
    if len(records) <= _MOST_ROWS:
        return list(records)
    odd = [record for record in records if record.error or stalls(record, threshold_ms)]
    odd = _evenly(odd, _MOST_ROWS // 2)
    taken = {id(record) for record in odd}
    rest = [record for record in records if id(record) not in taken]
    return odd + _evenly(rest, _MOST_ROWS - len(odd))


def _evenly(records: list[RequestRecord], most: int) -> list[RequestRecord]:
    if len(records) <= most:
        return records
    return [records[place * len(records) // most] for place in range(most)]


def stalls(record: RequestRecord, threshold_ms: float | None) -> list[tuple[float, float]]:
    """Beginning and end of each gap beyond the threshold, in ms from sending."""
    if threshold_ms is None or record.ttft_ms is None:
        return []
    if max(record.gaps_ms, default=0.0) <= threshold_ms:
        return []
    found, at_ms = [], record.ttft_ms
    for gap_ms in record.gaps_ms:
        if gap_ms > threshold_ms:
            found.append((at_ms, at_ms + gap_ms))
        at_ms += gap_ms
    return found


def _rows(rows: Sequence[RequestRecord], end_s: float, threshold_ms: float | None) -> Markup:
    """One path per kind of span, however many requests there are."""
    per_ms = _WIDE / (1000 * end_s) if end_s else 0.0
    paths: dict[str, list[str]] = {"queue": [], "wait": [], "stream": [], "stall": [], "failed": []}
    for place, record in enumerate(rows):
        for kind, from_ms, to_ms in spans(record, threshold_ms):
            x = round(from_ms * per_ms)
            width = max(round(to_ms * per_ms) - x, _LEAST)
            inset = 0 if kind in ("stall", "failed") else 2
            y, height = place * _ROW + inset, _ROW - 2 * inset - 1
            paths[kind].append(f"M{x} {y}h{width}v{height}h-{width}z")
    box = {
        "x": f"{_LEFT}%", "y": f"{_TOP}%",
        "width": f"{_RIGHT - _LEFT}%", "height": f"{_BOTTOM - _TOP}%",
        "viewBox": f"0 0 {_WIDE} {_ROW * len(rows)}", "preserveAspectRatio": "none",
    }  # fmt: skip
    drawn = [
        tag("path", {"class": f"t-{kind}", "d": "".join(parts)})
        for kind, parts in paths.items()
        if parts
    ]
    return tag("svg", box, *drawn)


def spans(record: RequestRecord, threshold_ms: float | None) -> list[tuple[str, float, float]]:
    """The phases of a request in ms from the level's start; stalls lie above its streaming."""
    sent = record.sent_ms
    end = sent + record.e2e_ms
    found = []
    if record.queue_ms > 0:
        found.append(("queue", sent - record.queue_ms, sent))
    if record.ttft_ms is None:
        return [*found, ("failed" if record.error else "wait", sent, end)]
    first = sent + record.ttft_ms
    found.append(("wait", sent, first))
    found.append(("failed" if record.error else "stream", first, end))
    gaps = sorted(stalls(record, threshold_ms), key=lambda gap: gap[0] - gap[1])[:_MOST_STALLS]
    return found + [("stall", sent + start, sent + stop) for start, stop in gaps]


def _steady(level: LoadLevel, scale: Scale) -> list[Markup]:
    """What lies outside of the steady part, shaded."""
    if level.steady is None:
        return []
    end = scale.high
    parts = []
    for start, stop in ((0.0, level.steady.from_s), (level.steady.to_s, end)):
        left, right = scale.place(min(start, end)), scale.place(min(stop, end))
        if right - left > 0.2:
            box = {"class": "outside", "x": f"{left:.2f}%", "width": f"{right - left:.2f}%"}
            parts.append(tag("rect", {**box, "y": f"{_TOP}%", "height": f"{_BOTTOM - _TOP}%"}))
    return parts


def _grid(scale: Scale) -> list[Markup]:
    parts = []
    for value in scale.ticks:
        x = scale.at(value)
        line = {"class": "grid", "x1": x, "x2": x, "y1": f"{_TOP}%", "y2": f"{_BOTTOM}%"}
        parts.append(tag("line", line))
        anchor = "start" if value == 0 else "middle"
        place = {"x": x, "y": f"{_BOTTOM}%", "dy": "1.35em", "text-anchor": anchor}
        parts.append(tag("text", place, f"{written(value)} s" if value else "0"))
    return parts


def _data(
    rows: Sequence[RequestRecord], scale: Scale, threshold_ms: float | None
) -> dict[str, Any]:
    return {
        "reading": "rows",
        "end": _BOTTOM,
        "span_s": scale.high,
        "rows": [
            [
                record.index,
                round(record.sent_ms / 1000, 3),
                None if record.ttft_ms is None else round(record.ttft_ms, 1),
                round(record.e2e_ms, 1),
                record.output_tokens,
                len(stalls(record, threshold_ms)),
                record.error or "",
            ]
            for record in rows
        ],
    }

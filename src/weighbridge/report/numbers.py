"""How figures are written on pages: few digits, and always their unit."""

from __future__ import annotations

import json
import math
from typing import Any

from weighbridge.core.provenance import Interval
from weighbridge.core.units import format_bytes

_SPACE = "\N{NO-BREAK SPACE}"
_DASH = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"


def percent(share: float) -> str:
    """A share as a percentage with one decimal: ``84.0 %``."""
    return f"{100 * share:.1f}{_SPACE}%"


def bounds(interval: Interval) -> str:
    """The ends of a share's interval in percent: ``78.3-88.4`` (with an en dash)."""
    return f"{100 * interval.low:.1f}{_DASH}{100 * interval.high:.1f}"


def points(difference: float) -> str:
    """A difference of shares in percentage points, always signed: ``+14.5``."""
    return f"{100 * difference:+.1f}".replace("-", _MINUS)


def point_bounds(interval: Interval) -> str:
    """The ends of a difference's interval: ``+9.1 to +19.9``."""
    return f"{points(interval.low)} to {points(interval.high)}"


def number(value: float | None) -> str:
    """About three significant digits, without an exponent; a dash for what was not measured."""
    if value is None:
        return _DASH
    if value == 0:
        return "0"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(decimals, 4)}f}"


def p_value(p: float) -> str:
    """A p-value in two digits, down to a thousandth: ``p = 0.031``, ``p < 0.001``."""
    text = "p < 0.001" if p < 0.001 else f"p = {p:.2g}"
    return text.replace(" ", _SPACE)


def size(count: float) -> str:
    """A number of bytes, kept on one line: ``43.00 MiB``."""
    return format_bytes(count).replace(" ", _SPACE)


def day(created: str) -> str:
    """The date in an ISO 8601 time."""
    return created[:10]


def moment(created: str) -> str:
    """An ISO 8601 time in UTC as people read it: ``2026-01-05 09:16:07``."""
    return created.replace("T", " ").removesuffix("Z")


def plain(value: Any) -> str:  # noqa: ANN401 -- whatever a suite's author wrote as the answer
    """An expected answer: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def shortened(text: str, limit: int = 280) -> str:
    """At most ``limit`` characters, and the number of those left out."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]} \N{HORIZONTAL ELLIPSIS} ({len(text) - limit:,} more characters)"

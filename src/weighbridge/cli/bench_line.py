"""The progress of a load run on standard error: one line, redrawn a few times a second.

Cheap on purpose. A full-screen display would take more of the one core than the load itself, and
its pauses would be measured as the server's.
"""

from __future__ import annotations

import shutil
import sys
from time import monotonic

from weighbridge.cli.diagnostics import printable
from weighbridge.core.live_load import LiveLoad, LivePoint

_REDRAWN_S = 0.25
_BAR = 20
_ROOMY = 100


class LoadLine:
    """Progress of a load run, as :class:`weighbridge.core.effects.Progress` and as live figures.

    On a terminal a line that is redrawn, elsewhere one line a level.
    """

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._title = ""
        self._total = 0
        self._done = 0
        self._drawn = 0.0
        self._point: LivePoint | None = None

    def stage(self, title: str, total: int) -> None:
        """A level begins; of 0 requests in all where time ends it."""
        self._end_line()
        self._title, self._total, self._done, self._point = title, total, 0, None
        if not self._is_terminal:
            count = f" ({total} request{'' if total == 1 else 's'})" if total else ""
            print(printable(f"{title}{count}"), file=sys.stderr, flush=True)

    def advance(self, steps: int = 1, note: str = "") -> None:  # noqa: ARG002 -- a Progress's
        """Some requests have ended."""
        self._done += steps
        if self._done == self._total:
            self._draw(force=True)

    def live(self, live: LiveLoad) -> None:
        """The figures of the moment."""
        self._point = live.points[-1] if live.points else None
        self._draw()

    def close(self) -> None:
        """Leave the last line standing."""
        self._end_line()

    def _draw(self, *, force: bool = False) -> None:
        now = monotonic()
        if not self._is_terminal or (now - self._drawn < _REDRAWN_S and not force):
            return
        self._drawn = now
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"\r\x1b[K{printable(self._text(width))[:width]}")
        sys.stderr.flush()

    def _text(self, width: int) -> str:
        point, text = self._point, f"{self._title} "
        if self._total:
            share = self._done / self._total
            # Where there is little room, figures matter more.
            text += f"{_bar(share)} " if width >= _ROOMY else ""
            text += f"{self._done}/{self._total}"
        else:
            text += f"{self._done} done"
            text += f" after {point.at_s:.0f} s" if point else ""
        if point is None:
            return text
        parts = [f"{point.in_flight} in flight", f"{point.output_tokens_per_s:,.0f} tokens/s"]
        if point.ttft_ms_p50 is not None and point.ttft_ms_p95 is not None:
            parts.append(f"TTFT {point.ttft_ms_p50:.0f}, p95 {point.ttft_ms_p95:.0f} ms")
        if point.itl_ms_p50 is not None:
            parts.append(f"ITL {point.itl_ms_p50:.1f} ms")
        if point.errors:
            parts.insert(0, f"{point.errors} errors")
        return f"{text}  {' · '.join(parts)}"

    def _end_line(self) -> None:
        if self._is_terminal and self._title:
            self._draw(force=True)
            sys.stderr.write("\n")
            sys.stderr.flush()
            self._title = ""


def _bar(share: float) -> str:
    return ("█" * round(share * _BAR)).ljust(_BAR, "░")

"""The access log: one JSON object a line for each request, never a prompt and never a token.

A line is made on the event loop (microseconds); a thread writes it. Where the disk is slower than
the requests or full, lines are dropped, counted and told of once; writing begins again by itself.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from weighbridge.core.gateway import Outcome

STDERR = "stderr"
_EVERY_S = 0.1
_BATCH = 1_000


class LogLine(msgspec.Struct, omit_defaults=True, gc=False):
    """What is noted of a request; ``docs/gateway_metrics.md`` explains it."""

    time: str
    id: str
    key: str
    path: str
    asked: str
    model: str
    status: int
    end: str
    why: str
    duration_ms: float
    request_bytes: int
    answer_bytes: int
    attempts: int = 1
    route: int | None = None
    queued_ms: float = 0.0
    ttft_ms: float | None = None
    overhead_ms: float = 0.0
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int = 0
    estimated: bool = False
    reason: str = ""


_MOST_NAME = 200
_encoder = msgspec.json.Encoder()


def log_line(outcome: Outcome) -> bytes:
    """The line of one request. Of what a client wrote only the model's name is in it, cut."""
    use, ttft_s = outcome.use, outcome.ttft_s
    line = LogLine(
        time=_iso(outcome.ended),
        id=outcome.id,
        key=outcome.grant.key,
        path=outcome.asked.path,
        asked=outcome.asked.model[:_MOST_NAME],
        model=outcome.model,
        status=outcome.status,
        end=outcome.end,
        why=outcome.choice.why,
        duration_ms=_ms(outcome.duration_s),
        request_bytes=outcome.request_bytes,
        answer_bytes=outcome.answer_bytes,
        attempts=outcome.attempts,
        route=outcome.choice.route,
        queued_ms=_ms(outcome.queued_s),
        ttft_ms=None if ttft_s is None else _ms(ttft_s),
        overhead_ms=_ms(outcome.overhead_s),
        prompt_tokens=None if use is None else use.prompt,
        output_tokens=None if use is None else use.output,
        cached_tokens=0 if use is None else use.cached,
        estimated=use is not None and use.estimated,
        reason=outcome.reason,
    )
    return _encoder.encode(line) + b"\n"


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 3)


class AccessLog:
    """Writes a line for each request, as :class:`weighbridge.serve.seams.Observer`.

    Args:
        target: a file's path, or ``stderr``.
        tell: is given a sentence when lines are lost, and one when writing works again; called
            in the writing thread.
        limit: lines that may wait.

    Attributes:
        written: lines so far.
        dropped: lines that were lost because the disk was full or too slow.
    """

    def __init__(self, target: str, tell: Callable[[str], None], limit: int = 10_000) -> None:
        self._target = target
        self._tell = tell
        self._limit = limit
        self._waiting: deque[bytes] = deque()
        self._stop, self._wake = threading.Event(), threading.Event()
        self._reopen = False
        self._descriptor: int | None = None
        self._torn = False
        self._told = False
        self.written = 0
        self.dropped = 0
        self._overflowed = 0
        self._thread = threading.Thread(target=self._run, name="access log", daemon=True)
        self._thread.start()

    def ended(self, outcome: Outcome) -> None:
        """Note a request; never waits."""
        if len(self._waiting) >= self._limit:
            self._overflowed += 1
            return
        self._waiting.append(log_line(outcome))

    @property
    def lost(self) -> int:
        """All lines that were dropped."""
        return self.dropped + self._overflowed

    def reopen(self) -> None:
        """Open the file anew, after logrotate has moved it; for SIGHUP."""
        self._reopen = True
        self._wake.set()

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what waits and end the thread."""
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        overflowed = 0
        while True:
            stopping = self._stop.is_set()
            if self._reopen:
                self._reopen = False
                self._close_file()
            while self._waiting:
                count = min(len(self._waiting), _BATCH)
                self._write([self._waiting.popleft() for _ in range(count)])
            if self._overflowed != overflowed:
                overflowed = self._overflowed
                self._tell_once("more requests end than can be written")
            if stopping:
                break
            self._wake.wait(_EVERY_S)
            self._wake.clear()
        self._close_file()

    def _write(self, lines: list[bytes]) -> None:
        data, done = b"\n" * self._torn + b"".join(lines), 0
        try:
            descriptor = self._open()
            while done < len(data):
                done += os.write(descriptor, data[done:])
                self._torn = data[done - 1] != 0x0A
        except OSError as error:
            written = data[:done].lstrip(b"\n").count(b"\n")
            self.written += written
            self.dropped += len(lines) - written
            self._tell_once(error.strerror or str(error))
            self._close_file()
            return
        self.written += len(lines)
        if self._told:
            self._told = False
            self._tell(f"The access log {self._target} is written again; {self.lost} lines lost.")

    def _open(self) -> int:
        if self._target == STDERR:
            return sys.stderr.fileno()
        if self._descriptor is None:
            path = Path(self._target)
            path.parent.mkdir(parents=True, exist_ok=True)
            # Others on this machine need not know who asks what.
            self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        return self._descriptor

    def _close_file(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _tell_once(self, why: str) -> None:
        if not self._told:
            self._told = True
            self._tell(f"The access log {self._target} cannot be written: {why}. Lines are lost.")


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")

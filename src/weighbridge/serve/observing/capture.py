"""Which requests are captured, and their answers as they pass by.

On the event loop a capture costs appending to a list. What would take too much memory or comes
faster than it can be written is dropped and counted; no stream ever waits for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from zlib import crc32

from weighbridge.core import units
from weighbridge.core.gateway import Asked, Outcome
from weighbridge.core.routing import Capture, Redaction
from weighbridge.serve.observing.capture_sink import CaptureSink, Frame
from weighbridge.serve.observing.capture_writer import WriterSettings
from weighbridge.serve.observing.captured import CaptureHead
from weighbridge.serve.observing.redaction import compile_rules
from weighbridge.workspace.traffic import CapturedUse

MOST_ANSWER_BYTES = 1024**2
MOST_REQUEST_BYTES = 8 * 1024**2
MOST_HELD_BYTES = 64 * 1024**2
LARGE, BUSY = "large", "busy"


class Captures:
    """Samples requests, as :class:`weighbridge.serve.seams.Observer`.

    Args:
        settings: the configuration's ``capture``.
        root: the workspace's folder.
        tell: is given sentences about captures that are lost; called in a thread.
        salt: makes which requests are sampled unpredictable for clients that choose their ids.
        most_held: bytes of requests and answers held in memory at once, in all.

    Raises:
        ConfigError: an expression cannot be read.
    """

    def __init__(
        self,
        settings: Capture,
        root: Path,
        tell: Callable[[str], None],
        *,
        salt: str = "",
        most_held: int = MOST_HELD_BYTES,
    ) -> None:
        compile_rules(settings.redact)
        self._threshold = round(max(0.0, min(settings.share, 1.0)) * 2**32)
        self._models = None if settings.models is None else frozenset(settings.models)
        self._salt = crc32(salt.encode())
        self._most_held = most_held
        self._given = 0
        self._dropped: Counter[str] = Counter()
        self._sink = CaptureSink(_writer_settings(settings, root), tell)
        self.held = 0

    def began(self, id: str, asked: Asked, body: bytes) -> CaptureTap | None:  # noqa: A002, ARG002
        """A tap for a request that is sampled."""
        if crc32(id.encode(), self._salt) >= self._threshold:
            return None
        if len(body) > MOST_REQUEST_BYTES:
            self._dropped[LARGE] += 1
            return None
        if self.held + self._given - self._sink.taken + len(body) > self._most_held:
            self._dropped[BUSY] += 1
            return None
        return CaptureTap(self, body)

    def ended(self, outcome: Outcome) -> None:
        """What is kept of a request goes through its tap."""

    @property
    def counts(self) -> Mapping[str, int]:
        """Captures by what became of them: ``kept``, and those dropped by reason."""
        return {**self._sink.counts, **self._dropped}

    def close(self) -> None:
        """Write what waits and end the writing process."""
        self._sink.close()

    def is_full(self) -> bool:
        """Whether no more may be held in memory."""
        return self.held + self._given - self._sink.taken > self._most_held

    def drop(self, why: str) -> None:
        """Count a capture that is given up."""
        self._dropped[why] += 1

    def put(self, outcome: Outcome, body: bytes, answer: list[bytes], size: int) -> None:
        """Hand a whole answer to the writer, unless another model answered than is wanted."""
        if self._models is not None and outcome.model not in self._models:
            return
        self._given += size
        self._sink.put(Frame(_head(outcome), body, answer, size))


class CaptureTap:
    """Collects one answer, as :class:`weighbridge.serve.seams.Tap`."""

    __slots__ = ("_answer", "_body", "_captures", "_size")

    def __init__(self, captures: Captures, body: bytes) -> None:
        self._captures: Captures | None = captures
        self._body = body
        self._answer: list[bytes] = []
        self._size = len(body)
        captures.held += self._size

    def feed(self, data: bytes) -> None:
        """Keep some of the answer; one that grows too large is given up."""
        captures = self._captures
        if captures is None:
            return
        self._answer.append(data)
        self._size += len(data)
        captures.held += len(data)
        if self._size - len(self._body) > MOST_ANSWER_BYTES:
            self._give_up(captures, LARGE)
        elif captures.is_full():
            self._give_up(captures, BUSY)

    def close(self, outcome: Outcome) -> None:
        """Hand it on."""
        captures, self._captures = self._captures, None
        if captures is not None:
            captures.held -= self._size
            captures.put(outcome, self._body, self._answer, self._size)

    def __del__(self) -> None:
        """A tap that nobody closed must not count as held for ever."""
        if self._captures is not None:
            self._captures.held -= self._size

    def _give_up(self, captures: Captures, why: str) -> None:
        self._captures = None
        captures.held -= self._size
        captures.drop(why)
        self._answer.clear()
        self._body = b""


def _writer_settings(settings: Capture, root: Path) -> WriterSettings:
    return WriterSettings(
        root=str(root.absolute()),
        most_bytes=units.parse_size(settings.max_size),
        names=tuple(rule for rule in settings.redact if isinstance(rule, str)),
        own=tuple(rule for rule in settings.redact if isinstance(rule, Redaction)),
    )


def _head(outcome: Outcome) -> CaptureHead:
    use, ttft_s = outcome.use, outcome.ttft_s
    when = datetime.fromtimestamp(outcome.ended, UTC)
    return CaptureHead(
        id=outcome.id,
        time=when.isoformat(timespec="milliseconds"),
        key=outcome.grant.key,
        path=outcome.asked.path,
        model=outcome.model,
        status=outcome.status,
        end=outcome.end,
        task=outcome.choice.task,
        why=outcome.choice.why,
        use=None if use is None else CapturedUse(use.prompt, use.output, use.cached, use.estimated),
        ttft_ms=None if ttft_s is None else round(1000 * ttft_s, 3),
        duration_ms=round(1000 * outcome.duration_s, 3),
    )

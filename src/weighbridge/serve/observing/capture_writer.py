"""The process that takes secrets out of captures and writes them: ``python -m`` this module.

It is a process of its own because a regular expression holds Python's lock while it runs: in a
thread, a slow one would stall every stream of the gateway. Here it is interrupted by a timer, which
Python's expressions look for, and what it was applied to is dropped. The process ends when its
standard input does, so also when the gateway is killed.

Frames on standard input: three lengths (:data:`LENGTHS`), then :class:`CaptureHead` as JSON, the
request, the answer. Before them one frame whose first part is :class:`WriterSettings`. For each
frame one line is answered: ``kept``, or why not.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import struct
import sys
from pathlib import Path
from types import FrameType
from typing import BinaryIO

import msgspec

from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.routing import Redaction
from weighbridge.serve.observing.captured import CaptureHead, UnreadableError, build
from weighbridge.serve.observing.redaction import Rules, compile_rules
from weighbridge.workspace.traffic import TrafficWriter

LENGTHS = struct.Struct("!III")
KEPT, DISK, SLOW, UNREADABLE, SIZE = "kept", "disk", "slow", "unreadable", "size"
_MOST_MEMORY = 2 * 1024**3


class WriterSettings(msgspec.Struct, frozen=True):
    """What the process has to know.

    Attributes:
        root: the workspace's folder.
        most_bytes: most disk that captures may take.
        names: of ``keys`` and ``emails`` those that are taken out.
        own: further expressions.
        limit_s: how long taking out may last for one request.
    """

    root: str
    most_bytes: int
    names: tuple[str, ...]
    own: tuple[Redaction, ...]
    limit_s: float = 1.0


class _TooSlow(Exception):  # noqa: N818 -- a signal, not an error
    """The timer has rung."""


def main(frames: BinaryIO, answers: BinaryIO) -> None:
    """Serve until ``frames`` ends."""
    first = _read_frame(frames)
    if first is None:
        return
    settings = msgspec.json.decode(first[0], type=WriterSettings)
    rules = _rules(settings)
    writer = TrafficWriter(Path(settings.root), settings.most_bytes)
    while (frame := _read_frame(frames)) is not None:
        said = _handle(frame, rules, writer, settings.limit_s)
        answers.write(said.replace("\n", " ").encode() + b"\n")
        answers.flush()


def _rules(settings: WriterSettings) -> Rules:
    built_in = compile_rules([*settings.own])
    return Rules("keys" in settings.names, "emails" in settings.names, built_in.own)


def _handle(
    frame: tuple[bytes, bytes, bytes], rules: Rules, writer: TrafficWriter, limit_s: float
) -> str:
    head = msgspec.json.decode(frame[0], type=CaptureHead)
    try:
        signal.setitimer(signal.ITIMER_REAL, limit_s)
        try:
            line = msgspec.json.encode(build(head, frame[1], frame[2], rules))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except (_TooSlow, MemoryError, RecursionError):
        return SLOW
    except UnreadableError:
        return UNREADABLE
    try:
        writer.append(line)
    except WeighbridgeError as error:
        return f"{SIZE} {error}"
    except OSError as error:
        return f"{DISK} {error.strerror or error}"
    return KEPT


def _read_frame(frames: BinaryIO) -> tuple[bytes, bytes, bytes] | None:
    """The next frame; None at the end, also in the middle of a frame."""
    head = frames.read(LENGTHS.size)
    if len(head) < LENGTHS.size:
        return None
    lengths = LENGTHS.unpack(head)
    parts = [frames.read(length) for length in lengths]
    if any(len(part) < length for part, length in zip(parts, lengths, strict=True)):
        return None
    return parts[0], parts[1], parts[2]


def _ring(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 -- the signature of handlers
    raise _TooSlow


def _settle() -> None:
    """Stay out of the gateway's way, and leave its signals to it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, _ring)
    os.nice(10)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))


if __name__ == "__main__":
    _settle()
    main(sys.stdin.buffer, sys.stdout.buffer)

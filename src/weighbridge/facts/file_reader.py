"""Pieces of a file by their places, without holding the file in memory."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

ReadAt: TypeAlias = Callable[[int, int], bytes]

# Whoever asks for pieces that are near each other mostly goes on like that: then more is read, some
# of it before the piece, because answers come nearly in the order of their questions.
_WINDOW_BYTES = 2**17
_BEFORE_BYTES = 2**15


def file_reader(path: Path) -> ReadAt:
    """A function of a place and a number of bytes; it works even when the file has been deleted.

    The file is closed when nothing refers to the function any more.

    Raises:
        OSError: it cannot be opened.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    held = (0, b"")

    def read(start: int, size: int) -> bytes:
        nonlocal held
        begin, window = held
        offset = start - begin
        if offset < 0 or offset + size > len(window):
            if -_WINDOW_BYTES < offset < len(window) + _WINDOW_BYTES:
                begin = max(0, start - _BEFORE_BYTES)
                window = os.pread(fd, max(_WINDOW_BYTES, start - begin + size), begin)
            else:
                begin, window = start, os.pread(fd, size, start)
            held, offset = (begin, window), start - begin
        return window[offset : offset + size]

    weakref.finalize(read, os.close, fd)
    return read

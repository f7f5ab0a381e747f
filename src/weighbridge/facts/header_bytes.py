"""Reading a file's header front to back, never past its end and never more than is needed."""

from __future__ import annotations

import struct
from typing import Final, Protocol

from weighbridge.core.errors import FormatError
from weighbridge.core.units import MIB, format_bytes

FETCH_AGAIN: Final = "The download is probably incomplete: fetch it again."
DAMAGED: Final = "The file is damaged: fetch it again."

# The largest headers in circulation (a 262k-token vocabulary with merges, or with an embedded
# tokenizer.json) stay below 64 MiB. The limit keeps the time spent on a lying header bounded.
MAX_HEADER_BYTES: Final = 128 * MIB

_CHUNK: Final = 256 * 1024
_LENGTH: Final = struct.Struct("<Q")


class Source(Protocol):
    """Bytes front to back: an open file now, HTTP ranges later."""

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` further bytes; empty at the end."""


class HeaderReader:
    """A cursor over the start of a file; every length is checked before anything is read for it.

    Args:
        source: where the bytes come from, at the file's first byte.
        size: bytes in the whole file.
        name: how errors call the file.
        limit: no header may be longer than this many bytes.
    """

    def __init__(
        self, source: Source, size: int, name: str, *, limit: int = MAX_HEADER_BYTES
    ) -> None:
        self.name = name
        self.size = size
        self._source = source
        self._limit = limit
        self._buffer = b""
        self._at = 0
        self._fetched = 0

    @property
    def offset(self) -> int:
        """The file offset of the next byte."""
        return self._fetched - len(self._buffer) + self._at

    @property
    def remaining(self) -> int:
        """Bytes from here to the end of the file."""
        return self.size - self.offset

    def error(self, what: str, *, at: int | None = None, fix: str = DAMAGED) -> FormatError:
        """The refusal of the file: ``what`` is wrong at a byte offset, by default here."""
        where = self.offset if at is None else at
        return FormatError(f"{self.name}: {what} (byte {where}).", fix=fix)

    def need(self, count: int, what: str) -> None:
        """Refuse the file unless ``count`` further bytes, which ``what`` takes, can be there.

        Raises:
            FormatError: they cannot.
        """
        if count > self.remaining:
            lacking = f"{what} needs {count} bytes, but the file ends after {self.remaining} more"
            raise self.error(lacking, fix=FETCH_AGAIN)
        if self.offset + count > self._limit:
            raise self.error(
                f"{what} would make the header longer than {format_bytes(self._limit)}"
            )

    def peek(self, count: int) -> bytes:
        """Up to ``count`` of the next bytes, without moving; fewer at the end of the file."""
        self._fill(min(count, self.remaining), "the start")
        return self._buffer[self._at : self._at + count]

    def take(self, count: int, what: str) -> bytes:
        """The next ``count`` bytes, which are ``what``.

        Raises:
            FormatError: the file ends before.
        """
        self.need(count, what)
        self._fill(count, what)
        start = self._at
        self._at += count
        return self._buffer[start : self._at]

    def skip(self, count: int, what: str) -> None:
        """Pass over ``count`` bytes, which are ``what``, holding one chunk of them at a time.

        Raises:
            FormatError: the file ends before.
        """
        self.need(count, what)
        while count > 0:
            step = min(count, _CHUNK)
            self._fill(step, what)
            self._at += step
            count -= step

    def unpack(self, layout: struct.Struct, what: str) -> tuple[int | float | bool, ...]:
        """The next bytes as ``layout`` lays them out.

        Raises:
            FormatError: the file ends before.
        """
        return layout.unpack(self.take(layout.size, what))

    def u32(self, what: str) -> int:
        """An unsigned little-endian number of 32 bits.

        Raises:
            FormatError: the file ends before.
        """
        return int.from_bytes(self.take(4, what), "little")

    def u64(self, what: str) -> int:
        """An unsigned little-endian number of 64 bits.

        Raises:
            FormatError: the file ends before.
        """
        return int.from_bytes(self.take(8, what), "little")

    def skip_strings(self, count: int, what: str) -> None:
        """Pass over ``count`` strings, each with a 64-bit length before it.

        A vocabulary has 150 000 of them, hence the tight loop inside the buffer.

        Raises:
            FormatError: the file ends before.
        """
        self.need(8 * count, what)
        while count > 0:
            count = self._skip_buffered_strings(count)
            if count > 0:
                self.skip(self.u64(what), what)
                count -= 1

    def _skip_buffered_strings(self, count: int) -> int:
        buffer, at = self._buffer, self._at
        last = len(buffer) - 8
        unpack = _LENGTH.unpack_from
        while count > 0 and at <= last:
            after = at + 8 + unpack(buffer, at)[0]
            if after > len(buffer):
                break
            at = after
            count -= 1
        self._at = at
        return count

    def _fill(self, count: int, what: str) -> None:
        """Make sure that ``count`` bytes lie in the buffer; a file may shrink while we read."""
        missing = count - (len(self._buffer) - self._at)
        if missing <= 0:
            return
        parts = [self._buffer[self._at :]]
        wanted = min(max(missing, _CHUNK), self.size - self._fetched)
        while wanted > 0:
            part = self._source.read(wanted)
            if not part:
                break
            parts.append(part)
            self._fetched += len(part)
            missing -= len(part)
            wanted -= len(part)
        self._buffer, self._at = b"".join(parts), 0
        if missing > 0:
            raise self.error(
                f"the file ended early, inside {what}", at=self._fetched, fix=FETCH_AGAIN
            )

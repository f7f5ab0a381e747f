"""Server-sent events, taken apart as they arrive."""

from __future__ import annotations

from weighbridge.core.errors import ProtocolError

EVENT_LIMIT_BYTES = 8 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"


class EventParser:
    """Finds the ``data`` of each event, wherever the reads were cut.

    Works on bytes, so that a character split between two reads needs no care. Comments, event
    names, ids and retry times are skipped; lines may end in LF, CRLF or CR.

    Args:
        limit_bytes: the largest event that is kept while it is incomplete.

    Attributes:
        is_between: whether nothing but whole events has come, so that :func:`only_event` may be
            asked of the next read without asking the parser.
    """

    __slots__ = ("_after_cr", "_at_start", "_limit", "_rest", "is_between")

    def __init__(self, limit_bytes: int = EVENT_LIMIT_BYTES) -> None:
        self._rest = bytearray()
        self._limit = limit_bytes
        self._after_cr = False
        self._at_start = True
        self.is_between = False

    def feed(self, data: bytes) -> list[bytes]:
        """The data of every event that ``data`` completes; several data lines are joined by LF.

        Raises:
            ProtocolError: an event grew beyond the limit.
        """
        if not self._rest:
            payload = only_event(data)
            if payload is not None:
                self._at_start = self._after_cr = False
                self.is_between = True
                return [payload]
        events = self._feed_any(data)
        self.is_between = not (self._rest or self._at_start or self._after_cr)
        return events

    def close(self) -> bool:
        """Forget everything; tells whether an unfinished event was left."""
        unfinished = bool(self._rest.strip(b"\n"))
        self._rest.clear()
        self._at_start, self._after_cr, self.is_between = True, False, False
        return unfinished

    def _feed_any(self, data: bytes) -> list[bytes]:
        rest = self._rest
        searched = max(len(rest) - 1, 0)
        rest += self._with_lf(data)
        if self._at_start:
            if len(rest) < len(_BOM) and _BOM.startswith(rest):
                return []
            rest[:] = rest.removeprefix(_BOM)
            self._at_start, searched = False, 0
        # Looking only at what is new keeps an event of many reads linear.
        end = rest.rfind(b"\n\n", searched)
        events: list[bytes] = []
        if end >= 0:
            blocks = bytes(rest[:end])
            del rest[: end + 2]
            for block in blocks.split(b"\n\n"):
                payload = _data_of(block)
                if payload is not None:
                    events.append(payload)
        if len(rest) > self._limit:
            raise ProtocolError(f"The event stream has an event of more than {self._limit} bytes.")
        return events

    def _with_lf(self, data: bytes) -> bytes:
        """``data`` with every line end as LF, also where a read was cut between CR and LF."""
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
            self._after_cr = False
        if data:
            self._after_cr = data.endswith(b"\r")
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data


def only_event(data: bytes) -> bytes | None:
    """The data of the ordinary read of a streamed answer: one whole event of one data line."""
    if (
        data.startswith(b"data: ")
        and data.endswith(b"\n\n")
        and data.count(b"\n") == 2
        and b"\r" not in data
    ):
        return data[6:-2]
    return None


def _data_of(block: bytes) -> bytes | None:
    """The data lines of an event, joined; None when it has none."""
    if block.startswith(b"data: ") and b"\n" not in block:
        return block[6:]
    values = []
    for line in block.split(b"\n"):
        if line.startswith(b"data:"):
            values.append(line[5:].removeprefix(b" "))
        elif line == b"data":
            values.append(b"")
    return b"\n".join(values) if values else None

"""Heads that were parsed before: clients and engines send the same ones again and again.

But for its Content-Length a head is then recognised as a whole instead of being parsed header by
header, which costs ten times as much. Only a head that the parser has accepted gets in here, and
only the very same bytes are recognised: nothing passes that the parser would have refused.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

from weighbridge.core.http import Headers

Parsed = TypeVar("Parsed")

_LOWER: Final = b"\r\ncontent-length: "
_UPPER: Final = b"\r\nContent-Length: "
_NAME_BYTES: Final = len(_LOWER)
_NO_CANDIDATE: Final = (b"", None, 0)
_HEAD_END: Final = b"\r\n\r\n"
_MOST_HEADS: Final = 256
_MOST_BYTES: Final = 4096
_OTHER_FRAMING: Final = frozenset((b"transfer-encoding", b"expect", b"upgrade", b"content-length"))


class KnownHeads(Generic[Parsed]):
    """What was read off heads, by their bytes without Content-Length."""

    def __init__(self) -> None:
        self._known: dict[bytes, Parsed] = {}

    def find(self, data: bytes) -> tuple[bytes, Parsed | None, int]:
        """Of a read that is one whole message: its key, what is known of it, where its body begins.

        The key is empty for any other read, and for messages that are no candidates.
        """
        end = data.find(_HEAD_END, 0, _MOST_BYTES)
        if end < 0:
            return _NO_CANDIDATE
        at = data.find(_LOWER, 0, end)
        if at < 0:
            at = data.find(_UPPER, 0, end)
            if at < 0:
                return _NO_CANDIDATE
        line_end = data.find(b"\r\n", at + 2)
        length = data[at + _NAME_BYTES : line_end]
        if not length.isdigit() or len(length) > 9 or len(data) != end + 4 + int(length):
            return _NO_CANDIDATE
        key = data[:at] + data[line_end:end]
        return key, self._known.get(key), end + 4

    def keep(self, key: bytes, headers: Headers, parsed: Parsed) -> None:
        """Remember what was read off a head, if nothing but its length frames the message.

        Args:
            key: from :meth:`find`.
            headers: all that the parser saw, names in lower case, but one Content-Length.
            parsed: what it said.
        """
        for name, value in headers:
            if name in _OTHER_FRAMING or (name == b"connection" and value.lower() != b"keep-alive"):
                return
        if len(self._known) >= _MOST_HEADS:
            self._known.clear()
        self._known[key] = parsed

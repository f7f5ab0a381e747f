"""Which headers go on, and in which words.

Of the client's headers only those go to an engine that it can use and that carry no secret: the
client's key is for the gateway. Of an engine's answer everything goes on but what is about the
connection to it.
"""

from __future__ import annotations

import re
from typing import Final, Generic, TypeVar

from weighbridge.core.http import Headers
from weighbridge.serve.hops import HOP, VIA
from weighbridge.wire.heads import status_line

REQUEST_ID: Final = b"x-request-id"

_PASSED: Final = frozenset(
    (b"accept", b"accept-language", b"content-type", b"traceparent", b"tracestate", b"user-agent")
)
_PASSED_FAMILIES: Final = (b"x-", b"anthropic-", b"openai-")
# About who asks and how it came here, which is no engine's business.
_KEPT_FAMILIES: Final = (b"x-forwarded-", b"x-real-", b"x-weighbridge-", b"x-http-method")
_SECRET: Final = re.compile(rb"auth|cookie|credential|key|password|secret|session|token")
_ABOUT_CONNECTION: Final = frozenset(
    (
        b"connection",
        b"content-length",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
# The gateway writes these into its answers itself.
_OURS: Final = frozenset((REQUEST_ID, b"x-weighbridge-model", b"x-weighbridge-route"))
_SANE_ID: Final = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
_MOST_NAMES: Final = 1024
_MOST_MADE: Final = 256

Made = TypeVar("Made")


class _Names(dict[bytes, bool]):
    """Whether headers of a name are passed on to engines, worked out once for each name."""

    def __missing__(self, name: bytes) -> bool:
        if len(self) >= _MOST_NAMES:
            self.clear()  # clients choose the names, and may choose any number of them
        goes = self[name] = _goes_to_engines(name)
        return goes


def _goes_to_engines(name: bytes) -> bool:
    if name in _PASSED:
        return True
    if name == REQUEST_ID or not name.startswith(_PASSED_FAMILIES):
        return False
    return not name.startswith(_KEPT_FAMILIES) and _SECRET.search(name) is None


_GOES: Final = _Names()


def onward_lines(headers: Headers) -> tuple[bytes, bytes, bool]:
    """The lines of those headers of a request that go on, its id, and whether gateways sent it."""
    lines: list[bytes] = []
    request_id, is_hop, named = b"", False, b""
    for name, value in headers:
        if _GOES[name]:
            lines.append(b"%b: %b\r\n" % (name, value))
        elif name == REQUEST_ID:
            request_id = value
        elif name == b"connection":
            named += b"," + value
        elif name in (HOP, VIA):
            is_hop = True
    if named and named.lower() not in (b",keep-alive", b",close"):
        lines = _without(lines, named)
    if request_id and _SANE_ID.fullmatch(request_id) is None:
        request_id = b""
    return b"".join(lines), request_id, is_hop


def _without(lines: list[bytes], named: bytes) -> list[bytes]:
    """Headers that Connection names are about the connection, too."""
    names = {name.strip().lower() for name in named.split(b",")}
    return [line for line in lines if line.partition(b":")[0] not in names]


def answer_lines(status: int, headers: Headers) -> bytes:
    """Status line and the headers of an answer that go on, each line with its end."""
    lines = [status_line(status) + b"\r\n"]
    named = b""
    for name, value in headers:
        if name == b"connection":
            named += b"," + value
        elif name not in _ABOUT_CONNECTION and name not in _OURS:
            lines.append(b"%b: %b\r\n" % (name, value))
    if named and named.lower() not in (b",keep-alive", b",close"):
        lines = [lines[0], *_without(lines[1:], named)]
    return b"".join(lines)


class Memo(Generic[Made]):
    """What was made of headers, while the very same ones are given again.

    Whoever parses heads hands out one object for all heads that are equal.
    """

    __slots__ = ("_made",)

    def __init__(self) -> None:
        self._made: dict[int, tuple[Headers, Made]] = {}

    def get(self, headers: Headers) -> Made | None:
        """What was made of these."""
        found = self._made.get(id(headers))
        return found[1] if found is not None and found[0] is headers else None

    def keep(self, headers: Headers, made: Made) -> None:
        """Remember it, and the headers, whose identity would go to others otherwise."""
        if len(self._made) >= _MOST_MADE:
            self._made.clear()
        self._made[id(headers)] = (headers, made)


def header_text(text: str) -> bytes:
    """``text`` as the value of a header: one line of printable ASCII."""
    shown = "".join(c if " " <= c <= "~" else "?" for c in text)
    return shown.encode("ascii").strip()

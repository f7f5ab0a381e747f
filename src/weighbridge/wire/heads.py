"""Rendering the head of an HTTP/1.1 message."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from weighbridge.core.errors import InputError
from weighbridge.core.http import Headers, Request

HEAD_LIMIT_BYTES: Final = 64 * 1024

_STATUS_LINES: Final = {s.value: f"HTTP/1.1 {s.value} {s.phrase}".encode() for s in HTTPStatus}
_BODY_METHODS: Final = ("POST", "PUT", "PATCH")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def status_line(status: int) -> bytes:
    """The first line of an answer, without its end."""
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d Status" % status


def render_head(first_line: bytes, headers: Headers) -> bytes:
    """First line, headers and the empty line that ends them.

    Raises:
        InputError: a header holds a line break or a zero byte, which would change the message.
    """
    lines = [first_line]
    lines.extend([b"%b: %b" % header for header in headers])
    line_ends = len(lines) + 1
    lines += (b"", b"")
    head = b"\r\n".join(lines)
    # Counting the finished bytes checks every header at once.
    if head.count(b"\n") != line_ends or head.count(b"\r") != line_ends or b"\0" in head:
        message = "A header holds a line break or a zero byte."
        raise InputError(message, fix="Remove it; an API key is one line.")
    return head


def render_request(request: Request) -> bytes:
    """The whole request, ready for one write.

    Raises:
        InputError: its path or a header has characters that cannot be sent.
    """
    url = request.url
    try:
        first_line = f"{request.method} {url.path} HTTP/1.1".encode("ascii")
        host = url.origin.partition("://")[2].encode("ascii")
    except UnicodeEncodeError:
        first_line = host = b""
    if first_line.count(b" ") != 2:
        raise InputError(f"The address {str(url)!r} has characters that no address has.")
    if url.port == _DEFAULT_PORTS.get(url.scheme):
        host = host.rpartition(b":")[0]
    headers = ((b"host", host), *request.headers)
    if request.body or request.method in _BODY_METHODS:
        headers = (*headers, (b"content-length", b"%d" % len(request.body)))
    return render_head(first_line, headers) + request.body

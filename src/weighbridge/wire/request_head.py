"""What is wrong with the headers that decide how a request is read. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

DECISIVE: Final = frozenset((b"host", b"content-length", b"transfer-encoding", b"expect"))
"""The headers in question; each of them but ``expect`` may be there once."""

Fault = tuple[int, str]
"""Status and sentence of a refusal."""

_VERSIONS: Final = frozenset(("1.0", "1.1"))


def head_fault(version: str, decisive: Sequence[tuple[bytes, bytes]]) -> Fault | None:
    """Why a request must be refused; None for a sound one.

    Args:
        version: of HTTP, by the request line.
        decisive: its :data:`DECISIVE` headers, names in lower case.
    """
    if version not in _VERSIONS:
        return 505, f"This server speaks HTTP/1.1, not HTTP/{version}."
    names = [name for name, _ in decisive]
    hosts = names.count(b"host")
    if hosts > 1:
        return 400, "The request names two hosts."
    if not hosts and version == "1.1":
        return 400, "The request has no Host header."
    codings = [value for name, value in decisive if name == b"transfer-encoding"]
    # Two framings in one head are how requests are smuggled past a proxy: never guess.
    framings = names.count(b"content-length") + len(codings)
    if framings > 1 or (codings and codings[0].lower() != b"chunked"):
        return 400, "The request's length is given twice or in an unknown coding."
    if codings and version != "1.1":
        return 400, "HTTP/1.0 has no chunked requests."
    return None


def parse_fault(error: Exception) -> Fault:
    """The refusal of what cannot even be parsed."""
    status = 505 if str(error) == "Invalid HTTP version" else 400
    return status, f"The request is not HTTP/1.1: {error}."

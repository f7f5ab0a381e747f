from __future__ import annotations

import pytest

from weighbridge.wire.request_head import head_fault, parse_fault

HOST = (b"host", b"x")
LENGTH = (b"content-length", b"2")
CHUNKED = (b"transfer-encoding", b"Chunked")


@pytest.mark.parametrize("fields", [(HOST,), (HOST, LENGTH), (HOST, CHUNKED, (b"expect", b"x"))])
def test_sound_heads(fields: tuple[tuple[bytes, bytes], ...]) -> None:
    assert head_fault("1.1", fields) is None


@pytest.mark.parametrize(
    ("version", "fields", "status", "words"),
    [
        ("2.0", (HOST,), 505, "not HTTP/2.0"),
        ("0.9", (), 505, "not HTTP/0.9"),
        ("1.1", (), 400, "no Host"),
        ("1.1", (HOST, HOST), 400, "two hosts"),
        ("1.0", (HOST, HOST), 400, "two hosts"),
        ("1.1", (HOST, LENGTH, LENGTH), 400, "given twice"),
        ("1.1", (HOST, LENGTH, CHUNKED), 400, "given twice"),
        ("1.1", (HOST, CHUNKED, CHUNKED), 400, "given twice"),
        ("1.1", (HOST, (b"transfer-encoding", b"gzip")), 400, "unknown coding"),
        ("1.0", (CHUNKED,), 400, "no chunked requests"),
    ],
)
def test_faults(
    version: str, fields: tuple[tuple[bytes, bytes], ...], status: int, words: str
) -> None:
    fault = head_fault(version, fields)
    assert fault is not None
    assert fault[0] == status
    assert words in fault[1]


def test_http_1_0_needs_no_host() -> None:
    assert head_fault("1.0", ()) is None


def test_what_cannot_be_parsed() -> None:
    assert parse_fault(ValueError("Invalid HTTP version"))[0] == 505
    assert parse_fault(ValueError("Expected CRLF after version"))[0] == 400

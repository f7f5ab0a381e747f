from __future__ import annotations

from weighbridge.core.http import Headers
from weighbridge.wire.known_heads import KnownHeads

HEAD = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nA: b\r\n\r\n"
HEADERS: Headers = ((b"host", b"a"), (b"a", b"b"))


def keeper(headers: Headers = HEADERS) -> KnownHeads[str]:
    known: KnownHeads[str] = KnownHeads()
    key, parsed, _ = known.find(HEAD + b"abc")
    assert key
    assert parsed is None
    known.keep(key, headers, "parsed")
    return known


def test_a_head_is_recognised_whatever_its_length() -> None:
    known = keeper()
    assert known.find(HEAD + b"abc")[1:] == ("parsed", len(HEAD))
    longer = HEAD.replace(b"3", b"12")
    assert known.find(longer + b"x" * 12)[1:] == ("parsed", len(longer))


def test_only_the_very_same_bytes_are_recognised() -> None:
    known = keeper()
    for other in (
        HEAD.replace(b"Host: a", b"Host: b"),
        HEAD.replace(b"A: b", b"a: b"),
        HEAD.replace(b"A: b\r\n", b"A: b\r\nContent-Length: 3\r\n"),
        HEAD.replace(b"A: b\r\n", b"A: b\r\nTransfer-Encoding: chunked\r\n"),
        HEAD.replace(b"Length: 3", b"Length : 3"),
        HEAD.replace(b"Length: 3", b"Length: +3"),
        HEAD.replace(b"Length: 3", b"Length: 3 "),
        HEAD.replace(b"\r\nA", b"\nA"),
    ):
        assert known.find(other + b"abc")[1] is None


def test_only_whole_messages_are() -> None:
    known = keeper()
    for data in (b"", HEAD, HEAD + b"ab", HEAD + b"abcd", HEAD[:-2], (HEAD + b"abc") * 2):
        assert known.find(data)[1] is None


def test_heads_that_frame_themselves_otherwise_are_not_kept() -> None:
    for extra in (
        (b"transfer-encoding", b"chunked"),
        (b"content-length", b"3"),
        (b"expect", b"100-continue"),
        (b"upgrade", b"h2c"),
        (b"connection", b"close"),
        (b"connection", b"keep-alive, x"),
    ):
        assert keeper((*HEADERS, extra)).find(HEAD + b"abc")[1] is None
    assert keeper((*HEADERS, (b"connection", b"Keep-Alive"))).find(HEAD + b"abc")[1] == "parsed"


def test_there_is_a_bound() -> None:
    known: KnownHeads[int] = KnownHeads()
    for number in range(1000):
        data = HEAD.replace(b"A: b", b"A: %d" % number) + b"abc"
        known.keep(known.find(data)[0], HEADERS, number)
        assert known.find(data)[1] == number
    recognised = [known.find(HEAD.replace(b"A: b", b"A: %d" % n) + b"abc")[1] for n in range(1000)]
    assert 0 < sum(found is not None for found in recognised) <= 256
    assert known.find(HEAD.replace(b"A: b", b"A: " + b"b" * 5000) + b"abc")[0] == b""

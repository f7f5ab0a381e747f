from __future__ import annotations

import pytest

from weighbridge.core.http import Headers
from weighbridge.serve.guard import is_loopback, leads_here, refusal


def headers(*hosts: str, origin: str | None = None) -> Headers:
    fields = [(b"host", host.encode()) for host in hosts]
    if origin is not None:
        fields.append((b"origin", origin.encode()))
    return tuple(fields)


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8080", "localhost:8080", "LocalHost:8080", "[::1]:8080", "localhost.:8080"]
)
def test_our_own_names_are_let_in(host: str) -> None:
    assert refusal(headers(host), 8080) is None
    assert refusal(headers(host, origin="http://localhost:3000"), 8080) is None


def test_without_a_port_it_is_80() -> None:
    assert refusal(headers("localhost"), 80) is None
    assert refusal(headers("localhost"), 8080) is not None


@pytest.mark.parametrize(
    "hosts",
    [
        ["evil.example:8080"], ["127.0.0.1:8081"], ["127.0.0.1.evil.example:8080"], ["localhost"],
        ["0.0.0.0:8080"], ["192.168.1.2:8080"], [""], [":8080"], ["localhost:8080x"], [],
        ["localhost:8080", "localhost:8080"], ["a@localhost:8080"], ["[localhost]:8080"],
    ],
)  # fmt: skip
def test_other_names_are_misdirected(hosts: list[str]) -> None:
    refused = refusal(headers(*hosts), 8080)
    assert refused is not None
    assert refused[0] == 421


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example", "https://evil.example:8080", "null", "", "file://", "http://[",
        "http://localhost.evil.example", "http://localhost@evil.example", "x://localhost",
    ],
)  # fmt: skip
def test_other_sites_are_refused(origin: str) -> None:
    refused = refusal(headers("localhost:8080", origin=origin), 8080)
    assert refused is not None
    assert refused[0] == 403


def test_loopback_and_what_leads_here() -> None:
    assert is_loopback("127.1.2.3")
    assert is_loopback("::ffff:127.0.0.1")
    assert not is_loopback("::")
    assert leads_here("::")
    assert not leads_here("10.0.0.1")

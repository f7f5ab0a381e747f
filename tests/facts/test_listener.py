from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from weighbridge.core.http import Url, parse_url
from weighbridge.core.units import MIB
from weighbridge.facts.listener import listener_memory_bytes, tree_memory_bytes

# Listens, and has a child that holds 64 MiB.
_SERVER = """
import socket, subprocess, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
listener = socket.create_server((sys.argv[1], 0), family=family)
hold = "import sys; kept = bytearray(64 * 2**20); print(flush=True); sys.stdin.read()"
pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
child = subprocess.Popen([sys.executable, "-c", hold], **pipes)
child.stdout.readline()
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
child.stdin.close()
child.wait()
"""


@contextmanager
def server(address: str = "127.0.0.1") -> Iterator[tuple[int, int]]:
    """Process id and port of a listening process with a child."""
    with subprocess.Popen(
        [sys.executable, "-c", _SERVER, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
        process.stdin.close()


@pytest.mark.parametrize(
    ("address", "host"),
    [("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "localhost"), ("0.0.0.0", "127.0.0.1")],  # noqa: S104
)
def test_the_memory_of_a_listener_is_that_of_its_whole_tree(address: str, host: str) -> None:
    with server(address) as (pid, port):
        alone = psutil.Process(pid).memory_info().rss
        found = listener_memory_bytes(parse_url(f"{host}:{port}/v1"))
    assert found is not None
    assert alone + 64 * MIB <= found < alone + 256 * MIB


def test_a_listener_at_another_address_of_the_port_is_not_taken_for_ours() -> None:
    with server("127.0.0.2") as (_, port):
        assert listener_memory_bytes(Url("http", "127.0.0.1", port, "/")) is None
        assert listener_memory_bytes(Url("http", "127.0.0.2", port, "/")) is not None


def test_a_client_of_the_port_is_no_listener() -> None:
    with server() as (_, port), socket.create_connection(("127.0.0.1", port)) as client:
        own = client.getsockname()[1]
        assert listener_memory_bytes(Url("http", "127.0.0.1", own, "/")) is None


@pytest.mark.parametrize("host", ["192.0.2.1", "example.com", "8.8.8.8", "::2"])
def test_other_machines_are_not_looked_into(host: str) -> None:
    with server() as (_, port):
        assert listener_memory_bytes(Url("http", host, port, "/")) is None


def test_where_nobody_listens_there_is_no_memory() -> None:
    with server() as (_, port):
        pass
    assert listener_memory_bytes(Url("http", "127.0.0.1", port, "/")) is None


def test_what_may_not_be_seen_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(**_: object) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", denied)
    assert listener_memory_bytes(Url("http", "127.0.0.1", 80, "/")) is None


def test_a_process_that_is_gone_is_an_error() -> None:
    with server() as (pid, _):
        assert tree_memory_bytes(pid) > 64 * MIB
    with pytest.raises(psutil.NoSuchProcess):
        tree_memory_bytes(pid)
    assert tree_memory_bytes(os.getpid()) > MIB

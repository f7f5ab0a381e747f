"""Connections are reused, and go through the proxy that the environment names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.hub import Hub, Repo, fake_hub
from weighbridge.facts.sources.connections import Connections
from weighbridge.facts.sources.ranges import RemoteFile


@pytest.fixture
def hub(empty_cache: Path) -> Iterator[Hub]:
    assert not empty_cache.exists()
    with fake_hub({"org/model": Repo({"config.json": b"{}"})}) as running:
        yield running


def test_a_connection_is_used_again_while_it_is_open(hub: Hub) -> None:
    host = hub.cdn_url.removeprefix("http://")
    with Connections() as connections:
        for _ in range(3):
            with RemoteFile(connections, f"{hub.cdn_url}/org/model/config.json") as file:
                assert file.read(10) == b"{}"
        connection, used = connections.take("http", host)
        assert used
        assert connections.take("http", host)[1] is False
        assert connection.sock is not None
        connection.sock.close()  # as a server does that has waited long enough
        connections.give_back("http", host, connection)
        with RemoteFile(connections, f"{hub.cdn_url}/org/model/config.json") as file:
            assert file.read(10) == b"{}"


def test_a_proxy_is_used_and_spared(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", hub.cdn_url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Connections() as connections:
        with RemoteFile(connections, "http://models.invalid/org/model/config.json") as file:
            assert file.read(10) == b"{}"
        with RemoteFile(connections, f"{hub.cdn_url}/org/model/config.json") as file:
            assert file.read(10) == b"{}"
    through, direct = hub.paths("cdn")
    assert through == "http://models.invalid/org/model/config.json"
    assert direct == "/org/model/config.json"

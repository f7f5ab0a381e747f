"""Headers that were read before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.facts.sources.safetensors_writer import Tensors, safetensors_bytes
from tests.fakes.hub import Hub, Repo, fake_hub
from weighbridge.facts.sources.connections import Connections
from weighbridge.facts.sources.header_cache import (
    Shard,
    cache_folder,
    cached,
    read_shard,
    recall_license,
    remember_license,
)
from weighbridge.facts.sources.ranges import RemoteFile

TENSORS: Tensors = {"w": ("BF16", (8, 8))}
ORIGIN = "hf://org/model@commit/a.safetensors"


@pytest.fixture
def hub(empty_cache: Path) -> Iterator[Hub]:
    assert not empty_cache.exists()
    with fake_hub({"org/model": Repo({"a.safetensors": safetensors_bytes(TENSORS)})}) as running:
        yield running


def read(hub: Hub) -> Shard:
    with Connections() as connections:
        url = f"{hub.cdn_url}/org/model/a.safetensors"
        return read_shard(ORIGIN, lambda: RemoteFile(connections, url))


def test_a_header_is_fetched_once(hub: Hub) -> None:
    assert cached(ORIGIN) is None
    first = read(hub)
    assert read(hub) == first == cached(ORIGIN)
    assert len(hub.requests) == 1
    (kept,) = cache_folder().iterdir()
    assert kept.stat().st_size < len(safetensors_bytes(TENSORS)) + 8  # without the weights


@pytest.mark.parametrize("content", [b"", b"x", bytes(8) + b"damaged", bytes(100)])
def test_a_damaged_entry_is_fetched_again(hub: Hub, content: bytes) -> None:
    first = read(hub)
    (kept,) = cache_folder().iterdir()
    kept.write_bytes(content)
    assert cached(ORIGIN) is None
    assert read(hub) == first == cached(ORIGIN)


def test_a_cache_that_cannot_be_written_is_no_error(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert read(hub)[0][0].name == "w"


def test_the_folder_is_where_others_keep_theirs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache/weighbridge/headers"


@pytest.mark.usefixtures("empty_cache")
def test_a_licence_is_kept_whatever_it_says() -> None:
    assert recall_license("hf://org/model@commit") is None
    for stated in ("apache-2.0", "Lizenz für Ä", "x" * 5000):
        remember_license("hf://org/model@commit", stated)
        assert recall_license("hf://org/model@commit") == stated[:1024]
    remember_license("hf://org/model@commit", "\ud800")  # half a character, from hostile JSON
    assert recall_license("hf://org/model@commit") == "?"
    remember_license("hf://org/silent@commit", None)
    assert recall_license("hf://org/silent@commit") is None

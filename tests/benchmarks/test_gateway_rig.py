"""The rig of benchmarks/gateway.py: what it counts is checked where the truth is known."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.peers import FOLDER as PEERS

RIG = PEERS.parent / "gateway_rig"
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="needs epoll and /proc"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler"),
]


def load(name: str) -> Any:
    for folder in (RIG, PEERS):
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
    return importlib.import_module(name)


tools = load("tools")
ANYWHERE = tools.Cores(None, None)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made: dict[str, Path] = tools.build(tmp_path_factory.mktemp("rig"))
    return made


@pytest.fixture
def rig(built: dict[str, Path], tmp_path: Path) -> Iterator[tuple[Any, Any]]:
    with tools.backend(built["backend"], ANYWHERE) as backend:
        yield tools.Load(built["load"], ANYWHERE, tmp_path), backend


def run(rig: tuple[Any, Any], mode: str, connections: int, amount: float, chunks: int = 64) -> Any:
    load_generator, backend = rig
    return load_generator.run(
        mode,
        backend.port,
        connections=connections,
        amount=amount,
        model="bench",
        key="k",
        chunks=chunks,
    )


def test_it_sends_as_many_requests_as_it_is_told_and_reads_every_byte(rig: Any) -> None:
    report = run(rig, "count", 8, 500)
    assert (report["done"], report["same"], report["errors"]) == (500, 500, 0)
    assert report["latency_p50_ms"] <= report["latency_p99_ms"]


def test_paced_streams_keep_their_pace(rig: Any) -> None:
    rig[1].streams(100, 50)
    report = run(rig, "paced", 4, 0.4, chunks=100)
    assert (report["done"], report["same"], report["errors"]) == (4, 4, 0)
    assert report["itl_p50_ms"] == pytest.approx(20, abs=2)
    assert report["tokens"] / report["seconds"] == pytest.approx(200, rel=0.15)


def test_streams_at_once_come_whole(rig: Any) -> None:
    rig[1].streams(16, 0)
    report = run(rig, "streams", 4, 0.3, chunks=16)
    assert report["done"] > 0
    assert report["same"] == report["done"]
    assert report["errors"] == 0


def test_a_stream_of_other_bytes_is_not_the_same(rig: Any) -> None:
    rig[1].streams(17, 0)  # one token more than the load generator is told
    report = run(rig, "streams", 2, 0.2, chunks=16)
    assert report["done"] > 0
    assert report["same"] == 0


def test_every_contender_has_a_command(tmp_path: Path) -> None:
    contenders = load("contenders")
    place = contenders.Place(18_000, 18_100, tmp_path, Path(sys.executable))
    for contender in contenders.CONTENDERS:
        argv = contender.command(place)
        assert argv
        assert all(isinstance(word, str) for word in argv)

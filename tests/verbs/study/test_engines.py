"""Engines of a study: started when they are needed, kept while there is room, always stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from weighbridge.core.endpoint import Endpoint, endpoint_at
from weighbridge.core.errors import EngineError
from weighbridge.engines.adapter import Wanted
from weighbridge.verbs.effects import Silent, SystemClock, open_workspace
from weighbridge.verbs.study import engines as module
from weighbridge.verbs.study.engines import Engines
from weighbridge.verbs.study.jobs import Effects
from weighbridge.verbs.study.reading import check_study
from weighbridge.wire.client import Client

GIB = 2**30
STUDY = """\
name: lab
candidates:
  a: {engine: llamacpp-embedded, source: "demo:tally-f16.gguf", memory: 2 GiB}
  b: {engine: llamacpp-embedded, source: "demo:clerk-f16.gguf", memory: 2 GiB}
  c: {engine: llamacpp-embedded, source: "demo:porter-f16.gguf", memory: 2 GiB}
  far: {url: "http://127.0.0.1:9/v1", model: theirs}
"""


class Meter:
    """So much memory, of this kind."""

    def __init__(self, total: int, *, is_gpu: bool) -> None:
        self.total_bytes = total
        self.is_gpu = is_gpu


class Started:
    """An engine that takes what it is said to take."""

    def __init__(self, name: str, log: list[str]) -> None:
        self._name, self._log = name, log
        self.alive = True

    @property
    def endpoint(self) -> Endpoint:
        return endpoint_at("http://127.0.0.1:1", self._name)

    def is_alive(self) -> bool:
        return self.alive

    async def memory(self) -> int:
        return 2 * GIB

    async def stop(self, grace_s: float) -> None:
        assert grace_s > 0
        self.alive = False
        self._log.append(f"stop {self._name}")


class Launcher:
    """Starts what it is asked for, but for ``broken``."""

    def __init__(self, broken: str = "") -> None:
        self.log: list[str] = []
        self.engines: dict[str, Started] = {}
        self._broken = broken

    async def launch(self, wanted: Wanted, deadline_s: float) -> Any:
        assert deadline_s > 0
        self.log.append(f"start {wanted.model}")
        if wanted.model == self._broken:
            raise EngineError(f"{wanted.model} is broken.")
        self.engines[wanted.model] = Started(wanted.model, self.log)
        return self.engines[wanted.model]


@pytest.fixture
def use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Ask for these candidates in turn; what was started and stopped."""

    def used(*names: str, total: int = 100 * GIB, gpu: bool = False, broken: str = "") -> list[str]:
        monkeypatch.setattr(module, "find_meter", lambda _: Meter(total, is_gpu=gpu))
        launcher = Launcher(broken)
        asked = check_study(STUDY, tmp_path / "study.yaml", environment={}).asked
        assert asked is not None

        async def work() -> None:
            async with Client() as client:
                effects = Effects(
                    tmp_path, open_workspace(tmp_path), client, SystemClock(), Silent(), launcher,
                    {}, "here",
                )  # fmt: skip
                async with Engines(asked, effects) as engines:
                    for name in names:
                        try:
                            endpoint = await engines.endpoint(name)
                        except EngineError as error:
                            launcher.log.append(str(error))
                        else:
                            assert endpoint.model == ("theirs" if name == "far" else name)

        asyncio.run(work())
        return launcher.log

    return used


def test_engines_are_kept_while_they_fit_and_stopped_at_the_end(
    use: Callable[..., list[str]],
) -> None:
    assert use("a", "b", "a") == ["start a", "start b", "stop b", "stop a"]


def test_the_one_used_longest_ago_makes_room(use: Callable[..., list[str]]) -> None:
    # Of 9 GiB, half may be taken: two engines of 2 GiB.
    log = use("a", "b", "a", "c", total=9 * GIB)
    assert log[:4] == ["start a", "start b", "stop b", "start c"]
    assert set(log[4:]) == {"stop a", "stop c"}


def test_on_gpus_engines_run_alone(use: Callable[..., list[str]]) -> None:
    assert use("a", "b", gpu=True) == ["start a", "stop a", "start b", "stop b"]


def test_one_that_failed_is_not_tried_again(use: Callable[..., list[str]]) -> None:
    log = use("b", "b", "a", broken="b")
    assert log == ["start b", "b is broken.", "b is broken.", "start a", "stop a"]


def test_servers_of_others_are_left_alone(use: Callable[..., list[str]]) -> None:
    assert use("far") == []

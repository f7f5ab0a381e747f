"""Engines that only pretend: the supervisor's and the gateway's tests share them."""

from __future__ import annotations

from weighbridge.core.effects import EngineSpec
from weighbridge.core.endpoint import Endpoint, endpoint_at
from weighbridge.core.errors import EngineError

NOBODY = "http://127.0.0.1:9/v1"


class FakeEngine:
    """A running engine; it ends when it is told to."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.alive = True
        self.stopped = False

    @property
    def endpoint(self) -> Endpoint:
        return self._endpoint

    def memory_bytes(self) -> int:
        return 0

    def is_alive(self) -> bool:
        return self.alive

    async def describe(self) -> dict[str, str]:
        return {}

    async def stop(self) -> None:
        self.stopped = True


class FakeLauncher:
    """Starts fakes at the addresses it is given; refuses models that have none."""

    def __init__(self, urls: dict[str, str]) -> None:
        self._urls = urls
        self.engines: dict[str, FakeEngine] = {}

    async def launch(self, spec: EngineSpec, deadline_s: float) -> FakeEngine:
        del deadline_s
        if spec.model not in self._urls:
            raise EngineError(f"no {spec.model}")
        engine = FakeEngine(endpoint_at(self._urls[spec.model], spec.model))
        self.engines[spec.model] = engine
        return engine

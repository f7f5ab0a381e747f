"""A gateway's engines that only pretend, behind the real admin handler, and its sample records."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from msgspec.structs import replace

from weighbridge.core.errors import ConfigError, EngineError
from weighbridge.core.gateway import (
    EngineState,
    GatewayView,
    ModelView,
    RouteCount,
    Spending,
)
from weighbridge.serve.admin.handler import Admit, admin_handler
from weighbridge.serve.admin.port import open_admin_port
from weighbridge.serve.admin.view import Figures, gateway_view
from weighbridge.wire.server import Handler

GIB = 2**30
HOSTILE = "<img src=x onerror=alert(1)>"
MODELS = (
    ModelView(
        "tally",
        "ready",
        in_flight=3,
        queued=1,
        ttft_s=0.042,
        output_tokens_per_s=81.5,
        memory_bytes=5 * GIB,
        expected_bytes=6 * GIB,
        memory_from="measured",
        is_ours=True,
    ),
    ModelView(
        "qwen/clerk 7b",
        "stopped",
        expected_bytes=9 * GIB,
        memory_from="predicted",
        idle_s=4000,
        is_ours=True,
        can_sleep=True,
    ),
    ModelView(
        "porter",
        "failed",
        expected_bytes=12 * GIB,
        memory_from="configured",
        detail="The engine ended with code 1: out of memory.",
        is_ours=True,
    ),
    ModelView("remote", "ready", ttft_s=1.3, replicas=(3, 2), idle_s=12),
)
FIGURES = Figures(
    window_s=10.0,
    requests_in_window=123,
    tokens_in_window=45_678,
    requests=20_211,
    errors=17,
    ttft_s=tuple(0.001 * n for n in range(1, 101)),
    duration_s=tuple(0.05 * n for n in range(1, 101)),
    routes=(
        RouteCount("route 1: task arithmetic", "tally", 15_000),
        RouteCount("asked by its name", "remote", 5_000),
        RouteCount(f"header x-team is {HOSTILE}", "tally", 211),
    ),
)
BUDGETS = (
    Spending("team", ("ada", "grace"), (12.5, 50.0), (1_200_000, None), "2026-12-01T00:00:00Z"),
    Spending(HOSTILE, (HOSTILE,), (0.0, None), (1000, 1000), ""),
    Spending("open", ("tom",), (0.75, None), (0, None), ""),
)


class FakeFleet:
    """Views that actions change, as ``Fleet`` and ``Control``.

    Args:
        models: what there is.
        takes_s: how long starting, stopping and sleeping take.
        broken: models whose engine cannot be started, with the reason.
    """

    def __init__(
        self,
        models: tuple[ModelView, ...] = MODELS,
        takes_s: float = 0.0,
        broken: Mapping[str, str] | None = None,
    ) -> None:
        self.views = {one.model: one for one in models}
        self.takes_s = takes_s
        self.broken = dict(broken or {})
        self.asked: list[tuple[str, str]] = []

    async def start(self, model: str) -> None:
        self.asked.append(("start", model))
        self.set(model, "starting")
        await asyncio.sleep(self.takes_s)
        if model in self.broken:
            self.set(model, "failed", detail=self.broken[model])
            raise EngineError(self.broken[model])
        self.set(model, "ready", memory_bytes=self.views[model].expected_bytes)

    async def stop(self, model: str) -> None:
        self.asked.append(("stop", model))
        self.set(model, "stopping")
        await asyncio.sleep(self.takes_s)
        self.set(model, "stopped", memory_bytes=None)

    async def sleep(self, model: str) -> None:
        self.asked.append(("sleep", model))
        self.set(model, "sleeping")
        await asyncio.sleep(self.takes_s)
        self.set(model, "asleep", memory_bytes=GIB)

    def set(
        self,
        model: str,
        state: EngineState,
        *,
        detail: str = "",
        memory_bytes: int | None = None,
    ) -> None:
        self.views[model] = replace(
            self.views[model], state=state, detail=detail, memory_bytes=memory_bytes, in_flight=0
        )


class FakeGateway:
    """What the admin handler asks of a gateway; every part can be changed while it runs.

    Attributes:
        fleet: its engines.
        figures: what of late happened.
        reloads: how often it read its configuration.
        fault: what is wrong with the configuration on disk, or None.
        told: sentences for whoever runs it.
    """

    def __init__(self, fleet: FakeFleet | None = None) -> None:
        self.fleet = fleet or FakeFleet()
        self.figures = FIGURES
        self.reloads = 0
        self.fault: ConfigError | None = None
        self.told: list[str] = ["Started.", f"A model said {HOSTILE}"]
        self.began = time.time() - 3 * 3600 - 125

    def view(self) -> GatewayView:
        now = time.time()
        return gateway_view(
            time=now,
            uptime_s=now - self.began,
            listen=("http://127.0.0.1:8080",),
            models=self.fleet.views,
            figures=self.figures,
            memory_bytes=24 * GIB,
            spendings=BUDGETS,
            config_error="" if self.fault is None else str(self.fault),
            recent=self.told,
        )

    async def reload(self) -> None:
        await asyncio.sleep(0)
        if self.fault is not None:
            raise self.fault
        self.reloads += 1

    def handler(self, admit: Admit) -> Handler:
        return admin_handler(
            self.fleet,
            self.view,
            self.reload,
            lambda: b"weighbridge_requests_total 7\n",
            admit,
            tell=self.told.append,
        )


@contextmanager
def admin_port(gateway: FakeGateway) -> Iterator[str]:
    """The address of a real admin server over ``gateway``, in a thread of its own."""
    ready = threading.Event()
    found: list[str] = []
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()

    async def main() -> None:
        async with await open_admin_port("127.0.0.1", 0, gateway.handler) as server:
            found.append(server.url)
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()))
    thread.start()
    assert ready.wait(10)
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        loop.close()

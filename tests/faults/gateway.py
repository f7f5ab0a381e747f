"""The gateway as its users start it: `weigh serve` with a file, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from tests.faults import client
from tests.faults.client import Seen
from tests.processes import gone_within
from weighbridge.engines.started import free_port

COMMAND = (sys.executable, "-m", "weighbridge.cli", "serve")
_START_S = 60.0


class Gateway:
    """A running gateway.

    Attributes:
        port: where it answers.
        admin: its port for administrators.
        config: its configuration's file.
        process: the process that was started.
    """

    def __init__(
        self, port: int, admin: int, config: Path, process: asyncio.subprocess.Process, log: Path
    ) -> None:
        self.port = port
        self.admin = admin
        self.config = config
        self.process = process
        self._log = log
        self.seen_pids: set[int] = {process.pid}

    @property
    def log(self) -> str:
        """What it told so far."""
        return self._log.read_text(errors="replace")

    # -- its processes

    def processes(self) -> list[psutil.Process]:
        """It and all that it started, now."""
        try:
            own = psutil.Process(self.process.pid)
            found = [own, *own.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []
        self.seen_pids |= {process.pid for process in found}
        return found

    def engines(self, model: str) -> list[psutil.Process]:
        """The processes of llama.cpp that run a model."""
        found = []
        for process in self.processes():
            with suppress(psutil.Error):
                words = process.cmdline()
                if "weighbridge.engines.llamacpp_child" in words and f'"{model}"' in words[-1]:
                    found.append(process)
        return [process for process in found if "guardian" not in " ".join(process.cmdline()[:4])]

    def descriptors(self) -> int:
        """Open files and sockets of the gateway itself and its workers, without its engines."""
        total = 0
        for process in self._own():
            with suppress(psutil.Error):
                total += process.num_fds()
        return total

    def resident_bytes(self) -> int:
        """Memory of the gateway itself and its workers."""
        total = 0
        for process in self._own():
            with suppress(psutil.Error):
                total += process.memory_info().rss
        return total

    def _own(self) -> list[psutil.Process]:
        found = []
        for process in self.processes():
            with suppress(psutil.Error):
                if not any(
                    "weighbridge.engines" in word or "guardian" in word
                    for word in process.cmdline()
                ):
                    found.append(process)
        return found

    def upstream_connections(self, ports: set[int]) -> int:
        """Established connections of the gateway to these ports."""
        count = 0
        for process in self._own():
            with suppress(psutil.Error):
                for connection in process.net_connections("tcp"):
                    if connection.status == "ESTABLISHED" and connection.raddr:
                        count += connection.raddr.port in ports
        return count

    # -- what it tells

    async def state(self) -> dict[str, Any]:
        """What administrators see: ``GET /admin/state``."""
        seen = await self.get("/admin/state", port=self.admin)
        assert seen.status == 200, seen
        told: dict[str, Any] = json.loads(seen.body)
        return told

    async def models(self) -> dict[str, dict[str, Any]]:
        """Every model's state, by name."""
        return {model["model"]: model for model in (await self.state())["models"]}

    async def is_idle(self) -> bool:
        """Whether no request is under way or waits."""
        models = (await self.models()).values()
        return not any(model["in_flight"] or model["queued"] for model in models)

    async def get(self, path: str, *, port: int | None = None) -> Seen:
        """A GET; its answer."""
        host = f"127.0.0.1:{port or self.port}"
        raw = f"GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
        return await client.ask(port or self.port, raw.encode())

    async def chat(self, body: bytes, conduct: client.Conduct = "stay", **more: Any) -> Seen:
        """A chat completion."""
        return await client.ask(self.port, client.request(self.port, body), conduct, **more)

    # -- what is done to it

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    async def end(self, number: signal.Signals = signal.SIGTERM, limit_s: float = 30) -> int:
        """End it; its exit code. Everything that it ever started has to be gone then."""
        self.processes()
        self.send_signal(number)
        async with asyncio.timeout(limit_s):
            return await self.process.wait()

    def left_behind(self, seconds: float = 10) -> bool:
        """Whether anything that it started outlives it by so long."""
        return not gone_within(self.seen_pids, seconds)


async def holds(is_so: Callable[[], Awaitable[bool]], limit_s: float) -> None:
    """Return once it is so; another process tells, so it has to be asked again and again."""
    async with asyncio.timeout(limit_s):
        while not await is_so():  # noqa: ASYNC110 -- as said
            await asyncio.sleep(0.05)


@asynccontextmanager
async def gateway(
    folder: Path, models: str, *, more: str = "", environment: Mapping[str, str] | None = None
) -> AsyncIterator[Gateway]:
    """Start it with ``models`` and ``more`` of a configuration, and wait until it answers."""
    port, admin = free_port(), free_port()
    config = folder / "router.config.yaml"
    config.write_text(f"listen: 127.0.0.1:{port}\nadmin: 127.0.0.1:{admin}\n{more}\n{models}")
    log = folder / "gateway.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            str(config),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=asyncio.subprocess.STDOUT,
            env=os.environ | dict(environment or {}),
            cwd=folder,
        )
    running = Gateway(port, admin, config, process, log)
    try:
        await _answering(running)
        yield running
    finally:
        if process.returncode is None:
            running.processes()
            process.terminate()
            try:
                async with asyncio.timeout(20):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


async def _answering(running: Gateway) -> None:
    async with asyncio.timeout(_START_S):
        while running.process.returncode is None:
            with suppress(OSError):
                if (await running.get("/health")).status == 200:
                    return
            await asyncio.sleep(0.05)
    raise AssertionError(f"the gateway ended at once:\n{running.log}")

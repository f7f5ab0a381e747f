"""What engines take, and what they may: the seam to the machine's memory."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, Protocol

import psutil

from weighbridge.core.errors import ConfigError, InputError
from weighbridge.core.routing import MachineEntry
from weighbridge.core.units import MIB
from weighbridge.facts.devices.commands import ask, located
from weighbridge.serve.config.resolved import memory_budget

MemoryFrom = Literal["configured", "predicted", "measured", "unknown"]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a model will take when it is ready, and how that is known."""

    bytes: int
    known_from: MemoryFrom


class Meter(Protocol):
    """The memory in which models lie."""

    @property
    def is_gpu(self) -> bool:
        """Whether that is GPUs'."""

    @property
    def total_bytes(self) -> int | None:
        """All of it; None where the machine does not say."""

    async def free(self) -> int | None:
        """What nobody takes now."""

    async def held(self, pids: Collection[int]) -> int | None:
        """What these processes take of it by the driver's account; None where none keeps one."""


class HostMeter:
    """The host's memory: what a process took is back once it has ended."""

    is_gpu = False

    @property
    def total_bytes(self) -> int | None:
        """As much as the machine has."""
        return int(psutil.virtual_memory().total)

    async def free(self) -> int | None:
        """What could be given out without swapping."""
        return int(psutil.virtual_memory().available)

    async def held(self, pids: Collection[int]) -> int | None:
        """Nobody's account is needed: resident memory ends with the process."""
        del pids
        return None


class GpuMeter:
    """All NVIDIA GPUs of this machine together, by nvidia-smi.

    Attributes:
        each_bytes: memory of every GPU.
    """

    is_gpu = True

    def __init__(self, program: str, each_bytes: tuple[int, ...]) -> None:
        self._program = program
        self.each_bytes = each_bytes

    @property
    def total_bytes(self) -> int | None:
        """Of all GPUs."""
        return sum(self.each_bytes)

    async def free(self) -> int | None:
        """Of all GPUs."""
        rows = await self._ask("--query-gpu=memory.free")
        return sum(row[0] for row in rows) * MIB if rows else None

    async def held(self, pids: Collection[int]) -> int | None:
        """By the driver's list of computing processes."""
        rows = await self._ask("--query-compute-apps=pid,used_memory")
        if rows is None:
            return None
        return sum(used for pid, used in rows if pid in pids) * MIB

    async def _ask(self, query: str) -> list[tuple[int, ...]] | None:
        command = [self._program, query, "--format=csv,noheader,nounits"]
        answer = await asyncio.to_thread(ask, command)
        if not answer.ok:
            return None
        rows = [[cell.strip() for cell in line.split(",")] for line in answer.out.splitlines()]
        return [tuple(map(int, row)) for row in rows if all(cell.isdecimal() for cell in row)]


def find_meter(machine: MachineEntry, *, path: str | None = None) -> HostMeter | GpuMeter:
    """The meter for where models lie, by ``machine.device``.

    Raises:
        ConfigError: GPUs are asked for, and there are none.
    """
    if machine.device != "cpu" and (program := located("nvidia-smi", path)):
        query = [program, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
        lines = ask(query).out.split()
        if lines and all(line.isdecimal() for line in lines):
            return GpuMeter(program, tuple(int(line) * MIB for line in lines))
    if machine.device == "gpu":
        raise ConfigError(
            "machine.device is gpu, and nvidia-smi finds none.",
            fix="Make `nvidia-smi` work first, or say `device: cpu`.",
        )
    return HostMeter()


def budget_bytes(machine: MachineEntry, total_bytes: int | None) -> int | None:
    """What engines may take together; None where nothing is configured and nothing known.

    Raises:
        ConfigError: the size is none, or a share of what nobody knows.
    """
    try:
        found = memory_budget(machine, total_bytes)
    except (InputError, ValueError) as error:
        raise ConfigError(f"machine.memory: {error}") from None
    if found is None and machine.memory is not None:
        raise ConfigError(
            f"machine.memory: {machine.memory!r} of what? This machine does not say how much "
            "memory it has.",
            fix="Write bytes, for example 24 GiB.",
        )
    return found

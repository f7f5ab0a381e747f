"""What one engine takes of the machine's memory, and whether it has given it back."""

from __future__ import annotations

from weighbridge.engines.started import Engine
from weighbridge.serve.supervisor.memory import Meter

# Free memory also moves for other reasons: so much of what was taken may seem to be missing.
_LOST_SHARE = 0.25


class Account:
    """By the driver's account of the engine's processes, or their resident memory.

    In containers GPU drivers do not know our process numbers. Then the change of free memory tells,
    if nothing else starts or ends meanwhile; otherwise nothing does.

    Args:
        meter: the memory in which models lie.

    Attributes:
        bytes: what the engine takes; None where that is unknown.
        stuck_bytes: what it has not given back although it has ended.
    """

    def __init__(self, meter: Meter) -> None:
        self.bytes: int | None = 0
        self.stuck_bytes = 0
        self._meter = meter
        self._pids: tuple[int, ...] = ()
        self._is_known_to_driver = True
        self._marked_free: int | None = None
        self._marked_bytes = 0

    async def mark(self, *, alone: bool) -> None:
        """The engine is about to take or give back memory; ``alone`` if nobody else is."""
        self._marked_bytes = self.bytes or 0
        self._marked_free = await self._meter.free() if alone and self._meter.is_gpu else None

    async def measure(self, engine: Engine, *, since_mark: bool = False) -> None:
        """What it takes now; without the driver's account only right after a change."""
        self._pids = await engine.pids()
        held = await self._meter.held(self._pids) if self._pids else None
        self._is_known_to_driver = bool(held) or not (self._meter.is_gpu and self._pids)
        if self._is_known_to_driver:
            self.bytes = held or await engine.memory()
        elif since_mark:
            gained = await self._gained()
            self.bytes = None if gained is None else max(0, self._marked_bytes - gained)

    async def is_back(self) -> bool:
        """Whether everything has come back after the engine has ended."""
        if self._is_known_to_driver or self._marked_free is None:
            held = await self._meter.held(self._pids) if self._pids else None
            self.stuck_bytes = held or 0
        else:
            missing = self._marked_bytes - (await self._gained() or 0)
            self.stuck_bytes = missing if missing > _LOST_SHARE * self._marked_bytes else 0
        if not self.stuck_bytes:
            self.bytes = 0
        return not self.stuck_bytes

    async def _gained(self) -> int | None:
        """By how much more is free than when it was marked."""
        free = await self._meter.free()
        return None if free is None or self._marked_free is None else free - self._marked_free

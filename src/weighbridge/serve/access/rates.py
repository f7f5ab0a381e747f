"""Requests and tokens a minute: token buckets, shared by all workers of a gateway.

A bucket is one number, the time at which it will be full again (the "generic cell rate
algorithm"): full buckets hold a minute's worth, so that a key that was silent may use its minute at
once. Several workers map one file and lock a key's row while they change it, which takes about a
microsecond; a gateway with one process needs neither file nor lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import struct
from pathlib import Path
from typing import Final

from weighbridge.core.errors import InputError

_ROW: Final = struct.Struct(
    "=Qdd"
)  # the key's id, and when its buckets of requests and tokens are full
_TIME: Final = struct.Struct("=d")
_REQUESTS, _TOKENS = 8, 16
_ROWS: Final = 16_384
_MINUTE: Final = 60.0
# Who used far more than a minute's worth of tokens waits so long at most. A time further ahead can
# only come from a clock that was set back or a machine that was restarted.
_LONGEST: Final = 3600.0


class Rates:
    """The buckets of all keys. ``now`` is of one monotonic clock for all workers.

    Attributes:
        file: shared by the workers of one gateway; None for a single process.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.file = file
        self._descriptor = -1
        self._rows: bytearray | mmap.mmap
        if file is None:
            self._rows = bytearray(_ROWS * _ROW.size)
            return
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self._descriptor).st_size < _ROWS * _ROW.size:
            os.ftruncate(self._descriptor, _ROWS * _ROW.size)
        self._rows = mmap.mmap(self._descriptor, _ROWS * _ROW.size)

    def row(self, name: str) -> int:
        """Where the key's buckets lie; the same in every worker, and after a reload.

        Raises:
            InputError: there are more keys than rows.
        """
        wanted = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()) or 1
        self._lock(0, len(self._rows))
        try:
            for step in range(_ROWS):
                at = (wanted + step) % _ROWS * _ROW.size
                found = _ROW.unpack_from(self._rows, at)[0]
                if found == 0:
                    _ROW.pack_into(self._rows, at, wanted, 0.0, 0.0)
                if found in (0, wanted):
                    return at
        finally:
            self._unlock(0, len(self._rows))
        raise InputError(f"A gateway can limit the rates of {_ROWS:,} keys.", fix="Remove some.")

    def request(self, row: int, per_minute: int, now: float) -> float:
        """Count a request: 0, or in how many seconds there is room for it, and it is not."""
        self._lock(row, _ROW.size)
        try:
            full = self._full(row + _REQUESTS, now)
            after = full + _MINUTE / per_minute if per_minute else full + _LONGEST
            wait = after - now - _MINUTE
            # The tolerance is a microsecond: sums of sixtieths do not end on the dot.
            if wait > 1e-6:
                return wait
            _TIME.pack_into(self._rows, row + _REQUESTS, after)
            return 0.0
        finally:
            self._unlock(row, _ROW.size)

    def tokens(self, row: int, used: int, per_minute: int, now: float) -> None:
        """Count tokens that were used; the bucket may be overdrawn by the last requests."""
        self._lock(row, _ROW.size)
        try:
            full = self._full(row + _TOKENS, now)
            after = full + _MINUTE * used / per_minute if per_minute else full
            _TIME.pack_into(self._rows, row + _TOKENS, min(after, now + _LONGEST))
        finally:
            self._unlock(row, _ROW.size)

    def wait(self, row: int, per_minute: int, now: float) -> float:
        """In how many seconds there are tokens in the bucket again; 0 where there are."""
        if not per_minute:
            return _LONGEST
        over = self._full(row + _TOKENS, now) - now - _MINUTE
        return over + _MINUTE / per_minute if over >= -1e-6 else 0.0

    def close(self) -> None:
        """Let go of the file."""
        if isinstance(self._rows, mmap.mmap):
            self._rows.close()
            os.close(self._descriptor)

    def _full(self, at: int, now: float) -> float:
        (full,) = _TIME.unpack_from(self._rows, at)
        return now if full < now or full > now + 2 * _LONGEST else float(full)

    def _lock(self, start: int, size: int) -> None:
        if self._descriptor >= 0:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX, size, start)

    def _unlock(self, start: int, size: int) -> None:
        if self._descriptor >= 0:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, size, start)

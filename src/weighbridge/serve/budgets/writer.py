"""The thread that writes the ledger, so that the event loop never waits for a disk or a server.

What waits when the thread is free is carried out together: the more there is, the less each costs.
What was spent waits a moment for the next reservation, so that most requests need one commit and
not two; until then all of it stays set aside, so that no budget is exceeded by more for it.
While the ledger cannot be written, reservations are refused at once, and what has been spent is
kept until it can be booked.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from weighbridge.core.errors import LedgerError
from weighbridge.serve.budgets.book import Account, Reserve, Settle, Slot, Verdict
from weighbridge.serve.budgets.ledger import Ledger, carry_out

_BATCH = 256
# For a first look at a budget: a ledger that takes longer is looked at the next time.
_LOOK_S = 1.0
_TICK_S = 0.5
_BEAT_S = 5.0
_FRESH_S = 1.0
# Longer than the ledgers themselves wait for a lock, shorter than clients do.
_WAIT_S = 5.0
# For booking what is left when the gateway ends and the ledger cannot be written.
_LAST_S = 2.0
# How long what was spent may wait for company.
_GATHER_S = 0.005

_Waiting = tuple[Reserve, "asyncio.Future[Verdict | None]"]


@dataclass(frozen=True, slots=True)
class _Batch:
    """What goes to the thread at once."""

    waiting: list[_Waiting] = field(default_factory=list)
    settles: list[Settle] = field(default_factory=list)
    looking: list[asyncio.Future[None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _End:
    """Nothing comes after this."""


class Writer:
    """Between an event loop and a ledger. Made and closed on the loop that uses it.

    Attributes:
        fault: why the ledger cannot be written at present; empty where it can.
    """

    def __init__(self, ledger: Ledger, *, tell: Callable[[str], None] = lambda _: None) -> None:
        self.fault = ""
        self._ledger = ledger
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Batch | _End] = queue.SimpleQueue()
        self._gathered = _Batch()
        self._handing_over: asyncio.Handle | None = None
        self._unbooked: list[Settle] = []
        self._number = 0
        self._is_open = False
        self._is_ending = False
        self._next_open = self._next_beat = 0.0
        self._watched: tuple[Slot, ...] = ()
        self._watched_at = self._seen_at = 0.0
        self._seen: dict[Slot, Account] = {}
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    async def reserve(self, wanted: Reserve) -> Verdict | None:
        """The ledger's verdict; None where it cannot be written."""
        if self.fault:
            return None
        future: asyncio.Future[Verdict | None] = self._loop.create_future()
        if not self._gathered.waiting:  # with all others of this turn of the loop
            self._loop.call_soon(self._hand_over)
        self._gathered.waiting.append((wanted, future))
        try:
            async with asyncio.timeout(_WAIT_S):
                return await future
        except TimeoutError:
            return None
        except asyncio.CancelledError:
            # Granted in the very turn in which the client left.
            if future.done() and not future.cancelled() and future.result() == "granted":
                self.settle(Settle(wanted.hold, wanted.slot))
            raise

    def settle(self, settle: Settle) -> None:
        """Book what was spent, in a moment or as soon as it can be."""
        self._gathered.settles.append(settle)
        if self._handing_over is None:
            self._handing_over = self._loop.call_later(_GATHER_S, self._hand_over)

    def _hand_over(self) -> None:
        if self._handing_over is not None:
            self._handing_over.cancel()
            self._handing_over = None
        gathered, self._gathered = self._gathered, _Batch()
        if gathered.waiting or gathered.settles:
            self._queue.put(gathered)

    def accounts(self, slots: tuple[Slot, ...]) -> dict[Slot, Account]:
        """What the ledger said of these accounts lately; asking keeps it about a second old."""
        self._watched, self._watched_at = slots, time.monotonic()
        return self._seen

    async def look(self, slots: tuple[Slot, ...], limit_s: float = _LOOK_S) -> None:
        """Wait until the ledger has told of these accounts, or cannot."""
        seen = self.accounts(slots)
        if self.fault or seen.keys() >= set(slots):
            return
        looked: asyncio.Future[None] = self._loop.create_future()
        self._queue.put(_Batch(looking=[looked]))
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await looked

    async def close(self, limit_s: float = 5.0) -> None:
        """Book what is left, release what is still set aside, and end the thread."""
        self._is_ending = True
        self._hand_over()
        self._queue.put(_End())
        await asyncio.to_thread(self._thread.join, limit_s)
        if self._unbooked:
            self._tell(
                f"The spending of {len(self._unbooked)} requests was not booked. {self.fault}"
            )

    # -- on the thread ------------------------------------------------------------------------

    def _run(self) -> None:
        is_last = False
        while not is_last:
            batch, is_last = self._collect()
            # Whatever goes wrong, those who wait have to be answered and the thread must go on.
            try:
                self._work(batch.waiting)
            except Exception as error:  # noqa: BLE001
                self._fail(error, batch.waiting)
            self._end_looking(batch.looking)
        self._book_last()
        with suppress(Exception):
            self._ledger.leave()

    def _book_last(self) -> None:
        deadline = time.monotonic() + _LAST_S
        while self._unbooked and time.monotonic() < deadline:
            time.sleep(_TICK_S / 5)
            try:
                self._work([])
            except Exception as error:  # noqa: BLE001 -- as above
                self._fail(error, [])

    def _collect(self) -> tuple[_Batch, bool]:
        """What waits, at least a moment's worth; settles are put to the others."""
        batch = _Batch()
        with suppress(queue.Empty):
            item = self._queue.get(timeout=_TICK_S)
            while True:
                if isinstance(item, _End):
                    return batch, True
                self._unbooked += item.settles
                batch.waiting.extend(item.waiting)
                batch.looking.extend(item.looking)
                if len(batch.waiting) >= _BATCH:
                    break
                item = self._queue.get_nowait()
        return batch, False

    def _work(self, waiting: list[_Waiting]) -> None:
        now = time.monotonic()
        if not self._is_open:
            if now < self._next_open and not self._is_ending:
                self._answer(waiting, [None] * len(waiting))
                return
            self._ledger.open()
            self._is_open, self._next_beat = True, now + _BEAT_S
        if now >= self._next_beat:
            self._ledger.beat()
            self._next_beat = now + _BEAT_S
        # Who has given up waiting wants nothing set aside any more.
        waiting[:] = [one for one in waiting if not one[1].cancelled()]
        if waiting or self._unbooked:
            self._book(waiting)
            waiting.clear()  # answered: nothing that fails from here on is theirs
        is_stale = now - self._seen_at >= _FRESH_S or not self._seen.keys() >= set(self._watched)
        if self._watched_at > now - 10 * _FRESH_S and is_stale:
            self._seen, self._seen_at = self._ledger.read(self._watched), now
        if self.fault:
            self._tell("The ledger can be written again.")
            self.fault = ""

    def _book(self, waiting: Sequence[_Waiting]) -> None:
        self._number += 1
        self._unbooked = [
            one if one.first else replace(one, first=self._number) for one in self._unbooked
        ]
        settles = self._unbooked
        verdicts = carry_out(self._ledger, self._number, [one[0] for one in waiting], settles)
        self._unbooked = []
        self._answer(waiting, verdicts)

    def _fail(self, error: Exception, waiting: Sequence[_Waiting]) -> None:
        """Refuse, and try again in a moment with a fresh connection."""
        said = str(error) if isinstance(error, LedgerError) else f"{type(error).__name__}: {error}"
        if not self.fault:
            self._tell(said)
        self.fault = said
        self._is_open, self._next_open = False, time.monotonic() + _TICK_S
        self._ledger.close()
        # If the batch was carried out in spite of the error, these are set aside: give them back.
        self._unbooked += [Settle(one.hold, one.slot) for one, _ in waiting]
        self._answer(waiting, [None] * len(waiting))

    def _answer(self, waiting: Sequence[_Waiting], verdicts: Sequence[Verdict | None]) -> None:
        if waiting:
            with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
                self._loop.call_soon_threadsafe(self._deliver, tuple(waiting), verdicts)

    def _end_looking(self, looking: Sequence[asyncio.Future[None]]) -> None:
        if looking:
            with suppress(RuntimeError):  # as above
                self._loop.call_soon_threadsafe(_looked, tuple(looking))

    # -- on the loop --------------------------------------------------------------------------

    def _deliver(self, waiting: Sequence[_Waiting], verdicts: Sequence[Verdict | None]) -> None:
        for (wanted, future), verdict in zip(waiting, verdicts, strict=True):
            if not future.done():
                future.set_result(verdict)
            elif verdict == "granted":
                self.settle(Settle(wanted.hold, wanted.slot))


def _looked(looking: Sequence[asyncio.Future[None]]) -> None:
    for one in looking:
        if not one.done():
            one.set_result(None)

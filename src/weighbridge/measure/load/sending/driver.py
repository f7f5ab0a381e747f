"""Load: requests sent as a shape says, and each one put on record.

Closed loop: each of N users sends a request, waits for its answer, sends the next. Open loop: every
request has a time at which it is due, and is sent then, whatever has become of the others.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, cycle, repeat
from time import perf_counter_ns

from weighbridge.core.errors import ConnectError, EndpointError
from weighbridge.core.http import HttpClient, Request
from weighbridge.core.load import RequestRecord
from weighbridge.core.traffic import Conversation, LoadShape, Message
from weighbridge.measure.load.sending.exchange import Place, Sent, record, send
from weighbridge.measure.load.sending.live import LiveView
from weighbridge.measure.load.sending.meter import Meter, Reading
from weighbridge.measure.load.sending.target import LoadTarget

# Timers of event loops wake up to a millisecond late; the last stretch is waited in small steps.
_FINE_S = 0.0015
# ... unless requests come so fast that this would be all that the loop does.
_FINE_RATE = 100.0
_NOBODY_S = 0.1
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Share:
    """What one process sends of a level.

    Attributes:
        level: the level's index in the run.
        shape: how requests come; of a closed loop, this process's users only.
        conversations: this process's own.
        first: place of its first conversation in the whole level's schedule.
        step: from there to its next; as many as there are processes.
        start_ns: when the level begins, by the monotonic clock; shared by all processes.
        duration_s: after which nothing new is sent, or None to send everything once.
        rendered: the conversations' first requests, made ahead; empty to make each when it is sent.
    """

    level: int
    shape: LoadShape
    conversations: Sequence[Conversation]
    first: int
    step: int
    start_ns: int
    duration_s: float | None = None
    rendered: Sequence[Request] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a share.

    Attributes:
        end_ns: when its last answer ended.
        busy_s: seconds that its requests were in flight, summed.
        send_lags_ms: of an open loop: from when each request could be sent until it was asked for.
        reading: what it cost this process.
    """

    end_ns: int
    busy_s: float
    send_lags_ms: tuple[float, ...]
    reading: Reading


async def run_share(
    client: HttpClient,
    target: LoadTarget,
    share: Share,
    view: LiveView,
    on_done: Callable[[RequestRecord], None],
) -> Outcome:
    """Send a share; failures are records, not exceptions. Cancelling it ends what is in flight.

    Call it :func:`~weighbridge.measure.load.sending.meter.undisturbed`, entered before the share's
    beginning was set: that may take a second in a process that holds much.
    """
    sender = _Sender(client, target, share, view, on_done)
    meter = Meter()
    await _until(share.start_ns, fine=True)
    meter.start()
    try:
        if share.shape.kind == "closed":
            await sender.closed_loop()
        else:
            await sender.open_loop()
    finally:
        reading = meter.stop()
        sender.put_on_record(sender.ended)
    end_ns = sender.last_end_ns or perf_counter_ns()
    return Outcome(end_ns, view.busy_s(), tuple(sender.send_lags_ms), reading)


class _Sender:
    """Sends a share's conversations."""

    def __init__(
        self,
        client: HttpClient,
        target: LoadTarget,
        share: Share,
        view: LiveView,
        on_done: Callable[[RequestRecord], None],
    ) -> None:
        self._client = client
        self._target = target
        self._share = share
        self._view = view
        self._on_done = on_done
        most = None if share.shape.kind == "closed" else share.shape.concurrency
        self._slots = asyncio.Semaphore(most) if most else None
        self._loop = asyncio.get_running_loop()
        self._ended: deque[tuple[Sent, Place]] = deque()
        self.last_end_ns = 0
        self.send_lags_ms = array("d")

    @property
    def ended(self) -> int:
        """Requests that have ended and are not yet on record."""
        return len(self._ended)

    async def closed_loop(self) -> None:
        """As many users as the shape says, each taking the next conversation when it is free."""
        work = self._work()
        async with asyncio.TaskGroup() as group:
            for _ in range(self._share.shape.concurrency or 1):
                group.create_task(self._user(work))

    def _work(self) -> Iterator[tuple[int, tuple[Conversation, Request | None]]]:
        """All conversations with their places; from the beginning again where time is the end."""
        share = self._share
        once = zip(share.conversations, share.rendered or repeat(None), strict=False)
        sent = once if share.duration_s is None or share.shape.kind != "closed" else cycle(once)
        return zip(count(share.first, share.step), sent, strict=False)  # places never end

    async def _user(self, work: Iterator[tuple[int, tuple[Conversation, Request | None]]]) -> None:
        while not self._is_over():
            taken = next(work, None)
            if taken is None:
                return
            index, (conversation, request) = taken
            error = await self._hold(index, conversation, request)
            if isinstance(error, ConnectError):
                # Nobody is there: asking without pause would only burn this core.
                await asyncio.sleep(_NOBODY_S)

    async def open_loop(self) -> None:
        """Every conversation at its time, whatever has become of the others."""
        share = self._share
        fine = (share.shape.rate or 0.0) <= _FINE_RATE
        async with asyncio.TaskGroup() as group:
            for index, (conversation, request) in self._work():
                due_s = conversation.due_s or 0.0
                if share.duration_s is not None and due_s > share.duration_s:
                    return
                await _until(share.start_ns + round(due_s * 1e9), fine=fine)
                group.create_task(self._hold(index, conversation, request))

    async def _hold(
        self, index: int, conversation: Conversation, rendered: Request | None
    ) -> EndpointError | None:
        """One conversation to its end, or to its first failure: the rest would have no history."""
        share, several = self._share, len(conversation.turns) > 1
        is_open = share.shape.kind != "closed"
        due_ns = share.start_ns + round((conversation.due_s or 0.0) * 1e9)
        end_ns, chat = 0, list[Message]()
        for number, turn in enumerate(conversation.turns):
            if number:
                # Due when its user has read the last answer and thought.
                due_ns = end_ns + round(turn.pause_s * 1e9)
                await asyncio.sleep(turn.pause_s)
                if self._is_over():
                    return None
            chat += turn.messages
            place = Place(share.level, index, number, due_ns if is_open else None)
            request = None if number else rendered
            request = request or self._target.request(chat, turn.max_tokens)
            sent = await self._send(place, request, keep_text=several)
            if sent.error is not None:
                return sent.error
            end_ns = sent.end_ns
            chat.append(Message("assistant", sent.stream.text))
        return None

    async def _send(self, place: Place, request: Request, *, keep_text: bool) -> Sent:
        """One request; beyond the most in flight it waits, and that counts from when it was due."""
        if self._slots is None:
            return await self._send_now(place, request, place.due_ns, keep_text)
        must_wait = self._slots.locked()
        async with self._slots:
            free_ns = perf_counter_ns() if must_wait else place.due_ns
            return await self._send_now(place, request, free_ns, keep_text)

    async def _send_now(
        self, place: Place, request: Request, free_ns: int | None, keep_text: bool
    ) -> Sent:
        target, view = self._target, self._view
        if free_ns is not None:
            self.send_lags_ms.append(max(0, perf_counter_ns() - free_ns) / 1e6)
        view.begin()
        sent = await send(
            self._client,
            target,
            request,
            keep_text=keep_text or target.counter is not None,
            watch=lambda stream: view.watch(place.index, stream),
        )
        view.end()
        self.last_end_ns = max(self.last_end_ns, sent.end_ns)
        # The user's next request goes first: what this one came to can wait a moment.
        if not self._ended:
            self._loop.call_soon(self.put_on_record)
        self._ended.append((sent, place))
        return sent

    def put_on_record(self, most: int = _AT_ONCE) -> None:
        """Make records of requests that have ended, a few at a time lest reads wait for it."""
        ended, start_ns = self._ended, self._share.start_ns
        for _ in range(min(most, len(ended))):
            sent, place = ended.popleft()
            result = record(sent, place, self._target, start_ns=start_ns)
            self._view.note(result, sent.stream)
            self._on_done(result)
        if ended:
            self._loop.call_soon(self.put_on_record)

    def _is_over(self) -> bool:
        share = self._share
        if share.duration_s is None:
            return False
        return perf_counter_ns() - share.start_ns > share.duration_s * 1e9


async def _until(moment_ns: int, *, fine: bool) -> None:
    """Sleep until the monotonic clock says ``moment_ns``."""
    left_s = (moment_ns - perf_counter_ns()) / 1e9
    coarse_s = left_s - _FINE_S if fine else left_s
    if coarse_s > 0:
        await asyncio.sleep(coarse_s)
    while fine and perf_counter_ns() < moment_ns:  # noqa: ASYNC110 -- the clock has no event
        await asyncio.sleep(0)

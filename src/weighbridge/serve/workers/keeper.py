"""The first process of several: keeps the engines, and workers that pass requests on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from weighbridge.core.errors import ExternalError
from weighbridge.core.routing import RouterConfig
from weighbridge.serve.workers.desk import Desk, KeptFleet
from weighbridge.serve.workers.messages import (
    Ask,
    Cancel,
    Channel,
    Configured,
    Drain,
    Figures,
    Leave,
    Listening,
    Message,
    Ping,
    Pong,
    Refused,
    ReopenLog,
    Say,
    Suspect,
    Told,
    Turn,
)

_START_S: Final = 20.0
# What a worker that has cut its last answers needs to book and log them.
_LAST_S: Final = 2.0
_VIEWS_S: Final = 0.25
_PING_S: Final = 2.0
# Pings in a row without an answer. Counted rather than timed: after a pause of the whole machine
# workers are given their time.
_UNANSWERED: Final = 5
# A worker that fails again and again must not keep a core busy with being started.
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_STEADY_S: Final = 60.0

Tell = Callable[[str], None]
Answer = Callable[[str], Awaitable[bytes]]


class Keeper:
    """Workers that share one port, started again when they end by themselves.

    Args:
        fleet: the engines.
        argv: the program of a worker; it is given its channel's descriptor as a last argument.
        count: how many.
        config: what they execute.
        answer: what a worker asks that only this process knows.
        tell: takes sentences for whoever runs the gateway.
        descriptors: further ones that workers inherit.
    """

    def __init__(
        self,
        fleet: KeptFleet,
        argv: Sequence[str],
        count: int,
        *,
        config: RouterConfig,
        answer: Answer,
        tell: Tell,
        descriptors: Sequence[int] = (),
    ) -> None:
        self._descriptors = tuple(descriptors)
        self._fleet = fleet
        self._argv = tuple(argv)
        self._count = count
        self._config = config
        self._answer = answer
        self._tell = tell
        self._workers: set[_Worker] = set()
        self._past: list[bytes] = []
        self._past_events: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    @property
    def figures(self) -> list[bytes]:
        """The counters of every worker, of those too that have ended."""
        return self._past + [worker.metrics for worker in self._workers if worker.metrics]

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that live."""
        return [worker.pid for worker in self._workers]

    def in_flight(self, model: str) -> int:
        """Requests under way for a model that needs no turn."""
        return sum(worker.open_in_flight.get(model, 0) for worker in self._workers)

    @property
    def events(self) -> dict[str, int]:
        """What the workers' observers kept and lost, of those too that have ended."""
        return dict(sum((Counter(one.events) for one in self._workers), +self._past_events))

    def speed(self, model: str) -> tuple[float | None, float | None]:
        """Seconds to the first byte and tokens a second, over the workers that know."""
        known = [worker.speeds[model] for worker in self._workers if model in worker.speeds]
        return _mean([ttft for ttft, _ in known]), _mean([rate for _, rate in known])

    def reopen_logs(self) -> None:
        """For programs that rotate logs."""
        for worker in self._workers:
            worker.channel.send(ReopenLog())

    async def start(self) -> None:
        """Start the workers; returns when all of them listen.

        Raises:
            ExternalError: one of them did not.
        """
        workers = [await self._launch() for _ in range(self._count)]
        await asyncio.gather(*(worker.listening(_START_S) for worker in workers))
        self._spawn(self._keep_telling())
        self._spawn(self._keep_asking())

    def reconfigure(self, config: RouterConfig) -> None:
        """Have every worker use another configuration from now on."""
        self._config = config
        for worker in self._workers:
            worker.channel.send(Configured(config))

    async def close(self, grace_s: float) -> None:
        """Let answers under way end within ``grace_s`` seconds, then end the workers."""
        self._closing = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for worker in list(self._workers):
            worker.channel.send(Drain())
        await asyncio.gather(*(worker.ended(grace_s) for worker in list(self._workers)))

    async def _launch(self) -> _Worker:
        worker = _Worker(self._fleet, self._answer, self._tell, self._lost)
        await worker.start(self._argv, self._descriptors)
        worker.channel.send(Configured(self._config))
        worker.desk.tell_views()
        self._workers.add(worker)
        return worker

    def _lost(self, worker: _Worker) -> None:
        self._workers.discard(worker)
        if worker.metrics:
            self._past.append(worker.metrics)
            self._past_events += Counter(worker.events)
        if not self._closing and worker.has_listened:
            self._tell(f"A worker has ended ({worker.ending()}); another takes its place.")
            self._spawn(self._replace(worker.lived_s))

    async def _replace(self, lived_s: float) -> None:
        pause_s = 0.0 if lived_s > _STEADY_S else _FIRST_PAUSE_S
        while True:
            await asyncio.sleep(pause_s)
            try:
                worker = await self._launch()
                await worker.listening(_START_S)
            except ExternalError as error:
                self._tell(str(error))
                pause_s = min(_LONGEST_PAUSE_S, max(_FIRST_PAUSE_S, 2 * pause_s))
            else:
                return

    async def _keep_telling(self) -> None:
        while True:
            for worker in self._workers:
                worker.desk.tell_views()
            await asyncio.sleep(_VIEWS_S)

    async def _keep_asking(self) -> None:
        """Whether they live: one that is frozen keeps its connections and answers none."""
        while True:
            await asyncio.sleep(_PING_S)
            for worker in self._workers:
                worker.ask_whether_it_lives()

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Worker:
    """One worker process, its channel and what it holds of the fleet."""

    def __init__(
        self, fleet: KeptFleet, answer: Answer, tell: Tell, lost: Callable[[_Worker], None]
    ) -> None:
        self.metrics = b""
        self.open_in_flight: dict[str, int] = {}
        self.events: dict[str, int] = {}
        self.speeds: dict[str, tuple[float | None, float | None]] = {}
        self.has_listened = False
        self.channel = Channel(self._receive, self._gone)
        self.desk = Desk(fleet, self.channel.send)
        self._answer = answer
        self._tell = tell
        self._lost = lost
        self._listening = asyncio.Event()
        self._over = asyncio.Event()
        self._unanswered = 0
        self._born = asyncio.get_running_loop().time()
        self._process: subprocess.Popen[bytes]
        self._work: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def lived_s(self) -> float:
        """Since it was started."""
        return asyncio.get_running_loop().time() - self._born

    async def start(self, argv: Sequence[str], descriptors: Sequence[int]) -> None:
        """Start the process with one end of a socket pair; it ends when the other end closes."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = _start(argv, theirs.fileno(), descriptors)
            except OSError as error:
                ours.close()
                message = f"A worker of the gateway cannot be started: {error.strerror}."
                raise ExternalError(message) from error
        await asyncio.get_running_loop().create_connection(lambda: self.channel, sock=ours)

    async def listening(self, limit_s: float) -> None:
        """Wait until it answers on the shared port.

        Raises:
            ExternalError: it ended, or took too long.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._listening.wait()
        if not self.has_listened:
            how = self.ending() if self._over.is_set() else f"silent for {limit_s:.0f} s"
            self._kill()
            raise ExternalError(f"A worker of the gateway did not start ({how}).")

    async def ended(self, grace_s: float) -> None:
        """Wait until it is gone, and see to it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s + _LAST_S):
                await self._over.wait()
        self._kill()
        await asyncio.to_thread(self._process.wait)

    def ask_whether_it_lives(self) -> None:
        """End it where it has left too many such questions without an answer."""
        if not self.has_listened:
            return
        if self._unanswered >= _UNANSWERED:
            self._kill()
            return
        self._unanswered += 1
        self.channel.send(Ping())

    def ending(self) -> str:
        """How it ended, in words."""
        if self._unanswered >= _UNANSWERED:
            return f"killed, as it had not answered for {_PING_S * _UNANSWERED:.0f} s"
        code = self._process.poll()
        if code is None:
            return "it closed its channel"
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def _kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _gone(self) -> None:
        self._spawn(self._end())

    async def _end(self) -> None:
        # Its last word on the channel comes just before its end as a process.
        self._kill()
        await asyncio.to_thread(self._process.wait)
        self._over.set()
        self._listening.set()
        await self.desk.close()
        self._lost(self)

    def _receive(self, message: Message) -> None:
        match message:
            case Turn():
                self.desk.turn(message)
            case Leave():
                self.desk.leave(message)
            case Cancel():
                self.desk.cancel(message)
            case Suspect():
                self.desk.suspect(message)
            case Figures():
                self.metrics, self.open_in_flight = message.metrics, message.in_flight
                self.events, self.speeds = message.events, message.speeds
            case Ask():
                self._spawn(self._tell_back(message))
            case Pong():
                self._unanswered = 0
            case Say() | Refused():
                self._tell(message.line if isinstance(message, Say) else message.why)
            case Listening():
                self.has_listened = True
                self._listening.set()
            case _:
                self._tell("A worker sent what only its keeper may send.")

    async def _tell_back(self, question: Ask) -> None:
        self.channel.send(Told(question.id, await self._answer(question.what)))

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)


def _start(argv: Sequence[str], descriptor: int, more: Sequence[int]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*argv, str(descriptor)],
        stdin=subprocess.PIPE,
        pass_fds=(descriptor, *more),
        start_new_session=True,  # ctrl-C is for the keeper, who drains its workers
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def worker_argv(module: str) -> tuple[str, ...]:
    """The command that runs ``module`` as a worker of this process."""
    return (sys.executable, "-m", module, str(os.getpid()))

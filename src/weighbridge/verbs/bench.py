"""``weigh bench``: an endpoint under load."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from typing import Any

from weighbridge.core.effects import Clock, Progress, Store
from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.http import HttpClient, Timeouts, Url
from weighbridge.core.live_load import LiveLoad, LivePoint
from weighbridge.core.load import LoadLevel, LoadRun, RequestRecord
from weighbridge.core.runs import RunInfo, content_hash
from weighbridge.core.telemetry import ServerSide
from weighbridge.core.traffic import Conversation, LoadShape, Message, Turn
from weighbridge.core.workload import Slo
from weighbridge.engines.openai import check_model
from weighbridge.measure.load.figures.summary import summarise
from weighbridge.measure.load.sending.level import LevelPlan, auto_workers, run_level
from weighbridge.measure.load.sending.probe import Probed, probe
from weighbridge.measure.load.sending.target import LoadTarget
from weighbridge.measure.load.server.gpus import GpuWatch
from weighbridge.measure.load.server.telemetry import Telemetry
from weighbridge.measure.load.traffic.arrivals import count_within
from weighbridge.measure.load.traffic.spec import DEFAULT_MAX_TOKENS, WorkloadSpec, check, describe
from weighbridge.measure.load.traffic.text import TYPICAL_TOKENS_PER_WORD
from weighbridge.measure.load.traffic.timing import timed
from weighbridge.measure.load.traffic.tokens import load_tokenizer
from weighbridge.measure.load.traffic.workload import as_replayed, conversations
from weighbridge.verbs.bench_level import LevelUnderWay
from weighbridge.verbs.effects import Silent

# Prompts of a level that time ends are made beforehand, and begin anew when they are used up: by
# then a server's prefix cache has seen so many others that it holds none of them.
_POOL_TOKENS = 4_000_000
_POOL_LEAST = 1000
_SHORT_TOKENS = 40
_USUAL_REQUESTS = 60
_USUAL_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class BenchSettings:
    """How to load.

    Attributes:
        shapes: of the levels, in order.
        workload: what is sent.
        prompts: sent instead, in turn, where a caller has its own.
        requests: per level, None for until ``duration_s`` or the end of a trace, dataset or
            ``prompts``; where there is none of these, for 60, or 3 for each user.
        duration_s: after which nothing new is sent, or None.
        slo: what users expect, or None.
        repeats: how often each level is measured.
        workers: processes that send, None for as many as it takes.
        timeouts: of each request.
        temperature: of sampling, None for the server's own.
        extra: further keys of requests.
        wait_when_busy: how often to wait and send again after 429 or 503.
        metrics: whether to read the server's metrics and its GPUs.
        metrics_url: where they are, None for beside the endpoint.
        command: the command line that repeats this.
    """

    shapes: tuple[LoadShape, ...]
    workload: WorkloadSpec = field(default_factory=WorkloadSpec)
    prompts: tuple[str, ...] = ()
    requests: int | None = None
    duration_s: float | None = None
    slo: Slo | None = None
    repeats: int = 1
    workers: int | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    temperature: float | None = 0.0
    extra: dict[str, Any] = field(default_factory=dict)
    wait_when_busy: int = 0
    metrics: bool = True
    metrics_url: Url | None = None
    command: str = ""

    @property
    def sends(self) -> str:
        """What is sent, in words."""
        return f"{len(self.prompts)} prompts" if self.prompts else describe(self.workload)

    @property
    def subject(self) -> str:
        """What is sent, in a word."""
        spec = self.workload
        if self.prompts or spec.dataset or spec.trace:
            return "prompts" if self.prompts or spec.dataset else "trace"
        return spec.name or ("synthetic" if spec.prompt is None else "lengths")

    @property
    def key(self) -> str:
        """Hash of all that was asked for; runs of equal keys may be compared."""
        return content_hash(
            "load", self.shapes, self.sends, self.requests, self.duration_s, self.extra
        )


class Bench:
    """A load run under way: measures level after level and remembers all of it."""

    def __init__(
        self,
        client: HttpClient,
        clock: Clock,
        endpoint: Endpoint,
        settings: BenchSettings,
        *,
        info: RunInfo,
        progress: Progress,
        on_live: Callable[[LiveLoad], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._clock = clock
        check(settings.workload)
        if not settings.workload.salt:
            # The same prompts again would be answered from a cache that an earlier run has filled.
            workload = replace(settings.workload, salt=info.id)
            settings = replace(settings, workload=workload)
        self._settings = settings
        self._info = info
        self._progress = progress
        self._on_live = on_live
        self._probed = Probed(math.inf)
        tokenizer = settings.workload.tokenizer
        self._counter = load_tokenizer(tokenizer) if tokenizer else None
        self._telemetry = (
            Telemetry(endpoint, url=settings.metrics_url, gpus=GpuWatch())
            if settings.metrics
            else None
        )
        self._target = LoadTarget(
            endpoint,
            settings.timeouts,
            settings.temperature,
            settings.extra,
            settings.wait_when_busy,
            self._counter,
        )
        self._levels: list[LoadLevel] = []
        self._records: list[RequestRecord] = []
        self._under_way: LevelUnderWay | None = None

    @property
    def levels(self) -> Sequence[LoadLevel]:
        """Those that are finished."""
        return self._levels

    async def begin(self) -> None:
        """Find out before measuring whether the endpoint answers, and how it counts tokens.

        Raises:
            InputError: the server does not serve this model.
            EndpointError: it does not answer the first request.
        """
        await check_model(self._client, self._target.endpoint)
        spec = self._settings.workload
        self._probed = await probe(
            self._client,
            self._target,
            seed=spec.seed,
            salt=spec.salt,
            needs_lengths=self._counter is None and bool(spec.prompt or spec.trace),
            prompt_tokens=spec.prompt.mean + spec.shared_prefix if spec.prompt else None,
        )

    async def measure(self, shape: LoadShape, requests: int | None = None) -> LoadLevel:
        """One level, as often as the settings ask; it joins the run.

        Raises:
            EngineError: a worker process could not be started, or died.
        """
        self._under_way = level = LevelUnderWay(shape)
        for number in range(self._settings.repeats):
            plan = self._plan(shape, requests or self._settings.requests, number)
            level.shape = plan.shape
            await self._measure_once(level, plan)
        self._levels.append(level.summary(self._settings.slo))
        self._records += level.records()
        self._under_way = None
        return self._levels[-1]

    def run(self, *, is_partial: bool = False) -> LoadRun:
        """Everything measured so far, that of an interrupted level included."""
        levels, records = list(self._levels), list(self._records)
        if self._under_way is not None and self._under_way.records():
            levels.append(self._under_way.summary(self._settings.slo))
            records += self._under_way.records()
        return LoadRun(
            self._info,
            str(self._target.endpoint.base),
            max((r.output_tokens for r in records), default=0),
            tuple(levels),
            tuple(records),
            workload="; ".join(filter(None, (self._settings.sends, self._probed.note))),
            is_partial=is_partial,
            command=self._settings.command,
        )

    async def _measure_once(self, level: LevelUnderWay, plan: LevelPlan) -> None:
        settings, telemetry = self._settings, self._telemetry
        number = len(level.repeats) + 1
        again = f", repeat {number} of {settings.repeats}" if settings.repeats > 1 else ""
        title = f"bench {self._target.endpoint.model} × {plan.shape}{again}"
        self._progress.stage(title, self._total(plan) or 0)
        points: list[LivePoint] = []

        def look(point: LivePoint) -> None:
            points.append(point)
            self._on_live(self._live(plan, tuple(points)))

        if telemetry is not None:
            await telemetry.start()
        level.begin_repeat()
        try:
            result = await run_level(
                self._client, self._target, plan, on_done=self._keep, on_look=look
            )
        finally:
            server = await self._server_side()
        figures = summarise(
            plan.shape,
            result.records,
            result.duration_s,
            slo=settings.slo,
            client=result.client,
            server=server,
        )
        level.end_repeat(figures, result.records)

    async def _server_side(self) -> ServerSide | None:
        """What the server said of itself; why nothing, where it was told to."""
        telemetry = self._telemetry
        if telemetry is None:
            return None
        side = await telemetry.stop()
        if side is None and self._settings.metrics_url is not None:
            return ServerSide("", notes=telemetry.notes)
        return side

    def _keep(self, record: RequestRecord) -> None:
        if self._under_way is not None:
            self._under_way.pending.append(record)
        note = f"error: {record.error}" if record.error else ""
        if not note and record.ttft_ms is not None:
            note = f"TTFT {record.ttft_ms:.0f} ms"
        self._progress.advance(note=note)

    def _total(self, plan: LevelPlan) -> int | None:
        """Requests of a level, where it is their number that ends it."""
        return plan.requests if self._settings.duration_s is None else None

    def _plan(self, shape: LoadShape, requests: int | None, repeat: int) -> LevelPlan:
        settings, number = self._settings, len(self._levels)
        # Another seed per level and repeat: no prompt comes twice, so none is answered by a cache.
        seed = settings.workload.seed * 1_000_003 + 1_009 * number + repeat
        sent = self._conversations(replace(settings.workload, seed=seed), shape, requests)
        if shape.kind == "replay":
            shape = as_replayed(shape, sent)
        workers = settings.workers or auto_workers(shape)
        return LevelPlan(number, shape, sent, settings.duration_s, workers)

    def _conversations(
        self, spec: WorkloadSpec, shape: LoadShape, requests: int | None
    ) -> tuple[Conversation, ...]:
        settings, known = self._settings, self._probed.calibration
        if settings.prompts:
            taken = islice(cycle(settings.prompts), requests or len(settings.prompts))
            longest = spec.max_tokens or DEFAULT_MAX_TOKENS
            turns = [(Turn((Message("user", prompt),), longest),) for prompt in taken]
            return timed(turns, shape, spec.seed)
        ends = bool(spec.trace or spec.dataset)
        needs_more = settings.duration_s is not None and shape.kind == "open"
        if requests is None and (not ends or needs_more):
            requests = self._enough(shape)
        how = (known.tokens_per_word, known.overhead) if known else (TYPICAL_TOKENS_PER_WORD, 0)
        return conversations(
            spec,
            shape,
            requests,
            tokens_per_word=how[0],
            overhead=how[1],
            counter=self._counter,
        )

    def _enough(self, shape: LoadShape) -> int:
        """Requests that last for the time asked for, or that no cache holds when they recur."""
        duration_s, lengths = self._settings.duration_s, self._settings.workload.prompt
        users = shape.concurrency or 1 if shape.kind == "closed" else 0
        if duration_s is None:
            return max(_USUAL_REQUESTS, _USUAL_ROUNDS * users)
        if shape.kind != "closed":
            return max(1, count_within(shape, duration_s))
        per_user = 1.2 * duration_s / max(self._probed.request_s, 1e-3)
        most = _POOL_TOKENS / max(1.0, lengths.mean if lengths else _SHORT_TOKENS)
        return math.ceil(min(users * (per_user + 1), max(most, 2 * users, _POOL_LEAST)))

    def _live(self, plan: LevelPlan, points: tuple[LivePoint, ...]) -> LiveLoad:
        return LiveLoad(
            info=self._info,
            url=str(self._target.endpoint.base),
            level=plan.level,
            levels=len(self._settings.shapes) or None,
            shape=plan.shape,
            total=self._total(plan),
            points=points,
            finished=tuple(self._levels),
            updated=self._clock.now_iso(),
            process=os.getpid(),
        )


async def bench(
    store: Store,
    client: HttpClient,
    clock: Clock,
    endpoint: Endpoint,
    settings: BenchSettings,
    *,
    progress: Progress,
    on_live: Callable[[LiveLoad], None] = lambda _: None,
) -> LoadRun:
    """Measure every level after warming up, and keep the run.

    Interrupted, or when something fails midway, what there is by then is kept.

    Raises:
        InputError: the server does not serve this model.
        EndpointError: it does not answer the first request.
        EngineError: a worker process could not be started, or died.
    """
    info = new_info(store, endpoint, settings)
    work = Bench(client, clock, endpoint, settings, info=info, progress=progress, on_live=on_live)
    await work.begin()
    try:
        for shape in settings.shapes:
            await work.measure(shape)
    except (asyncio.CancelledError, WeighbridgeError):
        keep_partial(store, work)
        raise
    run = work.run()
    store.save(info, run)
    return run


def measure_quietly(
    client: HttpClient, clock: Clock
) -> Callable[[Endpoint, int, int], Awaitable[LoadLevel]]:
    """A closed loop of so many users and requests that is kept nowhere, for testing ourselves."""

    async def measure(endpoint: Endpoint, users: int, requests: int) -> LoadLevel:
        settings = BenchSettings((), requests=requests, workers=1, metrics=False)
        info = RunInfo("load-self", "load", clock.now_iso(), endpoint.model, "", "", "", "")
        work = Bench(client, clock, endpoint, settings, info=info, progress=Silent())
        await work.begin()
        return await work.measure(LoadShape("closed", users))

    return measure


def new_info(store: Store, endpoint: Endpoint, settings: BenchSettings) -> RunInfo:
    """The identity of a load run about to begin."""
    return store.new_info(
        "load",
        model=endpoint.model,
        subject=settings.subject,
        key=content_hash(settings.key, endpoint.model, str(endpoint.base)),
    )


def keep_partial(store: Store, work: Bench) -> LoadRun | None:
    """Save what an interrupted run has measured; None where that is nothing."""
    run = work.run(is_partial=True)
    if not run.requests:
        return None
    store.save(run.info, run)
    return run

"""Load runs written by hand: closed and open loops, errors, stalls, a slow client, reasoning."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

from tests.report.sample_study import DAY, HOSTILE, MACHINE
from weighbridge.core.load import (
    BoundResult,
    Bounds,
    Distribution,
    Goodput,
    Limit,
    LoadLevel,
    LoadRun,
    RepeatFigures,
    RequestRecord,
    Stalls,
    Steady,
)
from weighbridge.core.load_comparison import LoadComparison, LoadDifference
from weighbridge.core.runs import RunInfo
from weighbridge.core.telemetry import ClientHealth, ServerSample, ServerSide
from weighbridge.core.traffic import LoadShape
from weighbridge.core.workload import parse_slo

SLO = parse_slo("ttft_p95<500ms,tpot_p95<40ms")
COMMAND = "weigh bench http://127.0.0.1:8000/v1 --model tally --concurrency 1,4,16,64"
_TOKENS = 24


@dataclass(frozen=True)
class Pace:
    """How a made-up server answers: times in ms."""

    ttft: float
    gap: float
    errors: int = 0
    stalled: int = 0
    queue: float = 0.0
    reasoning: bool = False


def info(tail: str, model: str = "tally", subject: str = "chat, 4 levels") -> RunInfo:
    return RunInfo(
        f"load-{tail}", "load", f"{DAY}T10:00:00Z", model, subject, "ab" * 8, MACHINE, "0.1.0"
    )


def distribution(values: list[float]) -> Distribution | None:
    """Percentiles with intervals of a width that shrinks with the sample."""
    if not values:
        return None
    ordered = sorted(values)
    n = len(ordered)

    def at(share: float) -> float:
        return ordered[min(n - 1, math.ceil(share * n) - 1)]

    numbers = {
        "mean": sum(ordered) / n, "p50": at(0.5), "p90": at(0.9), "p95": at(0.95), "p99": at(0.99),
    }  # fmt: skip
    intervals: dict[str, Bounds] = {
        name: (value * (1 - 0.6 / math.sqrt(n)), value * (1 + 0.6 / math.sqrt(n)))
        for name, value in numbers.items()
    }
    if n < 300:  # too few to bound the far tail from above
        intervals["p99"] = (intervals["p99"][0], None)
    return Distribution(n, **numbers, intervals=intervals)


def records(level: int, shape: LoadShape, count: int, pace: Pace) -> list[RequestRecord]:
    """Requests of one level, seeded by its number."""
    rng = random.Random(level * 7919 + count)  # noqa: S311 -- the same every time
    made, free = [], [0.0] * (shape.concurrency or 1)
    due = 0.0
    for index in range(count):
        ttft = pace.ttft * rng.lognormvariate(0, 0.25)
        gaps = [pace.gap * rng.lognormvariate(0, 0.15) for _ in range(_TOKENS - 1)]
        if index < pace.stalled:
            gaps[7] = 30 * pace.gap
        if shape.kind == "closed":
            user = min(range(len(free)), key=free.__getitem__)
            sent, due_ms = free[user], None
        else:
            due += 1000 * rng.expovariate(shape.rate or 1.0)
            sent, due_ms = due + pace.queue * rng.random(), due
        e2e = ttft + sum(gaps) + 0.4
        if shape.kind == "closed":
            free[user] = sent + e2e
        failed = index % max(1, count // pace.errors) == 3 if pace.errors else False
        made.append(
            RequestRecord(
                level, index, sent, None if failed else ttft, e2e,
                () if failed else tuple(gaps), 0 if failed else _TOKENS, due_ms=due_ms,
                answer_ms=ttft + sum(gaps[:8]) if pace.reasoning and not failed else None,
                prompt_tokens=180, cached_tokens=60,
                error=("timeout", "http_503")[index % 2] if failed else None,
                message=f"No answer within 30 s. {HOSTILE}" if failed else "",
            )
        )  # fmt: skip
    return made


def health(in_flight: float, limited: tuple[str, ...] = ()) -> ClientHealth:
    return ClientHealth(
        1.83, 0.97 if limited else 0.21, 0.05, 18.0 if limited else 0.9, 31.5, 1.2, 41.0,
        workers=1, in_flight=in_flight, little_ratio=1.003, limited=limited,
    )  # fmt: skip


def server(seconds: float, power: bool) -> ServerSide:
    samples = tuple(
        ServerSample(
            at, running=min(8.0, 2 + at), waiting=max(0.0, 3 * math.sin(at)),
            kv_used=0.1 + 0.5 * at / seconds,
            gpu_use=0.9 if power else None, power_w=310 + 20 * math.sin(2 * at) if power else None,
            gpu_memory_bytes=40 * 2**30 if power else None,
        )
        for at in (seconds * step / 40 for step in range(41))
    )  # fmt: skip
    return ServerSide("vLLM", samples, 237, 43_200, 5_760, 2, 14_400, 3_100.0 if power else None)


def level(
    number: int,
    shape: LoadShape,
    pace: Pace,
    count: int = 240,
    *,
    slo: bool = True,
    limited: tuple[str, ...] = (),
    has_server: bool = False,
) -> tuple[LoadLevel, list[RequestRecord]]:
    """A level that follows from its requests."""
    raw = records(number, shape, count, pace)
    good = [one for one in raw if one.error is None]
    failed = [one for one in raw if one.error is not None]
    seconds = max(one.sent_ms + one.e2e_ms for one in raw) / 1000
    is_open = shape.kind != "closed"

    def of(pick: Callable[[RequestRecord], float | None]) -> Distribution | None:
        return distribution([value for one in good if (value := pick(one)) is not None])

    gaps = [gap for one in good for gap in one.gaps_ms]
    ttft = of(lambda one: None if one.ttft_ms is None else one.ttft_ms + one.queue_ms)
    tpot = of(lambda one: one.tpot_ms)
    met = bool(ttft and ttft.p95 < 500 and tpot and tpot.p95 < 40)
    in_flight = sum(one.e2e_ms for one in good) / 1000 / seconds
    kinds = {kind: sum(one.error == kind for one in failed) for kind in ("timeout", "http_503")}
    made = LoadLevel(
        shape=shape,
        requests=count,
        errors=len(failed),
        error_kinds=tuple((kind, n) for kind, n in kinds.items() if n),
        first_error=failed[0].message if failed else "",
        duration_s=seconds,
        requests_per_s=len(good) / seconds,
        output_tokens=len(good) * _TOKENS,
        output_tokens_per_s=len(good) * _TOKENS / seconds,
        tokens_from="usage",
        ttft_ms=ttft,
        itl_ms=distribution(gaps),
        tpot_ms=tpot,
        e2e_ms=of(lambda one: one.e2e_ms + one.queue_ms),
        prompt_tokens=180 * len(good),
        cached_tokens=60 * len(good),
        answer_ms=of(lambda one: one.answer_ms),
        service_ttft_ms=of(lambda one: one.ttft_ms) if is_open else None,
        service_e2e_ms=of(lambda one: one.e2e_ms) if is_open else None,
        queue_ms=of(lambda one: one.queue_ms) if is_open else None,
        steady=Steady(0.05 * seconds, 0.95 * seconds, 21, "Warm-up ended where TTFT settled."),
        goodput=Goodput(
            SLO, 0.93 if met else 0.41, 0.89, 0.96, 0.93 * len(good) / seconds, met,
            tuple(
                BoundResult(str(bound), value, 0.9 * value, 1.1 * value, value < bound.limit_ms)
                for bound, value in zip(SLO.bounds, (ttft.p95, tpot.p95), strict=True)
            ),
        ) if slo and ttft and tpot else None,
        stalls=Stalls(10, 10 * pace.gap, pace.stalled, pace.stalled, 0.03 * pace.gap * pace.stalled,
                      max(gaps, default=0.0), of(lambda one: max(one.gaps_ms))),
        client=health(in_flight, limited),
        server=server(seconds, power=True) if has_server else None,
    )  # fmt: skip
    return made, raw


def run_of(
    tail: str, made: list[tuple[LoadLevel, list[RequestRecord]]], **changes: object
) -> LoadRun:
    base = LoadRun(
        info=info(tail),
        url="http://127.0.0.1:8000/v1",
        max_tokens=_TOKENS,
        levels=tuple(one for one, _ in made),
        requests=tuple(record for _, raw in made for record in raw),
        workload="chat: prompts of about 180 tokens",
        command=COMMAND,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


@cache
def closed_run() -> LoadRun:
    """Four levels; the server's own side, stalls at the third, errors at the last."""
    made = [
        level(0, LoadShape("closed", 1), Pace(90, 11), 60, has_server=True),
        level(1, LoadShape("closed", 4), Pace(110, 13), has_server=True),
        level(2, LoadShape("closed", 16), Pace(170, 22, stalled=6), has_server=True),
        level(3, LoadShape("closed", 64), Pace(900, 70, errors=9), 480, has_server=True),
    ]
    first = made[0][0]
    repeats = tuple(
        RepeatFigures(
            first.requests_per_s * k, first.output_tokens_per_s * k, 91.0 * k, 130.0 * k, 11.0 * k,
            14.0, None,
        )
        for k in (0.98, 1.0, 1.03)
    )  # fmt: skip
    made[0] = replace(first, repeats=repeats), made[0][1]
    return run_of("0c105ed", made)


@cache
def open_run() -> LoadRun:
    """A search for the limit in an open loop, with waiting before sending at the highest rate."""
    made = [
        level(0, LoadShape("open", rate=2.0), Pace(100, 12), 120),
        level(1, LoadShape("open", rate=8.0), Pace(150, 18, queue=40), 240),
        level(2, LoadShape("open", rate=6.0), Pace(130, 15, queue=10), 240),
        level(3, LoadShape("open", rate=12.0), Pace(420, 45, queue=900), 300),
    ]
    limit = Limit(SLO, 8.4, 7.9, 8.8, 4, "TTFT broke first, as requests queued in the server.")
    return run_of("09e4", made, limit=limit, command=COMMAND + " --find-limit")


@cache
def limited_run() -> LoadRun:
    """A client that could not keep up."""
    why = "The event loop woke 18 ms late at p99, more than 5 % of TTFT p50."
    made = [
        level(0, LoadShape("closed", 8), Pace(90, 11)),
        level(1, LoadShape("closed", 512), Pace(300, 30), 512, limited=(why,)),
    ]
    return run_of("5109", made)


@cache
def plain_run() -> LoadRun:
    """No SLO, one level, a model that reasons, interrupted."""
    made = [level(0, LoadShape("closed", 4), Pace(80, 9, reasoning=True), 80, slo=False)]
    return run_of("91a1", made, is_partial=True)


@cache
def failed_run() -> LoadRun:
    """Nothing succeeded, and the server's words are hostile."""
    made, raw = level(0, LoadShape("closed", 2), Pace(80, 9), 6, slo=False)
    broken = [
        replace(one, ttft_ms=None, gaps_ms=(), output_tokens=0, error="protocol", message=HOSTILE)
        for one in raw
    ]
    empty = replace(
        made, errors=6, error_kinds=(("protocol", 6),), first_error=HOSTILE, requests_per_s=0.0,
        output_tokens=0, output_tokens_per_s=0.0, ttft_ms=None, itl_ms=None, tpot_ms=None,
        e2e_ms=None, stalls=None, steady=None, answer_ms=None,
    )  # fmt: skip
    return run_of(
        "fa11ed", [(empty, broken)], info=info("fa11ed", HOSTILE, HOSTILE),
        workload=HOSTILE, command=HOSTILE, url=f"http://127.0.0.1/{HOSTILE}",
    )  # fmt: skip


def comparison(
    a: str = "tally", b: str = "clerk", shape: LoadShape | None = None
) -> LoadComparison:
    """B better in TTFT, worse in throughput, the rest undecided."""
    return LoadComparison(
        a, b, shape or LoadShape("closed", 16), 4,
        (
            LoadDifference("ttft_ms_p95", 250.0, 205.0, 0.82, 0.74, 0.91, 0.002, True, True),
            LoadDifference("tpot_ms_p50", 22.0, 22.2, 1.01, 0.98, 1.04, 0.6, False, False),
            LoadDifference("e2e_ms_p99", 700.0, 756.0, 1.08, 0.97, 1.21, 0.2, False, False),
            LoadDifference("output_tokens_per_s", 800, 736, 0.92, 0.89, 0.95, 0.001, True, False),
        ),
        f"{b}'s p95 TTFT is 18 % lower (95 % interval 9 to 26 %); its throughput is 8 % lower.",
        ("The two runs have different prompts.",),
    )  # fmt: skip

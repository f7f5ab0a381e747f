"""Does routing pay? The mixed traffic through the gateway, and by each single model."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.core.effects import Clock, Progress, Store
from weighbridge.core.endpoint import Endpoint, endpoint_at
from weighbridge.core.errors import ConfigError, InputError
from weighbridge.core.http import HttpClient, Timeouts
from weighbridge.core.routing import AUTO
from weighbridge.core.runs import ItemResult, content_hash
from weighbridge.core.study import RouteRun, TrafficShare
from weighbridge.core.verdict import Verdict
from weighbridge.decide.statistics import compare, wilson
from weighbridge.measure.evals.runner import EvalTarget, run_suite
from weighbridge.measure.evals.suite import Item, Suite, make_suite
from weighbridge.measure.load.figures.percentiles import percentile
from weighbridge.verbs.compare import pair

ALL = "all"
_CONCURRENCY = 4  # per task, so that tasks are mixed in time as well


class _Line(msgspec.Struct):
    id: str
    task: str
    prompt: str
    answer: Any


@dataclass(frozen=True, slots=True)
class Answered:
    """One way of answering: its results in the order of the traffic, with each one's task."""

    who: str
    tasks: tuple[str, ...]
    results: tuple[ItemResult, ...]

    @property
    def right(self) -> list[bool]:
        """Whether each answer is right."""
        return [result.correct for result in self.results]

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return sum(self.right) / len(self.results)

    def shares(self) -> list[TrafficShare]:
        """Accuracy per task and over all."""
        return [_share(self, task) for task in (*dict.fromkeys(self.tasks), ALL)]


def read_traffic(path: Path, suites: Mapping[str, Suite]) -> tuple[Suite, ...]:
    """Mixed requests with known answers, one suite per task, judged as the task's suite judges.

    Each line has ``id``, ``task``, ``prompt`` and ``answer``.

    Raises:
        InputError: the file cannot be read.
        ConfigError: a line is wrong or of a task that has no suite.
    """
    items: dict[str, list[Item]] = {}
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.") from None
    for number, text in enumerate(lines, start=1):
        try:
            line = msgspec.json.decode(text, type=_Line)
        except msgspec.DecodeError as error:
            raise ConfigError(f"{path}, line {number}: {error}.") from None
        if line.task not in suites:
            raise ConfigError(f"{path}, line {number}: there is no suite {line.task!r}.")
        items.setdefault(line.task, []).append(Item(line.id, line.prompt, line.answer))
    return tuple(make_suite(suites[task].settings, tuple(rows)) for task, rows in items.items())


async def answer_traffic(
    client: HttpClient,
    clock: Clock,
    endpoint: Endpoint,
    traffic: Sequence[Suite],
    *,
    progress: Progress,
) -> Answered:
    """Ask everything of one endpoint, the tasks side by side."""
    progress.stage(f"route {endpoint.model}", sum(len(part.items) for part in traffic))
    target = EvalTarget(endpoint, _CONCURRENCY, Timeouts())
    parts = await asyncio.gather(
        *(
            run_suite(client, clock, target, part, done={}, on_result=lambda _: progress.advance())
            for part in traffic
        )
    )
    tasks = tuple(part.name for part in traffic for _ in part.items)
    return Answered(endpoint.model, tasks, tuple(result for part in parts for result in part))


async def measure_routing(
    store: Store,
    client: HttpClient,
    clock: Clock,
    *,
    gateway: str,
    models: Iterable[Endpoint],
    traffic: Sequence[Suite],
    verdict: Verdict,
    progress: Progress,
) -> RouteRun:
    """Routed accuracy against each single model's, paired item by item, and keep the run.

    Raises:
        EndpointError: the gateway or a model does not answer.
    """
    ways = [
        await answer_traffic(client, clock, endpoint, traffic, progress=progress)
        for endpoint in (endpoint_at(gateway, AUTO), *models)
    ]
    routed, singles = ways[0], ways[1:]
    by_name = {single.who: single for single in singles}
    decided = by_name[(verdict.single or verdict.chosen).models[0]]
    hindsight = max(singles, key=lambda single: single.accuracy)
    info = store.new_info(
        "route",
        model=", ".join(verdict.chosen.models),
        subject="mixed traffic",
        key=content_hash("route", [part.hash for part in traffic], verdict.chosen),
    )
    run = RouteRun(
        info=info,
        shares=tuple(share for way in ways for share in way.shares()),
        gain=compare(decided.who, AUTO, "mixed traffic", decided.right, routed.right),
        hindsight=compare(hindsight.who, AUTO, "mixed traffic", hindsight.right, routed.right),
        routed_to=tuple(Counter(result.answered_by for result in routed.results).most_common()),
        misrouted=_misrouted(routed, dict(verdict.chosen.by_task)),
        latency_ms=percentile(sorted(result.latency_ms for result in routed.results), 0.5),
    )
    store.save(info, run)
    return run


def to_json(run: RouteRun) -> dict[str, Any]:
    """The figures of a routing run; keys are documented in docs/json.md."""
    return {
        "run": run.info.id,
        "shares": [
            {
                "who": share.who,
                "task": share.task,
                "n": share.n,
                "accuracy": share.accuracy.value,
                "low": share.accuracy.low,
                "high": share.accuracy.high,
            }
            for share in run.shares
        ],
        "gain": pair(run.gain),
        "hindsight": pair(run.hindsight),
        "routed_to": dict(run.routed_to),
        "misrouted": run.misrouted,
        "latency_ms_p50": run.latency_ms,
        "provenance": {"kind": "measured", "source": run.info.id, "date": run.info.created},
    }


def _share(way: Answered, task: str) -> TrafficShare:
    answers = [
        result.correct
        for result, of in zip(way.results, way.tasks, strict=True)
        if task in (of, ALL)
    ]
    return TrafficShare(way.who, task, len(answers), wilson(sum(answers), len(answers)))


def _misrouted(routed: Answered, wanted: Mapping[str, str]) -> int:
    return sum(
        result.answered_by != wanted[task]
        for result, task in zip(routed.results, routed.tasks, strict=True)
    )

"""A study written by hand: three models, two suites of 200 items, and some hostile words."""

from __future__ import annotations

from functools import cache
from math import comb, sqrt
from typing import Any

from weighbridge.core.architecture import (
    Layer,
    LayerRun,
    Mlp,
    ModelArchitecture,
    Part,
    TensorInfo,
    WeightFile,
    attention,
)
from weighbridge.core.inspection import Inspection
from weighbridge.core.load import Distribution, LoadLevel, LoadRun, RequestRecord
from weighbridge.core.provenance import Interval, Provenance
from weighbridge.core.quantization import Quantization
from weighbridge.core.runs import EvalRun, ItemResult, RunInfo, RunKind
from weighbridge.core.study import (
    DemoRun,
    ModelSheet,
    RouteRun,
    Study,
    TrafficShare,
    VerdictRun,
    of_demo,
)
from weighbridge.core.traffic import LoadShape
from weighbridge.core.units import MIB
from weighbridge.core.verdict import (
    Assignment,
    Comparison,
    ModelEvidence,
    ModelMemory,
    TaskVerdict,
    Verdict,
)

HOSTILE = '<script>alert(1)</script>"><img src=x onerror="alert(2)"> {{ 7 * 7 }} </pre></script>'
MODELS = ("tally", "clerk", "porter")
TASKS = ("arithmetic", "extraction")
MACHINE = "build-host: 2 x Example CPU 3000 (2 cores), 8.0 GiB, Linux 6.1"
DAY = "2026-01-05"
# Items right out of 200.
RIGHT = {
    ("tally", "arithmetic"): 184,
    ("clerk", "arithmetic"): 21,
    ("porter", "arithmetic"): 142,
    ("tally", "extraction"): 6,
    ("clerk", "extraction"): 171,
    ("porter", "extraction"): 163,
}
_ITEMS = 200
# Steps that spread right answers over the items differently for each model.
_STEP = {"tally": 37, "clerk": 71, "porter": 113, "auto": 37}
_CONFIG = """\
listen: 127.0.0.1:8080
models:
  tally: {engine: llamacpp-embedded, source: models/tally.gguf}
  clerk: {engine: llamacpp-embedded, source: models/clerk.gguf}
signals:
  task:
    arithmetic: {keywords: [plus, minus, times, calculate, "+", "-"]}
    extraction: {keywords: [extract, json, person, "<name>"]}
routes:
  - when: {task: arithmetic}
    use: [tally, clerk]
  - when: {task: extraction}
    use: [clerk, tally]
  - use: [clerk]
"""


@cache
def sample_study() -> Study:
    """The study."""
    evals = tuple(_eval(model, task) for task in TASKS for model in MODELS)
    verdict = VerdictRun(
        info=_info("verdict", "c0ffee", ",".join(MODELS), ",".join(TASKS)),
        evidence=tuple(run.info.id for run in evals),
        verdict=_verdict(evals),
        router_config=_CONFIG,
    )
    pairs = (("porter", "tally"), ("porter", "clerk"), ("tally", "clerk"))
    comparisons = tuple(_compare(evals, *pair, task) for task in TASKS for pair in pairs)
    return Study(
        run=of_demo(
            DemoRun(
                info=_info("demo", "1a2b3c", ",".join(MODELS), ",".join(TASKS)),
                inspected=tuple(f"inspect-{index:06x}" for index in range(3)),
                loads=tuple(f"load-{index:06x}" for index in range(3)),
                evals=verdict.evidence,
                comparisons=comparisons,
                verdict=verdict.info.id,
                route="route-abcdef",
                seconds=63.4,
            )
        ),
        sheets=tuple(_sheet(index, model) for index, model in enumerate(MODELS)),
        loads=tuple(_load(index, model) for index, model in enumerate(MODELS)),
        evals=evals,
        verdict=verdict,
        route=_route(),
    )


def sample_verdict() -> VerdictRun:
    """Its decision."""
    found = sample_study().verdict
    assert found is not None
    return found


def sample_route() -> RouteRun:
    """What its routing did."""
    found = sample_study().route
    assert found is not None
    return found


def wilson(right: int, n: int) -> Interval:
    """A share with its Wilson interval."""
    z, share = 1.959964, right / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Interval(share, middle - half, middle + half)


def paired(a: str, b: str, subject: str, flips: tuple[int, int], n: int) -> Comparison:
    """A paired comparison from its discordant items."""
    up, down = flips
    value = (up - down) / n
    half = 1.959964 * sqrt(up + down - (up - down) ** 2 / n) / n
    tail = sum(comb(up + down, k) for k in range(min(flips) + 1)) / 2 ** (up + down)
    difference = Interval(value, value - half, value + half)
    return Comparison(a, b, subject, n, difference, min(1.0, 2 * tail), up, down)


def _info(kind: RunKind, tail: str, model: str, subject: str) -> RunInfo:
    return RunInfo(
        id=f"{kind}-{tail}",
        kind=kind,
        created=f"{DAY}T09:1{len(tail) % 10}:07Z",
        model=model,
        subject=subject,
        key=f"{abs(sum(map(ord, kind + tail + model))):016x}",
        machine=MACHINE,
        version="0.1.0",
    )


def _sheet(index: int, model: str) -> ModelSheet:
    mlp = Mlp("dense", 384)
    runs = (
        LayerRun(2, (Layer(attention(4, 2, 32, 32, window=128), mlp),)),
        LayerRun(1 + index, (Layer(attention(4, 4, 32, 32), mlp),)),
    )
    outside = (
        Part("embedding", "embedding", 65_536),
        Part("attention", "all attention", 147_456 + 65_536 * index),
        Part("mlp", "all MLPs", 442_368 + 147_456 * index),
        Part("norm", "all norms", 896 + 256 * index),
    )
    architecture = ModelArchitecture(
        name=model,
        model_type="llama",
        hidden=128,
        vocabulary=512,
        runs=runs,
        outside=outside,
        context=512,
        tied_embeddings=True,
        license="Apache-2.0" if index < 2 else None,
        assumptions=() if index < 2 else ("The header names no licence.",),
    )
    tensors = (TensorInfo("blk.0.attn_q.weight", (128, 128), "Q8_0", 17_408),)
    size = round(architecture.parameters * 1.0625) + 14_336
    weights = WeightFile("gguf", "Q8_0", tensors, size)
    info = _info("inspect", f"{index:06x}", model, f"{model}.gguf")
    inspection = Inspection(
        f"models/{model}.gguf",
        architecture,
        Quantization("Q8_0", otherwise=8.5, kind="measured"),
        weights,
        Provenance("measured", f"models/{model}.gguf", info.created),
    )
    return ModelSheet(info, inspection.name, inspection)


def _load(index: int, model: str) -> LoadRun:
    def level(concurrency: int) -> LoadLevel:
        base = (1 + 0.3 * index) * (0.55 + 0.45 * concurrency)
        errors = 1 if (model, concurrency) == ("porter", 8) else 0
        return LoadLevel(
            shape=LoadShape("closed", concurrency),
            requests=40,
            errors=errors,
            error_kinds=(("timeout", 1),) if errors else (),
            first_error="No answer within 30 s from http://127.0.0.1:9001/v1 <b>now</b>."
            if errors
            else "",
            duration_s=8.4 * base / concurrency,
            requests_per_s=40 / (8.4 * base / concurrency),
            output_tokens=1_280,
            output_tokens_per_s=1_280 / (8.4 * base / concurrency),
            tokens_from="usage" if (model, concurrency) != ("clerk", 8) else "arrivals",
            ttft_ms=_distribution(4.2 * base),
            itl_ms=_distribution(1.13 * base),
            tpot_ms=_distribution(1.21 * base),
            e2e_ms=_distribution(42.7 * base),
        )

    return LoadRun(
        info=_info("load", f"{index:06x}", model, "closed loop, 40 requests a level"),
        url="http://127.0.0.1:9001/v1",
        max_tokens=32,
        levels=tuple(level(concurrency) for concurrency in (1, 2, 4, 8)),
        requests=(RequestRecord(0, 0, 0.0, 4.2, 42.7, (1.1, 1.2), 3),),
    )


def _distribution(median: float) -> Distribution:
    return Distribution(40, median * 1.05, median, median * 1.4, median * 1.6, median * 2.1)


def _is_right(model: str, task: str, index: int) -> bool:
    return (index * _STEP[model] + len(task)) % _ITEMS < RIGHT[model, task]


def _eval(model: str, task: str) -> EvalRun:
    tail = f"{MODELS.index(model)}{TASKS.index(task)}beef"
    return EvalRun(
        info=_info("eval", tail, model, task),
        url="http://127.0.0.1:9001/v1",
        suite=task,
        suite_hash="5eed5eed5eed5eed",
        items=tuple(_item(model, task, index) for index in range(_ITEMS)),
    )


def _item(model: str, task: str, index: int) -> ItemResult:
    right = _is_right(model, task, index)
    expected: Any = str(index - 30)
    prompt = f"What is {index} minus 30?"
    if task == "extraction":
        expected = {"name": "Zoë", "age": index % 90, "city": "Kraków"}
        prompt = f"Extract JSON: Zoë from Kraków is {index % 90} years old."
    wrong = (HOSTILE, "", "I think it might be 12.\nOr not.", "<b>bold</b> & more", "9" * 400)
    failed = not right and index % 5 == 1
    return ItemResult(
        id=f"{task}-{index + 1:03d}",
        prompt=prompt,
        expected=expected,
        answer=str(expected) if right else wrong[index % 5],
        correct=right,
        score=1.0 if right else 0.0,
        detail="" if right or failed else "not the expected answer",
        latency_ms=21.5,
        output_tokens=4,
        error="timeout" if failed else None,
    )


def _compare(evals: tuple[EvalRun, ...], a: str, b: str, task: str) -> Comparison:
    found = {run.info.model: run for run in evals if run.suite == task}
    pairs = list(zip(found[a].items, found[b].items, strict=True))
    up = sum(y.correct and not x.correct for x, y in pairs)
    down = sum(x.correct and not y.correct for x, y in pairs)
    return paired(a, b, task, (up, down), len(pairs))


def _verdict(evals: tuple[EvalRun, ...]) -> Verdict:
    def standing(run: EvalRun) -> ModelEvidence:
        n = len(run.items)
        return ModelEvidence(run.info.model, run.suite, n, wilson(run.correct, n), run.info.id)

    def task_verdict(task: str) -> TaskVerdict:
        standings = [standing(run) for run in evals if run.suite == task]
        best = sorted(standings, key=lambda item: -item.accuracy.value)
        lead = _compare(evals, best[1].model, best[0].model, task)
        return TaskVerdict(task, tuple(best), lead)

    def assignment(memory: int, **by_task: str) -> Assignment:
        models = tuple(dict.fromkeys(by_task.values()))
        share = sum(RIGHT[model, task] / _ITEMS for task, model in by_task.items()) / len(TASKS)
        return Assignment(models, tuple(by_task.items()), share, memory)

    source = Provenance("measured", "resident memory of the engine while it served", DAY)
    sizes = (21 * MIB, 22 * MIB, 25 * MIB)
    return Verdict(
        tasks=tuple(task_verdict(task) for task in TASKS),
        mix=(("arithmetic", 0.5), ("extraction", 0.5)),
        memory=tuple(
            ModelMemory(model, size, source) for model, size in zip(MODELS, sizes, strict=True)
        ),
        budget_bytes=64 * MIB,
        single=assignment(25 * MIB, arithmetic="porter", extraction="porter"),
        chosen=assignment(43 * MIB, arithmetic="tally", extraction="clerk"),
        tighter=assignment(25 * MIB, arithmetic="porter", extraction="porter"),
    )


def _route() -> RouteRun:
    right = {
        "auto": (137, 129),
        "tally": (138, 5),
        "clerk": (16, 129),
        "porter": (106, 121),
    }
    shares = [
        TrafficShare(who, task, n, wilson(k, n))
        for who, (first, second) in right.items()
        for task, k, n in (
            ("all", first + second, 300),
            ("arithmetic", first, 150),
            ("extraction", second, 150),
        )
    ]
    gain = paired("porter", "auto", "traffic", (61, 22), 300)
    return RouteRun(
        info=_info("route", "abcdef", ",".join(MODELS), "traffic"),
        shares=tuple(shares),
        gain=gain,
        hindsight=gain,
        routed_to=(("tally", 151), ("clerk", 149)),
        misrouted=1,
        latency_ms=48.3,
    )

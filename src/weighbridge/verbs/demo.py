"""``weigh demo``: the whole loop on real tiny models, offline, in about a minute."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, replace
from importlib import resources
from itertools import chain
from pathlib import Path
from typing import Any

from weighbridge.core.effects import Clock, EngineSpec, Launcher, Progress, RunningEngine, Store
from weighbridge.core.errors import InputError
from weighbridge.core.http import HttpClient
from weighbridge.core.load import LoadRun
from weighbridge.core.routing import ModelEntry
from weighbridge.core.runs import EvalRun, content_hash
from weighbridge.core.study import DemoRun, ModelSheet, RouteRun, Study, VerdictRun
from weighbridge.core.traffic import LoadShape
from weighbridge.core.units import MIB
from weighbridge.core.verdict import Comparison
from weighbridge.decide.statistics import compare_runs
from weighbridge.engines.llamacpp_embedded import NAME as EMBEDDED
from weighbridge.measure.evals.suite import Suite, load_suite
from weighbridge.measure.load.traffic.spec import WorkloadSpec
from weighbridge.serve.config import parse_config
from weighbridge.verbs import bench as bench_verb
from weighbridge.verbs import compare as compare_verb
from weighbridge.verbs import decide as decide_verb
from weighbridge.verbs import eval as eval_verb
from weighbridge.verbs import inspect as inspect_verb
from weighbridge.verbs import route as route_verb
from weighbridge.verbs.load_json import run_json
from weighbridge.verbs.serve import gateway
from weighbridge.verbs.study import load_study

TASKS = ("arithmetic", "extraction")
_CANDIDATES = {"tally": "tally-f16", "clerk": "clerk-f16", "porter": "porter-f16"}
# The same weights at lower precision: what quantization costs, measured.
_QUANTIZED = {"porter-q8_0": "porter-q8_0", "porter-q4_0": "porter-q4_0"}
# A point or two takes more items to see than the tasks' suites have.
_PRECISION = "arithmetic-1500"
_PAIRS = (
    ("porter", "tally", "arithmetic"),
    ("porter", "clerk", "extraction"),
    ("porter", "porter-q8_0", _PRECISION),
    ("porter", "porter-q4_0", _PRECISION),
)
_BUDGET_BYTES = 512 * MIB
_CONTEXT, _SLOTS = 256, 8
_BENCH = bench_verb.BenchSettings(
    shapes=tuple(LoadShape("closed", users) for users in (1, 4, 8)),
    workload=WorkloadSpec(max_tokens=48),
    requests=60,
)
_DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class Effects:
    """What the demo acts through."""

    store: Store
    client: HttpClient
    clock: Clock
    launcher: Launcher
    progress: Progress


def data_folder() -> Path:
    """The folder of models, suites and traffic inside the package.

    Raises:
        InputError: this installation has none.
    """
    folder = Path(str(resources.files("weighbridge"))) / "demo"
    if not (folder / "models").is_dir():
        raise InputError(
            f"The demo's models are not in {folder}.", fix="Install Weighbridge from its wheel."
        )
    return folder


async def demo(effects: Effects) -> Study:
    """Inspect, bench, evaluate, compare, decide, serve, and measure what routing gains.

    Raises:
        EngineError: the embedded engine is not installed or does not start.
        WorkspaceError: another demo runs in this workspace, or it cannot be written.
    """
    # Held to the end: a second demo in this workspace is told at once.
    with closing(effects.store.journal("demo")):
        return await _demo(effects)


async def _demo(effects: Effects) -> Study:
    started = effects.clock.monotonic_ns()
    folder = data_folder()
    files = {
        name: folder / "models" / f"{file}.gguf"
        for name, file in (_CANDIDATES | _QUANTIZED).items()
    }
    suites = {task: load_suite(folder / "suites" / task) for task in TASKS}
    precision = load_suite(folder / "suites" / _PRECISION)
    traffic = route_verb.read_traffic(folder / "traffic.jsonl", suites)
    sheets = _inspect(effects, files)
    async with _engines(effects, files) as engines:
        loads = [await _bench(effects, engines[name], suites.values()) for name in _CANDIDATES]
        asked = [(name, suite) for name in _CANDIDATES for suite in suites.values()]
        asked += [(name, precision) for name in ("porter", *_QUANTIZED)]
        evals = [
            await _evaluate(effects, engines[name], files[name], suite) for name, suite in asked
        ]
        verdict = _decide(effects.store, evals)
        route = await _route(effects, verdict, engines, traffic)
    info = effects.store.new_info(
        "demo",
        model=", ".join(_CANDIDATES),
        subject=", ".join(TASKS),
        key=content_hash("demo", [run.info.key for run in evals]),
    )
    run = DemoRun(
        info=info,
        inspected=tuple(sheet.info.id for sheet in sheets),
        loads=tuple(load.info.id for load in loads),
        evals=tuple(run.info.id for run in evals),
        comparisons=_compare(evals),
        verdict=verdict.info.id,
        route=route.info.id,
        seconds=(effects.clock.monotonic_ns() - started) / 1e9,
    )
    effects.store.save(info, run)
    return load_study(effects.store, info.id)


def to_json(study: Study) -> dict[str, Any]:
    """The figures of ``weigh demo --json``; keys are documented in docs/json.md."""
    return {
        "inspect": [inspect_verb.to_json(sheet.inspection) for sheet in study.sheets],
        "bench": [run_json(load) for load in study.loads],
        "eval": [eval_verb.to_json(run) for run in study.evals],
        "compare": compare_verb.to_json(study.run.comparisons),
        "decide": decide_verb.to_json(study.verdict),
        "route": route_verb.to_json(study.route),
        "run": study.run.info.id,
        "machine": study.run.info.machine,
        "version": study.run.info.version,
        "created": study.run.info.created,
        "seconds": study.run.seconds,
    }


def _digest(path: Path) -> str:
    """What tells these weights from others: the engine's port changes with every demo."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _inspect(effects: Effects, files: Mapping[str, Path]) -> list[ModelSheet]:
    effects.progress.stage("inspect", len(files))
    sheets = []
    for name, path in files.items():
        inspection = inspect_verb.inspect(str(path), effects.clock)
        sheets.append(inspect_verb.keep(effects.store, inspection, name))
        effects.progress.advance()
    return sheets


@asynccontextmanager
async def _engines(
    effects: Effects, files: Mapping[str, Path]
) -> AsyncIterator[Mapping[str, RunningEngine]]:
    effects.progress.stage("start engines", len(files))
    engines: dict[str, RunningEngine] = {}
    async with AsyncExitStack() as stack:
        for name, path in files.items():
            spec = EngineSpec(name, str(path), _CONTEXT, _SLOTS, threads=1)
            engine = await effects.launcher.launch(spec, _DEADLINE_S)
            stack.push_async_callback(engine.stop)
            engines[name] = engine
            effects.progress.advance()
        yield engines


async def _bench(effects: Effects, engine: RunningEngine, suites: Any) -> LoadRun:  # noqa: ANN401
    # Both tasks in turn, as in the traffic that is to come.
    mixed = chain.from_iterable(zip(*(suite.items for suite in suites), strict=False))
    settings = replace(_BENCH, prompts=tuple(item.prompt for item in mixed))
    return await bench_verb.bench(
        effects.store,
        effects.client,
        effects.clock,
        engine.endpoint,
        settings,
        progress=effects.progress,
    )


async def _evaluate(effects: Effects, engine: RunningEngine, path: Path, suite: Suite) -> EvalRun:
    entry = ModelEntry(engine=EMBEDDED, source=str(path), context=_CONTEXT, slots=_SLOTS)
    settings = eval_verb.EvalSettings(
        identity=_digest(path), entry=entry, is_task=suite.name in TASKS
    )
    return await eval_verb.evaluate(
        effects.store,
        effects.client,
        effects.clock,
        engine.endpoint,
        suite,
        settings=settings,
        progress=effects.progress,
    )


def _compare(evals: Sequence[EvalRun]) -> tuple[Comparison, ...]:
    by_name = {(run.info.model, run.suite): run for run in evals}
    return tuple(
        compare_runs(by_name[baseline, task], by_name[other, task])
        for baseline, other, task in _PAIRS
    )


def _decide(store: Store, evals: Sequence[EvalRun]) -> VerdictRun:
    names = [run.info.id for run in evals if run.is_task]
    return decide_verb.decide(store, names=names, budget_bytes=_BUDGET_BYTES)


async def _route(
    effects: Effects,
    verdict: VerdictRun,
    engines: Mapping[str, RunningEngine],
    traffic: Sequence[Suite],
) -> RouteRun:
    # The gateway runs the configuration exactly as written, with engines of its own.
    config = parse_config(verdict.router_config, Path(), origin="the verdict's configuration")
    async with gateway(config, Path(), effects.client, port=0) as running:
        return await route_verb.measure_routing(
            effects.store,
            effects.client,
            effects.clock,
            gateway=running.url,
            models=[engines[name].endpoint for name in _CANDIDATES],
            traffic=traffic,
            verdict=verdict.verdict,
            progress=effects.progress,
        )

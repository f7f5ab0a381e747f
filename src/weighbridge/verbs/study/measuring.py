"""The stages that look at candidates: inspect, bench, eval."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from weighbridge.core.load import LoadLevel, LoadRun
from weighbridge.core.routing import ModelEntry
from weighbridge.core.runs import content_hash
from weighbridge.core.study import Unit
from weighbridge.core.study_file import DEMO, BenchPart
from weighbridge.core.traffic import LoadShape
from weighbridge.measure.evals.scoring import Means as ScorerMeans
from weighbridge.measure.load.figures.summary import summarise
from weighbridge.measure.load.traffic.lengths import parse_lengths
from weighbridge.measure.load.traffic.spec import WorkloadSpec
from weighbridge.verbs import bench as bench_verb
from weighbridge.verbs import eval as eval_verb
from weighbridge.verbs import inspect as inspect_verb
from weighbridge.verbs.study.asked import Asked, AskedSuite
from weighbridge.verbs.study.candidate_progress import CandidateProgress
from weighbridge.verbs.study.candidate_store import CandidateStore
from weighbridge.verbs.study.constraining import kept_from, not_asked
from weighbridge.verbs.study.identity import digest_of, identity_of, setup_of
from weighbridge.verbs.study.jobs import Job, Left, Means, Settled
from weighbridge.verbs.study.lengths import captured_requests, sent

_REQUESTS = 60
_CONCURRENCY = 8
# Prompts of captured traffic that are sent: more would only be read, never needed.
_MOST_PROMPTS = 10_000


# -- inspect ----------------------------------------------------------------------------------


def inspectable(asked: Asked, name: str) -> str | None:
    """Where a candidate's configuration can be read; None for one that is but an address."""
    told, entry = asked.file.candidates[name].inspect, asked.entries[name]
    if told is not None:
        path = asked.file_of(told, "models")
        return str(path) if told.startswith(DEMO) or path.exists() else told
    if entry.source is None:
        return None
    return f"ollama:{entry.source}" if entry.engine == "ollama" else entry.source


def inspect_unasked(asked: Asked) -> str:
    """Why no configuration is read, as a sentence; empty where one is."""
    if any(inspectable(asked, name) is not None for name in asked.entries):
        return ""
    return (
        "What the candidates are made of was not looked at: each is known by its address only. "
        "`inspect:` beside one says where its configuration can be read."
    )


def inspect_jobs(asked: Asked, _settled: Settled) -> Iterator[Job]:
    """A sheet for every candidate whose configuration can be read."""
    for name in asked.entries:
        where = inspectable(asked, name)
        if where is not None:
            yield _inspect_job(asked, name, where)


def _inspect_job(asked: Asked, name: str, where: str) -> Job:
    told = asked.file.candidates[name].inspect
    what = content_hash(told) if told is not None else identity_of(asked.entries[name])

    async def do(means: Means) -> Left:
        effects = means.effects
        effects.progress.stage(f"inspect {name}", 1)
        inspection = inspect_verb.inspect(where, effects.clock)
        sheet = inspect_verb.keep(effects.store, inspection, name)
        effects.progress.advance()
        return Left((sheet.info.id,))

    return Job("inspect", name, content_hash("inspect", name, what), do, name)


# -- bench ------------------------------------------------------------------------------------


def bench_asked(asked: Asked) -> bool:
    """Whether the file says how many users or requests there are."""
    return asked.file.bench is not None or bool(
        asked.file.workload.levels or asked.file.workload.rate
    )


def bench_jobs(asked: Asked, root: Path, machine: str) -> Iterator[Job | Unit]:
    """A load run for every candidate that answers a task, and may be asked."""
    settings, kept = bench_settings(asked, root), kept_from(asked)
    bench = asked.file.bench or BenchPart()
    for name in bench.models or asked.contenders:
        if name in kept:
            yield not_asked("bench", name, kept[name])
        else:
            yield _bench_job(asked, name, settings, machine)


def bench_settings(asked: Asked, root: Path) -> bench_verb.BenchSettings:
    """How all candidates are loaded: alike, so that they can be compared.

    Raises:
        InputError: there is nothing to send.
    """
    bench, load = asked.file.bench or BenchPart(), asked.file.workload
    levels = bench.levels or load.levels
    shapes = tuple(LoadShape("closed", users) for users in levels)
    if not shapes and load.rate is not None:
        shapes = (LoadShape("open", rate=load.rate),)
    send = sent(asked)
    longest = load.output_tokens or max(
        (s.suite.settings.max_tokens for s in asked.tasks), default=64
    )
    spec = WorkloadSpec(max_tokens=longest, seed=asked.file.seed)
    prompts: tuple[str, ...] = ()
    if send == "lengths" and load.prompt_tokens:
        output = parse_lengths(str(longest))
        spec = replace(spec, prompt=parse_lengths(str(load.prompt_tokens)), output=output)
    elif send == "traffic":
        prompts = tuple(_captured_prompts(asked, root))
    elif send == "suites":
        # All tasks in turn, as they come in traffic.
        items = zip(*(one.suite.items for one in asked.tasks), strict=False)
        prompts = tuple(item.prompt for item in islice(chain.from_iterable(items), _MOST_PROMPTS))
    timed = bench.duration_s is not None
    return bench_verb.BenchSettings(
        shapes=shapes,
        workload=spec,
        prompts=prompts,
        requests=bench.requests or (None if timed else _REQUESTS),
        duration_s=bench.duration_s,
        slo=asked.slo if asked.slo.bounds else None,
        repeats=bench.repeats,
        workers=bench.workers,
        command=f"weigh study run {asked.path}",
    )


def _captured_prompts(asked: Asked, root: Path) -> Iterator[str]:
    from weighbridge.verbs.traffic import said_last  # noqa: PLC0415 -- only for captured traffic

    for one in islice(captured_requests(asked, root), _MOST_PROMPTS):
        if text := said_last(one, most=1_000_000):
            yield text


def _bench_job(asked: Asked, name: str, settings: bench_verb.BenchSettings, machine: str) -> Job:
    setup = setup_of(asked.entries[name])
    sent = [
        settings.shapes, settings.workload, settings.prompts, settings.requests,
        settings.duration_s, settings.repeats,
        *([] if settings.workers is None else [settings.workers]),
    ]  # fmt: skip
    measured = content_hash("bench", name, setup, sent)
    slo = str(asked.slo)

    async def do(means: Means) -> Left:
        effects, endpoint = means.effects, await means.engines.endpoint(name)
        run = await bench_verb.bench(
            CandidateStore(effects.store, name),
            effects.client,
            effects.clock,
            endpoint,
            settings,
            progress=CandidateProgress(effects.progress, name, endpoint.model),
        )
        return Left((run.info.id,))

    async def judge(means: Means, runs: tuple[str, ...]) -> Left:
        store = means.effects.store
        old = store.load(runs[0], LoadRun)
        levels = tuple(_judged(old, number, settings) for number in range(len(old.levels)))
        info = store.new_info(
            "load", model=old.info.model, subject=old.info.subject, key=old.info.key
        )
        store.save(info, replace(old, info=info, levels=levels))
        return Left((info.id,))

    anywhere = content_hash(measured, slo)
    return Job(
        "bench", name, content_hash(machine, anywhere), do, name,
        basis=content_hash(machine, measured), judge=judge if settings.repeats == 1 else None,
        anywhere=anywhere,
    )  # fmt: skip


def _judged(run: LoadRun, number: int, settings: bench_verb.BenchSettings) -> LoadLevel:
    """A level as another SLO sees it: the same requests, no new ones."""
    level = run.levels[number]
    records = [record for record in run.requests if record.level == number]
    return summarise(
        level.shape,
        records,
        level.duration_s,
        slo=settings.slo,
        client=level.client,
        server=level.server,
    )


# -- eval -------------------------------------------------------------------------------------


def eval_jobs(asked: Asked, _settled: Settled) -> Iterator[Job | Unit]:
    """Every candidate on every suite that it is to answer, one candidate after the other."""
    kept = kept_from(asked)
    for name in asked.entries:
        for suite in asked.suites:
            if name in suite.models and name in kept:
                yield not_asked("eval", f"{name} × {suite.name}", kept[name])
            elif name in suite.models:
                yield _eval_job(asked, name, suite)


def _eval_job(asked: Asked, name: str, one: AskedSuite) -> Job:
    entry = asked.entries[name]
    setup = setup_of(entry)
    key = content_hash("eval", name, setup, one.suite.hash, one.entry.repeats, one.entry.is_task)

    async def do(means: Means) -> Left:
        effects, endpoint = means.effects, await means.engines.endpoint(name)
        settings = eval_verb.EvalSettings(
            concurrency=_at_once(entry),
            identity=setup,
            entry=entry,
            is_task=one.entry.is_task,
            repeats=one.entry.repeats,
            means=ScorerMeans(folder=one.folder),
        )
        run = await eval_verb.evaluate(
            CandidateStore(effects.store, name),
            effects.client,
            effects.clock,
            endpoint,
            one.suite,
            settings=settings,
            progress=CandidateProgress(effects.progress, name, endpoint.model),
        )
        return Left((run.info.id,))

    return Job("eval", f"{name} × {one.name}", key, do, name)


def _at_once(entry: ModelEntry) -> int:
    """Items asked at once: as many as the server takes."""
    if entry.max_concurrency is not None:
        return entry.max_concurrency
    return _CONCURRENCY if entry.urls else entry.slots


def inputs_digest(path: Path) -> str:
    """Hash of a file, or of its path where it is not there: who reads it says so."""
    return digest_of(path) if path.is_file() else content_hash("missing", str(path))

"""``weigh plan``: what fits a machine, how fast, for how many, before anything is rented."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from weighbridge.core.candidate import Estimate, Verdict
from weighbridge.core.effects import Clock, Store
from weighbridge.core.errors import InputError
from weighbridge.core.estimate import Engine, MemoryUse
from weighbridge.core.machine import Machine
from weighbridge.core.plan import NearMiss, Order, Plan, PlanRun, Refusal, Requirements
from weighbridge.core.provenance import Interval, Provenance
from weighbridge.core.runs import content_hash
from weighbridge.core.sheet_cells import guarded_row
from weighbridge.core.units import GIB
from weighbridge.core.workload import Workload
from weighbridge.engines.commands import Launch, launches
from weighbridge.engines.scripts import script
from weighbridge.facts.catalog.catalogue import Catalogue
from weighbridge.facts.licenses.clauses import NOT_LEGAL_ADVICE
from weighbridge.facts.licenses.intents import Intents
from weighbridge.predict.calibration import Calibration
from weighbridge.predict.search.quality_order import QualityOf, assumed, measured
from weighbridge.predict.search.search import search
from weighbridge.predict.search.space import format_names
from weighbridge.predict.search.verdict import cache_text, label_of
from weighbridge.predict.table import engine_name
from weighbridge.report.plan_words import cost, memory_needed
from weighbridge.verbs.plan_models import NO_GENERATORS, Chosen, allowed, chosen
from weighbridge.verbs.plan_quality import scores
from weighbridge.workspace.calibration import read_points

# What a request is taken to be where nobody says, if the context has room for it.
_PROMPT, _OUTPUT = 1024, 256
_CONTEXT: Final = 8192
_USERS: Final = 1
_ALL: Final = 1000


def workload(
    *,
    context: int | None = None,
    prompt: int | None = None,
    output: int | None = None,
    users: int | None = None,
    rate: float | None = None,
    prefix_share: float = 0.0,
) -> Workload:
    """The requests that are asked about; what is not said is filled in sensibly.

    Raises:
        InputError: nobody asks anything, or requests do not fit into the context.
    """
    if users is not None and users < 1:
        raise InputError(
            f"A plan for {users} users has nothing to serve.", fix="Ask for one user or more."
        )
    if rate is not None and users is not None:
        raise InputError(
            f"{users} users at once and {rate:g} requests per second are two kinds of load.",
            fix="Give one of them: at a rate, how many requests are in flight follows from it.",
        )
    if rate is not None and not (math.isfinite(rate) and rate > 0):
        raise InputError(
            f"{rate:g} requests per second are no load.", fix="Give a rate above zero."
        )
    for name, tokens in (("context", context), ("prompt", prompt), ("output", output)):
        if tokens is not None and tokens < 1:
            raise InputError(f"A {name} of {tokens} tokens is empty.", fix="Give one or more.")
    longest = context or max(_CONTEXT, (prompt or 0) + (output or 0))
    answer = output or max(1, min(_OUTPUT, longest - (prompt or 0), longest // 4))
    asked = prompt or max(1, min(_PROMPT, longest - answer))
    if asked + answer > longest:
        raise InputError(
            f"Prompts of {asked} and answers of {answer} tokens do not fit into a context of "
            f"{longest}.",
            fix=f"Ask for a context of at least {asked + answer}, or for shorter requests.",
        )
    return Workload(asked, answer, users or _USERS, rate, longest, prefix_share)


def parse_engine(text: str) -> Engine:
    """An engine with or without its version: ``vllm``, ``vllm@0.19.0``.

    Raises:
        InputError: there is none of that name.
    """
    name, _, version = text.partition("@")
    return Engine(engine_name(name), version.strip())


def parse_format(text: str) -> str:
    """The name of a number format: one of the search's, or the beginning of one.

    Raises:
        InputError: there is none of that name, or several.
    """
    wanted = text.strip().lower()
    known = format_names()
    found = [name for name in known if name.lower() == wanted]
    found = found or [name for name in known if wanted and name.lower().startswith(wanted)]
    if len(found) == 1:
        return found[0]
    problem = "may mean several number formats" if found else "is no number format of the search"
    raise InputError(f"{text!r} {problem}.", fix=f"Choose one of {', '.join(found or known)}.")


def plan(
    machine: Machine,
    asked: Requirements,
    catalogue: Catalogue,
    clock: Clock,
    *,
    names: Sequence[str] = (),
    intents: Intents | None = None,
    modality: str = "text",
    task: str = "",
    order: Order = "quality",
    per_model: int | None = None,
    store: Store | None = None,
    calibrations: Sequence[Calibration] = (),
) -> Plan:
    """Find what meets the requirements on a machine.

    Args:
        machine: on what.
        asked: what a way to serve has to do.
        catalogue: all models that we know.
        clock: says when models that are no catalogue names were read.
        names: models to choose among; none for the whole catalogue.
        intents: what is meant to be done with the model, for its licence.
        modality: what it has to take.
        task: what it is for; evaluations of that name in ``store`` decide on quality.
        order: what the ranking goes by first.
        per_model: ways to keep of each model; by default one, or all of models that are named.
        store: the workspace, where there is one.
        calibrations: what the user's own measurements say of devices; see :func:`calibrations`.

    Raises:
        InputError: a model is not known or cannot be read, an engine does not run there, or costs
            are to be compared without a price.
        EndpointError: the server that has a model fails.
    """
    _check_modality(modality, catalogue)
    models = chosen(catalogue, names, clock)
    models = allowed(models, asked.workload, intents, modality)
    known = _scores(store, task, models)
    found = search(
        models.facts,
        machine,
        asked,
        _quality(catalogue, known),
        task=task,
        order=order,
        per_model=per_model or (_ALL if names else 1),
        near_misses=len(names) or 5,
        calibrations=calibrations,
    )
    said = (*_about_task(task, known=bool(known)), *_about_licences(models))
    return replace(
        found,
        refused=(*models.refused, *found.refused),
        models=found.models + len(models.refused),
        notes=(*said, *found.notes),
    )


def _scores(store: Store | None, task: str, models: Chosen) -> dict[str, tuple[float, Provenance]]:
    """By the user's evaluations, of models that have some."""
    if not task or store is None:
        return {}
    return scores(store, task, [one.name for one in models.facts])


def _quality(catalogue: Catalogue, known: dict[str, tuple[float, Provenance]]) -> QualityOf:
    """By the user's evaluations, else by size order."""
    newest = max((one.released or "" for one in catalogue.models), default="") or None
    by_size = assumed(newest)
    return measured(known, by_size) if known else by_size


def calibrations(root: Path, catalogue: Catalogue, clock: Clock) -> tuple[Calibration, ...]:
    """What the user's own measurements in a workspace say of devices under engines.

    Raises:
        WorkspaceError: the workspace's file is damaged.
    """
    if not read_points(root):  # most have none: then nothing more is loaded
        return ()
    from weighbridge.verbs.calibrate import load  # noqa: PLC0415

    return load(root, catalogue, clock)


def _check_modality(modality: str, catalogue: Catalogue) -> None:
    known = {part for model in catalogue.models for part in model.modality.split("+")}
    if modality not in known - NO_GENERATORS:
        shown = ", ".join(sorted(known - NO_GENERATORS))
        raise InputError(f"No model takes {modality!r}.", fix=f"Choose one of {shown}.")


def _about_task(task: str, *, known: bool) -> tuple[str, ...]:
    if not task or known:
        return ()
    said = f"The workspace has no evaluation of a suite called {task}: quality is assumed"
    return (f"{said}; `weigh eval` measures it.",)


def _about_licences(models: Chosen) -> tuple[str, ...]:
    if not models.conditional:
        return ()
    count = len(models.conditional)
    shown = ", ".join(models.conditional[:3]) + (" and others" if count > 3 else "")
    whose = "The licence of one model allows" if count == 1 else f"Licences of {count} models allow"
    said = f"{whose} it under conditions only ({shown}); `weigh models show` names them."
    return (f"{said} {NOT_LEGAL_ADVICE}",)


def keep(store: Store, found: Plan) -> PlanRun:
    """Keep a plan as a run of kind ``plan``.

    Raises:
        WorkspaceError: the run cannot be saved.
    """
    names = ", ".join(dict.fromkeys(one.candidate.model for one in found.ranked[:3]))
    load = found.requirements.workload
    info = store.new_info(
        "plan",
        model=names or "none",
        subject=f"{found.machine.label}, {load.users} × {load.longest} tokens",
        key=content_hash("plan", found.machine, found.requirements, found.task),
    )
    run = PlanRun(info, found)
    store.save(info, run)
    return run


def shortened(found: Plan, rows: int | None) -> Plan:
    """The first rows of the ranking, or all; marks of the front stay those of the whole."""
    if rows is None:
        return found
    front = tuple(place for place in found.front if place < rows)
    return replace(found, ranked=found.ranked[:rows], front=front)


def verdict_sentence(found: Plan) -> str:
    """Why nothing meets, and what would have to change."""
    where = f"Nothing meets all of that on {found.machine.label}"
    if found.near_misses:
        near = found.near_misses[0]
        label = label_of(near.estimate.candidate)
        return (
            f"{where}. {label} fails ({'; '.join(near.estimate.reasons)}); "
            f"it would meet with {' or '.join(near.changes)}."
        )
    if len(found.refused) == 1:
        return f"{where}: {found.refused[0].model}: {found.refused[0].reason}"
    if found.refused:
        told = _most_telling(found.refused)
        return (
            f"{where}, and no single change that was tried would help. {_counted(found.refused)} "
            f"For example {told.model}: {told.reason}"
        )
    return f"{where}: there is no model to choose."


_OUTCOMES: Final[dict[Verdict, str]] = {
    "does not fit": "do not fit",
    "misses": "miss a requirement",
    "not allowed": "have a licence that does not allow it",
    "not known": "are not known well enough",
}

_ONE_OUTCOME: Final[dict[Verdict, str]] = {
    "does not fit": "does not fit",
    "misses": "misses a requirement",
    "not allowed": "has a licence that does not allow it",
    "not known": "is not known well enough",
}


def _counted(refused: Sequence[Refusal]) -> str:
    """How many fail for which kind of reason, as a sentence."""
    counts = Counter(one.verdict for one in refused)
    parts = [
        f"{counts[verdict]} {_ONE_OUTCOME[verdict] if counts[verdict] == 1 else words}"
        for verdict, words in _OUTCOMES.items()
        if counts[verdict]
    ]
    listed = " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))
    return f"Of {len(refused)} models {listed}."


def _most_telling(refused: Sequence[Refusal]) -> Refusal:
    """One of the most frequent kind, unless that is only our lack of knowledge."""
    counts = Counter(one.verdict for one in refused if one.verdict != "not known")
    usual = counts.most_common(1)[0][0] if counts else "not known"
    return next(one for one in refused if one.verdict == usual)


def starting(found: Plan, one: Estimate) -> tuple[Launch, ...]:
    """How to start an estimate's candidate."""
    return launches(one.candidate, found.machine)


def start(found: Plan, one: Estimate, *, ollama: bool = False) -> Launch:
    """How to start an estimate's candidate by its own engine, or a GGUF file by Ollama."""
    ways = starting(found, one)
    wanted = [way for way in ways if ollama and way.engine == "Ollama"]
    return (*wanted, *ways)[0]


def to_json(found: Plan) -> dict[str, Any]:
    """The document of ``weigh plan --json``; keys are documented in docs/json.md."""
    from weighbridge.verbs.doctor import machine_to_json  # noqa: PLC0415 -- looks at drivers

    asked = found.requirements
    load = asked.workload
    front = set(found.front)
    return {
        "machine": machine_to_json(found.machine),
        "workload": {
            "prompt_tokens": load.prompt_tokens,
            "output_tokens": load.output_tokens,
            "users": load.users,
            "requests_per_s": load.requests_per_s,
            "context": load.longest,
            "prefix_share": load.prefix_share,
        },
        "slo": [
            {"metric": one.metric, "percentile": one.percentile, "limit_ms": one.limit_ms}
            for one in asked.slo.bounds
        ],
        "task": found.task or None,
        "order": found.order,
        "ranked": [
            {
                "rank": place + 1,
                **estimate_to_json(one),
                "on_front": place in front,
                "start": [_launch(each) for each in starting(found, one)],
            }
            for place, one in enumerate(found.ranked)
        ],
        "eur_per_hour": asked.eur_per_hour,
        "near_misses": [_near_miss(one) for one in found.near_misses],
        "refused": [_refusal(one) for one in found.refused],
        "considered": {"models": found.models, "ways": found.considered},
        "sentence": None if found.ranked else verdict_sentence(found),
        "notes": list(found.notes),
        "provenance": _provenance(found.provenance),
    }


def estimate_to_json(one: Estimate) -> dict[str, Any]:
    """One way to serve, and what is expected of it; null stands for unknown."""
    of = one.candidate
    settings, spread = of.settings, of.settings.parallelism
    return {
        "model": of.model,
        "format": of.quantization,
        "published": of.published,
        "engine": settings.engine.name,
        "engine_version": settings.engine.version or None,
        "devices": of.devices,
        "replicas": of.replicas,
        "tensor_parallel": spread.tensor,
        "pipeline_parallel": spread.pipeline,
        "expert_parallel": spread.expert,
        "attention_data_parallel": spread.attention_data,
        "kv_format": cache_text(settings),
        "kv_bytes_per_value": settings.kv_bytes_per_value,
        "utilisation": settings.utilisation,
        "verdict": one.verdict,
        "reasons": list(one.reasons),
        "memory": _memory(one),
        "ttft_ms": _interval(one.ttft_ms),
        "tpot_ms": _interval(one.tpot_ms),
        "tokens_per_s": _interval(one.tokens_per_s),
        "requests_per_s": one.requests_per_s,
        "most_requests_per_s": one.most_requests_per_s,
        "most_users": one.most_users,
        "eur_per_million_tokens": _interval(cost(one)),
        "quality": None
        if one.quality is None
        else {"value": one.quality.value, **_provenance(one.quality.provenance)},
        "provenance": _provenance(one.provenance),
    }


_COLUMNS: Final = (
    "rank", "model", "format", "kv_format", "engine", "devices", "replicas", "tensor_parallel",
    "pipeline_parallel", "expert_parallel", "attention_data_parallel", "utilisation", "verdict",
    "memory_gib", "memory_gib_low", "memory_gib_high", "ttft_ms", "ttft_ms_low", "ttft_ms_high",
    "tpot_ms", "tpot_ms_low", "tpot_ms_high", "tokens_per_s", "tokens_per_s_low",
    "tokens_per_s_high", "requests_per_s", "most_requests_per_s", "most_users",
    "eur_per_million_tokens", "eur_per_million_tokens_low", "eur_per_million_tokens_high",
    "quality", "quality_kind", "on_front", "reasons", "changes",
)  # fmt: skip


def to_csv(found: Plan) -> str:
    """The ranking, then near misses, as a table with a header line."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    front = set(found.front)
    for place, one in enumerate(found.ranked):
        writer.writerow(guarded_row({"rank": place + 1, **_flat(one), "on_front": place in front}))
    for near in found.near_misses:
        writer.writerow(guarded_row({**_flat(near.estimate), "changes": "; ".join(near.changes)}))
    return text.getvalue()


def _flat(one: Estimate) -> dict[str, Any]:
    row = estimate_to_json(one)
    needed = memory_needed(one)
    spans = {
        "ttft_ms": one.ttft_ms,
        "tpot_ms": one.tpot_ms,
        "tokens_per_s": one.tokens_per_s,
        "eur_per_million_tokens": cost(one),
        "memory_gib": None if needed is None else _scaled(needed, 1 / GIB),
    }
    for name, span in spans.items():
        for suffix, value in _ends(span):
            row[name + suffix] = value
    row["quality"] = None if one.quality is None else one.quality.value
    row["quality_kind"] = None if one.quality is None else one.quality.provenance.kind
    row["reasons"] = "; ".join(one.reasons)
    return row


def _ends(span: Interval | None) -> tuple[tuple[str, float | None], ...]:
    """Suffixes of columns, and what stands in them."""
    if span is None:
        return ("", None), ("_low", None), ("_high", None)
    return ("", span.value), ("_low", span.low), ("_high", span.high)


def _scaled(span: Interval, by: float) -> Interval:
    return Interval(span.value * by, span.low * by, span.high * by, span.level)


def _memory(one: Estimate) -> dict[str, Any] | None:
    use: MemoryUse | None = one.memory
    if use is None:
        return None
    parts = ("weights", "activation", "overhead", "graphs", "cache")
    return {
        "limit_bytes": use.limit_bytes,
        "needed_bytes": _interval(memory_needed(one)),
        **{f"{name}_bytes": _interval(getattr(use, name)) for name in parts},
        "sequence_bytes": use.sequence_bytes,
        "kv_tokens": _interval(use.tokens),
        "host_bytes": use.host_bytes,
    }


def _near_miss(one: NearMiss) -> dict[str, Any]:
    return {**estimate_to_json(one.estimate), "changes": list(one.changes)}


def _refusal(one: Refusal) -> dict[str, Any]:
    return {"model": one.model, "verdict": one.verdict, "reason": one.reason}


def _launch(one: Launch) -> dict[str, Any]:
    return {
        "engine": one.engine,
        "commands": list(one.commands),
        "files": dict(one.files),
        "notes": list(one.notes),
        "script": script(one),
    }


def _interval(span: Interval | None) -> dict[str, float] | None:
    if span is None:
        return None
    return {"value": span.value, "low": span.low, "high": span.high, "level": span.level}


def _provenance(of: Provenance) -> dict[str, str]:
    return {"kind": of.kind, "source": of.source, "date": of.date}

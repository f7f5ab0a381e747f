"""What a workspace and the catalogues know of the models to decide on, beyond their evaluations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import msgspec

from weighbridge.core.constraints import Constraints, Intents, Removed
from weighbridge.core.cost import CostedOption, CostRun
from weighbridge.core.cost_comparison import Flip as CostFlip
from weighbridge.core.effects import Store
from weighbridge.core.errors import InputError
from weighbridge.core.inspection import Inspection
from weighbridge.core.machine import Machine
from weighbridge.core.provenance import Interval, Provenance
from weighbridge.core.runs import EvalRun, content_hash
from weighbridge.core.study import ModelSheet
from weighbridge.core.tradeoffs import Flip, Served, Spending
from weighbridge.decide.advice import COMMAND, Advice
from weighbridge.decide.constraints import (
    HERE,
    by_licence,
    by_place,
    intents_of,
    leaves,
    place_of,
)
from weighbridge.decide.evidence import Evidence
from weighbridge.decide.expected import Asked, Expected, expected
from weighbridge.facts.licenses.questions import Answer, answer
from weighbridge.facts.licenses.read import recognise
from weighbridge.verbs import decide_loads
from weighbridge.verbs.inspect import permitted


@dataclass(frozen=True, slots=True)
class Told:
    """What the user says of the models and the machine.

    Attributes:
        machine: to predict on what was not measured; None predicts nothing.
        licenses: model → id of its licence, where nothing that was inspected says it.
        usd_per_month: model → money for one replica.
        advice: how to say what would let an option in.
    """

    machine: Machine | None = None
    licenses: Mapping[str, str] = field(default_factory=dict)
    usd_per_month: Mapping[str, float] = field(default_factory=dict)
    advice: Advice = COMMAND


@dataclass(frozen=True, slots=True)
class Gathered:
    """The evidence, and the memory that is predicted where none was measured."""

    evidence: Evidence
    memory: Mapping[str, Expected]


def gather(store: Store, runs: Sequence[EvalRun], constraints: Constraints, told: Told) -> Gathered:
    """All that is known of the models of these runs."""
    models = tuple(dict.fromkeys(run.info.model for run in runs))
    tasks = tuple(dict.fromkeys(run.suite for run in runs))
    sheets = dict(_sheets(store, models))
    removed = [*by_place(_places(runs), constraints, told.advice)]
    refused, notes = _licences(models, sheets, constraints, told)
    ran = decide_loads.Loads(store, models, runs, told.machine)
    measured = dict(decide_loads.measured(ran, tasks, constraints))
    predicted = dict(_predicted(runs, sheets, constraints, told))
    forecast: dict[tuple[str, str | None], Served] = {
        (model, None): one.served for model, one in predicted.items()
    }
    spending, flips = _spending(store, models, told)
    return Gathered(
        Evidence(
            served={**forecast, **measured},
            spending=spending,
            limited=decide_loads.limited(ran, measured),
            removed=(*removed, *refused),
            flips=flips,
            notes=(*notes, *decide_loads.place_notes(ran, measured, tuple(predicted))),
            advice=told.advice,
        ),
        predicted,
    )


def is_elsewhere(model: str, runs: Sequence[EvalRun], constraints: Constraints) -> bool:
    """Whether somebody else's machine serves it, so that it takes no memory of ours.

    Of an imported run nobody knows where the model answered: it may well be to be served here.
    """
    url, place = _places(runs)[model]
    return leaves(model, place if url else HERE, constraints)


def _places(runs: Sequence[EvalRun]) -> dict[str, tuple[str, str | None]]:
    """Model → address and place; the newest run, which comes first, wins."""
    found: dict[str, tuple[str, str | None]] = {}
    for run in runs:
        found.setdefault(run.info.model, (run.url, place_of(run.url, run.entry)))
    return found


def _sheets(store: Store, models: Sequence[str]) -> Iterator[tuple[str, Inspection]]:
    seen: set[str] = set()
    for info in store.runs("inspect"):
        if info.model in models and info.model not in seen:
            seen.add(info.model)
            yield info.model, store.load(info.id, ModelSheet).inspection


def _licences(
    models: Sequence[str],
    sheets: Mapping[str, Inspection],
    constraints: Constraints,
    told: Told,
) -> tuple[tuple[Removed, ...], tuple[str, ...]]:
    intents = intents_of(constraints)
    if intents is None:
        return (), ()
    answers = {model: _licence(model, sheets.get(model), intents, told) for model in models}
    return by_licence(answers, constraints, told.advice)


def _licence(model: str, sheet: Inspection | None, intents: Intents, told: Told) -> Answer | None:
    """What the licence says: as told, as inspected, or as the catalogue has it."""
    if model in told.licenses:
        return answer(recognise(told.licenses[model], model=model), intents)
    if sheet is not None and sheet.license:
        return permitted(sheet, intents)
    from weighbridge.facts.catalog.catalogue import load  # noqa: PLC0415 -- a large file

    called = load().called(model)
    if len(called) != 1:
        return None
    return answer(called[0].terms, intents, multimodal=called[0].multimodal)


def _predicted(
    runs: Sequence[EvalRun],
    sheets: Mapping[str, Inspection],
    constraints: Constraints,
    told: Told,
) -> Iterator[tuple[str, Expected]]:
    """What is expected on the machine that the user names; what cannot be predicted is left out."""
    if told.machine is None:
        return
    for model, sheet in sheets.items():
        own = [run for run in runs if run.info.model == model]
        lengths = _lengths(own)
        if lengths is None:
            continue
        asked = Asked(sheet, told.machine, _engine(own), *lengths)
        try:
            found = expected(asked, constraints.load, constraints.slo)
        except InputError:
            continue
        if found is not None:
            yield model, found


def _lengths(runs: Sequence[EvalRun]) -> tuple[float, float] | None:
    """Median tokens of prompts and answers, as servers counted them."""
    items = [item for run in runs for item in run.items if item.error is None]
    prompts = [item.prompt_tokens for item in items if item.prompt_tokens]
    outputs = [item.output_tokens for item in items if item.output_tokens]
    return (median(prompts), median(outputs)) if prompts and outputs else None


def _engine(runs: Sequence[EvalRun]) -> str:
    """As it was started; vLLM where nobody knows."""
    engine = next((run.entry.engine for run in runs if run.entry and run.entry.engine), "vllm")
    return "llama.cpp" if engine.startswith(("llamacpp", "ollama")) else engine


def _spending(
    store: Store, models: Sequence[str], told: Told
) -> tuple[dict[str, Spending], dict[str, tuple[Flip, ...]]]:
    """What the newest cost run that has a model says of it; the user's word on a month wins."""
    found: dict[str, Spending] = {}
    flips: dict[str, tuple[Flip, ...]] = {}
    for info in store.runs("cost"):
        run = store.load(info.id, CostRun)
        for model in models:
            option = None if model in found else _option(run, model)
            if option is not None:
                found[model] = _of_option(option, run)
                flips[model] = tuple(_cost_flips(run, option.name))
    for model, usd in told.usd_per_month.items():
        month = Interval(usd, usd, usd)
        source = Provenance("assumed", "given by the user", "")
        per_1000 = None if model not in found else found[model].usd_per_1000
        found[model] = Spending(per_1000, None, month, is_hosted=False, provenance=source)
    return found, flips


def _option(run: CostRun, model: str) -> CostedOption | None:
    """The cheapest option of a report that is this model."""
    asked = run.report.question
    names = {one.name for one in asked.selfhosted if model in (one.model, one.name)}
    names |= {one.name for one in asked.hosted if one.name == model}
    options = [one for one in run.report.options if one.name in names]
    return min(options, key=lambda one: one.usd_per_month.value, default=None)


def _of_option(option: CostedOption, run: CostRun) -> Spending:
    copies = 1 if option.serving is None else max(1, option.serving.replicas)
    once = _once(option, run)
    return Spending(
        usd_per_1000=option.usd_per_1000_requests,
        usd_per_1000_accepted=option.usd_per_1000_accepted,
        usd_per_month=_of_one(option.usd_per_month, once, copies),
        is_hosted=option.kind == "api",
        provenance=Provenance("predicted", run.info.id, run.info.created),
        machine=_machine(option, run),
        usd_once=sum(one.value for one in once),
    )


def _once(option: CostedOption, run: CostRun) -> list[Interval]:
    """The lines of a bill that are paid once, however many replicas it has."""
    asked = next((one for one in run.report.question.selfhosted if one.name == option.name), None)
    if asked is None:
        return []
    names = {"people", "on-call", *(line.name for line in asked.fixed)}
    return [line.usd_per_month for line in option.lines if line.name in names]


def _of_one(month: Interval, once: Sequence[Interval], copies: int) -> Interval:
    """What one replica costs: its share of the hardware, and all that is paid once."""

    def part(whole: float, fixed: float) -> float:
        return (whole - fixed) / copies + fixed if copies > 1 else whole

    return Interval(
        part(month.value, sum(one.value for one in once)),
        part(month.low, sum(one.low for one in once)),
        part(month.high, sum(one.high for one in once)),
        month.level,
    )


def _machine(option: CostedOption, run: CostRun) -> str:
    """Which machine, at which price and kept by whom; empty where a bill is not for just one.

    Bills of two models for the same machine have the same text, whenever they were made.
    """
    asked = next((one for one in run.report.question.selfhosted if one.name == option.name), None)
    if asked is None or option.serving is None or option.serving.replicas != 1:
        return ""
    parts = (asked.rented, asked.owned, asked.all_in, asked.people, asked.fixed)
    figures = _without_sources(msgspec.to_builtins(parts))
    return f"{asked.gpus_per_replica} × {asked.device} {content_hash(figures)}"


def _without_sources(found: Any) -> Any:  # noqa: ANN401 -- whatever msgspec builds
    """Figures without where they come from, which has a date in it."""
    if isinstance(found, dict):
        return {key: _without_sources(one) for key, one in found.items() if key != "provenance"}
    return [*map(_without_sources, found)] if isinstance(found, list | tuple) else found


def _cost_flips(run: CostRun, option: str) -> Iterator[Flip]:
    """Of each comparison what is nearest to turning it; or that nothing alone would."""
    for comparison in run.report.comparisons:
        if option not in (comparison.option, comparison.against):
            continue
        pair = f"{comparison.option} against {comparison.against}"
        within = [flip for flip in comparison.flips if flip.value is not None]
        if within:
            flip = min(within, key=_distance)
            sentence = f"{pair}: {flip.sentence}"
            yield Flip(f"{flip.label} ({pair})", flip.base, flip.value, "", sentence)
        elif comparison.flips:
            words = f"No single assumption within range turns {pair}."
            yield Flip(f"cost ({pair})", None, None, "", words)


def _distance(flip: CostFlip) -> float:
    """How far a driver is from its turning point, as a share of where it stands."""
    return abs((flip.value or 0.0) - flip.base) / (abs(flip.base) or 1.0)

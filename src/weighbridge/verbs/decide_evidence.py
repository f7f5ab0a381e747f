"""What a workspace and the catalogues know of the models to decide on, beyond their evaluations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from weighbridge.core.constraints import Constraints, Intents, Removed
from weighbridge.core.effects import Store
from weighbridge.core.errors import InputError
from weighbridge.core.inspection import Inspection
from weighbridge.core.machine import Machine
from weighbridge.core.runs import EvalRun
from weighbridge.core.study import ModelSheet
from weighbridge.core.tradeoffs import Served
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
from weighbridge.verbs import decide_bills, decide_loads
from weighbridge.verbs.inspect import permitted


@dataclass(frozen=True, slots=True)
class Told:
    """What the user says of the models and the machine.

    Attributes:
        machine: to predict on what was not measured; None predicts nothing.
        licenses: model → id of its licence, where nothing that was inspected says it.
        usd_per_month: model → money for one replica.
        advice: how to say what would let an option in.
        own_bills: whether the cost runs were made for this very decision, as in a study: then they
            hold for whatever machine they name, and for the traffic that is decided for.
    """

    machine: Machine | None = None
    licenses: Mapping[str, str] = field(default_factory=dict)
    usd_per_month: Mapping[str, float] = field(default_factory=dict)
    advice: Advice = COMMAND
    own_bills: bool = False


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
    bills = decide_bills.bills(
        store,
        models,
        decide_bills.Wanted(told.machine, constraints.load, told.usd_per_month, told.own_bills),
    )
    return Gathered(
        Evidence(
            served={**forecast, **measured},
            spending=bills.spending,
            limited=decide_loads.limited(ran, measured),
            removed=(*removed, *refused),
            flips=bills.flips,
            notes=(
                *notes,
                *decide_loads.place_notes(ran, measured, tuple(predicted)),
                *bills.notes,
            ),
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

"""``weigh route``: learn which model to use for which prompt from the workspace's evaluations."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Literal

from weighbridge.core.effects import Clock, Store
from weighbridge.core.errors import InputError
from weighbridge.core.learned_route import LearnedFile, encode
from weighbridge.core.routing import AUTO, Price, RouterConfig
from weighbridge.core.runs import EvalRun
from weighbridge.facts.documents import read_yaml
from weighbridge.serve.routing.classifier import Classifier, load_route
from weighbridge.verbs.effects import writing

if TYPE_CHECKING:
    from weighbridge.decide.route_escalation import Pairs
    from weighbridge.decide.route_evidence import EscalationReport, Gain, TaskReport
    from weighbridge.decide.route_training import Graded

Prefer = Literal["quality", "cheapest", "fastest"]

_CHARACTERS_PER_TOKEN = 4  # a rough mean, to compare prices only


@dataclass(frozen=True, slots=True)
class Options:
    """What is trained.

    Attributes:
        prefer: which of models that are tied on a task comes first.
        prices: per million tokens, by model.
        strong: the better of two models, for an escalation …
        weak: … and the cheaper one.
        strong_share: of prompts that go to the strong one.
    """

    prefer: Prefer = "quality"
    prices: Mapping[str, Price] = field(default_factory=dict)
    strong: str | None = None
    weak: str | None = None
    strong_share: float = 0.2


@dataclass(frozen=True, slots=True)
class Evaluations:
    """Runs that belong together: every model answered every suite.

    Attributes:
        models: those that did.
        suites: suite → model → run.
        left_out: sentences about what was not used.
    """

    models: tuple[str, ...]
    suites: Mapping[str, Mapping[str, EvalRun]]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trained:
    """A learned route that was written.

    Attributes:
        path: where.
        report: the evidence.
        evidence: ids of the runs it rests on.
        notes: what was left out.
    """

    path: Path
    report: TaskReport | EscalationReport
    evidence: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def snippet(self) -> str:
        """What to write into ``router.config.yaml``."""
        return (
            f"signals:\n  learned: {self.path.name}\n"
            f"routes:\n  - use: [learned, {self._fallback}]\n"
        )

    @property
    def _fallback(self) -> str:
        report = self.report
        return report.strong if hasattr(report, "strong") else report.models[0][0]


def train(
    store: Store, clock: Clock, path: Path, options: Options, names: Sequence[str] = ()
) -> Trained:
    """Train on the named evaluations, or on the newest of each model and suite, and write the file.

    Raises:
        InputError: the evaluations do not suffice.
    """
    found = evaluations(store, names, only=_two(options))
    learned, report = _trained(found, options, clock.now_iso())
    with writing(path) as draft:
        draft.write_bytes(encode(learned))
    load_route(path)  # what the gateway will do
    runs = tuple(run.info.id for suite in found.suites.values() for run in suite.values())
    return Trained(path, report, runs, found.left_out)


def evaluations(store: Store, names: Sequence[str] = (), only: tuple[str, ...] = ()) -> Evaluations:
    """The runs to train on.

    Raises:
        InputError: none suit.
    """
    runs = [run for run in _runs(store, names) if not only or run.info.model in only]
    for model in only:
        if all(run.info.model != model for run in runs):
            raise InputError(f"There is no evaluation of {model}.", fix="`weigh runs` lists them.")
    suites = _newest(runs)
    if not suites:
        raise InputError(
            "There are no evaluations to learn from.", fix="`weigh eval` makes them, per model."
        )
    models = sorted({model for suite in suites.values() for model in suite})
    complete = [model for model in models if all(model in suite for suite in suites.values())]
    left_out = [
        f"{model} is left out: it has not answered {_missing(model, suites)}."
        for model in models
        if model not in complete
    ]
    kept = {name: {model: suite[model] for model in complete} for name, suite in suites.items()}
    return Evaluations(tuple(complete), kept, tuple(left_out))


def prices(config: Path | None, told: Mapping[str, float]) -> dict[str, Price]:
    """Prices by model, of a configuration and as told, which counts more.

    Raises:
        InputError: the file cannot be read.
        ConfigError: it is wrong.
    """
    found: dict[str, Price] = {}
    if config is not None:
        models = read_yaml(config, RouterConfig).models
        found = {name: entry.price for name, entry in models.items() if entry.price is not None}
    return found | {name: Price(prompt=usd, output=usd) for name, usd in told.items()}


def try_out(path: Path, messages: Iterable[str]) -> list[dict[str, Any]]:
    """What the route in a file says of messages.

    Raises:
        InputError: the file cannot be read.
        FormatError: it is no learned route.
    """
    route = load_route(path)
    return [_tried(route, message) for message in messages]


def _tried(route: Classifier, message: str) -> dict[str, Any]:
    began = perf_counter_ns()
    said = route.choose(message)
    took = perf_counter_ns() - began
    seen = route.recognise(message)
    return {
        "message": message[:200],
        "use": [*said.tied, *said.then],
        "why": said.why,
        "nearest_task": seen.task,
        "confidence": seen.confidence,
        "typical": seen.is_typical,
        "shortfall": seen.shortfall,
        "expected_gain": route.gain(message),
        "microseconds": took / 1e3,
    }


def show(path: Path) -> dict[str, Any]:
    """What the route in a file says of itself; keys are documented in docs/json.md.

    Raises:
        InputError: the file cannot be read.
        FormatError: it is no learned route.
    """
    header = load_route(path).header
    escalation = header.escalation
    return {
        "file": str(path),
        "trained": header.trained,
        "on": header.on,
        "verdict": header.verdict,
        "models": list(header.single),
        "tasks": [
            {"task": task.name, "use": list(task.models), "on": task.on} for task in header.tasks
        ],
        "escalation": None
        if escalation is None
        else {
            "weak": escalation.weak,
            "strong": escalation.strong,
            "threshold": escalation.threshold,
            "share": escalation.share,
        },
        "buckets": header.buckets,
    }


def to_json(trained: Trained) -> dict[str, Any]:
    """The figures of ``weigh route train --json``; keys are documented in docs/json.md."""
    from weighbridge.decide.route_evidence import EscalationReport  # noqa: PLC0415 -- loads numpy

    report = trained.report
    common = {
        "file": str(trained.path),
        "on": report.on,
        "sentence": report.sentence,
        "gain": _gain(report.gain),
        "evidence": list(trained.evidence),
        "notes": list(trained.notes),
        "config": trained.snippet,
    }
    if isinstance(report, EscalationReport):
        return common | _escalation_json(report)
    return common | {
        "models": dict(report.models),
        "single": report.single,
        "routed": report.routed,
        "coverage": report.coverage,
        "tasks": [
            {
                "task": task.task,
                "n": task.n,
                "best": task.best,
                "score": task.score.value,
                "low": task.score.low,
                "high": task.score.high,
                "single": task.single.value,
                "tied": list(task.tied),
                "gain": _gain(task.gain),
                "recognised": task.recognised,
                "accepted": task.accepted,
                "unseen_gain": task.unseen_gain,
                "on": task.on,
            }
            for task in report.tasks
        ],
    }


def _escalation_json(report: EscalationReport) -> dict[str, Any]:
    return {
        "weak": report.weak,
        "strong": report.strong,
        "weak_score": report.weak_score,
        "strong_score": report.strong_score,
        "share": report.share,
        "routed": report.routed,
        "recovered": report.recovered,
        "curve": [{"share": share, "recovered": part} for share, part in report.curve],
    }


def _gain(gain: Gain) -> dict[str, Any]:
    return {"value": gain.value, "at_least": gain.bound, "n": gain.n}


def _two(options: Options) -> tuple[str, ...]:
    """The two models of an escalation; none for a route by tasks."""
    if options.strong is None and options.weak is None:
        return ()
    if options.strong is None or options.weak is None or options.strong == options.weak:
        raise InputError(
            "An escalation takes two models.", fix="Give --strong MODEL and --weak MODEL."
        )
    return options.weak, options.strong


def _trained(
    found: Evaluations, options: Options, date: str
) -> tuple[LearnedFile, TaskReport | EscalationReport]:
    # numpy and scipy take a second to import, which `weigh route show` need not pay.
    from weighbridge.decide.route_escalation import train_escalation  # noqa: PLC0415
    from weighbridge.decide.route_training import train as train_tasks  # noqa: PLC0415

    if options.strong is not None and options.weak is not None:
        pairs = _pairs(found, options.weak, options.strong)
        return train_escalation(pairs, options.strong_share, trained=date)
    return train_tasks(_graded(found), order=_order(found, options), trained=date)


def _runs(store: Store, names: Sequence[str]) -> list[EvalRun]:
    if names:
        return [store.load(store.find(name, "eval").id, EvalRun) for name in names]
    every = (store.load(info.id, EvalRun) for info in store.runs("eval"))
    return [run for run in every if run.is_task and run.info.model != AUTO]


def _newest(runs: Sequence[EvalRun]) -> dict[str, dict[str, EvalRun]]:
    """Of each suite the version that most models answered; of each model its newest run of it."""
    versions: dict[str, dict[str, dict[str, EvalRun]]] = {}
    for run in runs:  # the newest come first
        of_suite = versions.setdefault(run.suite, {}).setdefault(run.suite_hash, {})
        of_suite.setdefault(run.info.model, run)
    return {
        suite: max(
            of_suite.values(), key=lambda group: (len(group), len(next(iter(group.values())).items))
        )
        for suite, of_suite in versions.items()
    }


def _missing(model: str, suites: Mapping[str, Mapping[str, EvalRun]]) -> str:
    return ", ".join(name for name, suite in suites.items() if model not in suite)


def _rows(found: Evaluations) -> list[tuple[str, str, list[float]]]:
    """Task, prompt and each model's score of every item that all of them answered."""
    rows = []
    for suite, runs in found.suites.items():
        tables = [{item.id: item for item in runs[model].items} for model in found.models]
        for key, first in tables[0].items() if tables else ():
            if all(key in table for table in tables):
                rows.append((suite, first.prompt, [table[key].score for table in tables]))
    return rows


def _graded(found: Evaluations) -> Graded:
    import numpy as np  # noqa: PLC0415

    from weighbridge.decide.route_training import Graded  # noqa: PLC0415

    rows = _rows(found)
    return Graded(
        models=found.models,
        tasks=tuple(task for task, _, _ in rows),
        prompts=tuple(prompt for _, prompt, _ in rows),
        scores=np.array([scores for _, _, scores in rows], dtype=np.float64),
    )


def _pairs(found: Evaluations, weak: str, strong: str) -> Pairs:
    from weighbridge.decide.route_escalation import Pairs  # noqa: PLC0415

    graded = _graded(found)
    if set(graded.models) != {weak, strong}:
        raise InputError(
            f"{weak} and {strong} have not answered the same suites.",
            fix="`weigh eval` both on the same suite.",
        )
    return Pairs(
        weak=weak,
        strong=strong,
        prompts=graded.prompts,
        tasks=graded.tasks,
        weak_scores=graded.scores[:, graded.models.index(weak)],
        strong_scores=graded.scores[:, graded.models.index(strong)],
    )


def _order(found: Evaluations, options: Options) -> dict[str, float]:
    """What each model costs in money or time, for choosing among tied ones."""
    if options.prefer == "quality":
        return {}
    measure = _latency if options.prefer == "fastest" else _cost
    return {
        model: measure([suite[model] for suite in found.suites.values()], options.prices.get(model))
        for model in found.models
    }


def _latency(runs: Sequence[EvalRun], _: Price | None) -> float:
    """Median time of an answer; failed ones do not count as fast."""
    times = [item.latency_ms for run in runs for item in run.items if item.error is None]
    return statistics.median(times) if times else float("inf")


def _cost(runs: Sequence[EvalRun], price: Price | None) -> float:
    """Dollars for the evaluations' own prompts and answers; without a price the model is last."""
    if price is None:
        return float("inf")
    items = [item for run in runs for item in run.items]
    prompt = sum(len(item.prompt) for item in items) / _CHARACTERS_PER_TOKEN
    output = sum(item.output_tokens for item in items)
    return price.prompt * prompt + price.output * output

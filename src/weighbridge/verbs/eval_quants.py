"""``weigh eval compare-quants``: what lower precision costs, on the same items."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from weighbridge.core.effects import Clock, EngineSpec, Launcher, Progress, Store
from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import EndpointError, InputError
from weighbridge.core.http import HttpClient
from weighbridge.core.model_comparison import ModelComparison
from weighbridge.core.routing import ModelEntry
from weighbridge.core.runs import EvalRun
from weighbridge.decide.model_comparison import compare_models
from weighbridge.engines.llamacpp_embedded import NAME as EMBEDDED
from weighbridge.facts.gguf import GgufHeader, read_gguf
from weighbridge.facts.gguf_split import part_name
from weighbridge.measure.evals.divergence import (
    Divergence,
    Forced,
    Prober,
    UnknownDivergenceError,
    compared,
)
from weighbridge.measure.evals.records import Suite
from weighbridge.measure.evals.requests import messages_of
from weighbridge.measure.tokens.figures import Rate, ratio
from weighbridge.verbs.compare import document
from weighbridge.verbs.eval import EvalSettings, evaluate
from weighbridge.verbs.model_sources import Source, served_at
from weighbridge.verbs.run_outcomes import outcomes_of_runs
from weighbridge.verbs.tokens import rate_json

_DEADLINE_S: Final = 300.0
_SHAPE: Final = ("block_count", "embedding_length", "feed_forward_length", "attention.head_count")


@dataclass(frozen=True, slots=True)
class Effects:
    """What it acts through."""

    store: Store
    client: HttpClient
    clock: Clock
    launcher: Launcher
    progress: Progress


@dataclass(frozen=True, slots=True)
class QuantSettings:
    """How precisions are compared.

    Attributes:
        evaluation: how each is evaluated.
        context: tokens per slot of the engines that are started.
        divergence_items: items whose token probabilities are compared; 0 for none.
        top: probabilities asked for at each place.
        key: bearer token of servers.
    """

    evaluation: EvalSettings
    context: int = 4096
    divergence_items: int = 100
    top: int = 100
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Quant:
    """One precision, measured.

    Attributes:
        name: as the user calls it.
        run: its evaluation, kept in the workspace.
        file_bytes: of the model's file or files; None for a server.
        kl_nats: lower bound of the mean divergence per token; None where it is not known.
        same_top: share of the tokens at which it finds the same one likeliest as the first does.
        places: tokens that were compared.
    """

    name: str
    run: EvalRun
    file_bytes: int | None
    kl_nats: Rate | None
    same_top: Rate | None
    places: int

    @property
    def tokens_per_s(self) -> Rate | None:
        """Output tokens per second of a request, prompt included; None where they are unknown."""
        told = [one for one in self.run.items if one.error is None and one.output_tokens]
        if not told or not any(one.latency_ms > 0 for one in told):
            return None
        counts = np.array([one.output_tokens for one in told], dtype=np.float64)
        return ratio(counts, np.array([one.latency_ms / 1000 for one in told]))


@dataclass(frozen=True, slots=True)
class QuantReport:
    """All precisions, the differences between them, and what has to be known with them."""

    quants: tuple[Quant, ...]
    comparison: ModelComparison
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Measured:
    run: EvalRun
    texts: tuple[Forced, ...]
    divergences: tuple[Divergence, ...]


async def compare_quants(
    effects: Effects, suite: Suite, sources: Sequence[Source], settings: QuantSettings
) -> QuantReport:
    """Evaluate each precision in turn on the same items; the first is the reference.

    Raises:
        InputError: fewer than two, two of one name, or files of different models.
        ExternalError: an engine does not start, or a server fails.
    """
    _check(sources)
    work = _Work(effects, suite, settings, [])
    measured: dict[str, _Measured] = {}
    for source in sources:
        texts = next(iter(measured.values())).texts if measured else None
        async with work.endpoint(source) as (endpoint, evaluation):
            run = await evaluate(
                effects.store, effects.client, effects.clock, endpoint, suite,
                settings=evaluation, progress=effects.progress,
            )  # fmt: skip
            measured[source.name] = await work.measured(source, endpoint, run, texts)
    named = [
        replace(one.run, info=replace(one.run.info, model=name)) for name, one in measured.items()
    ]
    quants = tuple(_quant(source, measured[source.name]) for source in sources)
    return QuantReport(
        quants, compare_models(outcomes_of_runs(named), reference=quants[0].name), tuple(work.notes)
    )


@dataclass(frozen=True, slots=True)
class _Work:
    effects: Effects
    suite: Suite
    settings: QuantSettings
    notes: list[str]

    @asynccontextmanager
    async def endpoint(self, source: Source) -> AsyncIterator[tuple[Endpoint, EvalSettings]]:
        """Where it answers: a server of the user's, or an engine for as long as it is needed."""
        evaluation = replace(self.settings.evaluation, is_task=False)
        if source.is_url:
            yield await served_at(self.effects.client, source, self.settings.key), evaluation
            return
        slots = evaluation.concurrency
        spec = EngineSpec(source.name, source.where, self.settings.context, slots)
        entry = ModelEntry(
            engine=EMBEDDED,
            source=_absolute(source),
            context=spec.context,
            slots=slots,
        )
        engine = await self.effects.launcher.launch(spec, _DEADLINE_S)
        try:
            yield engine.endpoint, replace(evaluation, identity=_digest(source), entry=entry)
        finally:
            await engine.stop()

    async def measured(
        self,
        source: Source,
        endpoint: Endpoint,
        run: EvalRun,
        texts: tuple[Forced, ...] | None,
    ) -> _Measured:
        """With the token probabilities, where the server tells them."""
        prober = Prober(self.effects.client, endpoint, self.settings.top)
        try:
            if texts is None:
                return _Measured(run, await self._reference(prober), ())
            return _Measured(run, (), await self._divergences(source, prober, texts))
        except (UnknownDivergenceError, EndpointError) as error:
            reason = str(error).rstrip(".")
            self.notes.append(f"{source.name}: the divergence is not known: {reason}.")
            return _Measured(run, (), ())

    async def _reference(self, prober: Prober) -> tuple[Forced, ...]:
        items = self.suite.items
        count = min(self.settings.divergence_items, len(items))
        # Spread over the suite, whose items may be in order of difficulty.
        chosen = [items[index * len(items) // count] for index in range(count)]
        self.effects.progress.stage("reference's tokens", count)
        texts = []
        for item in chosen:
            prompt = await prober.prompt(messages_of(self.suite.settings, item))
            texts.append(await prober.reference(prompt))
            self.effects.progress.advance()
        return tuple(texts)

    async def _divergences(
        self, source: Source, prober: Prober, texts: tuple[Forced, ...]
    ) -> tuple[Divergence, ...]:
        if not texts:
            return ()
        prompt = await prober.prompt(messages_of(self.suite.settings, self.suite.items[0]))
        if prompt != texts[0].prompt:
            raise UnknownDivergenceError(
                "its chat template or vocabulary is not the first one's, so that they do not read "
                "the same tokens"
            )
        self.effects.progress.stage(f"tokens by {source.name}", len(texts))
        found = []
        for text in texts:
            found.append(compared(text.reference, await prober.forced(text)))
            self.effects.progress.advance()
        return tuple(found)


def _check(sources: Sequence[Source]) -> None:
    names = [source.name for source in sources]
    if len(sources) < 2:
        raise InputError("It takes two precisions to compare.", fix="Name two models or more.")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(
            f"Two models are called {twice!r}.", fix="Name them: f16=PATH q4=PATH, for example."
        )
    files = [source for source in sources if not source.is_url]
    shapes = [_shape(read_gguf(Path(source.where))) for source in files]
    for source, shape in zip(files, shapes, strict=True):
        if shape != shapes[0]:
            raise InputError(
                f"{source.where} is another model than {files[0].where}, not another precision.",
                fix="For different models use `weigh eval` and `weigh compare`.",
            )


def _shape(header: GgufHeader) -> tuple[object, ...]:
    """What stays when a model is quantized."""
    name = header.metadata.get("general.architecture")
    return name, *(header.metadata.get(f"{name}.{key}") for key in _SHAPE)


def _absolute(source: Source) -> str:
    return str(Path(source.where).resolve())


def _digest(source: Source) -> str:
    with Path(source.where).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _bytes(source: Source) -> int | None:
    if source.is_url:
        return None
    parts = part_name(source.where)
    return sum(Path(name).stat().st_size for name in (parts.all if parts else (source.where,)))


def _quant(source: Source, measured: _Measured) -> Quant:
    found = measured.divergences
    kl = same = None
    if found:
        places = np.array([one.places for one in found], dtype=np.float64)
        kl = ratio(np.array([one.nats for one in found]), places)
        same = ratio(np.array([one.same_top for one in found], dtype=np.float64), places)
    places_seen = sum(one.places for one in found)
    return Quant(source.name, measured.run, _bytes(source), kl, same, places_seen)


def to_json(report: QuantReport) -> dict[str, Any]:
    """What ``--json`` prints; keys are documented in docs/json.md."""
    standings = {one.model: one for one in report.comparison.subjects[0].standings}
    told = document(report.comparison)
    return {
        "reference": report.quants[0].name,
        "suite": report.quants[0].run.suite,
        "n": report.comparison.subjects[0].n,
        "quants": [
            {
                "model": quant.name,
                "run": quant.run.info.id,
                "accuracy": standings[quant.name].accuracy.value,
                "low": standings[quant.name].accuracy.low,
                "high": standings[quant.name].accuracy.high,
                "errors": quant.run.errors,
                "file_bytes": quant.file_bytes,
                "memory_bytes": quant.run.memory_bytes,
                "output_tokens_per_s": rate_json(quant.tokens_per_s),
                "kl_nats_at_least": rate_json(quant.kl_nats),
                "same_top": rate_json(quant.same_top),
                "places": quant.places,
            }
            for quant in report.quants
        ],
        "pairs": told["pairs"],
        "notes": [*told["notes"], *report.notes],
    }

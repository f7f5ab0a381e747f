"""The gateway configuration that executes a verdict."""

from __future__ import annotations

from collections.abc import Mapping

from weighbridge.core.routing import Condition, ModelEntry, Route, RouterConfig, Signals
from weighbridge.core.verdict import Verdict


def router_config(
    verdict: Verdict, signals: Signals, entries: Mapping[str, ModelEntry]
) -> RouterConfig:
    """Routes per task to the chosen models, everything else to the best of them overall.

    The last route has no condition: a request whose task is not recognised goes to the best single
    model if it is loaded, else to the loaded model that is best over the whole mix.
    """
    chosen = verdict.chosen
    fallback = verdict.single.models[0]
    if fallback not in chosen.models:
        overall = _overall(verdict)
        fallback = max(chosen.models, key=lambda model: overall.get(model, 0.0))
    routes = [
        Route(use=_with_fallback(model, fallback), when=Condition(task=task))
        for task, model in chosen.by_task
    ]
    return RouterConfig(
        models={model: entries[model] for model in chosen.models},
        signals=signals,
        routes=(*routes, Route(use=(fallback,))),
    )


def _overall(verdict: Verdict) -> dict[str, float]:
    """Each model's expected accuracy if it did everything; tasks not measured add none."""
    mix = dict(verdict.mix)
    overall: dict[str, float] = {}
    for task in verdict.tasks:
        for evidence in task.standings:
            share = mix[task.task] * evidence.accuracy.value
            overall[evidence.model] = overall.get(evidence.model, 0.0) + share
    return overall


def _with_fallback(model: str, fallback: str) -> tuple[str, ...]:
    return (model,) if model == fallback else (model, fallback)

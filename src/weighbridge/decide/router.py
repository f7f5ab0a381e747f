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
    model if it is loaded, else to the loaded model that does the largest share of the traffic.
    """
    chosen = verdict.chosen
    fallback = verdict.single.models[0]
    if fallback not in chosen.models:
        mix = dict(verdict.mix)
        traffic = dict.fromkeys(chosen.models, 0.0)
        for task, model in chosen.by_task:
            traffic[model] += mix[task]
        fallback = max(traffic, key=lambda model: traffic[model])
    routes = [
        Route(use=_with_fallback(model, fallback), when=Condition(task=task))
        for task, model in chosen.by_task
    ]
    return RouterConfig(
        models={model: entries[model] for model in chosen.models},
        signals=signals,
        routes=(*routes, Route(use=(fallback,))),
    )


def _with_fallback(model: str, fallback: str) -> tuple[str, ...]:
    return (model,) if model == fallback else (model, fallback)

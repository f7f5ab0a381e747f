"""Which models may answer a request, in which order. Pure: a request's facts in, names out."""

from __future__ import annotations

from weighbridge.core.gateway import Choice
from weighbridge.core.routing import AUTO, RouterConfig, Signals, words


def classify(message: str, signals: Signals) -> str | None:
    """The task whose keywords the message has most of; None when none or two alike."""
    bag = words(message)
    hits = {task: len(bag.intersection(signal.keywords)) for task, signal in signals.task.items()}
    ranked = sorted(hits.items(), key=lambda pair: -pair[1])
    if not ranked or ranked[0][1] == 0:
        return None
    if len(ranked) > 1 and ranked[0][1] == ranked[1][1]:
        return None
    return ranked[0][0]


def choose(config: RouterConfig, model: str, message: str) -> Choice:
    """A model's own name goes straight to it; ``auto`` goes by the first route that applies."""
    if model in config.models:
        return Choice((model,), None, f"model {model} by name")
    if model != AUTO:
        return Choice((), None, f"no model {model}")
    task = classify(message, config.signals)
    for route in config.routes:
        if route.when.task is None or route.when.task == task:
            reason = f"task {task}" if route.when.task else "no task recognised"
            return Choice(route.use, task, reason)
    return Choice((), task, "no route applies")

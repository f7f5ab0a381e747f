"""The gateway configuration that executes a verdict."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import count
from typing import Final

from weighbridge.core.routing import Condition, ModelEntry, Route, RouterConfig, Signals
from weighbridge.core.verdict import TaskVerdict, Verdict

_USUAL_PORT: Final = 8080
# Of the right answers of the model that does a task, so many a stand-in must reach.
_LEAST_SHARE: Final = 0.5
_MOST_SHOWN: Final = 3
_LOOPBACK: Final = re.compile(r"//(?:127\.0\.0\.1|localhost|\[::1\]):(\d{1,5})\b")


def router_config(
    verdict: Verdict, signals: Signals, entries: Mapping[str, ModelEntry]
) -> RouterConfig:
    """Routes per task to the chosen models, everything else to the best of them overall.

    The last route has no condition: a request whose task is not recognised goes to the best single
    model if it is loaded, else to the loaded model that is best over the whole mix.
    """
    chosen = verdict.chosen
    fallback = _fallback(verdict)
    routes = [
        Route(use=(model, *_stand_in(verdict, task, model)), when=Condition(task=task))
        for task, model in chosen.by_task
    ]
    models = {model: entries[model] for model in chosen.models}
    return RouterConfig(
        listen=_listen(models),
        models=models,
        signals=signals,
        routes=(*routes, Route(use=(fallback,))),
    )


def _listen(models: Mapping[str, ModelEntry]) -> str:
    """Our usual address, or the next that none of the models answers at."""
    taken = {int(port) for entry in models.values() for port in _LOOPBACK.findall(str(entry.urls))}
    port = next(port for port in count(_USUAL_PORT) if port not in taken)
    return f"127.0.0.1:{port}"


def route_comments(verdict: Verdict, dates: Mapping[str, str]) -> tuple[str, ...]:
    """What each route of :func:`router_config` rests on, in its order.

    Args:
        verdict: what was decided.
        dates: run id → when it was measured.
    """
    by_task = {task.task: task for task in verdict.tasks}
    comments = [
        _rests_on(by_task[task], model, dates) if task in by_task else ""
        for task, model in verdict.chosen.by_task
    ]
    return (*comments, f"Whatever is not recognised: {_rests_overall(verdict)}")


def missing_replicas(
    verdict: Verdict, models: Mapping[str, ModelEntry]
) -> dict[str, tuple[int, int]]:
    """Model → replicas that the decision takes and those that its entry reaches, where too few.

    On machines that several models share, each machine has a replica of each.
    The gateway starts one engine of a model, or passes requests to all the addresses that it has.
    """
    counts = {name: count for name, count in verdict.chosen.copies.items() if name in models}
    hosted = {
        one.model
        for task in verdict.tasks
        for one in task.standings
        if one.spending is not None and one.spending.is_hosted
    }
    has = {name: max(1, len(models[name].urls)) for name in counts}
    return {
        name: (count, has[name])
        for name, count in counts.items()
        if count > has[name] and name not in hosted
    }


def model_comments(verdict: Verdict, models: Mapping[str, ModelEntry]) -> dict[str, str]:
    """Above each model that needs more replicas than its entry reaches: how to name the others."""
    found = {}
    for name, (needed, has) in missing_replicas(verdict, models).items():
        urls = models[name].urls or ("http://MACHINE-1:PORT/v1",)
        further = [f"http://MACHINE-{k}:PORT/v1" for k in range(len(urls) + 1, needed + 1)]
        shown = [*urls, *further[:_MOST_SHOWN], *(["..."] if len(further) > _MOST_SHOWN else [])]
        instead = "" if models[name].urls else ", instead of the engine that is started here"
        found[name] = (
            f"{name}: the decision takes {needed} replicas, {_where(verdict, name)}; this entry "
            f"reaches {has}.\n"
            f"Once the others serve, name them all{instead}:\n"
            f"url: [{', '.join(shown)}]"
        )
    return found


def _where(verdict: Verdict, name: str) -> str:
    """What each replica of a model is put on."""
    on = [place for model, place in verdict.chosen.devices if model == name]
    if on:
        return f"each on devices of its own ({'; '.join(', '.join(map(str, one)) for one in on)})"
    beside = [
        other
        for together, count in verdict.chosen.fleets
        if name in together and count > 1
        for other in together
        if other != name
    ]
    if beside:
        return f"each on a machine that it shares with {' and '.join(beside)}"
    return "each on a machine of its own"


def _rests_on(task: TaskVerdict, model: str, dates: Mapping[str, str]) -> str:
    own = next((one for one in task.standings if one.model == model), None)
    if own is None:
        return ""
    low, high = 100 * own.accuracy.low, 100 * own.accuracy.high
    date = dates.get(own.run, "")[:10]
    right = f"{task.task}: {model} is right in {100 * own.accuracy.value:.1f} %"
    interval = f"(95 % interval {low:.1f} to {high:.1f}, n = {own.n})"
    lines = [", ".join(filter(None, (f"{right} {interval}", f"measured: {own.run}", date)))]
    if task.lead is not None and model == task.winner.model:
        lines.append(task.lead.sentence)
    for what, figure in (("latency", own.served), ("cost", own.spending)):
        if figure is not None:
            source = figure.provenance
            lines.append(f"{what}: {source.kind}, {source.source}, {source.date[:10]}")
    return "\n".join(lines)


def _rests_overall(verdict: Verdict) -> str:
    fallback = _fallback(verdict)
    found = next((one for one in verdict.overall if one.model == fallback), None)
    if found is None:
        return f"{fallback}, the best of the models above over all tasks together."
    low, high = 100 * found.accuracy.low, 100 * found.accuracy.high
    return (
        f"{fallback}, right in {100 * found.accuracy.value:.1f} % of the whole traffic "
        f"(95 % interval {low:.1f} to {high:.1f})."
    )


def _fallback(verdict: Verdict) -> str:
    """The model for what is not recognised."""
    chosen, single = verdict.chosen, verdict.single
    if single is not None and single.models[0] in chosen.models:
        return single.models[0]
    overall = _overall(verdict)
    return max(chosen.models, key=lambda model: overall.get(model, 0.0))


def _overall(verdict: Verdict) -> dict[str, float]:
    """Each model's expected accuracy if it did everything; tasks not measured add none."""
    mix = dict(verdict.mix)
    overall: dict[str, float] = {}
    for task in verdict.tasks:
        for evidence in task.standings:
            share = mix[task.task] * evidence.accuracy.value
            overall[evidence.model] = overall.get(evidence.model, 0.0) + share
    return overall


def _stand_in(verdict: Verdict, task: str, model: str) -> tuple[str, ...]:
    """Who answers where the task's own model cannot: the next best that is loaded, or nobody.

    Standings have no model that a constraint rules out for the task. One that is known to be worse
    than the next best there is, or right less than half as often as the model that it would stand
    in for, is none: an error is seen, a wrong answer is believed.
    """
    standings = next((one.standings for one in verdict.tasks if one.task == task), ())
    own = next((one.accuracy.value for one in standings if one.model == model), 0.0)
    others = [one for one in standings if one.model != model]
    loaded = [one for one in others if one.model in verdict.chosen.models]
    if not loaded:
        return ()
    best = loaded[0]
    is_worse = best.accuracy.high < others[0].accuracy.low
    is_useless = best.accuracy.value == 0 or best.accuracy.high < _LEAST_SHARE * own
    return () if is_worse or is_useless else (best.model,)

"""What would change the decision: where memory, traffic, accuracy or load tip it over. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from weighbridge.core.tradeoffs import Flip, LoadUnit, load_words
from weighbridge.core.units import format_bytes
from weighbridge.core.verdict import Assignment, TaskVerdict
from weighbridge.decide.fairness import solve_fairly
from weighbridge.decide.machines import fleets
from weighbridge.decide.problem import Problem

_BETTER: Final = 1e-9
_MOST_STEPS: Final = 64


def flips(
    problem: Problem,
    chosen: Assignment,
    single: Assignment | None,
    tasks: Sequence[TaskVerdict],
    *,
    sizes_known: bool,
    unit: LoadUnit = "requests/s",
) -> tuple[Flip, ...]:
    """All of them: memory down and up, load, the share of each task, the runner-up of each task."""
    found: list[Flip] = []
    if sizes_known:
        found += memory_flips(problem, chosen)
    found += load_flips(problem, chosen, unit)
    if single is not None:
        found += share_flips(problem, single)
    found += [flip for task in tasks for flip in lead_flips(task, chosen)]
    return tuple(found)


def memory_flips(problem: Problem, chosen: Assignment) -> Iterator[Flip]:
    """The budget below which less fits, and the one from which something better does."""
    needs = chosen.memory_bytes
    if needs is None or problem.device_bytes:
        yield from _device_flips(problem, chosen)
        return
    now = None if problem.budget_bytes is None else float(problem.budget_bytes)
    less = solve_fairly(replace(problem, budget_bytes=needs - 1))
    then = "nothing fits" if less is None else f"it is {choice_words(less)}"
    yield Flip(
        "memory budget, less",
        now,
        float(needs),
        "bytes",
        f"With less memory than {format_bytes(needs)} {then}.",
    )
    if now is None:
        return
    more = _next_better(problem, chosen)
    if more is None or more.memory_bytes is None:
        yield Flip(
            "memory budget, more", now, None, "bytes", "No larger memory budget changes the choice."
        )
    else:
        gain = 100 * (more.accuracy - chosen.accuracy)
        yield Flip(
            "memory budget, more",
            now,
            float(more.memory_bytes),
            "bytes",
            f"From {format_bytes(more.memory_bytes)} on it is {choice_words(more)}, "
            f"{gain:.1f} points better.",
        )


def _next_better(problem: Problem, chosen: Assignment) -> Assignment | None:
    """The better assignment that needs least: down from the best there is without a limit."""
    better, budget = None, None
    for _ in range(_MOST_STEPS):
        found = solve_fairly(replace(problem, budget_bytes=budget))
        if found is None or found.accuracy <= chosen.accuracy + _BETTER:
            return better
        better = found
        if found.memory_bytes is None:
            return better
        budget = found.memory_bytes - 1
    return better


def _device_flips(problem: Problem, chosen: Assignment) -> Iterator[Flip]:
    """One device fewer, and one more like the last."""
    devices = problem.device_bytes
    if not devices:
        return
    fewer = solve_fairly(replace(problem, device_bytes=devices[:-1])) if len(devices) > 1 else None
    more = solve_fairly(replace(problem, device_bytes=(*devices, devices[-1])))
    count = float(len(devices))
    if fewer is None:
        yield Flip("devices, fewer", count, count, "devices", "With one device less nothing fits.")
    elif fewer.by_task != chosen.by_task:
        sentence = f"With one device less it is {choice_words(fewer)}."
        yield Flip("devices, fewer", count, count - 1, "devices", sentence)
    else:
        yield Flip("devices, fewer", count, None, "devices", "One device less changes nothing.")
    if more is not None and more.accuracy > chosen.accuracy + _BETTER:
        sentence = f"With one device more it is {choice_words(more)}."
        yield Flip("devices, more", count, count + 1, "devices", sentence)
    else:
        yield Flip("devices, more", count, None, "devices", "One device more changes nothing.")


def load_flips(
    problem: Problem, chosen: Assignment, unit: LoadUnit = "requests/s"
) -> Iterator[Flip]:
    """The load at which the replicas that were chosen no longer suffice."""
    total, by_task, counts = sum(problem.demand.values()), dict(chosen.by_task), {}
    room: dict[str, float] = {}
    for model in chosen.models:
        use = problem.use(model, by_task)
        counts[model] = dict(chosen.replicas).get(model, 1)
        if use > 0:
            room[f"{model} needs another replica"] = counts[model] / use
    for fleet in fleets(problem, counts, by_task):
        if len(fleet.models) > 1 and fleet.use > 0:
            names = " and ".join(fleet.models)
            room[f"{names} need another machine"] = fleet.count / fleet.use
    if not room or not total:
        return
    first = min(room, key=lambda words: room[words])
    most = total * room[first]
    shown = math.floor(most + _BETTER) if unit == "users" else most
    yield Flip(
        "load",
        total,
        most,
        "load",
        f"These replicas are taken to serve up to {load_words(shown, unit)}; beyond that {first}.",
    )


def share_flips(problem: Problem, single: Assignment) -> Iterator[Flip]:
    """For each task the nearest share of the traffic at which another single model is better."""
    able = [
        model
        for model in problem.memory_bytes
        if all(model in table for table in problem.accuracy.values())
        and solve_fairly(_alone(problem, model)) is not None
    ]
    now = single.models[0]
    # Of two tasks, what one gains the other loses; of one there is nothing to shift.
    shifted = list(problem.mix)[: 1 if len(problem.mix) == 2 else None]
    for task in shifted if len(problem.mix) > 1 else ():
        share = problem.mix[task]
        crossings = [
            (at, model)
            for model in able
            if model != now
            for at in [_crossing(problem, task, now, model)]
            if at is not None
        ]
        if not crossings:
            yield Flip(
                f"share of {task}",
                share,
                None,
                "share",
                f"Whatever the share of {task}, {now} stays the best single model.",
            )
            continue
        at, model = min(crossings, key=lambda one: abs(one[0] - share))
        side = "above" if at >= share else "below"
        yield Flip(
            f"share of {task}",
            share,
            at,
            "share",
            f"If {task} were {side} {100 * at:.0f} % of the traffic ({100 * share:.0f} % now), the "
            f"best single model would be {model} instead of {now}.",
        )


def _alone(problem: Problem, model: str) -> Problem:
    sizes: Mapping[str, int] = {model: problem.memory_bytes[model]}
    return replace(problem, memory_bytes=sizes)


def _crossing(problem: Problem, task: str, now: str, other: str) -> float | None:
    """The share of the task at which the other is as good, the rest keeping its proportions.

    Both accuracies are straight lines in the share, so there is one crossing at most.
    """
    rest = 1 - problem.mix[task]
    if rest <= 0:
        return None

    def ahead(share: float) -> float:
        """How much better the other is."""
        total = 0.0
        for name, own in problem.mix.items():
            weight = share if name == task else (1 - share) * own / rest
            total += weight * (problem.accuracy[name][other] - problem.accuracy[name][now])
        return total

    start, end = ahead(0.0), ahead(1.0)
    # Only where the other really gets ahead, and not for equals.
    if max(start, end) <= _BETTER or abs(end - start) <= _BETTER:
        return None
    at = start / (start - end)
    return at if 0 <= at <= 1 else None


def lead_flips(task: TaskVerdict, chosen: Assignment) -> Iterator[Flip]:
    """How many points the runner-up of the model that does the task lacks."""
    does = dict(chosen.by_task).get(task.task)
    own = next((one for one in task.standings if one.model == does), None)
    rivals = [one for one in task.standings if one.model != does]
    if own is None or not rivals:
        return
    rival = rivals[0]
    lacks = 100 * (own.accuracy.value - rival.accuracy.value)
    if lacks < 0:
        return  # better already: what keeps it out is another constraint
    yield Flip(
        f"accuracy of {rival.model} on {task.task}",
        100 * rival.accuracy.value,
        100 * own.accuracy.value,
        "percent",
        f"On {task.task}, {rival.model} lacks {lacks:.1f} points to {own.model}.",
    )


def choice_words(assignment: Assignment) -> str:
    """Who does what, in a sentence's middle."""
    if len(assignment.models) == 1:
        return f"{assignment.models[0]} for everything"
    return ", ".join(f"{model} for {task}" for task, model in assignment.by_task)

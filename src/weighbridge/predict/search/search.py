"""The search: every model in every sensible way on one machine, ranked, with the reasons.

All ways are enumerated (:mod:`weighbridge.predict.search.space`), their memory is computed, those
that fit are timed together in closed form, and what is left is ranked. Of the better models that
fail, single changes are tried that would help (:mod:`weighbridge.predict.search.near_misses`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from weighbridge.core.candidate import Estimate, Quality
from weighbridge.core.errors import InputError
from weighbridge.core.machine import Machine
from weighbridge.core.plan import NearMiss, Order, Plan, Refusal, Requirements
from weighbridge.core.provenance import Provenance
from weighbridge.predict.calibration import Calibration
from weighbridge.predict.search.load import broken
from weighbridge.predict.search.models import ModelFacts, known
from weighbridge.predict.search.near_misses import changes
from weighbridge.predict.search.notes import notes
from weighbridge.predict.search.pareto import front
from weighbridge.predict.search.quality_order import QualityOf, rank
from weighbridge.predict.search.runs_on import engines_on, others_on, why_none
from weighbridge.predict.search.second_tries import second_tries
from weighbridge.predict.search.verdict import (
    Appraisal,
    appraise,
    estimate,
    label_of,
    needed_bytes,
)
from weighbridge.predict.search.ways import LONG_CACHE, ways
from weighbridge.predict.serving.coefficients import fitted

_NEAR_MISSES: Final = 5
# Better models that are looked at for near misses: so many that lack memory, so many too slow.
_LOOKED_AT: Final = 8
# Failures are looked into of models that are better than the one at this place of the ranking.
_BAR: Final = 5
# So many of the ranking are simulated as well, for what queues and bursts add.
_SIMULATED: Final = 15
# Beyond so many times of what is there, being able to start is no merit.
_FAR: Final = 1.0


def search(
    models: Sequence[ModelFacts],
    machine: Machine,
    asked: Requirements,
    quality: QualityOf,
    *,
    task: str = "",
    order: Order = "quality",
    per_model: int = 1,
    near_misses: int = _NEAR_MISSES,
    calibrations: Sequence[Calibration] = (),
) -> Plan:
    """Plan for one machine.

    Args:
        models: those that may be used; licences and modality have been seen to.
        machine: on what.
        asked: what a way has to do.
        quality: how good a model is in a number format.
        task: what for, as words.
        order: what the ranking goes by first.
        per_model: ways that are kept of each model.
        near_misses: how many failures to look into.
        calibrations: what the user's own measurements say of devices under engines.

    Raises:
        InputError: an engine that was asked for does not run on the machine, or costs are to be
            compared without a price.
    """
    _check(machine, asked, order)
    calibrated = tuple(one for one in calibrations if one.device == machine.device.name)
    refused = [Refusal(one.name, "not known", f"{why}.") for one in models if (why := known(one))]
    weighed = [_Weighed(one, machine, asked, calibrated) for one in models if not known(one)]
    _appraise_all(weighed, asked)
    met = [one for each in weighed for one in each.appraisals if one.meets]
    qualities = _Qualities(quality)
    key = _KEYS[order]
    estimates = {id(one): estimate(one, qualities.of(one), asked.eur_per_hour) for one in met}
    kept = _best(weighed, lambda one: key(estimates[id(one)]), per_model)
    kept.sort(key=lambda one: key(estimates[id(one)]))
    ranked = [estimates[id(one)] for one in kept]
    for place, one in enumerate(kept[:_SIMULATED]):
        doubts = broken(one, asked)
        ranked[place] = replace(ranked[place], reasons=ranked[place].reasons + doubts)
    failed = [each for each in weighed if not any(one.meets for one in each.appraisals)]
    found = fitted()
    return Plan(
        machine=machine,
        requirements=asked,
        task=task,
        order=order,
        ranked=tuple(ranked),
        front=_front(ranked),
        near_misses=_near(failed, ranked, asked, qualities, near_misses),
        refused=(*refused, *(_refusal(each, machine) for each in failed)),
        considered=sum(len(each.appraisals) for each in weighed),
        models=len(models),
        provenance=Provenance("predicted", found.source, found.date),
        notes=notes(machine, [one.way for one in kept], asked, calibrated),
    )


class _Weighed:
    """A model with all its ways."""

    def __init__(
        self,
        facts: ModelFacts,
        machine: Machine,
        asked: Requirements,
        calibrated: tuple[Calibration, ...],
    ) -> None:
        self.facts = facts
        self.ways = list(ways(facts, machine, asked, calibrated))
        self.appraisals: list[Appraisal] = []

    @property
    def closest(self) -> Appraisal | None:
        """The way that fails least; one that at least starts counts as nearer."""
        return min(self.appraisals, key=_distance, default=None)

    def closest_of(self, *, memory: bool) -> Appraisal | None:
        """The way that fails least among those that do, or do not, lack memory."""
        found = (one for one in self.appraisals if _is_stuck(one) is memory)
        return min(found, key=lambda one: one.distance, default=None)


class _Qualities:
    """Qualities of models in formats, each asked for once."""

    def __init__(self, quality: QualityOf) -> None:
        self._quality = quality
        self._known: dict[tuple[int, str], Quality | None] = {}

    def of(self, one: Appraisal) -> Quality | None:
        """The quality of what a way serves."""
        key = id(one.way.facts), one.way.format
        if key not in self._known:
            self._known[key] = self._quality(one.way.facts, one.way.form.quantization)
        return self._known[key]


def _appraise_all(weighed: Iterable[_Weighed], asked: Requirements) -> None:
    """All ways of all models in one go, so that they are timed as one table."""
    weighed = list(weighed)
    found = appraise([way for each in weighed for way in each.ways], asked)
    results = iter(zip(found, second_tries(found, asked), strict=True))
    for each in weighed:
        for _ in each.ways:
            first, more = next(results)
            each.appraisals += [first, *more]


def _check(machine: Machine, asked: Requirements, order: Order) -> None:
    if order == "cost" and asked.eur_per_hour is None:
        raise InputError(
            "Costs cannot be compared without a price of the machine.",
            fix="Give it per hour, for example --price 2.50.",
        )
    can = engines_on(machine.device)
    if not can:
        fix = "Name a device of another kind, for example --device 'H100 SXM'."
        raise InputError(why_none(machine.device), fix=fix)
    for engine in asked.engines:
        unmodelled = next(
            (one for one in others_on(machine.device) if one.engine == engine.name), None
        )
        if engine.name not in can and unmodelled is not None:
            raise InputError(
                f"{engine.name} runs on {machine.device.name} by {unmodelled.by} "
                f"({unmodelled.source}), but what it takes there is not modelled.",
                fix=f"Engines that are: {', '.join(can)}.",
            )
        if engine.name not in can:
            raise InputError(
                f"{engine.name} does not run on {machine.device.name} "
                f"({machine.device.vendor}, {machine.device.generation or 'unknown generation'}).",
                fix=f"Engines that do: {', '.join(can)}.",
            )


def _value(estimate_: Estimate, name: str) -> float:
    found = getattr(estimate_, name)
    return math.inf if found is None else found.value


def _by_quality(one: Estimate) -> tuple[Any, ...]:
    sure = len(one.reasons)  # doubts, where everything is met
    settings = one.candidate.settings
    short = settings.kv_bytes_per_value < LONG_CACHE  # what that costs in quality nobody measured
    raised = settings.utilisation is not None
    return (
        *rank(one.quality), sure, short, raised, -_value(one, "tokens_per_s"),
        one.candidate.devices,
    )  # fmt: skip


def _memory(one: Estimate) -> float:
    """Bytes of all devices that are needed, not those that the engine fills."""
    if one.memory is None:
        return math.inf
    return needed_bytes(one.memory, one.candidate.settings).value * one.candidate.devices


def _cost(one: Estimate) -> float:
    return math.inf if one.eur_per_million_tokens is None else one.eur_per_million_tokens


def _by_cost(one: Estimate) -> tuple[Any, ...]:
    """At a given rate all ways deliver the same for the same money: then what more they could."""
    more = -(one.most_requests_per_s or 0.0)
    return (_cost(one) if not more else 0.0, more, _value(one, "tpot_ms"), *_by_quality(one))


# What each order goes by; quality decides what it leaves equal.
_KEYS: Final[dict[Order, Callable[[Estimate], tuple[Any, ...]]]] = {
    "quality": _by_quality,
    "tpot": lambda one: (_value(one, "tpot_ms"), *_by_quality(one)),
    "ttft": lambda one: (_value(one, "ttft_ms"), *_by_quality(one)),
    "throughput": lambda one: (-_value(one, "tokens_per_s"), *_by_quality(one)),
    "memory": lambda one: (_memory(one), *_by_quality(one)),
    "users": lambda one: (-(one.most_users or 0.0), *_by_quality(one)),
    "cost": _by_cost,
}


def _best(
    weighed: Iterable[_Weighed], key: Callable[[Appraisal], Any], per_model: int
) -> list[Appraisal]:
    kept: list[Appraisal] = []
    for each in weighed:
        met = sorted((one for one in each.appraisals if one.meets), key=key)
        kept += met[:per_model]
    return kept


def _front(ranked: Sequence[Estimate]) -> tuple[int, ...]:
    """Places of those that none surpasses in quality, speed, memory and cost together."""
    if not ranked:
        return ()
    gains = np.array(
        [
            (
                -rank(one.quality)[0],
                one.quality.value if one.quality else 0.0,
                -_value(one, "tpot_ms"),
                -_value(one, "ttft_ms"),
                _value(one, "tokens_per_s"),
                -_memory(one),
                -_cost(one),
            )
            for one in ranked
        ]
    )
    # Evaluated models come before assumed ones whatever the number: one respect, not two.
    order = sorted({tuple(row[:2]) for row in gains})
    places = np.array([order.index(tuple(row[:2])) for row in gains], dtype=np.float64)
    return tuple(int(n) for n in np.flatnonzero(front(np.column_stack((places, gains[:, 2:])))))


def _near(
    failed: Iterable[_Weighed],
    ranked: Sequence[Estimate],
    asked: Requirements,
    qualities: _Qualities,
    wanted: int,
) -> tuple[NearMiss, ...]:
    """Failures that a single change mends, of better models than most that meet; nearest first."""
    bar = rank(ranked[min(_BAR, len(ranked)) - 1].quality) if ranked else (math.inf, 0.0)
    failed = list(failed)
    found: dict[str, tuple[Appraisal, tuple[str, ...]]] = {}
    for memory in (True, False):
        closest = [one for each in failed if (one := each.closest_of(memory=memory)) is not None]
        better = [
            one for one in closest if math.isfinite(one.distance) and rank(qualities.of(one)) < bar
        ]
        better.sort(key=lambda one: (_hardness(one), *rank(qualities.of(one))))
        # Where too many users are all that is wrong, weights that do not fit would look nearer.
        crowded = [one for one in better if one.memory is not None and one.memory.fits]
        looked_at = (*better[:_LOOKED_AT], *(crowded[:_LOOKED_AT] if not ranked else ()))
        for one in dict.fromkeys(looked_at):
            name = one.way.facts.name
            nearer = name not in found or one.distance < found[name][0].distance
            if nearer and (helpful := changes(one, asked)):
                found[name] = one, helpful
    nearest = sorted(
        found.values(), key=lambda pair: (_hardness(pair[0]), *rank(qualities.of(pair[0])))
    )
    return tuple(
        NearMiss(estimate(one, qualities.of(one), asked.eur_per_hour), helpful)
        for one, helpful in nearest[:wanted]
    )


def _is_stuck(one: Appraisal) -> bool:
    """Whether it lacks memory, so that it would not start."""
    return any(lack.of == "memory" for lack in one.lacks)


def _distance(one: Appraisal) -> tuple[int, float]:
    """Ways that would start, if too slowly, come before those that do not, unless far off."""
    far = one.distance >= _FAR or any(lack.of == "unknown" for lack in one.lacks)
    return (2 if far else int(_is_stuck(one))), one.distance


def _hardness(one: Appraisal) -> int:
    """How far off a failure is, in steps: within a tenth, twice, four times that, and so on."""
    return max(0, math.ceil(math.log2(max(one.distance, 0.1) / 0.1))) if one.lacks else 0


def _refusal(each: _Weighed, machine: Machine) -> Refusal:
    closest = each.closest
    if closest is None:
        return Refusal(
            each.facts.name,
            "not known",
            f"none of the engines, formats and caches asked for serves it on {machine.label}.",
        )
    shown = estimate(closest, None, None)
    words = "; ".join(lack.words for lack in closest.lacks)
    return Refusal(each.facts.name, shown.verdict, f"{words} ({label_of(shown.candidate)}).")

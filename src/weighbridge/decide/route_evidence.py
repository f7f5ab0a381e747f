"""What training a learned route found: gains on what it had not seen, with their bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from weighbridge.core.provenance import Interval
from weighbridge.decide.route_features import Floats

_Z95 = 1.959963984540054
Z_ONE_SIDED = 1.6448536269514722


@dataclass(frozen=True, slots=True)
class Gain:
    """A mean of paired differences, the routed answer's score minus the other's.

    Attributes:
        value: the mean.
        bound: what it is at least, with 95 % confidence (one-sided), that of all tasks together.
        n: prompts.
    """

    value: float
    bound: float
    n: int

    @property
    def is_shown(self) -> bool:
        """Whether there is a gain beyond chance."""
        return self.bound > 0


def z_among(count: int) -> float:
    """The normal quantile for one of so many bounds that hold together with 95 % confidence."""
    return NormalDist().inv_cdf(1 - 0.05 / count)


def moments(differences: Floats) -> tuple[float, float]:
    """Mean and variance of the mean, after one more success and one more failure.

    For answers that are right or wrong this is the adjusted Wald interval for paired proportions
    (Bonett & Price 2012). It keeps few prompts, or equal ones, from looking certain.
    """
    n = len(differences) + 2
    mean = float(differences.sum()) / n
    spread = (float((differences**2).sum()) + 2.0) / n - mean**2
    return mean, spread / n


def gain(differences: Floats, among: int = 1) -> Gain:
    """The mean of paired differences with its one-sided bound.

    Args:
        differences: of each prompt.
        among: how many such bounds have to hold at once (Bonferroni): of twenty tasks without any
            difference one would else look like a gain.
    """
    mean, variance = moments(differences)
    value = float(differences.mean()) if len(differences) else 0.0
    return Gain(value, min(value, mean - z_among(among) * math.sqrt(variance)), len(differences))


def macro_gain(groups: Sequence[Floats]) -> Gain:
    """The mean over tasks of their mean differences: every task counts alike."""
    found = [moments(group) for group in groups]
    value = float(np.mean([group.mean() for group in groups]))
    mean = sum(mean for mean, _ in found) / len(found)
    error = math.sqrt(sum(variance for _, variance in found)) / len(found)
    return Gain(value, min(value, mean - Z_ONE_SIDED * error), sum(map(len, groups)))


def mean_interval(scores: Floats) -> Interval:
    """A mean score between 0 and 1 with its 95 % interval, adjusted like :func:`moments`."""
    n = len(scores) + 4
    centre = (float(scores.sum()) + 2.0) / n
    spread = (float((scores**2).sum()) + 2.0) / n - centre**2
    half = _Z95 * math.sqrt(max(0.0, spread) / n)
    value = float(scores.mean())
    return Interval(value, max(0.0, min(value, centre - half)), min(1.0, max(value, centre + half)))


@dataclass(frozen=True, slots=True)
class TaskEvidence:
    """One task of a learned route.

    Attributes:
        task: the suite.
        n: prompts.
        best: the best model for it, and its score with its interval.
        score: of that model on the task.
        single: of the best single model on it.
        tied: models that are as good, as far as the data tell, the best one among them.
        gain: of the task's choice over the best single model, where both were chosen without the
            prompts on which they are compared.
        recognised: share of its prompts, held out, that were taken for it.
        accepted: share that the guard let pass.
        unseen_gain: what routing gained on it when its prompts stood for traffic of an unknown
            kind; None where there are too few tasks to say.
        on: whether the route uses its choice.
    """

    task: str
    n: int
    best: str
    score: Interval
    single: Interval
    tied: tuple[str, ...]
    gain: Gain
    recognised: float
    accepted: float
    unseen_gain: float | None
    on: bool


@dataclass(frozen=True, slots=True)
class TaskReport:
    """What training by tasks found.

    Attributes:
        models: all of them with their mean score over tasks, the best single one first.
        tasks: each.
        single: the best single model's score, held out, every task counting alike.
        routed: the route's, held out.
        gain: the difference, with its bound.
        coverage: share of a task's own prompts that the guard is set to let pass.
        on: whether the route is switched on.
        sentence: the verdict.
    """

    models: tuple[tuple[str, float], ...]
    tasks: tuple[TaskEvidence, ...]
    single: float
    routed: float
    gain: Gain
    coverage: float
    on: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class EscalationReport:
    """What training an escalation found.

    Attributes:
        weak: the cheaper model, and its score.
        strong: the better one, and its score.
        weak_score: mean score.
        strong_score: mean score.
        share: of prompts that go to the strong model.
        routed: the score then, held out.
        recovered: share of the difference between the two that this recovers.
        gain: over sending the same share at random, with its bound.
        curve: share of strong calls with the share of the gap recovered, held out.
        on: whether the route is switched on.
        sentence: the verdict.
    """

    weak: str
    strong: str
    weak_score: float
    strong_score: float
    share: float
    routed: float
    recovered: float
    gain: Gain
    curve: tuple[tuple[float, float], ...]
    on: bool
    sentence: str

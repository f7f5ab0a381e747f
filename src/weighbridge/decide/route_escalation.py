"""When to ask the stronger and dearer of two models: a linear model of what it gains per prompt."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from msgspec.structs import replace

from weighbridge.core.errors import InputError
from weighbridge.core.learned_route import Escalation, LearnedFile, RouteHeader
from weighbridge.core.text_features import FEATURES
from weighbridge.decide.route_evidence import EscalationReport, Gain, gain
from weighbridge.decide.route_features import (
    FOLDS,
    Floats,
    Ints,
    folds,
    matrix,
    quantized,
    rarity,
    ridge,
    weighted,
)

ESCALATION_BITS = 18
_PENALTIES = (3.0, 6.0, 12.0, 24.0)
_SMOOTHINGS = (0.0, 0.3, 0.6)
_SHRINKING = 10.0  # prompts of the overall mean that are mixed into each task's mean
_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5)
_LEAST_PROMPTS = 100


@dataclass(frozen=True, slots=True)
class Pairs:
    """Prompts that a weak and a strong model answered.

    Attributes:
        weak: the cheaper model.
        strong: the better one.
        prompts: what was asked.
        tasks: the task of each prompt.
        weak_scores: 0 to 1.
        strong_scores: likewise.
    """

    weak: str
    strong: str
    prompts: tuple[str, ...]
    tasks: tuple[str, ...]
    weak_scores: Floats
    strong_scores: Floats

    @property
    def gaps(self) -> Floats:
        """What the strong model gains on each prompt."""
        return self.strong_scores - self.weak_scores


def train_escalation(
    pairs: Pairs, strong_share: float, *, trained: str = ""
) -> tuple[LearnedFile, EscalationReport]:
    """A route that sends about ``strong_share`` of prompts to the strong model, with its evidence.

    All figures are of prompts held out.

    Raises:
        InputError: too few prompts, or the strong model is not better.
    """
    _check(pairs, strong_share)
    features = matrix(pairs.prompts, ESCALATION_BITS)
    parts = folds(pairs.prompts)
    of = _numbered(pairs.tasks)
    scores = _held_out(features, pairs.gaps, of, parts)
    report = _report(pairs, scores, strong_share)
    slopes, mean = _learned(features, pairs.gaps, of)
    header = RouteHeader(
        features=FEATURES,
        bits=ESCALATION_BITS,
        buckets=0,
        scales=(),
        unseen=(0, 0),
        single=(pairs.strong, pairs.weak),
        escalation=Escalation(
            weak=pairs.weak,
            strong=pairs.strong,
            threshold=float(np.quantile(scores, 1 - strong_share)),
            mean=mean,
            share=strong_share,
        ),
        on=report.on,
        verdict=report.sentence,
        trained=trained,
    )
    return _packed(header, np.stack([slopes[:, 0] ** 2, slopes[:, 1]], axis=1)), report


def recovered(gaps: Floats, scores: Floats, share: float) -> float:
    """The share of the whole gap that the prompts with the highest scores make up."""
    return float((_called(scores, share) * gaps).sum() / gaps.sum())


def _called(scores: Floats, share: float) -> Floats:
    """Ones for that share of prompts whose scores are highest."""
    called = np.zeros(len(scores))
    called[np.argsort(-scores, kind="stable")[: round(share * len(scores))]] = 1.0
    return called


def _check(pairs: Pairs, share: float) -> None:
    if not 0 < share < 1:
        raise InputError(
            f"--strong-share {share:g} is no share.", fix="Give a number between 0 and 1."
        )
    if len(pairs.prompts) < _LEAST_PROMPTS:
        raise InputError(
            f"{len(pairs.prompts)} prompts that both models answered are too few to tell easy from "
            "hard ones.",
            fix=f"Evaluate both on {_LEAST_PROMPTS} or more.",
        )
    if not gain(pairs.gaps).is_shown:
        raise InputError(
            f"{pairs.strong} is not shown to be better than {pairs.weak} on these suites.",
            fix=f"Use {pairs.weak} for everything, or evaluate on more items.",
        )


def _numbered(tasks: Sequence[str]) -> Ints:
    names = {name: number for number, name in enumerate(dict.fromkeys(tasks))}
    return np.array([names[task] for task in tasks])


def _smoothed(gaps: Floats, of: Ints, smoothing: float) -> Floats:
    """Each gap drawn to the mean of its task: single answers are right or wrong by chance too."""
    size = np.bincount(of)
    mean = (np.bincount(of, gaps) + _SHRINKING * gaps.mean()) / (size + _SHRINKING)
    drawn: Floats = (1 - smoothing) * gaps + smoothing * mean[of]
    return drawn


def _held_out(features: sp.csr_array, gaps: Floats, of: Ints, parts: Ints) -> Floats:
    """The expected gap of each prompt, by weights that were learned without its part."""
    scores = np.full(len(gaps), gaps.mean())
    for part in range(FOLDS):
        out = parts == part
        if out.any() and not out.all():
            slopes, mean = _learned(features[~out], gaps[~out], of[~out])
            norm = np.sqrt(np.maximum(features[out] @ (slopes[:, 0] ** 2), 1e-9))
            scores[out] = mean + (features[out] @ slopes[:, 1]) / norm
    return scores


def _learned(features: sp.csr_array, gaps: Floats, of: Ints) -> tuple[Floats, float]:
    """Per bucket its rarity and its slope, and the mean gap.

    The slopes are the mean over several penalties and smoothings: that is as good as the best of
    them, and nothing has to be chosen by prompts that are then no longer unseen.
    """
    weights = rarity(features)
    scaled = weighted(features, weights).matrix
    targets = np.stack([_smoothed(gaps, of, one) for one in _SMOOTHINGS], axis=1)
    means = targets.mean(axis=0)
    found = np.zeros(len(weights))
    for penalty in _PENALTIES:
        found += ridge(scaled, targets - means, penalty).mean(axis=1) / len(_PENALTIES)
    return np.stack([weights, found * weights], axis=1), float(means.mean())


def _report(pairs: Pairs, scores: Floats, share: float) -> EscalationReport:
    gaps = pairs.gaps
    called = _called(scores, share)
    # Against a coin that calls the strong model as often: what the choice of prompts is worth.
    over = gain((called - called.mean()) * gaps)
    routed = float((pairs.weak_scores + called * gaps).mean())
    return EscalationReport(
        weak=pairs.weak,
        strong=pairs.strong,
        weak_score=float(pairs.weak_scores.mean()),
        strong_score=float(pairs.strong_scores.mean()),
        share=share,
        routed=routed,
        recovered=recovered(gaps, scores, share),
        gain=over,
        curve=tuple((one, recovered(gaps, scores, one)) for one in _SHARES),
        on=over.is_shown,
        sentence=_sentence(pairs, share, recovered(gaps, scores, share), over),
    )


def _sentence(pairs: Pairs, share: float, part: float, over: Gain) -> str:
    shown = (
        f"held out, {100 * share:.0f} % of calls to {pairs.strong} recover {100 * part:.0f} % of "
        f"what it gains over {pairs.weak}; that is {100 * over.value:+.1f} points against calling "
        f"it at random as often, with 95 % confidence at least {100 * over.bound:+.1f}"
    )
    if over.is_shown:
        return f"On: {shown}."
    return f"Off, so {pairs.strong} answers everything: {shown}, which shows no gain."


def _packed(header: RouteHeader, columns: Floats) -> LearnedFile:
    scales, rows = quantized(columns)
    present = np.flatnonzero(rows.any(axis=1))
    header = replace(header, buckets=len(present), scales=scales)
    return LearnedFile(
        header, array("I", present.tolist()), array("h", rows[present].ravel().tolist())
    )

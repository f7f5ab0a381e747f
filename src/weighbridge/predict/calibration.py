"""A user's own measurements correct predictions for their machine, and narrow them.

A Bayesian update of a linear Gaussian model in logarithms (Rasmussen and Williams 2006, 2.1). What
a measurement differs by from its prediction has three parts: what the machine is slower at in all
it does (reading, launching, prompts, each with its share of the time), what belongs to one model on
it, and what belongs to one point. Before any measurement all together vary as predictions do on
what the fits left out. Points that contradict each other show more noise than expected: then less
is learnt and intervals stay wide.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from weighbridge.core.errors import InputError
from weighbridge.core.provenance import Interval, Provenance
from weighbridge.predict.rows import LEVEL, Job, Numbers, Prediction, spreads
from weighbridge.predict.serving.coefficients import Spread
from weighbridge.predict.serving.scenes import Array
from weighbridge.predict.serving.spreads import is_fitted
from weighbridge.predict.slowdown import FACTORS, sensitivities, slowed

Metric = Literal["ttft", "tpot"]

_Z80: Final = 1.2816


@dataclass(frozen=True, slots=True)
class Shares:
    """Which part of the variance of errors is common to what; together 1.

    Attributes:
        machine: to all on a machine.
        model: more to one model on it.
        point: to nothing.
    """

    machine: float
    model: float
    point: float


# llama.cpp: of the variance on devices left out of the fit, 0.50 is common to a device, 0.12 more
# to a model on it, in decoding; 0.30 and 0.09 with prompts.
_LLAMACPP: Final = Shares(0.55, 0.2, 0.25)
# Serving engines on devices that the fit has seen: there errors of other models have next to
# nothing in common, but those runs are of many operators and versions, and one user's share theirs.
# Of what was tried, this still covers 73 to 85 % of them, calibrated by three of another model.
_SEEN: Final = Shares(0.35, 0.3, 0.35)
# On others, the device is a stranger as a whole: assumed.
_STRANGE: Final = Shares(0.5, 0.2, 0.3)
# Assumed: a machine that is slow at one thing is slow at others.
_CORRELATION: Final = 0.5
# As many points as these speak for the expected noise, before the scatter of the user's own counts.
_NOISE_POINTS: Final = 4.0
_ROUNDS: Final = 25


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement.

    Attributes:
        job: what was measured, ready to be predicted.
        ttft_s: to the first token, or None.
        tpot_s: per further token, or None.
        run: id of the run.
        date: when, ISO 8601.
    """

    job: Job
    ttft_s: float | None
    tpot_s: float | None
    run: str
    date: str


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What points on one device by one engine say.

    Attributes:
        device: its name.
        engine: which engine.
        points: how many.
        models: which were measured.
        runs: that the points are from.
        date: of the latest.
        of_ttft: 1 for each observed logarithm that is of TTFT, 0 of TPOT.
        moves: how each moves with the factors; a column each.
        named: the model of each, as its place in ``models``.
        weights: what multiplies covariances with a new scene to give its correction.
        inverse: of the covariance of the observations.
        noise: variance of a point, of TPOT and TTFT.
        own: variance of a model, of TPOT and TTFT.
        factors: covariance of the factors before any measurement.
        expected: noise before any measurement, of TPOT and TTFT.
    """

    device: str
    engine: str
    points: int
    models: tuple[str, ...]
    runs: tuple[str, ...]
    date: str
    of_ttft: Array
    moves: Array
    named: Array
    weights: Array
    inverse: Array
    noise: tuple[float, float]
    own: tuple[float, float]
    factors: Array
    expected: tuple[float, float]

    @property
    def slower(self) -> tuple[Interval, ...]:
        """How much longer each factor takes than predicted, in the order of ``FACTORS``."""
        across = self.factors @ self.moves.T
        middle = across @ self.weights
        variance = np.diag(self.factors - across @ self.inverse @ across.T)
        reach = _Z80 * np.sqrt(np.maximum(variance, 0.0))
        ends = (np.exp(middle), np.exp(middle - reach), np.exp(middle + reach))
        return tuple(
            Interval(float(value), float(low), float(high), LEVEL)
            for value, low, high in zip(*ends, strict=True)
        )

    def corrected(self, models: Sequence[str], moves: Array, metric: Metric) -> tuple[Array, Array]:
        """For scenes, each of a model: logarithms to add to times, and factors on intervals."""
        side = int(metric == "ttft")
        known = {name: place for place, name in enumerate(self.models)}
        places = np.array([known.get(name, -1) for name in models], dtype=np.float64)
        same = (self.named == places[:, None]) & (self.of_ttft == side)
        across = moves @ self.factors @ self.moves.T + same * self.own[side]
        prior = np.einsum("ij,jk,ik->i", moves, self.factors, moves) + self.own[side]
        learnt = np.einsum("ij,ij->i", across @ self.inverse, across)
        left = np.maximum(prior - learnt, 0.0) + self.noise[side]
        return across @ self.weights, np.sqrt(left / (prior + self.expected[side]))

    def numbers(self, shipped: Numbers) -> Numbers:
        """The coefficients of a machine that is slower by the medians of the factors."""
        for factor, part in zip(FACTORS, self.slower, strict=True):
            shipped = slowed(shipped, factor, part.value)
        return shipped

    def explained(self, before: Provenance) -> Provenance:
        """Where a corrected time is from."""
        noun = "point" if self.points == 1 else "points"
        source = (
            f"{before.source}; calibrated by {self.points} {noun} of {', '.join(self.models)} on "
            f"{self.device} ({', '.join(self.runs)})"
        )
        return Provenance("predicted", source, self.date)


def of_device(known: Sequence[Calibration], device: str, engine: str) -> Calibration | None:
    """What is known of an engine on a device, if anything."""
    return next((one for one in known if (one.device, one.engine) == (device, engine)), None)


def learn(points: Sequence[Point]) -> tuple[Calibration, ...]:
    """One calibration for each device and engine that points are of.

    Raises:
        InputError: a point has no measured time above zero, or cannot be predicted.
    """
    groups: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        groups.setdefault((point.job.device.name, point.job.engine), []).append(point)
    return tuple(_learn(device, engine, of) for (device, engine), of in groups.items())


def calibrate(
    jobs: Sequence[Job], predictions: Sequence[Prediction], known: Sequence[Calibration]
) -> list[Prediction]:
    """Predictions as the user's own points correct them; those of other machines stay."""
    found = list(predictions)
    for calibration in known:
        rows = [
            row
            for row, job in enumerate(jobs)
            if (job.device.name, job.engine) == (calibration.device, calibration.engine)
            and found[row].tpot_ms is not None
        ]
        if not rows:
            continue
        mine = [jobs[row] for row in rows]
        names = [job.model.name for job in mine]
        _, ttft, tpot = sensitivities(mine)
        by_ttft = calibration.corrected(names, np.nan_to_num(ttft), "ttft")
        by_tpot = calibration.corrected(names, tpot, "tpot")
        for row, log_ttft, tight_ttft, log_tpot, tight_tpot in zip(
            rows, *by_ttft, *by_tpot, strict=True
        ):
            one = found[row]
            found[row] = replace(
                one,
                ttft_ms=_moved(one.ttft_ms, log_ttft, tight_ttft),
                tpot_ms=_moved(one.tpot_ms, log_tpot, tight_tpot),
                provenance=calibration.explained(one.provenance),
            )
    return found


def _moved(interval: Interval | None, log: float, tight: float) -> Interval | None:
    """Moved by a factor, each side's logarithm scaled."""
    if interval is None:
        return None
    value = interval.value * math.exp(log)
    low = value * (interval.low / interval.value) ** float(tight)
    high = value * (interval.high / interval.value) ** float(tight)
    return Interval(value, low, high, interval.level)


def _learn(device: str, engine: str, points: Sequence[Point]) -> Calibration:
    base, ttft, tpot = sensitivities([point.job for point in points])
    models = tuple(dict.fromkeys(point.job.model.name for point in points))
    rows: list[tuple[float, int, Array, int]] = []
    for place, point in enumerate(points):
        measured = ((point.tpot_s, base.tpot_s, tpot), (point.ttft_s, base.ttft_s, ttft))
        for side, (seconds, predicted, moves) in enumerate(measured):
            if seconds and seconds > 0 and np.isfinite(predicted[place]):
                off = math.log(seconds / predicted[place])
                rows.append((off, side, moves[place], models.index(point.job.model.name)))
    if not rows:
        raise InputError(
            f"Nothing can be learnt of {device} under {engine}: no time was measured that can be "
            "predicted.",
            fix="Calibrate with runs whose requests succeeded.",
        )
    ratios = np.array([row[0] for row in rows])
    variances, parts = _variances(points), _shares(points[0].job)
    return _posterior(
        Calibration(
            device=device,
            engine=engine,
            points=len(points),
            models=models,
            runs=tuple(dict.fromkeys(point.run for point in points)),
            date=max(point.date for point in points),
            of_ttft=np.array([row[1] for row in rows], dtype=np.float64),
            moves=np.stack([row[2] for row in rows]),
            named=np.array([row[3] for row in rows], dtype=np.float64),
            weights=ratios,
            inverse=np.eye(len(rows)),
            noise=(parts.point * variances[0], parts.point * variances[1]),
            own=(parts.model * variances[0], parts.model * variances[1]),
            factors=_factors(parts.machine * variances[0], parts.machine * variances[1]),
            expected=(parts.point * variances[0], parts.point * variances[1]),
        ),
        ratios,
    )


def _variances(points: Sequence[Point]) -> tuple[float, float]:
    """Of the logarithms of TPOT and TTFT, as intervals have them on average."""
    both = [spreads(point.job) for point in points]
    return (
        float(np.mean([_variance(tpot) for _, tpot in both])),
        float(np.mean([_variance(ttft) for ttft, _ in both])),
    )


def _shares(job: Job) -> Shares:
    if job.engine == "llama.cpp":
        return _LLAMACPP
    return _SEEN if is_fitted(job.device) else _STRANGE


def _variance(spread: Spread) -> float:
    return float((math.log(spread.high / spread.low) / 2 / _Z80) ** 2)


def _factors(tpot: float, ttft: float) -> Array:
    """Covariance of the factors: reading and launching as TPOT varies, prompts as TTFT does."""
    sd = np.sqrt([tpot, tpot, ttft])
    shared = np.full((len(FACTORS), len(FACTORS)), _CORRELATION)
    np.fill_diagonal(shared, 1.0)
    covariance: Array = shared * np.outer(sd, sd)
    return covariance


def _posterior(prior: Calibration, off: Array) -> Calibration:
    """With the noise that the points themselves show (expectation-maximisation)."""
    side = prior.of_ttft.astype(int)
    own = np.array(prior.own)[side]
    same = (prior.named[:, None] == prior.named) & (side[:, None] == side)
    signal = prior.moves @ prior.factors @ prior.moves.T + same * own
    noise = np.array(prior.noise)
    inverse = np.linalg.inv(signal + np.diag(noise[side]))
    for _ in range(_ROUNDS):
        residual = noise[side] * (inverse @ off)
        unsure = np.diag(signal - signal @ inverse @ signal)
        scatter = residual**2 + np.maximum(unsure, 0.0)
        for metric in (0, 1):
            mine = side == metric
            total = _NOISE_POINTS * prior.expected[metric] + scatter[mine].sum()
            noise[metric] = total / (_NOISE_POINTS + mine.sum())
        inverse = np.linalg.inv(signal + np.diag(noise[side]))
    return replace(
        prior, noise=(float(noise[0]), float(noise[1])), inverse=inverse, weights=inverse @ off
    )

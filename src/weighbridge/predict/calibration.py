"""A user's own measurements correct predictions for their machine, and narrow them.

A Bayesian update of a linear Gaussian model in logarithms (Rasmussen and Williams 2006, 2.1). What
a measurement differs by from its prediction has three parts: what the machine is slower at in all
it does (reading, launching, prompts, each with its share of the time), what belongs to one model on
it, and what belongs to one point. Before any measurement all together vary as predictions do on
what the fits left out. Points that contradict each other show more noise than expected: then less
is learnt and intervals stay wide.

How fast prompts are read is learnt from times that reading prompts is part of, and from nothing
else: of a first token after a short prompt, what belongs to the model is not carried over to long
ones. Points that agree with each other never widen an interval, however far off they are.
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
# In the order of variances.
_METRICS: Final[tuple[Metric, Metric]] = ("tpot", "ttft")

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
# Calibrated by three points of another model, intervals hold 72 % of TPOT and 86 % of TTFT, without
# 76 and 87 %: a larger share of the machine would tighten more and hold less.
_SEEN: Final = Shares(0.25, 0.4, 0.35)
# On others, the device is a stranger as a whole: assumed.
_STRANGE: Final = Shares(0.5, 0.2, 0.3)
# Assumed: a machine that is slow at reading is slow at launching. Of prompts neither says anything.
_CORRELATION: Final = 0.5
# Times to first token of which prompts are such different shares err for reasons of their own.
_ALIKE: Final = 0.25
# Of less than this share of the time to first token, nothing is learnt of prompts.
_LEAST_PREFILL: Final = 0.25
_PREFILL: Final = FACTORS.index("prefill")
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
    def tells_of_prompts(self) -> bool:
        """Whether prompts were long enough for what was measured to say how fast they are read."""
        return bool(np.any(self.moves[self.of_ttft == 1, _PREFILL] >= _LEAST_PREFILL))

    @property
    def contradictory(self) -> tuple[Metric, ...]:
        """Of which times the points contradict each other, so that less is known than before."""
        scattered = [now > before for now, before in zip(self.noise, self.expected, strict=True)]
        return tuple(name for name, is_so in zip(_METRICS, scattered, strict=True) if is_so)

    @property
    def far_off(self) -> tuple[tuple[Metric, float], ...]:
        """Times that the median point has outside the 80 % interval, and as what multiple."""
        off = np.linalg.solve(self.inverse, self.weights)
        spread = np.einsum("ij,jk,ik->i", self.moves, self.factors, self.moves)
        found = []
        for side, metric in enumerate(_METRICS):
            mine = self.of_ttft == side
            if mine.any():
                middle = float(np.median(off[mine]))
                around = float(np.median(spread[mine])) + self.own[side] + self.expected[side]
                if abs(middle) > _Z80 * math.sqrt(around):
                    found.append((metric, math.exp(middle)))
        return tuple(found)

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
        own = same * self.own[side] * (_alike(moves, self.moves) if side else 1.0)
        across = moves @ self.factors @ self.moves.T + own
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
    # A hundredth of a first token's time would answer for all that the rest of it is off by.
    ttft[ttft[:, _PREFILL] < _LEAST_PREFILL, _PREFILL] = 0.0
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
    shared[_PREFILL] = shared[:, _PREFILL] = 0.0
    np.fill_diagonal(shared, 1.0)
    covariance: Array = shared * np.outer(sd, sd)
    return covariance


def _alike(moves: Array, others: Array) -> Array:
    """How much alike, 0..1, times to first token are by the share of the prompt in them."""
    apart = moves[:, _PREFILL, None] - others[None, :, _PREFILL]
    near: Array = np.exp(-((apart / _ALIKE) ** 2) / 2)
    return near


def _posterior(prior: Calibration, off: Array) -> Calibration:
    """With the noise that the points themselves show (expectation-maximisation)."""
    side = prior.of_ttft.astype(int)
    own = np.array(prior.own)[side]
    same = (prior.named[:, None] == prior.named) & (side[:, None] == side)
    alike = np.where(side[:, None] == 1, _alike(prior.moves, prior.moves), 1.0)
    signal = prior.moves @ prior.factors @ prior.moves.T + same * alike * own
    noise = np.array(prior.noise)
    inverse = np.linalg.inv(signal + np.diag(noise[side]))
    for _ in range(_ROUNDS):
        residual = noise[side] * (inverse @ off)
        unsure = np.maximum(np.diag(signal - signal @ inverse @ signal), 0.0)
        scatter = residual**2 + unsure
        for metric in (0, 1):
            mine = side == metric
            total = _NOISE_POINTS * prior.expected[metric] + scatter[mine].sum()
            noise[metric] = total / (_NOISE_POINTS + mine.sum())
        noise = np.minimum(noise, _most_noise(prior, residual, same))
        inverse = np.linalg.inv(signal + np.diag(noise[side]))
    return replace(
        prior, noise=(float(noise[0]), float(noise[1])), inverse=inverse, weights=inverse @ off
    )


def _most_noise(prior: Calibration, residual: Array, same: Array) -> Array:
    """What the points scatter about each other, or else what was expected.

    That all of one model are off by the same is no noise.
    """
    apart = residual - same @ residual / same.sum(axis=1)
    most = list(prior.expected)
    for metric in (0, 1):
        mine = prior.of_ttft == metric
        models = len(set(prior.named[mine]))
        if mine.sum() > models:
            scatter = float((apart[mine] ** 2).sum() / (mine.sum() - models))
            most[metric] = max(most[metric], scatter)
    return np.array(most)

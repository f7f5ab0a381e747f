"""A self-hosted option against an API: the difference, its break-even, and what would turn it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from weighbridge.core.provenance import Interval

Direction = Literal["cheaper", "dearer"]


@dataclass(frozen=True, slots=True)
class Crossing:
    """A volume at which the cheaper option changes. From there on, self-hosting is ``direction``.

    Attributes:
        at_stair: whether it is the end of what so many replicas serve, where one more is needed.
    """

    tokens_per_day: float
    direction: Direction
    replicas: int
    at_stair: bool


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Where self-hosting becomes cheaper than an API, with everything else at base.

    Attributes:
        tokens_per_day: from where on it is cheaper for good, up to the capacity; None where it
            never is.
        crossings: all of them, by volume.
        within_capacity: whether there is such a volume.
        capacity_tokens_per_day: that the GPUs allowed can serve.
        capacity_replicas: how many replicas these are.
        ignoring_capacity: tokens a day at which the fewest replicas would cost as much as the API
            if they could serve any volume. Calculators that forget capacity print this.
        is_limited: whether that capacity is all that the GPUs allowed can do, rather than where
            the search ends.
    """

    tokens_per_day: float | None
    crossings: tuple[Crossing, ...]
    within_capacity: bool
    capacity_tokens_per_day: float
    capacity_replicas: int
    ignoring_capacity: float
    is_limited: bool = False


@dataclass(frozen=True, slots=True)
class Swing:
    """How far the difference (self-hosted minus API, USD a month) moves with one driver.

    Attributes:
        driver: path of the driver, e.g. ``self.rented.usd_per_gpu_hour``.
        label: the same in words.
        low: its low value.
        high: its high value.
        at_low: difference there, all else at base.
        at_high: difference there.
        assumed_range: whether the driver was given as one value and is moved by a fifth here.
    """

    driver: str
    label: str
    low: float
    high: float
    at_low: float
    at_high: float
    assumed_range: bool = False

    @property
    def usd(self) -> float:
        """The length of its bar."""
        return abs(self.at_high - self.at_low)


@dataclass(frozen=True, slots=True)
class Flip:
    """The value of one driver at which the cheaper option changes, all else at base.

    Attributes:
        value: None where no value does it alone.
        base: where the driver stands.
        sentence: the same in words.
    """

    driver: str
    label: str
    value: float | None
    base: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """One self-hosted option against one API.

    Attributes:
        option: name of the self-hosted one.
        against: name of the API.
        same_model: whether the API serves the same model.
        difference: self-hosted minus API, USD a month: at base, with p10 and p90 of the draws. Each
            is divided by its pass rate where ``per_accepted``.
        median_difference: p50 of the draws.
        p_self_cheaper: share of draws in which self-hosting is cheaper and the GPUs suffice; None
            where nothing that has a part in it was given with a range. Where ``at_most``, it is at
            least that; None where the bound is not below the API's bill, which says nothing of it.
        p_within_capacity: share of draws in which the GPUs suffice.
        break_even: where self-hosting becomes cheaper.
        swings: drivers by the length of their bars, longest first.
        flips: of the first five of those.
        verdict: in words.
        per_accepted: whether bills are compared for as many accepted answers as there are requests,
            because both pass rates are known.
        at_most: whether the self-hosted bill is an upper bound, so that the difference and the
            break-even are too.
    """

    option: str
    against: str
    same_model: bool
    difference: Interval
    median_difference: float
    p_self_cheaper: float | None
    p_within_capacity: float
    break_even: BreakEven
    swings: tuple[Swing, ...]
    flips: tuple[Flip, ...]
    verdict: str
    per_accepted: bool = False
    at_most: bool = False

"""What serving a workload costs a month: oneself, at a host, and where the one overtakes the other.

Money is in US dollars a month of 730.5 hours unless a name says otherwise. How each figure is
computed: docs/cost.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from weighbridge.core.cost_comparison import Comparison
from weighbridge.core.provenance import Interval, Provenance
from weighbridge.core.runs import RunInfo

HOURS_PER_MONTH: Final = 730.5
DAYS_PER_MONTH: Final = HOURS_PER_MONTH / 24
SECONDS_PER_DAY: Final = 86_400.0

# The ratio is that of a day that was measured; its shape, one cosine, is ours.
PEAK_TO_MEAN: Final = 1.97
DAY: Final = tuple(
    1 + (PEAK_TO_MEAN - 1) * math.cos(2 * math.pi * (hour - 14) / 24) for hour in range(24)
)
FLAT: Final = (1.0,) * 24
OFFICE: Final = tuple(1.0 if 9 <= hour < 18 else 0.0 for hour in range(24))


Shape = Literal["certain", "triangular", "lognormal"]

NOBODY_SAYS: Final = Provenance("assumed", "as asked", "")


@dataclass(frozen=True, slots=True)
class Uncertain:
    """A quantity that is not known exactly.

    Attributes:
        base: the likeliest value (triangular), or the median (lognormal).
        low: the least possible (triangular), or what 10 % lie below (lognormal).
        high: the most possible, or what 10 % lie above.
        shape: how chance is spread between them.
        provenance: where the values come from.
    """

    base: float
    low: float
    high: float
    shape: Shape = "triangular"
    provenance: Provenance = NOBODY_SAYS

    @property
    def is_certain(self) -> bool:
        """Whether there is no more than one value."""
        return self.shape == "certain" or self.low == self.high


def certain(value: float, provenance: Provenance = NOBODY_SAYS) -> Uncertain:
    """A quantity that is taken as known."""
    return Uncertain(value, value, value, "certain", provenance)


NOTHING: Final = certain(0.0)
ALL: Final = certain(1.0)


@dataclass(frozen=True, slots=True)
class Demand:
    """The traffic that is to be served.

    Attributes:
        volume: per day, in ``unit``.
        unit: tokens (prompt, output and reasoning together) or requests.
        prompt_tokens: of a request, cached ones included.
        output_tokens: that the user sees.
        reasoning_tokens: that a model writes before; billed as output.
        cached_share: of prompt tokens, found in a cache, 0..1.
        written_share: of prompt tokens, written to a cache that is billed for it, 0..1.
        batch_share: of requests, that may wait for hours, 0..1. They come evenly over the day.
        profile: weights of the 24 hours of a day.
        profile_source: where the profile is from, in words.
    """

    volume: Uncertain
    prompt_tokens: Uncertain
    output_tokens: Uncertain
    unit: Literal["tokens", "requests"] = "tokens"
    reasoning_tokens: Uncertain = NOTHING
    cached_share: Uncertain = NOTHING
    written_share: Uncertain = NOTHING
    batch_share: Uncertain = NOTHING
    profile: tuple[float, ...] = DAY
    profile_source: str = "assumed: a cosine with a peak 1.97 times its mean"

    @property
    def tokens_per_request(self) -> float:
        """Prompt, output and reasoning at their base values."""
        return self.prompt_tokens.base + self.output_tokens.base + self.reasoning_tokens.base

    @property
    def tokens_per_day(self) -> float:
        """At base values."""
        by = 1.0 if self.unit == "tokens" else self.tokens_per_request
        return self.volume.base * by

    @property
    def requests_per_day(self) -> float:
        """At base values."""
        return self.tokens_per_day / self.tokens_per_request

    @property
    def peak_to_mean(self) -> float:
        """Traffic of the busiest hour over that of the mean hour, batches aside."""
        return max(self.profile) * len(self.profile) / sum(self.profile)


@dataclass(frozen=True, slots=True)
class LengthPoint:
    """What a replica serves with requests of another length, as ratios to those at base.

    Attributes:
        prompt_tokens: of a request.
        generated_tokens: output and reasoning.
        rate: output tokens per second over those at base.
        service: seconds of a request over those at base.
        slots: requests at once over those at base.
    """

    prompt_tokens: float
    generated_tokens: float
    rate: float
    service: float
    slots: float


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one replica serves without breaking the SLO.

    Attributes:
        output_tokens_per_s: reasoning included. Goodput at the SLO, not the most it can do.
        prefill_tokens_per_s: of prompts not found in the cache; None where the figure above was
            got with prompts of the same length, so that it has their cost in it.
        slots: requests that a replica works on at once; None where unknown.
        service_s: from beginning to end of a request, without waiting; None likewise.
        cv: standard deviation of that time over its mean.
        rho: share of a replica's capacity that the busiest hour may use.
        wait_s: the longest wait for a slot that the ``percentile`` of requests may have; None where
            waiting is not looked at.
        percentile: of requests, 0..1.
        slo: the conditions that the capacity holds, in words.
        points: how the capacity changes with the lengths of requests: one for each pair of a prompt
            length and a generated length, so a whole grid; empty where that is not known.
        at_least: whether a replica may serve more than that, so that a bill by it is at most this.
    """

    output_tokens_per_s: Uncertain
    prefill_tokens_per_s: Uncertain | None = None
    slots: int | None = None
    service_s: Uncertain | None = None
    cv: float = 1.0
    rho: float = 1.0
    wait_s: float | None = None
    percentile: float = 0.99
    slo: str = ""
    points: tuple[LengthPoint, ...] = ()
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class Rented:
    """GPUs by the hour.

    Attributes:
        usd_per_gpu_hour: of each.
        on_fraction: share of the month that is billed; below 1 only where replicas are switched off
            when nobody asks. Never less is billed than the traffic keeps them busy.
        cold_start_hours: hours a month billed for starting, per GPU, beyond ``on_fraction``.
        spot: whether they may be taken away.
    """

    usd_per_gpu_hour: Uncertain
    on_fraction: Uncertain = ALL
    cold_start_hours: Uncertain = NOTHING
    spot: bool = False


@dataclass(frozen=True, slots=True)
class Owned:
    """GPUs bought. All but years, PUE and the price of power are per GPU.

    Attributes:
        capex_gpu: USD.
        capex_host: its share of the server, USD.
        residual: share of the price that is got back at the end, 0..1.
        years: until then; straight line.
        maintenance: share of the price a year.
        load_w: drawn when busy, which is less than the rated power where memory is the bottleneck.
        idle_w: drawn otherwise.
        pue: power of the building over that of the machines.
        usd_per_kwh: price of power.
        colocation: USD a month.
    """

    capex_gpu: Uncertain
    capex_host: Uncertain
    years: Uncertain
    residual: Uncertain
    load_w: Uncertain
    idle_w: Uncertain
    usd_per_kwh: Uncertain
    pue: Uncertain
    maintenance: Uncertain = NOTHING
    colocation: Uncertain = NOTHING

    @property
    def up_front_usd(self) -> float:
        """What each GPU takes in cash at the beginning."""
        return self.capex_gpu.base + self.capex_host.base


@dataclass(frozen=True, slots=True)
class AllIn:
    """GPUs of one's own at one figure a month: price, power, room and repairs together.

    Attributes:
        usd_per_gpu_month: of each.
    """

    usd_per_gpu_month: Uncertain


@dataclass(frozen=True, slots=True)
class People:
    """Time of people.

    Attributes:
        fte: full-time equivalents.
        usd_per_year: what one costs with everything.
        on_call: USD a month.
    """

    fte: Uncertain = NOTHING
    usd_per_year: Uncertain = NOTHING
    on_call: Uncertain = NOTHING


@dataclass(frozen=True, slots=True)
class FixedLine:
    """A cost that does not depend on the traffic: an audit, a licence, storage."""

    name: str
    usd_per_month: Uncertain


@dataclass(frozen=True, slots=True)
class SelfHosted:
    """A model on GPUs of one's own choice.

    Attributes:
        name: how the option is called.
        model: which model.
        device: which GPU.
        gpus_per_replica: GPUs of one replica.
        capacity: of one replica.
        rented: GPUs by the hour, or
        owned: GPUs bought, or
        all_in: GPUs of one's own at one figure a month: exactly one of the three.
        people: who looks after it.
        fixed: other lines.
        min_replicas: at least so many, whatever the traffic.
        spare_replicas: more than are needed, so that one may fail in the busiest hour.
        max_gpus: no more can be had; None for no such limit.
        pass_rate: share of answers that are accepted, 0..1; None where unknown.
    """

    name: str
    model: str
    device: str
    capacity: Capacity
    rented: Rented | None = None
    owned: Owned | None = None
    gpus_per_replica: int = 1
    people: People = People()
    fixed: tuple[FixedLine, ...] = ()
    min_replicas: Uncertain = ALL
    spare_replicas: int = 0
    max_gpus: int | None = None
    pass_rate: Uncertain | None = None
    all_in: AllIn | None = None

    @property
    def max_replicas(self) -> int | None:
        """How many replicas the GPUs allow."""
        return None if self.max_gpus is None else self.max_gpus // self.gpus_per_replica


@dataclass(frozen=True, slots=True)
class PriceStep:
    """What prompts of another length are billed, each as a multiple of the price at the base.

    Attributes:
        from_prompt_tokens: of the shortest such prompt, as the host counts.
    """

    from_prompt_tokens: int
    input: float
    output: float
    cached_input: float
    written_input: float
    batch_input: float
    batch_output: float
    batch_cached_input: float = 1.0
    batch_written_input: float = 1.0


@dataclass(frozen=True, slots=True)
class HostedPrice:
    """What a host bills, USD per million tokens; None where it has no such price.

    Attributes:
        cached_input: prompt tokens read from its cache; at the price of input where None.
        written_input: prompt tokens written to its cache, likewise.
        batch_input: prompt tokens of requests that may wait, likewise.
        batch_output: output of those.
        batch_cached_input: their prompt tokens read from a cache; at ``batch_input`` where None,
            because not every host lets both discounts meet.
        batch_written_input: their prompt tokens written to a cache, likewise.
        tier: which of several prices by length of prompt this is, in words.
        is_stale: whether the price is older than 60 days.
        steps: by length of prompt, ascending, the first from 0; none where the length is no matter.
    """

    input: Uncertain
    output: Uncertain
    cached_input: Uncertain | None = None
    written_input: Uncertain | None = None
    batch_input: Uncertain | None = None
    batch_output: Uncertain | None = None
    tier: str = ""
    is_stale: bool = False
    steps: tuple[PriceStep, ...] = ()
    batch_cached_input: Uncertain | None = None
    batch_written_input: Uncertain | None = None


@dataclass(frozen=True, slots=True)
class Hosted:
    """A model behind somebody else's API.

    Attributes:
        name: how the option is called.
        price: what it bills.
        same_model: whether it is the model that would be served oneself, and not another that
            would be displaced.
        token_ratio: tokens that it counts for a text over those that the own model counts.
        fixed: lines that are paid besides tokens: a data-processing review, a subscription.
        pass_rate: share of answers that are accepted, 0..1; None where unknown.
    """

    name: str
    price: HostedPrice
    same_model: bool = False
    token_ratio: Uncertain = ALL
    fixed: tuple[FixedLine, ...] = ()
    pass_rate: Uncertain | None = None


@dataclass(frozen=True, slots=True)
class CostQuestion:
    """What is compared."""

    demand: Demand
    selfhosted: tuple[SelfHosted, ...]
    hosted: tuple[Hosted, ...]


@dataclass(frozen=True, slots=True)
class CostLine:
    """A line of a bill, USD a month, with its 80 % interval."""

    name: str
    usd_per_month: Interval
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Serving:
    """How many machines an option takes, and how busy they are, at base values.

    Attributes:
        replicas: spares included.
        gpus: of all replicas.
        utilisation: share of the replicas' capacity that is used, over the whole day.
        peak_utilisation: the same in the busiest hour.
        slot_utilisation: share of slots that are taken, over the day; None where unknown.
        wait_probability: that a request of the busiest hour has to wait; None likewise.
        wait_s: the wait that the percentile asked for has in the busiest hour; None likewise.
        percentile: of that wait.
        capacity_tokens_per_day: that these replicas can serve with this profile.
        within_capacity: whether so many GPUs can be had.
        bound_by: what asks for the most replicas: ``minimum``, ``throughput`` or ``waiting``.
        up_front_usd: cash for buying; None where nothing is bought.
    """

    replicas: int
    gpus: int
    utilisation: float
    peak_utilisation: float
    slot_utilisation: float | None
    wait_probability: float | None
    wait_s: float | None
    percentile: float
    capacity_tokens_per_day: float
    within_capacity: bool
    bound_by: Literal["minimum", "throughput", "waiting"]
    up_front_usd: float | None = None


@dataclass(frozen=True, slots=True)
class CostedOption:
    """An option with its bill. Intervals are 80 %; values are those at base.

    Attributes:
        name: of the option.
        kind: whose machines.
        lines: parts of the bill.
        usd_per_month: their sum.
        usd_per_1000_requests: on average.
        marginal_usd_per_1000_requests: what a thousand more requests a month add: nothing below a
            stair, a replica above it.
        usd_per_1000_accepted: on average; None where the pass rate is unknown.
        pass_rate: with its interval; None likewise.
        serving: None for an API.
        same_model: of an API, see :class:`Hosted`.
    """

    name: str
    kind: Literal["rented", "owned", "api"]
    lines: tuple[CostLine, ...]
    usd_per_month: Interval
    usd_per_1000_requests: Interval
    marginal_usd_per_1000_requests: float
    usd_per_1000_accepted: Interval | None = None
    pass_rate: Interval | None = None
    serving: Serving | None = None
    same_model: bool = False


@dataclass(frozen=True, slots=True)
class CostReport:
    """The answer: every option's bill, and every self-hosted option against every API.

    Attributes:
        question: what was asked.
        options: self-hosted ones first.
        comparisons: for each self-hosted option, the displaced APIs first.
        notes: what is missing or assumed, one sentence each.
        seed: of the draws.
        draws: how many.
        created: when, ISO 8601.
    """

    question: CostQuestion
    options: tuple[CostedOption, ...]
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]
    seed: int
    draws: int
    created: str

    def option(self, name: str) -> CostedOption:
        """The option of that name."""
        return next(one for one in self.options if one.name == name)


@dataclass(frozen=True, slots=True)
class CostRun:
    """A cost report as kept in a workspace."""

    info: RunInfo
    report: CostReport

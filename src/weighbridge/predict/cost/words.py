"""What a comparison says, in sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weighbridge.core.cost import CostedOption, CostQuestion, Demand, Hosted, SelfHosted
from weighbridge.core.cost_comparison import BreakEven, Comparison
from weighbridge.core.provenance import Interval
from weighbridge.core.units import plural
from weighbridge.predict.cost.comparing import Pair
from weighbridge.predict.cost.labels import money, short

SHOWN_SWINGS: Final = 5


@dataclass(frozen=True, slots=True)
class Chances:
    """Shares of the draws.

    Attributes:
        self_cheaper: in which self-hosting is cheaper and the GPUs suffice.
        api_cheaper: in which the API's bill is the lower one.
        fits: in which the GPUs suffice.
    """

    self_cheaper: float
    api_cheaper: float
    fits: float


def verdict(
    pair: Pair, difference: Interval, chances: Chances | None, *, bills: float, fits: bool
) -> str:
    """Which of the two is cheaper, by how much, and how sure that is.

    Args:
        pair: what is compared.
        difference: self-hosted minus API.
        chances: None where nothing that counts was given with a range.
        bills: self-hosted minus API at base, whatever is accepted.
        fits: whether the GPUs suffice at base.
    """
    own, api = pair.own, pair.api
    if pair.at_most:
        return _bounded(pair, difference, chances, bills=bills, fits=fits)
    if not fits:
        return (
            f"{own.name} cannot serve this demand with the GPUs allowed, so {api.name} is what is "
            "left of the two."
        )
    accepted = _accepted(pair, difference.value, bills)
    if difference.value == 0:
        return f"{own.name} and {api.name} cost the same.{accepted}"
    less, more = (own.name, api.name) if difference.value < 0 else (api.name, own.name)
    said = f"{less} is cheaper than {more} by {money(abs(difference.value))} a month"
    if chances is None:
        given = any(not one.is_certain for one in pair.drivers.values())
        counts = " that counts" if given else ""
        unsure = f"no range was given for anything{counts}, so nothing says how sure that is"
        return f"{said}; {unsure}.{accepted}"
    surely = chances.self_cheaper if difference.value < 0 else chances.api_cheaper
    sure = f"{said} ({_span(difference)}), and so in {_percent(surely)} of the draws."
    return f"{sure}{_too_few(chances)}{accepted}"


def _bounded(
    pair: Pair, difference: Interval, chances: Chances | None, *, bills: float, fits: bool
) -> str:
    """The verdict where the self-hosted bill is an upper bound, as a replica may serve more."""
    own, api, usd = pair.own.name, pair.api.name, money(abs(difference.value))
    accepted = _accepted(pair, difference.value, bills)
    if not fits:
        return (
            f"Whether {own} can serve this demand with the GPUs allowed, and so whether it or "
            f"{api} is the one to take, is not known: a replica may serve more than was measured."
        )
    if difference.value >= 0:
        more = f"is dearer than {api} by at most {usd} a month" if difference.value else (
            f"costs at most as much as {api}"
        )  # fmt: skip
        beyond = "" if money(difference.high) == money(difference.value) else (
            f" (in 9 of 10 draws at most {money(difference.high)})"
        )  # fmt: skip
        return f"{own} {more}{beyond}; its bill is an upper bound, so it may be cheaper.{accepted}"
    said = f"{own} is cheaper than {api} by at least {usd} a month"
    if chances is None:
        return f"{said}; its bill is an upper bound, and no range tells how sure it is.{accepted}"
    surely = _percent(chances.self_cheaper)
    share = "all" if surely == _percent(1.0) else f"at least {surely} of the"
    return f"{said}, and so in {share} draws.{accepted}"


def _too_few(chances: Chances) -> str:
    """That some of the draws cannot be served at all."""
    if chances.fits == 1:
        return ""
    return (
        f" In {_percent(1 - chances.fits)} of the draws the GPUs allowed do not suffice; their "
        "bills count GPUs that cannot be had."
    )


def _accepted(pair: Pair, difference: float, bills: float) -> str:
    """What the comparison makes of answers that are not accepted."""
    own, api = pair.own, pair.api
    mine, theirs = own.pass_rate, api.pass_rate
    if mine is None and theirs is None:
        return ""
    if not pair.per_accepted:
        unknown = " and ".join(
            name for name, rate in ((own.name, mine), (api.name, theirs))
            if rate is None or rate.base == 0
        )  # fmt: skip
        return f" Pass rates are not in this: that of {unknown} is unknown or 0."
    assert mine is not None  # noqa: S101 -- see per_accepted
    assert theirs is not None  # noqa: S101
    said = (
        f" That is for as many accepted answers as there are requests: {100 * mine.base:.3g} % of "
        f"{own.name}'s and {100 * theirs.base:.3g} % of {api.name}'s are accepted."
    )
    if bills * difference < 0:
        other = own.name if bills < 0 else api.name
        if pair.at_most and bills > 0:
            return f"{said} The bill of {own.name} is the higher one by at most {money(bills)}."
        least = "at least " if pair.at_most else ""
        said += f" {other} has the lower bill, by {least}{money(abs(bills))} a month."
    return said


def _span(difference: Interval) -> str:
    if difference.low < 0 < difference.high:
        ends = f"from {money(difference.low)} to {money(difference.high)}"
        return f"80 % of the draws: self-hosting minus API {ends}"
    less, more = sorted((abs(difference.low), abs(difference.high)))
    if money(less) == money(more):
        return "80 % of the draws: as much"
    return f"80 % of the draws: {money(less)} to {money(more)}"


def _percent(share: float) -> str:
    """Rounded so that only all is 100 % and only none is 0 %."""
    if 0.995 <= share < 1:
        return "more than 99 %"
    if 0 < share < 0.005:
        return "less than 1 %"
    return f"{100 * share:.0f} %"


def break_even_sentence(one: Comparison) -> str:
    """Where self-hosting becomes cheaper, and what it would be if capacity did not count."""
    found = one.break_even
    said = f"{one.option} against {one.against}: "
    if one.at_most:
        return said + _at_the_latest(found)
    if found.tokens_per_day is not None:
        return said + _there(found)
    if not found.capacity_replicas:
        return f"{said}no break-even: the GPUs allowed do not make up the replicas asked for."
    return (
        f"{said}no break-even within the capacity of {_capacity(found)} (it would be "
        f"{short(found.ignoring_capacity)} tokens a day if the fewest replicas served any volume)."
        + _passing(found)
    )


def _capacity(found: BreakEven) -> str:
    replicas = plural(found.capacity_replicas, "replica")
    return f"{replicas}, {short(found.capacity_tokens_per_day)} tokens a day"


def _there(found: BreakEven) -> str:
    assert found.tokens_per_day is not None  # noqa: S101 -- the caller's case
    end = f", up to the capacity of {_capacity(found)}" if found.is_limited else ""
    if found.tokens_per_day == 0:
        return f"cheaper at any volume{end}."
    return f"cheaper from {short(found.tokens_per_day)} tokens a day on{end}." + _passing(found)


def _at_the_latest(found: BreakEven) -> str:
    """The break-even of a bill that is an upper bound."""
    end = f", up to the capacity of at least {_capacity(found)}" if found.is_limited else ""
    if found.tokens_per_day == 0:
        return f"cheaper at any volume{end}."
    if found.tokens_per_day is not None:
        return f"cheaper at the latest from {short(found.tokens_per_day)} tokens a day on{end}."
    return "its break-even is not known, as its bill is an upper bound."


def _passing(found: BreakEven) -> str:
    """Ranges in which self-hosting is cheaper before the next replica makes it dearer again."""
    pairs = zip(found.crossings, found.crossings[1:], strict=False)
    ranges = [
        f"{short(one.tokens_per_day)} to {short(two.tokens_per_day)}"
        for one, two in pairs
        if one.direction == "cheaper" and two.direction == "dearer"
    ]
    if not ranges:
        return ""
    shown = ", ".join(ranges[:3]) + (f" and {len(ranges) - 3} more ranges" if ranges[3:] else "")
    also = "Also cheaper" if found.tokens_per_day is not None else "Cheaper only"
    return f" {also} from {shown}."


def missing(question: CostQuestion) -> tuple[str, ...]:
    """Which of the two comparisons that always belong together cannot be made."""
    said = []
    if not any(one.same_model for one in question.hosted):
        said.append(
            "Not compared with the same open model at a host, which is often the cheapest way: "
            "no price of one was given."
        )
    if not any(not one.same_model for one in question.hosted):
        said.append(
            "Not compared with the API that self-hosting would displace: no price of it was given."
        )
    said += [
        f"The price of {one.name} is more than 60 days old."
        for one in question.hosted
        if one.price.is_stale
    ]
    said += filter(None, (_batches_uncached(one, question.demand) for one in question.hosted))
    return tuple(said)


def _batches_uncached(one: Hosted, demand: Demand) -> str:
    """That an API's batches are billed as if it had no cache, where they are; else nothing."""
    price = one.price
    has_batch = price.batch_input is not None or price.batch_output is not None
    hits = price.cached_input is not None and price.batch_cached_input is None
    if not (has_batch and hits and demand.batch_share.high and demand.cached_share.high):
        return ""
    return (
        f"No price of {one.name} is known for cached prompts in batches: its batches are billed "
        "without what a cache saves, which may be too much."
    )


def marked_name(one: CostedOption) -> str:
    """What an option is called, with the mark that it takes more GPUs than may be had."""
    fits = one.serving is None or one.serving.within_capacity
    return one.name if fits else f"{one.name} (more GPUs than allowed)"


def cannot_serve(one: CostedOption, own: SelfHosted, demand: Demand) -> str:
    """Why a demand is too much for the GPUs that can be had, and how many it takes."""
    found = one.serving
    assert found is not None  # noqa: S101 -- of self-hosted options alone
    why = {
        "throughput": "for the tokens of the busiest hour",
        "waiting": f"so that {100 * found.percentile:g} % of its requests start in time",
        "minimum": "by the fewest replicas and the spares asked for",
    }[found.bound_by]
    of = f"{short(demand.volume.base)} {demand.unit} a day"
    if own.capacity.at_least:
        return (
            f"Whether {one.name} can serve {of} with {plural(own.max_gpus or 0, 'GPU')} is not "
            f"known: it takes at most {plural(found.gpus, 'GPU')} {why}."
        )
    return (
        f"{one.name} cannot serve {of} with {plural(own.max_gpus or 0, 'GPU')}: it takes "
        f"{plural(found.gpus, 'GPU')} ({plural(found.replicas, 'replica')}) {why}."
    )

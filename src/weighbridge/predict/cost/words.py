"""What a comparison says, in sentences."""

from __future__ import annotations

from typing import Final

from weighbridge.core.cost import CostedOption, CostQuestion, Demand, Hosted, SelfHosted
from weighbridge.core.cost_comparison import BreakEven, Comparison
from weighbridge.core.provenance import Interval
from weighbridge.core.units import plural
from weighbridge.predict.cost.labels import money, short

SHOWN_SWINGS: Final = 5


def verdict(
    own: SelfHosted, api: Hosted, difference: Interval, p_cheaper: float, *, fits: bool
) -> str:
    """Which of the two is cheaper, by how much, and how sure that is."""
    if not fits:
        return (
            f"{own.name} cannot serve this demand with the GPUs allowed, so {api.name} is what is "
            "left of the two."
        )
    if difference.value == 0:
        return f"{own.name} and {api.name} cost the same."
    less, more = (own.name, api.name) if difference.value < 0 else (api.name, own.name)
    said = f"{less} is cheaper than {more} by {money(abs(difference.value))} a month"
    if difference.low == difference.high:
        return f"{said}; no range was given for anything, so nothing says how sure that is."
    surely = p_cheaper if difference.value < 0 else 1 - p_cheaper
    return f"{said} ({_span(difference)}), and so in {_percent(surely)} of the draws."


def _span(difference: Interval) -> str:
    if difference.low < 0 < difference.high:
        ends = f"from {money(difference.low)} to {money(difference.high)}"
        return f"80 % of the draws: self-hosting minus API {ends}"
    less, more = sorted((abs(difference.low), abs(difference.high)))
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
    if found.tokens_per_day is not None:
        return said + _there(found)
    if not found.capacity_replicas:
        return f"{said}no break-even: the GPUs allowed do not make up the replicas asked for."
    alone = f"{short(found.ignoring_capacity)} tokens a day if capacity did not count"
    replicas = plural(found.capacity_replicas, "replica")
    return (
        f"{said}no break-even within the capacity of {replicas}, "
        f"{short(found.capacity_tokens_per_day)} tokens a day (it would be {alone})."
        + _passing(found)
    )


def _there(found: BreakEven) -> str:
    assert found.tokens_per_day is not None  # noqa: S101 -- the caller's case
    if found.tokens_per_day == 0:
        return "cheaper at any volume."
    text = f"cheaper from {short(found.tokens_per_day)} tokens a day on."
    return text + _passing(found)


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
    return tuple(said)


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
    return (
        f"{one.name} cannot serve {of} with {plural(own.max_gpus or 0, 'GPU')}: it takes "
        f"{plural(found.gpus, 'GPU')} ({plural(found.replicas, 'replica')}) {why}."
    )

"""Cost reports as pages: kept ones, and the live one that counts anew whenever its form changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from weighbridge.core.cost import NOBODY_SAYS, CostedOption, CostReport, CostRun
from weighbridge.core.cost_comparison import Comparison
from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.provenance import Provenance
from weighbridge.core.runs import RunInfo
from weighbridge.predict.cost.check import all_quantities
from weighbridge.predict.cost.labels import label, money, short, value_text
from weighbridge.predict.cost.words import SHOWN_SWINGS, break_even_sentence, cannot_serve
from weighbridge.report.cost_charts import spread_drawing, volume_graph
from weighbridge.report.cost_form import CostForm
from weighbridge.report.page import render
from weighbridge.report.study_blocks import is_old
from weighbridge.report.study_tornado import tornado


@dataclass(frozen=True, slots=True)
class Compared:
    """One comparison as the page shows it."""

    comparison: Comparison
    break_even: str
    chance: str
    at_base: str
    spread: Markup
    tornado: Markup


@dataclass(frozen=True, slots=True)
class Quantity:
    """What an answer rests on: one input with its range and its source."""

    option: str
    name: str
    value: str
    range: str
    provenance: Provenance
    is_old: bool


def cost_run_page(run: CostRun, *, standalone: bool) -> str:
    """The page of one run of kind ``cost``."""
    return _rendered(standalone=standalone, info=run.info, **_context(run.report))


def live_cost_page(
    form: CostForm,
    report: CostReport | None = None,
    problem: WeighbridgeError | None = None,
    command: str = "",
    example: str = "",
) -> str:
    """The page that counts anew whenever its form changes.

    Args:
        form: the question, as typed.
        report: the answer.
        problem: why there is none.
        command: what asks the same in a terminal.
        example: address of a question that has an answer.
    """
    answer = {} if report is None else _context(report)
    return _rendered(form=form, problem=problem, command=command, example=example, **answer)


def _rendered(
    *,
    standalone: bool = False,
    info: RunInfo | None = None,
    **context: Any,  # noqa: ANN401 -- as Jinja
) -> str:
    empty: dict[str, Any] = {
        "form": None, "problem": None, "report": None, "command": "", "example": "",
    }  # fmt: skip
    return render(
        "cost.html",
        standalone=standalone,
        charts=False,
        here="runs" if info else "cost",
        info=info,
        money=money,
        short=short,
        value_text=value_text,
        **(empty | context),
    )


def _context(report: CostReport) -> dict[str, Any]:
    return {
        "report": report,
        "demand": report.question.demand,
        "headline": headline(report),
        "sentences": tuple(_sentences(report)),
        "result_line": result_line(report),
        "volume_graph": volume_graph(report),
        "compared": [_compared(report, one) for one in report.comparisons],
        "shown_swings": SHOWN_SWINGS,
        "machines": [one for one in report.options if one.serving is not None],
        "quantities": tuple(_quantities(report)),
        "old": _old_options(report),
        "bound_by": bound_by,
    }


def headline(report: CostReport) -> str:
    """What costs least, of what can serve the demand at all."""
    able = [one for one in report.options if one.serving is None or one.serving.within_capacity]
    if not able:
        return "The GPUs allowed cannot serve this."
    accepted = {one.name: one.usd_per_1000_accepted for one in able}
    known = [(usd.value, name) for name, usd in accepted.items() if usd is not None]
    if len(known) == len(able) > 1:
        usd, name = min(known)
        if bounded := _may_cost_less(report, name):
            each = f"{name} costs {money(usd)} per 1,000 accepted answers"
            return f"{each}; whether {bounded} costs less is not known."
        return f"{name} costs least per accepted answer: {money(usd)} per 1,000."
    least = min(able, key=lambda one: one.usd_per_month.value)
    amount = money(least.usd_per_month.value)
    if bounded := _may_cost_less(report, least.name):
        return f"{least.name} costs {amount} a month; whether {bounded} costs less is not known."
    if len(able) == 1 and len(report.options) == 1:
        return f"{least.name}: {amount} a month."
    return f"{least.name} costs least: {amount} a month."


def _may_cost_less(report: CostReport, least: str) -> str:
    """An option whose bill is an upper bound, above the least bill; empty where none is."""
    owns = report.question.selfhosted
    return next((o.name for o in owns if o.capacity.at_least and o.name != least), "")


def result_line(report: CostReport) -> str:
    """The answer in one line, read out when a slider has moved."""
    chances = "; ".join(
        f"self-hosting cheaper than {one.against} in {_chance(one)} of the draws"
        for one in report.comparisons
        if one.p_self_cheaper is not None
    )
    return f"{headline(report)} {chances}".strip()


def _chance(one: Comparison) -> str:
    if one.p_self_cheaper is None:
        return ""
    return f"{'at least ' if one.at_most else ''}{chance(one.p_self_cheaper)}"


def _at_base(one: Comparison) -> str:
    if one.difference.value < 0 and one.p_within_capacity == 1:
        return "yes"
    return "not known" if one.at_most else "no"


def chance(share: float) -> str:
    """Rounded so that only all is 100 % and only none is 0 %."""
    if 0 < share < 0.005:
        return "< 1\N{NO-BREAK SPACE}%"
    if 0.995 <= share < 1:
        return "> 99\N{NO-BREAK SPACE}%"
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def _sentences(report: CostReport) -> Iterator[str]:
    demand = report.question.demand
    for own in report.question.selfhosted:
        found = report.option(own.name)
        if found.serving is not None and not found.serving.within_capacity:
            yield cannot_serve(found, own, demand)
    for one in report.comparisons:
        yield f"{one.verdict} {break_even_sentence(one)}"


def _compared(report: CostReport, one: Comparison) -> Compared:
    return Compared(
        comparison=one,
        break_even=_where(one),
        chance=_chance(one),
        at_base=_at_base(one),
        spread=spread_drawing(report, one),
        tornado=tornado(one, report.question.demand.unit),
    )


def _where(one: Comparison) -> str:
    found = one.break_even
    if found.tokens_per_day == 0:
        return "at any volume"
    if found.tokens_per_day is not None and one.at_most:
        return f"from {short(found.tokens_per_day)} tokens a day on at the latest"
    if one.at_most:
        return "from an unknown volume on, as its bill is an upper bound"
    if found.tokens_per_day is not None:
        return f"from {short(found.tokens_per_day)} tokens a day on"
    return "at no volume within capacity"


def _quantities(report: CostReport) -> Iterator[Quantity]:
    unit = report.question.demand.unit
    for option, driver, one in all_quantities(report.question):
        # What nobody was asked for, such as a share of batches of 0, is none of the inputs.
        if one.provenance == NOBODY_SAYS:
            continue
        ends = [value_text(driver, end, volume_unit=unit) for end in (one.low, one.high)]
        yield Quantity(
            option=option or "traffic",
            name=label(driver),
            value=value_text(driver, one.base, volume_unit=unit),
            range="" if one.is_certain else f"{ends[0]} to {ends[1]}",
            provenance=one.provenance,
            is_old=_is_price(driver) and is_old(one.provenance, report.created),
        )


def _is_price(driver: str) -> bool:
    return driver.startswith("api.price.") or driver == "self.rented.usd_per_gpu_hour"


def _old_options(report: CostReport) -> frozenset[str]:
    """Names of options whose bill rests on a price older than 60 days."""
    today = report.created
    found = {api.name for api in report.question.hosted if api.price.is_stale}
    found |= {
        own.name
        for own in report.question.selfhosted
        if own.rented is not None and is_old(own.rented.usd_per_gpu_hour.provenance, today)
    }
    return frozenset(found)


def bound_by(one: CostedOption) -> str:
    """What asks for the most replicas, in words."""
    assert one.serving is not None  # noqa: S101 -- of self-hosted options alone
    return {
        "minimum": "fewest replicas",
        "throughput": "tokens of the busiest hour",
        "waiting": "waiting for a slot",
    }[one.serving.bound_by]

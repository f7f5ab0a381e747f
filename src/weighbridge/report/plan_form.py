"""What the live page asks a plan with: the fields of its form, as typed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlencode

from weighbridge.core.plan import Order, Plan
from weighbridge.report.plan_words import ORDERS


class Choice(NamedTuple):
    """One entry of a list to choose from."""

    value: str
    text: str


@dataclass(frozen=True, slots=True)
class Field:
    """One line of text or number.

    Attributes:
        name: in the address.
        label: beside it.
        value: as typed.
        hint: what an empty field means, or an example.
        unit: after it.
        slider: least and most of the slider that scripts put beside it, in logarithmic steps.
        open_end: whether the slider's end means no limit.
    """

    name: str
    label: str
    value: str
    hint: str = ""
    unit: str = ""
    slider: tuple[float, float] | None = None
    open_end: bool = False


@dataclass(frozen=True, slots=True)
class PlanForm:
    """The form.

    Attributes:
        fields: what is typed.
        more: likewise, less often.
        unfolded: whether what is less often asked is shown.
        devices: names to choose from while typing.
        engines: which may be chosen, and those that are.
        formats: likewise.
        licenses: likewise; one is chosen.
        orders: what a ranking may go by; one is chosen.
        hidden: names and values that the address carries on unseen.
    """

    fields: tuple[Field, ...]
    more: tuple[Field, ...]
    unfolded: bool
    devices: tuple[str, ...]
    engines: tuple[tuple[Choice, bool], ...]
    formats: tuple[tuple[Choice, bool], ...]
    licenses: tuple[tuple[Choice, bool], ...]
    orders: tuple[tuple[Choice, bool], ...]
    hidden: tuple[tuple[str, str], ...] = ()


def order_choices() -> tuple[Choice, ...]:
    """What a ranking may go by."""
    return tuple(Choice(name, text) for name, text in ORDERS.items())


def address_of(plan: Plan) -> str:
    """Where the live server plans anew for the same question, to be changed there."""
    return f"/plan?{urlencode(list(_pairs(plan)))}"


def _pairs(plan: Plan) -> Iterator[tuple[str, str]]:
    asked, load = plan.requirements, plan.requirements.workload
    order: Order = plan.order
    yield "device", f"{plan.machine.count}x {plan.machine.device.name}"
    yield "users", str(load.users)
    yield "context", str(load.longest)
    yield "prompt", str(load.prompt_tokens)
    yield "output", str(load.output_tokens)
    for bound in asked.slo.bounds:
        if bound.metric in ("ttft", "tpot") and bound.percentile == "p95":
            yield bound.metric, f"{bound.limit_ms:g}"
    if asked.eur_per_hour is not None:
        yield "price", f"{asked.eur_per_hour:.12g}"
    for engine in asked.engines:
        yield "engine", engine.name
    for name in asked.formats:
        yield "format", name
    if plan.task:
        yield "task", plan.task
    if order != "quality":
        yield "order", order

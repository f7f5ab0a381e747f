"""The route that plans: a form, and the answer to it, computed anew for every request."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final, get_args

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from weighbridge.core.errors import InputError, WeighbridgeError
from weighbridge.core.machine import Machine
from weighbridge.core.plan import Order, Plan, Requirements
from weighbridge.core.units import parse_tokens
from weighbridge.core.workload import Bound, Metric, Slo
from weighbridge.facts.catalog.catalogue import Catalogue
from weighbridge.facts.devices import parse_machine
from weighbridge.facts.devices.detect import detect
from weighbridge.facts.devices.rows import entries as load_devices
from weighbridge.facts.licenses.intents import INTENTS, parse_intents
from weighbridge.predict.search.space import SERVERS, format_names
from weighbridge.predict.search.verdict import tokens_text
from weighbridge.report.plan_form import Choice, Field, PlanForm, order_choices
from weighbridge.report.plan_page import live_plan_page
from weighbridge.report.plan_words import ENGINES
from weighbridge.verbs import plan as verb
from weighbridge.verbs.effects import SystemClock
from weighbridge.workspace.folder import Workspace

# What sliders span; a field takes any number.
_USERS: Final = (1, 512)
_CONTEXT: Final = (1024, 262_144)
_TTFT: Final = (20, 20_000)
_TPOT: Final = (2, 500)
_MOST_USERS: Final = 1_000_000
# What is meant to be done, short enough for a list; `weigh plan --license` takes more.
_INTENDED: Final = {
    "commercial": "commercial use",
    "internal": "internal use only",
    "eu": "a licensee in the EU",
    "maas": "offering it as a service",
    "assistant": "selling an assistant",
    "finetune": "training it further",
    "redistribute": "passing it on",
    "distill": "training on its outputs",
}
_MORE: Final = ("engine", "format", "prompt", "output", "task")
_ORDERS: Final[dict[str, Order]] = {name: name for name in get_args(Order)}


def found_here() -> Machine | None:
    """The machine that this server runs on."""
    return detect().machine


class PlanPages:
    """The route ``/plan``.

    Args:
        open_store: opens the workspace, for evaluations of the user's own.
        open_catalogue: reads the catalogue.
        look: finds the machine that this server runs on; asked once.
    """

    def __init__(
        self,
        open_store: Callable[[], Workspace],
        open_catalogue: Callable[[], Catalogue],
        look: Callable[[], Machine | None] = found_here,
    ) -> None:
        self._store = open_store
        self._catalogue = open_catalogue
        self._here = cache(look)

    def page(self, request: Request) -> Response:
        """The form, and the plan that it asks for.

        What cannot be planned is told beside the form, so that it can be changed there.
        """
        query = request.query_params
        here = self._here()
        if here is None and not query.get("device"):
            return HTMLResponse(live_plan_page(form_of(query, None)))
        try:
            plan = self._plan(query, here)
        except WeighbridgeError as error:
            return HTMLResponse(live_plan_page(form_of(query, here), problem=error))
        return HTMLResponse(live_plan_page(form_of(query, here, plan), plan))

    def _plan(self, query: QueryParams, here: Machine | None) -> Plan:
        text = query.get("device", "").strip()
        machine = parse_machine(text) if text or here is None else here
        catalogue, task = self._catalogue(), query.get("task", "").strip()
        licensed = query.get("license", "").strip()
        store, clock = self._store(), SystemClock()
        return verb.plan(
            machine,
            requirements_of(query),
            catalogue,
            clock,
            # Names of the catalogue only: an address must not make the server read files.
            names=[catalogue.find(name).id for name in query.getlist("model") if name.strip()],
            intents=parse_intents(licensed) if licensed else None,
            task=task,
            order=_order(query),
            store=store,
            calibrations=verb.calibrations(store.root, catalogue, clock),
        )


def requirements_of(query: QueryParams) -> Requirements:
    """What an address asks for.

    Raises:
        InputError: one of its values cannot be.
    """
    load = verb.workload(
        context=_tokens(query, "context"),
        prompt=_tokens(query, "prompt"),
        output=_tokens(query, "output"),
        users=_users(query),
    )
    bounds = (_bound("ttft", query.get("ttft", "")), _bound("tpot", query.get("tpot", "")))
    return Requirements(
        workload=load,
        slo=Slo(tuple(bound for bound in bounds if bound)),
        engines=tuple(verb.parse_engine(name) for name in query.getlist("engine")),
        formats=tuple(verb.parse_format(name) for name in query.getlist("format")),
        eur_per_hour=_price(query),
    )


def form_of(query: QueryParams, here: Machine | None, plan: Plan | None = None) -> PlanForm:
    """The form as it was sent; fields left empty show what a plan took for them."""
    licensed = query.get("license", "").strip()
    order = _ORDERS.get(query.get("order", ""), "quality")
    return PlanForm(
        fields=_fields(query, here, plan),
        more=_more(query, plan),
        unfolded=any(query.get(name) for name in _MORE),
        devices=tuple(entry.device.name for entry in load_devices()),
        engines=_checks(
            ((name, ENGINES[name]) for name in (*SERVERS, "llama.cpp")), query, "engine"
        ),
        formats=_checks(((name, name) for name in format_names()), query, "format"),
        licenses=tuple((choice, choice.value == licensed) for choice in _licenses(licensed)),
        orders=tuple((choice, choice.value == order) for choice in order_choices()),
        hidden=tuple(("model", name) for name in query.getlist("model")),
    )


def _fields(query: QueryParams, here: Machine | None, plan: Plan | None) -> tuple[Field, ...]:
    load = plan.requirements.workload if plan else None
    users, context = (str(load.users), tokens_text(load.longest)) if load else ("", "")
    usual = verb.workload()  # what a plan takes where nothing is said
    found = f"here: {here.label}" if here else "e.g. 2x RTX 4090"

    def typed(name: str, otherwise: str = "") -> str:
        return query.get(name, "").strip() or otherwise

    ends: dict[str, Any] = {"hint": "any", "unit": "ms, p95", "open_end": True}
    return (
        Field("device", "Machine", typed("device"), hint=found),
        Field("users", "Users at once", typed("users", users), str(usual.users), slider=_USERS),
        Field(
            "context",
            "Context",
            typed("context", context),
            tokens_text(usual.longest),
            "tokens",
            slider=_CONTEXT,
        ),
        Field("price", "Price of the machine", typed("price"), "not known", "€ per hour"),
        Field("ttft", "First token within", typed("ttft"), slider=_TTFT, **ends),
        Field("tpot", "Further tokens within", typed("tpot"), slider=_TPOT, **ends),
    )


def _more(query: QueryParams, plan: Plan | None) -> tuple[Field, ...]:
    load = plan.requirements.workload if plan else None
    taken = (str(load.prompt_tokens), str(load.output_tokens)) if load else ("", "")
    return (
        Field("prompt", "Typical prompt", query.get("prompt", ""), taken[0], "tokens"),
        Field("output", "Typical answer", query.get("output", ""), taken[1], "tokens"),
        Field("task", "Task", query.get("task", ""), "a suite you evaluated, e.g. code"),
    )


def _checks(
    known: Iterable[tuple[str, str]], query: QueryParams, name: str
) -> tuple[tuple[Choice, bool], ...]:
    """Every known value, and what else was asked for, as an engine with its version."""
    asked = query.getlist(name)
    choices = dict(known)
    choices |= {value: value for value in asked if value not in choices}
    return tuple((Choice(value, text), value in asked) for value, text in choices.items())


def _licenses(asked: str) -> list[Choice]:
    found = [
        Choice("", "not asked"),
        *(Choice(name, _INTENDED.get(name, name)) for name in INTENTS),
    ]
    if asked and asked not in INTENTS:
        found.append(Choice(asked, asked))
    return found


def _order(query: QueryParams) -> Order:
    name = query.get("order", "").strip()
    if name and name not in _ORDERS:
        raise InputError(
            f"A ranking cannot go by {name!r}.", fix=f"Choose one of {', '.join(_ORDERS)}."
        )
    if name == "cost" and not query.get("price", "").strip():
        raise InputError(
            "Costs cannot be compared without a price of the machine.",
            fix="Enter what it costs per hour, for example 2.50.",
        )
    return _ORDERS[name or "quality"]


def _price(query: QueryParams) -> float | None:
    """EUR per hour of the whole machine; none for an empty field."""
    text = query.get("price", "").strip()
    if not text:
        return None
    price = _number(text)
    if not (math.isfinite(price) and price > 0):
        raise InputError(
            f"{text!r} is not a price per hour.",
            fix="Write euros above zero, for example 2.50.",
        )
    return price


def _tokens(query: QueryParams, name: str) -> int | None:
    text = query.get(name, "").strip()
    return parse_tokens(text) if text else None


def _users(query: QueryParams) -> int | None:
    text = query.get("users", "").strip()
    if not text:
        return None
    if not text.isdecimal() or int(text) > _MOST_USERS:
        raise InputError(
            f"{text!r} is not a number of users.",
            fix=f"Write a whole number up to {_MOST_USERS:,}.",
        )
    return int(text)


def _bound(metric: Metric, text: str) -> Bound | None:
    """A limit in ms on the 95th percentile; none for an empty field."""
    text = text.strip()
    if not text:
        return None
    limit = _number(text)
    if not (math.isfinite(limit) and limit > 0):
        raise InputError(
            f"{text!r} is not a limit on {metric} that anything could meet.",
            fix="Write milliseconds above zero, for example 500.",
        )
    return Bound(metric, "p95", limit)


def _number(text: str) -> float:
    """As typed; NaN for what is no number."""
    try:
        return float(text)
    except ValueError:
        return math.nan

"""The route that counts costs: a form, and the answer to it, computed anew for every request."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from weighbridge.core.cost import CostReport
from weighbridge.core.errors import InputError, WeighbridgeError
from weighbridge.core.prices import TERMS, Terms
from weighbridge.facts.catalog.catalogue import Catalogue
from weighbridge.facts.prices import Prices
from weighbridge.report.cost_page import live_cost_page
from weighbridge.verbs.cost import cost
from weighbridge.verbs.cost_capacity import Served
from weighbridge.verbs.cost_options import HardwareAsked, OperatingAsked
from weighbridge.verbs.cost_question import (
    Asked,
    CapacityAsked,
    DemandAsked,
    Sources,
    question,
)
from weighbridge.verbs.effects import SystemClock
from weighbridge.verbs.prices import read
from weighbridge.web.cost_fields import LABELS, SPEEDS, form_of, terms_of
from weighbridge.web.cost_sources import command_of, prefilled
from weighbridge.workspace.folder import Workspace

# Sent by a page that has the lists to choose from already: they are nine tenths of it.
_ANEW: Final = "x-weighbridge-anew"
_MOST_TEXT: Final = 200
_MOST_APIS: Final = 6
# Each question takes a handful, at several lengths.
_MOST_PREDICTIONS: Final = 512
_PROFILES: Final = ("day", "flat", "office")
_FLAG: Final = re.compile(r"--([a-z][a-z-]*)")
# The form has no place for a file.
_PROFILE_FILE: Final = (
    "yours goes in with --profile FILE, 24 numbers from midnight on",
    "`weigh cost` takes yours from a file",
)
_EXAMPLE: Final = (
    "/cost?volume=20M&unit=tokens&model=Qwen3-8B&device=L4&from=predict"
    "&fte=0.1&fte_cost=150k&api=anthropic/claude-sonnet-5-5&same=a-host%3D0.02/0.05"
)


class CostPages:
    """The route ``/cost``.

    Args:
        open_store: opens the workspace, for measurements and plans of the user's own.
        open_catalogue: reads the catalogue.
        catalogue: the user's own file of models, or None.
    """

    def __init__(
        self,
        open_store: Callable[[], Workspace],
        open_catalogue: Callable[[], Catalogue],
        catalogue: Path | None = None,
    ) -> None:
        self._store = open_store
        self._catalogue = open_catalogue
        self._own = catalogue
        self._predictions: dict[object, Served] = {}

    def page(self, request: Request) -> Response:
        """The form, and the answer that it asks for.

        What cannot be counted is told beside the form, so that it can be changed there.
        """
        store, catalogue, clock = self._store(), self._catalogue(), SystemClock()
        query, prices = prefilled(request.query_params, store), read(clock, workspace=store.root)
        report, problem, command = None, None, ""
        try:
            if query.get("volume", "").strip():
                sources = Sources(
                    prices, clock, store, self._own, store.root, "given in the form", self._known()
                )
                report, command = _answered(query, asked_of(query, catalogue, prices), sources)
        except WeighbridgeError as error:
            problem = InputError(in_form_words(error.message), fix=in_form_words(error.fix))
        form = form_of(query, store, catalogue, prices, report)
        if _ANEW in request.headers:
            form = replace(form, devices=(), models=(), apis=())
        example = "" if report or problem else _EXAMPLE
        page = live_cost_page(form, report, problem, command, example)
        return HTMLResponse(page, headers={"vary": _ANEW})

    def _known(self) -> dict[object, Served]:
        """Predictions of the last questions: a slider asks for the same ones over and over."""
        if len(self._predictions) > _MOST_PREDICTIONS:
            self._predictions = {}
        return self._predictions


def _answered(query: QueryParams, asked: Asked, sources: Sources) -> tuple[CostReport, str]:
    """The report, and the command that asks the same."""
    seed = _seed(query)
    wanted, notes = question(asked, sources)
    told = (*notes, *_not_counted(query), *sources.prices.notes)
    report = cost(wanted, sources.clock, seed=seed, notes=[in_form_words(note) for note in told])
    return report, command_of(asked, seed)


def in_form_words(text: str) -> str:
    """A sentence with options of the command line called as the form has them."""

    def named(match: re.Match[str]) -> str:
        label = LABELS.get(match[1].replace("-", "_"))
        return f"“{label}”" if label else match[0]

    return _FLAG.sub(named, text.replace(*_PROFILE_FILE))


def asked_of(query: QueryParams, catalogue: Catalogue, prices: Prices) -> Asked:
    """What an address asks for.

    Raises:
        InputError: one of its values cannot be.
    """
    for name, value in query.multi_items():
        if len(value) > _MOST_TEXT:
            raise InputError(
                f"What stands in {LABELS.get(name, name)!r} is too long.",
                fix=f"Write at most {_MOST_TEXT} characters.",
            )

    def of(name: str) -> str:
        return query.get(name, "").strip()

    typed = of("tokens_per_s")
    run = "" if typed or of("from") in SPEEDS else of("from")
    predicts = not (typed or run)
    # Names of the catalogue only: an address must not make the server read files.
    model = catalogue.find(of("model")).id if predicts and of("model") else of("model")
    return Asked(
        demand=_demand(of),
        capacity=CapacityAsked(
            tokens_per_s=typed,
            prefill_per_s=of("prefill_per_s"),
            slots=_whole(query, "slots"),
            service=of("service"),
            slo=of("slo"),
            wait_s=_seconds(of("max_wait")),
            from_run=run,
            quantization=of("quantization"),
        ),
        hardware=_hardware(of, terms_of(query)),
        operating=OperatingAsked(
            fte=of("fte"), fte_cost=of("fte_cost"), on_call=of("on_call"), ops=of("ops"),
            fixed=tuple(one.strip() for one in of("fixed").split(",") if one.strip()),
        ),
        model=model,
        device=_device(of("device")),
        max_gpus=_whole(query, "max_gpus"),
        min_replicas=of("min_replicas"),
        spare_replicas=int(bool(of("ha"))),
        apis=_apis(query, "api"),
        same_model_apis=_apis(query, "same"),
        pass_rates=_pass_rates(query, of, prices),
        token_ratios=_token_ratios(of("token_ratio")),
    )  # fmt: skip


def _not_counted(query: QueryParams) -> tuple[str, ...]:
    """What stands in the form and is not asked."""
    own = query.get("owned", "").strip() or query.get("owned_monthly", "").strip()
    if own and query.get("gpus", "rented") in ("", "rented"):
        return ("The price of a bought GPU is not counted: these are rented.",)
    return ()


def _demand(of: Callable[[str], str]) -> DemandAsked:
    unit, profile = of("unit") or "tokens", of("profile") or "day"
    if unit not in ("tokens", "requests"):
        raise InputError(f"{unit!r} is no unit of traffic.", fix="Choose tokens or requests.")
    if profile not in _PROFILES:
        raise InputError(
            f"{profile!r} is no profile of the day.", fix=f"Choose one of {', '.join(_PROFILES)}."
        )
    return DemandAsked(
        volume=f"{of('volume')}-{unit}/day", prompt=of("prompt"), output=of("output"),
        reasoning=of("reasoning"), cached=of("cached"), written=of("written"), batch=of("batch"),
        profile=profile,
    )  # fmt: skip


def _hardware(of: Callable[[str], str], terms: str) -> HardwareAsked:
    """Rented, bought, or both side by side."""
    how = of("gpus") or "rented"
    if how not in ("rented", "bought", "both"):
        raise InputError(f"{how!r} is no way to have GPUs.", fix="Choose rented, bought or both.")
    if how != "rented" and not (of("owned") or of("owned_monthly")):
        raise InputError(
            "What a GPU costs to buy is not said.",
            fix=f"Fill in its price, or {LABELS['owned_monthly']!r}.",
        )
    rented = HardwareAsked(
        gpu_price=of("gpu_price"), terms=_terms(terms), on_fraction=of("on_fraction"),
        cold_start_hours=of("cold_start_hours"),
    )  # fmt: skip
    if how == "rented":
        return rented
    return replace(
        rented if how == "both" else HardwareAsked(), rented_too=how == "both",
        owned=of("owned"), owned_monthly=of("owned_monthly"), host=of("host"),
        years=of("years"), residual=of("residual"),
        maintenance=of("maintenance"), watts=of("watts"), idle_watts=of("idle_watts"),
        pue=of("pue"), kwh=of("kwh"), colocation=of("colocation"),
    )  # fmt: skip


def _terms(text: str) -> Terms:
    for one in TERMS:
        if one == text:
            return one
    raise InputError(f"{text!r} are no terms of rent.", fix=f"Choose {', '.join(TERMS)}.")


def _device(text: str) -> str:
    if text.lower().endswith((".yaml", ".yml")):
        raise InputError(f"{text!r} is no GPU.", fix="Write for example L4 or 2x RTX 4090.")
    return text


def _apis(query: QueryParams, name: str) -> tuple[str, ...]:
    found = tuple(text.strip() for text in query.getlist(name) if text.strip())
    if len(found) > _MOST_APIS:
        raise InputError(f"{len(found)} APIs are too many.", fix=f"Ask for {_MOST_APIS} at most.")
    return tuple(dict.fromkeys(found))


def _pass_rates(query: QueryParams, of: Callable[[str], str], prices: Prices) -> tuple[str, ...]:
    """Of the own model, which is a host's, too; and of the APIs that would be displaced."""
    own, theirs = of("pass_rate"), of("pass_rate_api")
    for rate in (own, theirs):
        if "=" in rate:
            raise InputError(f"{rate!r} is no share.", fix="Write for example 88% or 85..88..91%.")
    rates = [own] if own else []
    rates += [f"{_named(api, prices)}={own}" for api in _apis(query, "same") if own]
    rates += [f"{_named(api, prices)}={theirs}" for api in _apis(query, "api") if theirs]
    return tuple(rates)


def _token_ratios(text: str) -> tuple[str, ...]:
    """Of all displaced APIs."""
    if "=" in text:
        raise InputError(f"{text!r} is no ratio.", fix="Write for example 1.1 or 1..1.1..1.3.")
    return (text,) if text else ()


def _named(api: str, prices: Prices) -> str:
    """How an option of that API is called, be it given by its name or by its price."""
    if ".." not in api:
        return prices.find_api(api).name
    name, _, stated = api.rpartition("=")
    return name.strip() or stated.strip()


def _whole(query: QueryParams, name: str) -> int | None:
    text = query.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= 10**6:
        raise InputError(
            f"{text!r} is not a number of {LABELS.get(name, name)!r}.",
            fix="Write a whole number above zero.",
        )
    return int(text)


def _seconds(text: str) -> float | None:
    if not text:
        return 1.0
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise InputError(f"{text!r} is no wait.", fix="Write seconds, for example 1.")
    return seconds


def _seed(query: QueryParams) -> int:
    text = query.get("seed", "").strip()
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise InputError(f"{text!r} is no seed.", fix="Write a whole number, for example 0.")
    return int(text)

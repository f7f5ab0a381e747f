"""The fields of the live cost page: their names, sliders, and what they show when empty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.datastructures import QueryParams

from weighbridge.core.cost import CostReport, SelfHosted, Uncertain
from weighbridge.core.prices import TERMS
from weighbridge.facts.catalog.catalogue import Catalogue
from weighbridge.facts.devices.rows import entries as load_devices
from weighbridge.facts.prices import Prices
from weighbridge.predict.cost.labels import short
from weighbridge.report.cost_form import Chosen, CostField, CostForm, Group, Speed, Switch, Written
from weighbridge.report.plan_form import Choice
from weighbridge.web.cost_sources import SpeedRun, runs_with_speed
from weighbridge.workspace.folder import Workspace

SPEEDS: Final = ("", "predict")
_APIS: Final = 2
_MOST_APIS: Final = 8

_Row = tuple[str, str, str, str, tuple[float, float] | None, Written, bool]
# Name in the address, label, hint, unit, slider, how it is written, whether the slider is linear.
_ROWS: Final[tuple[_Row, ...]] = (
    ("volume", "Traffic a day", "e.g. 20M", "", (1e4, 1e11), "amount", False),
    ("prompt", "Prompt", "750", "tokens", (10, 200_000), "whole", False),
    ("output", "Answer", "250", "tokens", (1, 20_000), "whole", False),
    ("cached", "Prompt found in a cache", "0%", "", (0, 100), "percent", True),
    ("model", "Model", "e.g. Qwen3-8B", "", None, "amount", False),
    ("device", "GPUs of a replica", "e.g. L4 or 2x RTX 4090", "", None, "amount", False),
    ("tokens_per_s", "Speed of a replica", "", "tokens/s", (10, 100_000), "amount", False),
    ("slo", "Conditions, for a prediction", "ttft_p95<2s", "", None, "amount", False),
    ("gpu_price", "Rented GPU", "known offers", "$ an hour", (0.1, 20), "usd", False),
    ("owned", "Bought GPU", "not bought", "$", (200, 100_000), "amount", False),
    ("owned_monthly", "Own GPU, all in one", "in parts", "$ a month", None, "amount", False),
    ("max_gpus", "GPUs at most", "no limit", "", (1, 1024), "whole", False),
    ("fte", "People", "0", "full-time", (0, 5), "usd", True),
    ("fte_cost", "Cost of one of them", "unknown", "$ a year", (20_000, 500_000), "amount", False),
    ("ops", "Operations besides", "0", "$ a month", (10, 50_000), "amount", False),
    ("pass_rate", "Own answers accepted", "unknown", "", (0, 100), "percent", True),
    ("pass_rate_api", "Accepted of the API displaced", "unknown", "", (0, 100), "percent", True),
)
_MORE: Final[tuple[_Row, ...]] = (
    ("reasoning", "Reasoning before the answer", "0", "tokens", None, "amount", False),
    ("written", "Prompt written to a cache", "0%", "", None, "amount", False),
    ("batch", "Requests that may wait for hours", "0%", "", None, "amount", False),
    ("quantization", "Format, for a prediction", "any that fits", "", None, "amount", False),
    ("prefill_per_s", "Prefill, if not in the speed", "in it", "tokens/s", None, "amount", False),
    ("slots", "Requests at once on a replica", "as known", "", None, "amount", False),
    ("service", "A request takes", "as known", "s", None, "amount", False),
    ("max_wait", "99 % wait at most", "1", "s", None, "amount", False),
    ("min_replicas", "Replicas at least", "1", "", None, "amount", False),
    ("on_fraction", "Share of the month billed", "100%", "", None, "amount", False),
    ("cold_start_hours", "Cold starts", "0", "hours a month", None, "amount", False),
    ("host", "Its share of the server", "0", "$", None, "amount", False),
    ("years", "Used for", "2..3..5", "years", None, "amount", False),
    ("residual", "Worth at the end", "0..15..30%", "", None, "amount", False),
    ("maintenance", "Maintenance a year", "0%", "", None, "amount", False),
    ("watts", "Power under load", "by its board", "W", None, "amount", False),
    ("idle_watts", "Power when idle", "by its board", "W", None, "amount", False),
    ("pue", "PUE", "1..1.3..1.6", "", None, "amount", False),
    ("kwh", "Power", "0.08..0.15..0.35", "$ a kWh", None, "amount", False),
    ("colocation", "Colocation", "0", "$ a month", None, "amount", False),
    ("token_ratio", "Tokens of the API per own token", "1", "", None, "amount", False),
    ("on_call", "On-call", "0", "$ a month", None, "amount", False),
    ("fixed", "Other lines", "audit=200, licence=50", "$ a month", None, "amount", False),
    ("seed", "Seed of the draws", "0", "", None, "amount", False),
)
_BY_NAME: Final = {row[0]: row for row in (*_ROWS, *_MORE)}
_LISTS: Final = {"model": "model-names", "device": "device-names"}
# What the command line calls them, as far as the names differ.
LABELS: Final = {name: row[1] for name, row in _BY_NAME.items()} | {
    "api": "API displaced",
    "same_model_api": "Same model at a host",
    "from_run": "Speed from",
    "on": "Share of the month billed",
    "profile": "Over the day",
    "terms": "Terms",
}


def form_of(
    query: QueryParams,
    store: Workspace,
    catalogue: Catalogue,
    prices: Prices,
    report: CostReport | None = None,
) -> CostForm:
    """The form as it was sent; fields left empty show what an answer took for them."""
    taken = {} if report is None else _taken(report)

    def lines(*names: str) -> tuple[CostField, ...]:
        return tuple(_field(name, query, taken) for name in names)

    speeds = runs_with_speed(store)
    groups = (
        Group("Traffic", (*lines("volume"), _unit(query), *lines("prompt", "output", "cached"))),
        Group("What serves it", (*lines("model", "device"), _speed(query, speeds),
                                 *lines("tokens_per_s", "slo"))),
        Group("What that costs", (_gpus(query), *lines("gpu_price", "owned", "owned_monthly",
                                                       "max_gpus", "fte", "fte_cost", "ops"),
                                  _spare(query))),
        Group("What it is compared with", (*_api_fields(query), *lines("pass_rate",
                                                                      "pass_rate_api"))),
    )  # fmt: skip
    return CostForm(
        groups=groups,
        more=_more(query, taken),
        unfolded=any(query.get(row[0]) for row in _MORE) or terms_of(query) != TERMS[0],
        devices=tuple(entry.device.name for entry in load_devices()),
        models=tuple(model.id for model in catalogue.models),
        apis=_api_choices(prices),
        speed=None if report is None else _speed_taken(report),
    )


def _field(name: str, query: QueryParams, taken: dict[str, str]) -> CostField:
    _, label, hint, unit, slider, written, is_linear = _BY_NAME[name]
    return CostField(
        name, label, query.get(name, "").strip(), taken.get(name, hint), unit, slider,
        written, is_linear, _LISTS.get(name, ""), open_end=name == "max_gpus",
    )  # fmt: skip


def _more(query: QueryParams, taken: dict[str, str]) -> tuple[Group, ...]:
    def lines(first: str, last: str) -> tuple[CostField, ...]:
        names = [row[0] for row in _MORE]
        inside = names[names.index(first) : names.index(last) + 1]
        return tuple(_field(name, query, taken) for name in inside)

    return (
        Group("Traffic", (*lines("reasoning", "batch"), _profile(query))),
        Group("Replicas", lines("quantization", "min_replicas")),
        Group("Rented GPUs", (*lines("on_fraction", "cold_start_hours"), _terms(query))),
        Group("Bought GPUs", lines("host", "colocation")),
        Group("Other", lines("token_ratio", "seed")),
    )


def _taken(report: CostReport) -> dict[str, str]:
    """What an answer took for fields that may be empty."""
    asked, own = report.question.demand, report.question.selfhosted[0]
    found = {
        "prompt": _plain(asked.prompt_tokens),
        "output": _plain(asked.output_tokens),
        "tokens_per_s": _plain(own.capacity.output_tokens_per_s),
        "slots": "" if own.capacity.slots is None else str(own.capacity.slots),
        "service": "" if own.capacity.service_s is None else _plain(own.capacity.service_s),
    }
    rented = next((one.rented for one in report.question.selfhosted if one.rented), None)
    if rented is not None:
        found["gpu_price"] = _plain(rented.usd_per_gpu_hour)
    return {name: text for name, text in found.items() if text}


def _plain(one: Uncertain) -> str:
    """As the field takes it: three digits, with the range where there is one."""
    ends = [one.base] if one.is_certain else [one.low, one.base, one.high]
    return "..".join(f"{end:.3g}" if end < 1000 else f"{end:.0f}" for end in ends)


def _speed_taken(report: CostReport) -> Speed:
    own: SelfHosted = report.question.selfhosted[0]
    found = own.capacity.output_tokens_per_s
    text = f"{short(found.base)} tokens/s"
    if not found.is_certain:
        text += f" ({short(found.low)} to {short(found.high)})"
    if own.capacity.slo:
        text += f" holding {own.capacity.slo}"
    return Speed(text, found.provenance)


def _chosen(
    name: str, label: str, query: QueryParams, entries: Sequence[tuple[str, str]]
) -> Chosen:
    asked = query.get(name, "").strip() or entries[0][0]
    known = [Choice(value, text) for value, text in entries]
    if asked not in {one.value for one in known}:
        known.append(Choice(asked, asked))
    return Chosen(name, label, tuple((one, one.value == asked) for one in known))


def _unit(query: QueryParams) -> Chosen:
    return _chosen("unit", "Counted in", query, (("tokens", "tokens"), ("requests", "requests")))


def _profile(query: QueryParams) -> Chosen:
    entries = (("day", "a day with a peak"), ("flat", "flat"), ("office", "office hours alone"))
    return _chosen("profile", "Over the day", query, entries)


def _gpus(query: QueryParams) -> Chosen:
    entries = (("rented", "rented"), ("bought", "bought"), ("both", "both, side by side"))
    return _chosen("gpus", "GPUs are", query, entries)


def _speed(query: QueryParams, runs: Sequence[SpeedRun]) -> Chosen:
    entries = [("predict", "a prediction"), *((one.id, one.text) for one in runs)]
    return _chosen("from", "Speed from", query, entries)


def _spare(query: QueryParams) -> Switch:
    return Switch("ha", "One replica to spare", bool(query.get("ha", "").strip()))


def _terms(query: QueryParams) -> Chosen:
    said = {"on-demand": "on demand", "spot": "spot: may be taken away",
            "reserved": "reserved for months"}  # fmt: skip
    asked = QueryParams({"terms": terms_of(query)})
    return _chosen("terms", "Terms", asked, [(terms, said[terms]) for terms in TERMS])


def terms_of(query: QueryParams) -> str:
    """On which terms GPUs are rented; older addresses have a switch for spot alone."""
    usual = "spot" if query.get("spot", "").strip() else TERMS[0]
    return query.get("terms", "").strip() or usual


def _api_fields(query: QueryParams) -> list[CostField]:
    """Fields for all that are asked for, and at least two of each kind."""
    found = []
    hints = {"api": "e.g. anthropic/claude-sonnet-5-5 or 2/10", "same": "e.g. a-host=0.02/0.05"}
    for name, label in (("api", "API displaced"), ("same", "Same model at a host")):
        values = [text.strip() for text in query.getlist(name) if text.strip()]
        values = values[:_MOST_APIS] + [""] * (_APIS - len(values))
        for number, value in enumerate(values):
            named = label if number == 0 else f"{label}, {number + 1}"
            hint = hints[name] if number == 0 else "another, if any"
            found.append(CostField(name, named, value, hint, names="api-names", number=number))
    return found


def _api_choices(prices: Prices) -> tuple[Choice, ...]:
    """Every known price; what stands beside a name is USD per million tokens."""
    return tuple(
        Choice(one.name, f"{one.price.input:g} / {one.price.output:g}") for one in prices.api
    )

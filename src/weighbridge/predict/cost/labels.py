"""Drivers in people's words, and how their values are written."""

from __future__ import annotations

import math
from typing import Final

from weighbridge.core.units import format_figure

_SHARES: Final = frozenset({
    "cached_share", "written_share", "batch_share", "on_fraction", "residual", "maintenance",
    "pass_rate",
})  # fmt: skip
_COUNTS: Final = frozenset({"min_replicas"})

_LABELS: Final = {
    "demand.volume": "volume",
    "demand.prompt_tokens": "prompt tokens",
    "demand.output_tokens": "output tokens",
    "demand.reasoning_tokens": "reasoning tokens",
    "demand.cached_share": "share of prompts in the cache",
    "demand.written_share": "share of prompts written to the cache",
    "demand.batch_share": "share of requests that may wait",
    "self.capacity.output_tokens_per_s": "tokens/s of a replica",
    "self.capacity.prefill_tokens_per_s": "prefill tokens/s of a replica",
    "self.capacity.service_s": "seconds a request takes",
    "self.rented.usd_per_gpu_hour": "GPU price",
    "self.rented.on_fraction": "share of the month that GPUs are on",
    "self.rented.cold_start_hours": "hours of cold starts",
    "self.owned.capex_gpu": "price of a GPU",
    "self.owned.capex_host": "price of the host per GPU",
    "self.owned.years": "years of use",
    "self.owned.residual": "residual value",
    "self.owned.load_w": "power under load",
    "self.owned.idle_w": "power when idle",
    "self.owned.usd_per_kwh": "price of power",
    "self.owned.pue": "PUE",
    "self.owned.maintenance": "maintenance a year",
    "self.owned.colocation": "colocation",
    "self.all_in.usd_per_gpu_month": "GPU with everything",
    "self.people.fte": "full-time people",
    "self.people.usd_per_year": "cost of a full-time person",
    "self.people.on_call": "on-call",
    "self.min_replicas": "fewest replicas",
    "self.pass_rate": "pass rate of the own model",
    "api.price.input": "API input price",
    "api.price.output": "API output price",
    "api.price.cached_input": "API price of cached input",
    "api.price.written_input": "API price of written cache",
    "api.price.batch_input": "API batch input price",
    "api.price.batch_output": "API batch output price",
    "api.price.batch_cached_input": "API batch price of cached input",
    "api.price.batch_written_input": "API batch price of written cache",
    "api.token_ratio": "tokens that the API counts per own token",
    "api.pass_rate": "pass rate of the API",
}

_UNITS: Final = {
    "self.rented.usd_per_gpu_hour": "USD an hour",
    "self.rented.cold_start_hours": "hours a month",
    "self.owned.capex_gpu": "USD",
    "self.owned.capex_host": "USD",
    "self.owned.years": "years",
    "self.owned.load_w": "W",
    "self.owned.idle_w": "W",
    "self.owned.usd_per_kwh": "USD per kWh",
    "self.owned.colocation": "USD a month",
    "self.all_in.usd_per_gpu_month": "USD a month",
    "self.people.usd_per_year": "USD a year",
    "self.people.on_call": "USD a month",
    "self.capacity.service_s": "s",
    "api.price.input": "USD per million",
    "api.price.output": "USD per million",
    "api.price.cached_input": "USD per million",
    "api.price.written_input": "USD per million",
    "api.price.batch_input": "USD per million",
    "api.price.batch_output": "USD per million",
    "api.price.batch_cached_input": "USD per million",
    "api.price.batch_written_input": "USD per million",
}


def label(driver: str) -> str:
    """What a driver is called."""
    if ".fixed." in driver:
        return driver.partition(".fixed.")[2]
    return _LABELS[driver]


def is_share(driver: str) -> bool:
    """Whether a driver is between 0 and 1."""
    return driver.rpartition(".")[2] in _SHARES


def is_count(driver: str) -> bool:
    """Whether a driver is a whole number, at least 1."""
    return driver.rpartition(".")[2] in _COUNTS


def value_text(driver: str, value: float, *, volume_unit: str = "tokens") -> str:
    """A driver's value with its unit: ``0.44 USD an hour``, ``20.0M tokens a day``."""
    if driver == "demand.volume":
        return f"{short(value)} {volume_unit} a day"
    if is_share(driver):
        return f"{100 * value:.3g} %"
    if is_count(driver):
        return f"{math.ceil(value)}"
    unit = "USD a month" if ".fixed." in driver else _UNITS.get(driver, "")
    return f"{format_figure(value)} {unit}".rstrip()


def short(count: float) -> str:
    """A volume in three digits: ``2.64M``, ``384M``, ``1.20B``; below ten thousand in full."""
    for unit, size in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= (10 * size if unit == "k" else 0.9995 * size):
            return f"{format_figure(count / size)}{unit}"
    return f"{count:,.0f}"


def money(usd: float) -> str:
    """Dollars: whole ones from a hundred on, with a sign before the amount."""
    sign = "-" if usd < 0 else ""
    size = abs(usd)
    if size >= 99.995 or size == 0:
        return f"{sign}${size:,.0f}"
    return f"{sign}${size:.2f}" if size >= 0.1 else f"{sign}${format_figure(size)}"

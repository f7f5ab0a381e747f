"""An API's bill."""

from __future__ import annotations

import numpy as np

from weighbridge.core.cost import Hosted
from weighbridge.predict.cost.demand import Traffic
from weighbridge.predict.cost.lines import Line, fixed_lines
from weighbridge.predict.cost.values import Array, Values

_PER_MILLION = 1e-6


def hosted_lines(api: Hosted, come: Traffic, values: Values) -> list[Line]:
    """Its lines, USD a month.

    A request that may wait is billed at batch prices where the host has them; what a cache saves
    of those only where it has a price of that too. Without batch prices it is billed like any
    other. Reasoning is billed as output.
    """
    prices = api.price
    tokens = come.requests_per_month * values["api.token_ratio"] * _PER_MILLION
    has_batch = prices.batch_input is not None or prices.batch_output is not None
    batch = tokens * come.batch if has_batch else tokens * 0
    now = tokens - batch
    fresh = come.prompt * (1 - come.cached - come.written)
    hit = come.cached if prices.batch_cached_input is not None else come.cached * 0
    put = come.written if prices.batch_written_input is not None else come.written * 0

    def at(name: str, otherwise: str) -> tuple[Array, str]:
        path = name if getattr(prices, name) is not None else otherwise
        return values[f"api.price.{path}"] * _times(api, come, values, path), path

    bills = (
        ("prompt", now * fresh, at("input", "input")),
        ("prompt read from cache", now * come.prompt * come.cached, at("cached_input", "input")),
        ("prompt written to cache", now * come.prompt * come.written, at("written_input", "input")),
        ("output", now * come.output, at("output", "output")),
        ("reasoning", now * come.reasoning, at("output", "output")),
        ("prompt in batches", batch * come.prompt * (1 - hit - put), at("batch_input", "input")),
        ("batches' prompt read from cache", batch * come.prompt * hit,
         at("batch_cached_input", "input")),
        ("batches' prompt written to cache", batch * come.prompt * put,
         at("batch_written_input", "input")),
        ("output in batches", batch * come.generated, at("batch_output", "output")),
    )  # fmt: skip
    lines = [
        Line(name, millions * price, getattr(prices, path).provenance)
        for name, millions, (price, path) in bills
    ]
    return [*lines, *fixed_lines(api.fixed, "api", values)]


def _times(api: Hosted, come: Traffic, values: Values, name: str) -> Array:
    """By how much the length of these prompts changes a price: every draw has its own length."""
    prompt = come.prompt * values["api.token_ratio"]
    times: Array = np.ones_like(prompt)
    for step in api.price.steps:
        times = np.where(prompt >= step.from_prompt_tokens, getattr(step, name), times)
    return times

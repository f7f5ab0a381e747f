"""Some of a suite's items: the first, or a random sample in the suite's order."""

from __future__ import annotations

import random

import msgspec

from weighbridge.measure.evals.item_file import ItemFile
from weighbridge.measure.evals.records import Suite, make_suite


def chosen(suite: Suite, limit: int | None, seed: int | None) -> Suite:
    """The suite with ``limit`` of its items: the first, or with a seed a random sample.

    The sample keeps the suite's order, so two models asked with one seed are compared item by item.
    """
    if seed is None or limit is None or limit >= len(suite.items):
        return suite.head(limit)
    items = suite.items
    picked = sorted(random.Random(seed).sample(range(len(items)), limit))  # noqa: S311 -- no secret
    if isinstance(items, ItemFile):
        return make_suite(suite.settings, items.at(picked))
    return make_suite(suite.settings, tuple(items[index] for index in picked))


def sampled(suite: Suite, temperature: float | None, seed: int | None) -> Suite:
    """The suite with answers drawn otherwise (another hash: another measurement)."""
    told = {"temperature": temperature, "seed": seed}
    others = {name: value for name, value in told.items() if value is not None}
    if not others:
        return suite
    sampling = msgspec.structs.replace(suite.settings.sampling, **others)
    return make_suite(msgspec.structs.replace(suite.settings, sampling=sampling), suite.items)

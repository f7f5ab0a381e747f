"""Some of a suite's items: the first, or a random sample in the suite's order."""

from __future__ import annotations

import random

from weighbridge.measure.evals.records import Suite, make_suite


def chosen(suite: Suite, limit: int | None, seed: int | None) -> Suite:
    """The suite with ``limit`` of its items: the first, or with a seed a random sample.

    The sample keeps the suite's order, so two models asked with one seed are compared item by item.
    """
    if seed is None or limit is None or limit >= len(suite.items):
        return suite.head(limit)
    picked = random.Random(seed).sample(range(len(suite.items)), limit)  # noqa: S311 -- no secret
    return make_suite(suite.settings, tuple(suite.items[index] for index in sorted(picked)))

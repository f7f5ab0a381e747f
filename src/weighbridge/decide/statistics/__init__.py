"""Intervals, tests and sample sizes: each formula with its source is in docs/statistics.md.

What verdicts need is imported from here and loads neither numpy nor scipy before it computes; the
modules that work on whole tables import numpy at once.
"""

from weighbridge.decide.statistics.flips import flip_difference, mcnemar, paired_difference
from weighbridge.decide.statistics.rates import wilson
from weighbridge.decide.statistics.run_pairs import (
    compare,
    compare_runs,
    item_groups,
    rate,
    run_accuracy,
)

__all__ = [
    "compare",
    "compare_runs",
    "flip_difference",
    "item_groups",
    "mcnemar",
    "paired_difference",
    "rate",
    "run_accuracy",
    "wilson",
]

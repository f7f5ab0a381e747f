"""Lines of a bill while they are still arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from weighbridge.core.cost import FixedLine
from weighbridge.core.provenance import Provenance
from weighbridge.predict.cost.values import Array, Values


@dataclass(frozen=True, slots=True)
class Line:
    """One line, USD a month, one element per way the world may be."""

    name: str
    usd: Array
    provenance: Provenance


def fixed_lines(fixed: Sequence[FixedLine], whose: str, values: Values) -> list[Line]:
    """Costs that do not depend on the traffic."""
    return [
        Line(one.name, values[f"{whose}.fixed.{one.name}"], one.usd_per_month.provenance)
        for one in fixed
    ]


def total(lines: Sequence[Line]) -> Array:
    """The sum of a bill."""
    return reduce(np.add, (line.usd for line in lines))

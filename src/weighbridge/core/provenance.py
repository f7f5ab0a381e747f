"""Where a number comes from. Every number that a user sees can say this of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["measured", "predicted", "catalogue", "vendor", "assumed"]


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a number came to be.

    Attributes:
        kind: measured here, predicted by us, from our catalogue, claimed by a vendor, or assumed.
        source: the run, file, formula or page it comes from, in words a reader can follow.
        date: when it was obtained, as an ISO 8601 date or time.
    """

    kind: Kind
    source: str
    date: str


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its two-sided interval, in the unit that the owner's name states."""

    value: float
    low: float
    high: float
    level: float = 0.95

    @property
    def excludes_zero(self) -> bool:
        """Whether the data can tell the estimate from zero at this level."""
        return self.low > 0 or self.high < 0

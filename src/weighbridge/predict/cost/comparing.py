"""One self-hosted option and one API side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weighbridge.core.cost import Demand, Hosted, SelfHosted
from weighbridge.predict.cost.demand import traffic
from weighbridge.predict.cost.hosted import hosted_lines
from weighbridge.predict.cost.lines import total
from weighbridge.predict.cost.replicas import (
    looks_at_waiting,
    need,
    seconds_per_request,
    service_seconds,
)
from weighbridge.predict.cost.selfhosted import self_lines
from weighbridge.predict.cost.values import Array, Drivers, Values, drivers_of

# What is divided by; where nothing is accepted, an accepted answer has no price.
_LEAST: Final = 1e-9
# So many draws tell whether a quantity has a part in the comparison: one that has moves them all.
_TRIED: Final = 32


@dataclass(frozen=True, slots=True)
class Pair:
    """What is compared, and under which demand."""

    demand: Demand
    own: SelfHosted
    api: Hosted

    @property
    def drivers(self) -> Drivers:
        """All quantities that the comparison depends on."""
        return drivers_of(self.demand, self.own, self.api)

    @property
    def per_accepted(self) -> bool:
        """Whether bills are compared per accepted answer: where both pass rates are known."""
        rates = (self.own.pass_rate, self.api.pass_rate)
        return all(rate is not None and rate.base > 0 for rate in rates)

    @property
    def at_most(self) -> bool:
        """Whether the self-hosted bill is an upper bound: a replica may serve more."""
        return self.own.capacity.at_least

    def difference(self, values: Values) -> Array:
        """Self-hosted minus API, USD a month: below zero where self-hosting is cheaper."""
        come = traffic(self.demand, values)
        mine = total(self_lines(self.own, come, values))
        theirs = total(hosted_lines(self.api, come, values))
        return self.fairly(mine, values, "self") - self.fairly(theirs, values, "api")

    def fairly(self, usd: Array, values: Values, whose: str) -> Array:
        """A bill, for as many accepted answers as there are requests where both rates are known."""
        if not self.per_accepted:
            return usd
        return usd / np.maximum(values[f"{whose}.pass_rate"], _LEAST)

    def cheaper(self, values: Values) -> NDArray[np.bool_]:
        """Where self-hosting is cheaper and the GPUs that can be had suffice."""
        return (self.difference(values) < 0) & self.fits(values)

    def fits(self, values: Values) -> NDArray[np.bool_]:
        """Where the GPUs that can be had suffice."""
        replicas = need(self.own, traffic(self.demand, values), values).replicas
        most = np.inf if self.own.max_replicas is None else self.own.max_replicas
        return replicas <= most

    def has_ranges(self, draws: Values) -> bool:
        """Whether any range that was given enters: else draws say nothing of how sure it is.

        A pass rate that is not compared by does not, nor a price of what is never bought.
        """
        few = {path: values[:_TRIED] for path, values in draws.items()}
        known = self._rests_on(few)
        return any(
            bool(np.any(self._rests_on({**few, path: _other(few[path])}) != known))
            for path, one in self.drivers.items()
            if not one.is_certain
        )

    def _rests_on(self, values: Values) -> Array:
        """Bills, and what replicas follow from: by stairs, a bill alone would hide quantities."""
        come = traffic(self.demand, values)
        busy = come.peak_per_s * seconds_per_request(self.own, come, values)
        rests = [self.difference(values), busy, values["self.min_replicas"]]
        if looks_at_waiting(self.own):
            rests.append(come.peak_per_s * service_seconds(self.own, come, values))
        return np.stack(np.broadcast_arrays(*rests))


def _other(values: Array) -> Array:
    """Other values of a quantity, all of them possible: halves, and for none a half."""
    return np.where(values > 0, values / 2, 0.5)

"""One self-hosted option and one API side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weighbridge.core.cost import Demand, Hosted, SelfHosted
from weighbridge.predict.cost.demand import traffic
from weighbridge.predict.cost.hosted import hosted_lines
from weighbridge.predict.cost.lines import total
from weighbridge.predict.cost.replicas import need
from weighbridge.predict.cost.selfhosted import self_lines
from weighbridge.predict.cost.values import Array, Drivers, Values, drivers_of


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

    def difference(self, values: Values) -> Array:
        """Self-hosted minus API, USD a month: below zero where self-hosting is cheaper."""
        come = traffic(self.demand, values)
        mine = total(self_lines(self.own, come, values))
        theirs: Array = total(hosted_lines(self.api, come, values))
        return mine - theirs

    def cheaper(self, values: Values) -> NDArray[np.bool_]:
        """Where self-hosting is cheaper and the GPUs that can be had suffice."""
        return (self.difference(values) < 0) & self.fits(values)

    def fits(self, values: Values) -> NDArray[np.bool_]:
        """Where the GPUs that can be had suffice."""
        replicas = need(self.own, traffic(self.demand, values), values).replicas
        most = np.inf if self.own.max_replicas is None else self.own.max_replicas
        return replicas <= most

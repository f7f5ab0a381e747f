"""An option's bill: at base, in every draw, and what it comes to per request."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from weighbridge.core.cost import (
    DAYS_PER_MONTH,
    CostedOption,
    CostLine,
    Demand,
    Hosted,
    SelfHosted,
    Uncertain,
)
from weighbridge.core.provenance import Interval
from weighbridge.predict.cost.comparing import Pair
from weighbridge.predict.cost.demand import Traffic, traffic
from weighbridge.predict.cost.hosted import hosted_lines
from weighbridge.predict.cost.lines import Line, total
from weighbridge.predict.cost.selfhosted import self_lines
from weighbridge.predict.cost.serving import serving
from weighbridge.predict.cost.values import Array, Values, base_values, drawn, drivers

LEVEL: Final = 0.8
_LEAST: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Bill:
    """One option under a demand, at base and in every draw."""

    demand: Demand
    option: SelfHosted | Hosted
    base: Values
    draws: Values

    @property
    def whose(self) -> Literal["self", "api"]:
        """How the paths of its drivers begin."""
        return "self" if isinstance(self.option, SelfHosted) else "api"

    def traffic(self, values: Values) -> Traffic:
        """What comes."""
        return traffic(self.demand, values)

    def lines(self, values: Values) -> list[Line]:
        """What is paid for it."""
        come = self.traffic(values)
        if isinstance(self.option, SelfHosted):
            return self_lines(self.option, come, values)
        return hosted_lines(self.option, come, values)


def bill(demand: Demand, option: SelfHosted | Hosted, seed: int, draws: int) -> Bill:
    """An option's bill; all options of a seed see the same draws of the demand."""
    own = drivers(option, "self" if isinstance(option, SelfHosted) else "api")
    asked = drivers(demand, "demand")
    chance = drawn(asked, seed, draws) | drawn(own, seed, draws, scope=option.name)
    return Bill(demand, option, base_values(asked | own), chance)


def costed(one: Bill) -> CostedOption:
    """The bill as people read it."""
    option = one.option
    lines, cast = one.lines(one.base), one.lines(one.draws)
    usd, usds = total(lines), total(cast)
    each = 1000 * usd / one.traffic(one.base).requests_per_month
    eaches = 1000 * usds / one.traffic(one.draws).requests_per_month
    own = option if isinstance(option, SelfHosted) else None
    return CostedOption(
        name=option.name,
        kind=_kind(option),
        lines=tuple(_shown(lines, cast)),
        usd_per_month=interval(usd, usds),
        usd_per_1000_requests=interval(each, eaches),
        marginal_usd_per_1000_requests=_marginal(one, float(usd[0])),
        usd_per_1000_accepted=_accepted(one, each, eaches),
        pass_rate=_as_interval(option.pass_rate),
        serving=None if own is None else serving(own, one.traffic(one.base), one.base),
        same_model=isinstance(option, Hosted) and option.same_model,
    )


def interval(base: Array, draws: Array) -> Interval:
    """The base case with what 80 % of the draws lie in."""
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    value = float(base[0])
    # A base case may lie outside of most draws where a stair is near; the interval holds it anyway.
    return Interval(value, min(float(low), value), max(float(high), value), LEVEL)


def differences(pair: Pair, mine: Bill, theirs: Bill) -> Array:
    """Self-hosted minus API in every draw, USD a month."""
    own, api = total(mine.lines(mine.draws)), total(theirs.lines(theirs.draws))
    return pair.fairly(own, mine.draws, "self") - pair.fairly(api, theirs.draws, "api")


def _as_interval(rate: Uncertain | None) -> Interval | None:
    """Of a triangular quantity everything lies between its ends."""
    if rate is None:
        return None
    level = LEVEL if rate.shape == "lognormal" else 1.0
    return Interval(rate.base, rate.low, rate.high, level)


def _kind(option: SelfHosted | Hosted) -> Literal["rented", "owned", "api"]:
    if isinstance(option, Hosted):
        return "api"
    return "owned" if option.rented is None else "rented"


def _shown(lines: list[Line], draws: list[Line]) -> Iterable[CostLine]:
    """Those that are something; the others would only fill the table."""
    for line, cast in zip(lines, draws, strict=True):
        if line.usd[0] or cast.usd.any():
            yield CostLine(line.name, interval(line.usd, cast.usd), line.provenance)


def _accepted(one: Bill, each: Array, eaches: Array) -> Interval | None:
    """None where nobody knows the pass rate, and where nothing passes: no price buys that."""
    path = f"{one.whose}.pass_rate"
    if path not in one.base or one.base[path][0] == 0:
        return None
    return interval(each / one.base[path], eaches / np.maximum(one.draws[path], _LEAST))


def _marginal(one: Bill, usd: float) -> float:
    """What a thousand more requests a month add to the bill."""
    by = one.demand.tokens_per_request if one.demand.unit == "tokens" else 1.0
    more = one.base["demand.volume"] + 1000 / DAYS_PER_MONTH * by
    return float(total(one.lines({**one.base, "demand.volume": more}))[0]) - usd

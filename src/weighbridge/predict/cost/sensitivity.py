"""Which drivers matter: each to both its ends, and how far it has to go to turn the answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from weighbridge.core.cost import Uncertain
from weighbridge.core.cost_comparison import Flip, Swing
from weighbridge.core.units import format_figure
from weighbridge.predict.cost.comparing import Pair
from weighbridge.predict.cost.labels import is_count, is_share, label, value_text
from weighbridge.predict.cost.lengths import known_lengths
from weighbridge.predict.cost.values import Array, Values, base_values, broadcast

# What was given as one value is moved so far, to see what would matter if it were wrong.
ASSUMED: Final = 0.2
# These are nobody's estimate: they are what somebody has decided.
_DECISIONS: Final = ("self.rented.on_fraction", "self.rented.cold_start_hours")
# The same model counts the same tokens.
_SAME_MODEL: Final = ("api.token_ratio",)
_PASS_RATES: Final = ("self.pass_rate", "api.pass_rate")
_LENGTHS: Final = {
    "demand.prompt_tokens": 0, "demand.output_tokens": 1, "demand.reasoning_tokens": 1,
}  # fmt: skip
# Flips are looked for up to so many times the base value, and down to as small a part of it.
_DECADES: Final = 3.0
_POINTS: Final = 601
_ZOOMS: Final = 4


def swings(pair: Pair) -> tuple[Swing, ...]:
    """Every driver that moves the difference, the longest bar first."""
    left_out = (
        *(() if pair.per_accepted else _PASS_RATES),
        *(_SAME_MODEL if pair.api.same_model else ()),
    )
    of = {path: one for path, one in pair.drivers.items() if path not in left_out}
    ends = {path: _within(pair, path, _ends(path, one)) for path, one in of.items()}
    moving = [path for path, (low, high) in ends.items() if low < high]
    values = broadcast(base_values(pair.drivers), 2 * len(moving))
    for place, path in enumerate(moving):
        values[path][2 * place : 2 * place + 2] = ends[path]
    differences = pair.difference(values)
    bars = [
        Swing(
            path,
            label(path),
            *ends[path],
            at_low=float(differences[2 * place]),
            at_high=float(differences[2 * place + 1]),
            assumed_range=of[path].is_certain,
        )
        for place, path in enumerate(moving)
    ]
    return tuple(sorted((bar for bar in bars if bar.usd > 0), key=lambda bar: -bar.usd))


def _within(pair: Pair, path: str, ends: tuple[float, float]) -> tuple[float, float]:
    """No further than the lengths that the replica's capacity is known for."""
    known = _known(pair, path)
    if known is None or not pair.drivers[path].is_certain:
        return ends
    return max(ends[0], known[0]), min(ends[1], known[1])


def _known(pair: Pair, path: str) -> tuple[float, float] | None:
    """The shortest and longest length that the capacity is known for; None for no limit."""
    lengths = known_lengths(pair.own.capacity)
    if path not in _LENGTHS or lengths is None:
        return None
    low, high = lengths[_LENGTHS[path]]
    # What is known is of output and reasoning together.
    other = {"demand.output_tokens": pair.demand.reasoning_tokens.base,
             "demand.reasoning_tokens": pair.demand.output_tokens.base}.get(path, 0.0)  # fmt: skip
    base = pair.drivers[path].base
    return min(base, max(0.0, low - other)), max(base, high - other)


def _ends(path: str, one: Uncertain) -> tuple[float, float]:
    if not one.is_certain:
        return one.low, one.high
    if is_count(path) or path in _DECISIONS:
        return one.base, one.base
    high = one.base * (1 + ASSUMED)
    if path == "self.owned.pue":
        return max(1.0, one.base * (1 - ASSUMED)), high
    return one.base * (1 - ASSUMED), min(high, 1.0) if is_share(path) else high


def flips(pair: Pair, bars: Sequence[Swing], most: int = 5) -> tuple[Flip, ...]:
    """For the first few drivers, the value nearest to base at which the cheaper option changes."""
    return tuple(_flip(pair, bar.driver) for bar in bars[:most])


def _flip(pair: Pair, driver: str) -> Flip:
    base = base_values(pair.drivers)
    at = pair.drivers[driver].base
    cheaper = bool(pair.cheaper(base)[0])
    value = _nearest_change(pair, base, driver, cheaper=cheaper)
    sentence = _sentence(pair, driver, at, value, cheaper=cheaper)
    return Flip(driver, label(driver), value, at, sentence)


def _nearest_change(pair: Pair, base: Values, driver: str, *, cheaper: bool) -> float | None:
    """Outwards from the base value in both directions; what is nearer counts, as a ratio."""
    at = pair.drivers[driver].base
    grid = _grid(driver, at, pair.drivers[driver].high)
    known = _known(pair, driver)
    if known is not None:
        grid = np.unique(np.append(grid[(grid >= known[0]) & (grid <= known[1])], known))
    found = []
    for side in (grid[grid >= at], grid[grid <= at][::-1]):
        ways = _changes(pair, base, driver, side, cheaper=cheaper)
        if ways is not None:
            found.append(_zoomed(pair, base, driver, *ways, cheaper=cheaper))
    if is_share(driver):
        return min(found, key=lambda value: abs(value - at), default=None)
    return min(found, key=lambda value: _far(value, at), default=None)


def _far(value: float, base: float) -> float:
    return abs(math.log(value / base)) if value > 0 and base > 0 else math.inf


def _grid(driver: str, base: float, high: float) -> Array:
    if is_share(driver):
        return np.unique(np.append(np.linspace(0.0, 1.0, _POINTS), base))
    if is_count(driver):
        return np.unique(np.append(np.arange(1.0, 65.0), base))
    anchor = base or high
    wide = np.geomspace(anchor * 10**-_DECADES, anchor * 10**_DECADES, _POINTS)
    least = 1.0 if driver == "self.owned.pue" else 0.0
    grid: Array = np.unique(np.append(wide[wide > least], [least, base]))
    return grid if _may_be_nothing(driver) else grid[grid > 0]


def _may_be_nothing(driver: str) -> bool:
    """Whether zero is a value of this driver: of what is divided by it is not."""
    last = driver.rpartition(".")[2]
    never = ("volume", "output_tokens_per_s", "prefill_tokens_per_s", "service_s", "years")
    return last not in (*never, "prompt_tokens", "output_tokens", "token_ratio")


def _changes(
    pair: Pair, base: Values, driver: str, along: Array, *, cheaper: bool
) -> tuple[float, float] | None:
    """The first two neighbours between which the cheaper option changes."""
    if len(along) < 2:
        return None
    changed = pair.cheaper(_with(base, driver, along)) != cheaper
    if not changed.any():
        return None
    place = int(np.argmax(changed))
    return float(along[place - 1]), float(along[place])


def _zoomed(
    pair: Pair, base: Values, driver: str, near: float, beyond: float, *, cheaper: bool
) -> float:
    """The change between two values, nearer and nearer."""
    if is_count(driver):
        return beyond
    for _ in range(_ZOOMS):
        closer = _changes(pair, base, driver, np.linspace(near, beyond, 101), cheaper=cheaper)
        if closer is None:
            break
        near, beyond = closer
    return beyond


def _with(base: Values, driver: str, along: Array) -> Values:
    return broadcast(base, len(along)) | {driver: along}


def _sentence(pair: Pair, driver: str, at: float, value: float | None, *, cheaper: bool) -> str:
    name = label(driver)
    to = pair.api.name if cheaper else pair.own.name
    unit = pair.demand.unit
    if value is None:
        if pair.at_most and not cheaper:
            bound = f"the bill of {to} is an upper bound"
            return f"Which value of {name} alone makes {to} the cheaper one is not known: {bound}."
        known = _known(pair, driver)
        within = "" if known is None else (
            f" from {format_figure(known[0])} to {format_figure(known[1])}, where the speed is "
            "predicted,"
        )  # fmt: skip
        return f"No value of {name}{within} alone makes {to} the cheaper one."
    beyond = "above" if value > at else "below"
    there = value_text(driver, value, volume_unit=unit)
    now = _least(pair, driver) + value_text(driver, at, volume_unit=unit)
    does = _turn(pair, driver, value, cheaper=cheaper)
    if pair.at_most and not _least(pair, driver):
        beyond = f"{'no sooner than' if cheaper else 'at the latest'} {beyond}"
    if is_count(driver):
        return f"{does} with {there} {name}; now it is {now}."
    return f"{does} with {name} {beyond} {there}; now it is {now}."


def _least(pair: Pair, driver: str) -> str:
    """What stands before the value of a speed that is a bound; else nothing."""
    is_speed = driver.startswith("self.capacity.") and driver.endswith("tokens_per_s")
    return "at least " if pair.at_most and is_speed else ""


def _turn(pair: Pair, driver: str, value: float, *, cheaper: bool) -> str:
    """What happens there: another price, or more or fewer GPUs than can be had."""
    base = base_values(pair.drivers)
    there = _with(base, driver, np.array([value]))
    own, api = pair.own.name, pair.api.name
    fits, fitted = bool(pair.fits(there)[0]), bool(pair.fits(base)[0])
    if cheaper and not fits:
        return f"The GPUs allowed no longer suffice for {own}"
    if not cheaper and not fitted:
        return f"The GPUs allowed suffice for {own}, which is cheaper than {api},"
    return f"{api if cheaper else own} becomes cheaper"

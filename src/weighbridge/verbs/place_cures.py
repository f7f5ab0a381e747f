"""What would give one model or task a place on empty devices, if it has none as it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from weighbridge.core.errors import InputError
from weighbridge.core.placement import Placement, PlacementRules, Site, Unplaced, Wanted
from weighbridge.core.units import format_tokens
from weighbridge.predict.placement.spots import spots
from weighbridge.verbs.place_file import Demand

# More than vLLM runs at once by default on any device.
_MOST_USERS: Final = 1024
# Contexts are named in steps of so many tokens, traffic in shares of what is asked.
_CONTEXT_STEP: Final = 1024
_RATE_STEPS: Final = 100
# As quality suffers; see place_changes.
_SHORTER: Final = (("fp8",), ("fp8", "awq"))

Change = Mapping[str, object]
"""What of a demand is to be different."""

Again = Callable[[str, Change], Wanted]
"""From a name and a change to what is then wanted."""


def with_cures_told(
    placement: Placement,
    sites: Sequence[Site],
    rules: PlacementRules,
    demands: Mapping[str, Demand],
    again: Again,
) -> Placement:
    """The placement; where one has no place even on empty devices, with what would help it."""

    def fits(name: str, change: Change) -> bool:
        try:
            return not spots(sites, [again(name, change)], rules)[1]
        except InputError:  # there is no such checkpoint, or it cannot be predicted
            return False

    told: dict[str, Unplaced] = {}
    for one in placement.unplaced:
        # What has a place of its own is crowded out by others.
        if one.fault in ("traffic", "load", "memory") and not fits(one.wanted, {}):
            does = partial(fits, one.wanted)
            told[one.reason] = _told(one, demands[one.wanted], does, rules)
    return replace(
        placement,
        unplaced=tuple(told.get(one.reason, one) for one in placement.unplaced),
        reasons=tuple(told[text].reason if text in told else text for text in placement.reasons),
    )


def _told(
    one: Unplaced, demand: Demand, fits: Callable[[Change], bool], rules: PlacementRules
) -> Unplaced:
    slow = one.fault != "memory"
    if slow and demand.users is not None:
        enough = _enough(lambda users: fits({"users": users}), demand.users)
        if enough is not None:
            return _held_back(one, demand, enough, rules)
    cures = [*(_slower(demand, fits) if slow else _smaller(demand, fits)), *_shorter(demand, fits)]
    if not cures:
        return one
    listed = cures[0] if len(cures) == 1 else f"{', '.join(cures[:-1])} or {cures[-1]}"
    return replace(one, reason=f"{one.reason} It has a place on empty devices with {listed}.")


def _held_back(one: Unplaced, demand: Demand, enough: int, rules: PlacementRules) -> Unplaced:
    return Unplaced(
        one.wanted,
        "users",
        f"{one.wanted} is held back by `users: {demand.users}`: no more requests are in flight at "
        f"once, over all its servers, and so few cannot finish {demand.requests_per_s:g} "
        f"requests/s with devices at most {100 * rules.most_load:.0f} % busy. "
        f"With `users: {enough}` it has a place on empty devices.",
    )


def _smaller(demand: Demand, fits: Callable[[Change], bool]) -> Iterator[str]:
    """Fewer users and a shorter context: the largest with which it fits."""
    if demand.users is not None:
        users = _largest(lambda count: fits({"users": count}), demand.users)
        if users:
            yield f"`users: {users}`"
    least = -(-(demand.prompt_tokens + demand.output_tokens) // _CONTEXT_STEP)
    steps = _largest(
        lambda count: count >= least and fits({"context": count * _CONTEXT_STEP}),
        -(-demand.context // _CONTEXT_STEP),
        least,
    )
    if steps:
        yield f"a context of {format_tokens(steps * _CONTEXT_STEP)} tokens"


def _slower(demand: Demand, fits: Callable[[Change], bool]) -> Iterator[str]:
    """Less traffic: as much as it can finish."""
    part = demand.requests_per_s / _RATE_STEPS
    steps = _largest(lambda count: fits({"requests_per_s": count * part}), _RATE_STEPS)
    if steps:
        yield f"`requests_per_s: {steps * part:.3g}`"


def _shorter(demand: Demand, fits: Callable[[Change], bool]) -> Iterator[str]:
    """The least short number format with which it fits, of those that are not offered yet."""
    for more in _SHORTER:
        formats = (*demand.formats, *(name for name in more if name not in demand.formats))
        if formats != demand.formats and fits({"formats": formats}):
            yield f"`formats: [{', '.join(formats)}]`"
            return


def _largest(fits: Callable[[int], bool], below: int, least: int = 1) -> int | None:
    """The largest count under ``below`` that fits, if ``least`` does."""
    if least >= below or not fits(least):
        return None
    low, high = least, below
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _enough(fits: Callable[[int], bool], now: int) -> int | None:
    """The fewest users with which it fits, or None if it does not with any number."""
    low, high = now, 2 * now
    while not fits(high):
        low, high = high, 2 * high
        if high > _MOST_USERS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high

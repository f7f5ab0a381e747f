"""Whether it is ``users`` that keeps traffic from being served, and how many would do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from weighbridge.core.placement import Placement, PlacementRules, Site, Unplaced, Wanted
from weighbridge.predict.placement.spots import spots

# More than vLLM runs at once by default on any device.
_MOST_USERS: Final = 1024

Again = Callable[[str, int], Wanted]
"""From a name and another number of users to what is then wanted."""


def with_users_told(
    placement: Placement,
    sites: Sequence[Site],
    rules: PlacementRules,
    users: dict[str, int],
    again: Again,
) -> Placement:
    """The placement; where too few requests in flight are what is wrong, its reasons say that."""

    def fits(name: str, count: int) -> bool:
        return not spots(sites, [again(name, count)], rules)[1]

    told: dict[str, Unplaced] = {}
    for one in placement.unplaced:
        now = users[one.wanted]
        # What has a place of its own is crowded out by others, not held back by its users.
        if one.fault not in ("traffic", "load") or fits(one.wanted, now):
            continue
        enough = _enough(partial(fits, one.wanted), now)
        if enough is not None:
            told[one.reason] = _told(one, now, enough, again(one.wanted, now), rules)
    return replace(
        placement,
        unplaced=tuple(told.get(one.reason, one) for one in placement.unplaced),
        reasons=tuple(told[text].reason if text in told else text for text in placement.reasons),
    )


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


def _told(one: Unplaced, now: int, enough: int, wanted: Wanted, rules: PlacementRules) -> Unplaced:
    return Unplaced(
        one.wanted,
        "users",
        f"{one.wanted} is held back by `users: {now}`: no more requests are in flight at once, "
        f"over all its servers, and so few cannot finish {wanted.requests_per_s:g} requests/s with "
        f"devices at most {100 * rules.most_load:.0f} % busy. "
        f"With `users: {enough}` it has a place on empty devices.",
    )

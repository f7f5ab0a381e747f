"""The fewest starts with which any supervisor could have served what a test sent.

Three models of one size, and memory for two of them: so one is absent at any time. A request for a
model that is up is answered at once; one for the absent model may wait as long as the starvation
bound allows, but not longer, and is answered the moment its model comes. Loading takes no time, and
the future is known. Dynamic programming over all that may happen at each arrival and each deadline
then gives the fewest swaps: nobody who keeps the bound can do with fewer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Arrival = tuple[float, str]
_State = tuple[str, float | None]
"""Who is absent, and since when its oldest request waits."""


def fewest_starts(arrivals: Sequence[Arrival], bound_s: float) -> int:
    """Starts, the first two included."""
    models = sorted({model for _, model in arrivals})
    assert len(models) == 3
    times = sorted({time for at, _ in arrivals for time in (at, at + bound_s)})
    by_time: dict[float, list[str]] = {}
    for at, model in arrivals:
        by_time.setdefault(at, []).append(model)
    costs: dict[_State, int] = {(model, None): 2 for model in models}
    for time in times:
        costs = _after_arrivals(costs, time, by_time.get(time, ()))
        costs = _after_swaps(costs, models)
        costs = {
            (absent, since): cost
            for (absent, since), cost in costs.items()
            if since is None or time < since + bound_s
        }
    return min(cost for (_, since), cost in costs.items() if since is None)


def _after_arrivals(
    costs: dict[_State, int], time: float, arrived: Iterable[str]
) -> dict[_State, int]:
    asked = set(arrived)
    return {
        (absent, time if since is None and absent in asked else since): cost
        for (absent, since), cost in costs.items()
    }


def _after_swaps(costs: dict[_State, int], models: Sequence[str]) -> dict[_State, int]:
    """Nothing, or one swap, or several in a row: each brings the absent one and takes another."""
    found = dict(costs)
    for _ in models:
        for (absent, _), cost in list(found.items()):
            for other in models:
                if other != absent and cost + 1 < found.get((other, None), 10**9):
                    found[other, None] = cost + 1
    return found


def starts_without_patience(arrivals: Sequence[Arrival]) -> int:
    """What it takes to serve in order of arrival, least recently used first out."""
    up: list[str] = []
    starts = 0
    for _, model in sorted(arrivals):
        if model in up:
            up.remove(model)
        else:
            starts += 1
            up = up[-1:]
        up.append(model)
    return starts

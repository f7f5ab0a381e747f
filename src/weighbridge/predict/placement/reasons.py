"""Why not everything can be placed, in sentences: which limit is in the way, and by how much."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from weighbridge.core.placement import Fault, Site, Unplaced
from weighbridge.core.units import format_bytes
from weighbridge.predict.placement.choice import solve
from weighbridge.predict.placement.problem import (
    NoTimeError,
    Problem,
    Solution,
    Use,
    uses,
    value_of,
)
from weighbridge.predict.placement.spots import Group, first_devices, spots

# Less than this is the solver's tolerance, not a lack.
_LEAST_BYTES: Final = 1024.0
_LEAST_LOAD: Final = 1e-4
# A lack further than this from the least possible is told as what it is.
_SURE: Final = 0.01
# With more columns than this, what lacks least takes too long to find among all options.
_MOST_COLUMNS: Final = 4000
# So many neighbours that lack the same are told as one.
_MERGED: Final = 3
# Each limit that is asked about is worth this share of the time, not more.
_TIME: Final = 0.3


def why_not(problem: Problem) -> tuple[str, ...]:
    """Why all that is required cannot be placed together, though each could alone.

    Limits are dropped one at a time: whatever makes a placement possible was in the way.
    """
    rules = replace(problem.rules, time_limit_s=_TIME * problem.rules.time_limit_s)
    required = replace(problem.only([one.required for one in problem.wanted]), rules=rules)
    asked = (_by_budget, _by_exclusivity, _by_domain, _by_memory, _by_load)
    found = tuple(sentence for ask in asked if (sentence := _in_time(ask, required)))
    return found or (_in_time(_by_all, required) or "Several limits are at fault at once.",)


def left_out(problem: Problem, solution: Solution) -> dict[int, Unplaced]:
    """Those with options that were not taken, and what is missing beside what was."""
    state = uses(problem, solution)
    taken = {problem.spots[p].wanted for p, _ in solution.chosen}
    candidates = {spot.wanted for spot in problem.spots} - taken
    spent = math.fsum(problem.option(p).cost for p, _ in solution.chosen)
    return {number: _crowded_out(problem, number, state, spent) for number in candidates}


def _in_time(ask: Callable[[Problem], str], problem: Problem) -> str:
    try:
        return ask(problem)
    except NoTimeError:
        return ""


def _by_budget(problem: Problem) -> str:
    budget = problem.rules.budget
    if budget is None:
        return ""
    costs = tuple(-problem.option(p).cost for p in range(len(problem.spots)))
    rules = replace(problem.rules, budget=None)
    solution = solve(replace(problem, rules=rules, values=costs))
    if solution is None:
        return ""
    cost = math.fsum(problem.option(p).cost for p, _ in solution.chosen)
    return f"The budget is at fault: all together cost {cost:.4g} at least, and it is {budget:.4g}."


def _by_exclusivity(problem: Problem) -> str:
    alone = [one.name for one in problem.wanted if one.exclusive]
    sharing = tuple(replace(one, exclusive=False) for one in problem.wanted)
    if not alone or solve(replace(problem, wanted=sharing)) is None:
        return ""
    names = _listed(alone)
    return f"Exclusivity is at fault: if {names} shared devices with others, all would fit."


def _by_domain(problem: Problem) -> str:
    joined = tuple(replace(site, domain=site.count) for site in problem.sites)
    if joined == problem.sites:
        return ""
    found, _ = spots(joined, problem.wanted, problem.rules)
    if solve(replace(problem, sites=joined, spots=tuple(found))) is None:
        return ""
    most = max(site.domain for site in problem.sites)
    return (
        f"Link domains of {most} devices are at fault: if links joined all devices of a machine, "
        "all would fit."
    )


def _by_memory(problem: Problem) -> str:
    lacks, tail = _lacks(replace(problem, more_memory=True))
    texts = [f"{format_bytes(lack.bytes)} on {lack.device}" for lack in lacks if lack.bytes]
    return f"Memory is at fault: all together are short by {_listed(texts)}{tail}." if texts else ""


def _by_load(problem: Problem) -> str:
    lacks, tail = _lacks(replace(problem, more_load=True))
    texts = [f"{lack.device} would be {_percent(lack.load)} busy" for lack in lacks if lack.load]
    allowed = f"and {_percent(problem.rules.most_load)} are allowed"
    return f"Load is at fault: {_listed(texts)}, {allowed}{tail}." if texts else ""


def _by_all(problem: Problem) -> str:
    """No single limit is enough: memory and load at once."""
    lacks, tail = _lacks(replace(problem, more_memory=True, more_load=True))
    texts = [
        f"short by {format_bytes(lack.bytes)} on {lack.device}" for lack in lacks if lack.bytes
    ]
    texts += [f"{lack.device} {_percent(lack.load)} busy" for lack in lacks if lack.load]
    return f"Memory and load are at fault together: {_listed(texts)}{tail}." if texts else ""


@dataclass(frozen=True, slots=True)
class _Lack:
    """What one device would have to have more, or the load that is too much; 0 for nothing."""

    device: str
    bytes: float
    load: float
    site: str
    index: int

    @property
    def told(self) -> tuple[str, str]:
        """What people read of it; empty for nothing."""
        return (
            format_bytes(self.bytes) if self.bytes else "",
            _percent(self.load) if self.load else "",
        )


def _lacks(problem: Problem) -> tuple[list[_Lack], str]:
    """What devices lack in the placement that lacks least, and a word if that is not proven.

    Nothing where there is no placement whatever devices have.
    """
    whole, problem = problem, _leanest(problem)
    solution = solve(problem)
    state = uses(problem, solution) if solution else []
    found = []
    places = [(site.name, index) for site in problem.sites for index in range(site.count)]
    for device, use in enumerate(state):
        short = use.used_bytes - problem.sizes[device]
        over = use.load - problem.rules.most_load
        found.append(
            _Lack(
                place_name(problem.sites, device),
                short if short > _LEAST_BYTES else 0.0,
                use.load if over > _LEAST_LOAD else 0.0,
                *places[device],
            )
        )
    unsure = solution is not None and (problem is not whole or solution.gap > _SURE)
    return _merged(found), " (the least found in time)" if unsure else ""


def _merged(lacks: Sequence[_Lack]) -> list[_Lack]:
    """Several neighbours of one machine that lack the same are told together."""
    found: list[_Lack] = []
    for (_, what), group in groupby(lacks, key=lambda one: (one.site, one.told)):
        several = list(group)
        first, last = several[0], several[-1]
        if len(several) < _MERGED or not any(what):
            found += several
        else:
            numbers = f"each of GPU {first.index} to {last.index}"
            named = f"{numbers} of {first.site}" if first.site in first.device else numbers
            found.append(replace(first, device=named))
    return found


def _leanest(problem: Problem) -> Problem:
    """Of very many options those that take least, one per wanted and size of server."""
    if sum(len(spot.groups) + 1 for spot in problem.spots) <= _MOST_COLUMNS:
        return problem
    least: dict[tuple[int, int, str], int] = {}
    for p, spot in enumerate(problem.spots):
        option = problem.option(p)
        key = (spot.wanted, option.devices, option.device)
        if key not in least or _total(problem, p) < _total(problem, least[key]):
            least[key] = p
    return replace(problem, spots=tuple(problem.spots[p] for p in sorted(least.values())))


def _total(problem: Problem, p: int) -> tuple[float, float]:
    """Memory and time of all servers of a spot."""
    option = problem.option(p)
    return option.memory_bytes * option.replicas, option.load * option.replicas


@dataclass(frozen=True, slots=True)
class _Crowd:
    """What keeps a server from a group of devices beside what lies there; 0 for nothing."""

    device: int
    bytes: float
    load: float
    barred: bool

    @property
    def rank(self) -> tuple[bool, float, float]:
        """Nearest first."""
        return self.barred, self.bytes, self.load


def _crowded_out(problem: Problem, number: int, state: Sequence[Use], spent: float) -> Unplaced:
    """The option that lacks least: what its least lucky server lacks."""
    name = problem.wanted[number].name
    tried = []
    for p, spot in enumerate(problem.spots):
        if spot.wanted == number:
            crowds = sorted((_crowd(problem, p, g, state) for g in spot.groups), key=_rank)
            tried.append((crowds[problem.option(p).replicas - 1], p))
    worst, p = min(tried, key=lambda one: one[0].rank)
    fault, text = _told(problem, p, worst, spent)
    return Unplaced(name, fault, f"{name} is left out: {text}.")


def _rank(crowd: _Crowd) -> tuple[bool, float, float]:
    return crowd.rank


def _crowd(problem: Problem, p: int, group: Group, state: Sequence[Use]) -> _Crowd:
    return max(_crowds(problem, p, group, state), key=_rank)


def _crowds(problem: Problem, p: int, group: Group, state: Sequence[Use]) -> Iterator[_Crowd]:
    option, owner = problem.option(p), problem.wanted[problem.spots[p].wanted]
    for device in group:
        use = state[device]
        there = [problem.wanted[problem.spots[other].wanted] for other in use.spots]
        barred = any(other.exclusive for other in there) or (owner.exclusive and bool(there))
        runs = option.server and any(problem.option(o).server == option.server for o in use.spots)
        own = option.memory_bytes - (option.shared_bytes if runs else 0.0)
        short = use.used_bytes + own - problem.sizes[device]
        load = use.load + option.load
        over = load > problem.rules.most_load * (1 + 1e-9)
        yield _Crowd(device, max(0.0, short), load if over else 0.0, barred)


def _told(problem: Problem, p: int, crowd: _Crowd, spent: float) -> tuple[Fault, str]:
    where, option = place_name(problem.sites, crowd.device), problem.option(p)
    budget = problem.rules.budget
    if crowd.barred:
        return "exclusivity", f"it would have to share {where} with what must not share devices"
    if crowd.bytes:
        return "memory", f"beside the others it is short by {format_bytes(crowd.bytes)} on {where}"
    if crowd.load:
        allowed = _percent(problem.rules.most_load)
        return "load", f"{where} would be {_percent(crowd.load)} busy, and {allowed} are allowed"
    if budget is not None and spent + option.cost > budget:
        text = f"it costs {option.cost:.4g}, and the budget leaves {budget - spent:.4g}"
        return "budget", text
    if value_of(problem, p) <= 0:
        return "value", "its quality × traffic does not outweigh its cost"
    return "value", "placing it adds less than what would have to make way for it"


def place_name(sites: Sequence[Site], device: int) -> str:
    """``GPU 0``, with its machine where there are several."""
    starts = first_devices(sites)
    site = max(number for number, start in enumerate(starts[:-1]) if start <= device)
    name = f"GPU {device - starts[site]}"
    return name if len(sites) == 1 else f"{name} of {sites[site].name}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _listed(texts: Sequence[str]) -> str:
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} and {texts[-1]}"

"""Where servers can lie: groups of devices within a link domain, and why an option has none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from weighbridge.core.placement import Fault, Option, PlacementRules, Site, Unplaced, Wanted
from weighbridge.core.units import format_bytes

Group = tuple[int, ...]
"""Devices of one server, numbered through all sites."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One option and all groups on which a server of it can lie."""

    wanted: int
    option: int
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Miss:
    """Why an option has no place, and by which share of what there is (0 is near)."""

    fault: Fault
    far: float
    reason: str


def first_devices(sites: Sequence[Site]) -> list[int]:
    """The number of each site's first device, counted through all sites; at last, of all."""
    numbers = [0]
    for site in sites:
        numbers.append(numbers[-1] + site.count)
    return numbers


def groups(sites: Sequence[Site], size: int, device: str = "") -> Iterator[tuple[int, Group]]:
    """Every aligned group of ``size`` devices within one domain, with the number of its site.

    Engines give a server consecutive devices; aligned ones never cut each other in part.
    """
    starts = first_devices(sites)
    for number, site in enumerate(sites):
        if device and site.device != device:
            continue
        for domain in range(0, site.count, site.domain):
            end = min(domain + site.domain, site.count)
            for first in range(domain, end - size + 1, size):
                begin = starts[number] + first
                yield number, tuple(range(begin, begin + size))


def spots(
    sites: Sequence[Site], wanted: Sequence[Wanted], rules: PlacementRules
) -> tuple[list[Spot], dict[int, Unplaced]]:
    """All options that fit somewhere while nothing else is there, and who is left without one."""
    found: list[Spot] = []
    without: dict[int, Unplaced] = {}
    for number, one in enumerate(wanted):
        misses = []
        before = len(found)
        for index, option in enumerate(one.options):
            outcome = _fitting(sites, one, option, rules)
            if isinstance(outcome, Miss):
                misses.append(outcome)
            else:
                found.append(Spot(number, index, outcome))
        if len(found) == before:
            without[number] = _nearest(one, misses)
    return found, without


def _fitting(
    sites: Sequence[Site], one: Wanted, option: Option, rules: PlacementRules
) -> tuple[Group, ...] | Miss:
    """Groups whose devices are large enough, or what is in the way."""
    aligned = list(groups(sites, option.devices, option.device))
    if not aligned:
        return _no_group(sites, option)
    if len(aligned) < option.replicas:
        return _too_few(option, len(aligned))
    large = [group for site, group in aligned if sites[site].memory_bytes >= option.memory_bytes]
    most = max(sites[site].memory_bytes for site, _ in aligned)
    slow = _too_many(one, option) or _too_slow(one, option) or _too_busy(option, rules)
    missed = [
        miss
        for miss in (_too_large(option, most), slow, _too_late(one, option))
        if miss is not None
    ]
    if missed:
        return _together(missed)
    return _too_few(option, len(large)) if len(large) < option.replicas else tuple(large)


def _together(missed: Sequence[Miss]) -> Miss:
    """All that is in the way of one option, and how far it is if all of that has to change.

    The fault is the first of it: speed matters only where it can start.
    """
    reasons = " and ".join(miss.reason for miss in missed)
    return Miss(missed[0].fault, sum(miss.far for miss in missed), reasons)


def _too_large(option: Option, most: float) -> Miss | None:
    lack = option.memory_bytes - most
    if lack <= 0:
        return None
    each = "on each of its devices" if option.devices > 1 else "even on an empty device"
    return Miss("memory", lack / most, f"is short by {format_bytes(lack)} {each}")


def _too_few(option: Option, places: int) -> Miss:
    text = f"needs {option.replicas} places for its servers, and there are {places}"
    return Miss("devices", option.replicas / places - 1, text)


def _too_many(one: Wanted, option: Option) -> Miss | None:
    if one.max_replicas is None or option.replicas <= one.max_replicas:
        return None
    text = f"needs {option.replicas} servers, and {one.max_replicas} are allowed"
    return Miss("traffic", option.replicas / max(1, one.max_replicas) - 1, text)


def _too_slow(one: Wanted, option: Option) -> Miss | None:
    if option.requests_per_s is None:
        return None
    finished = option.requests_per_s * option.replicas
    if finished >= one.requests_per_s:
        return None
    servers = "1 server finishes" if option.replicas == 1 else f"{option.replicas} servers finish"
    text = f"is too slow: {servers} {finished:.3g} of {one.requests_per_s:.3g} requests/s"
    return Miss("traffic", one.requests_per_s / max(finished, 1e-12) - 1, text)


def _too_busy(option: Option, rules: PlacementRules) -> Miss | None:
    if option.load <= rules.most_load:
        return None
    text = (
        f"keeps its devices {100 * option.load:.0f} % busy, "
        f"and {100 * rules.most_load:.0f} % are allowed"
    )
    return Miss("load", option.load / rules.most_load - 1, text)


def _too_late(one: Wanted, option: Option) -> Miss | None:
    """Where a typical request takes too long even while nothing else computes on the devices."""
    for words, taken, limit in (
        ("to the first token", option.ttft_ms, one.ttft_ms),
        ("per further token", option.tpot_ms, one.tpot_ms),
    ):
        if taken is not None and limit is not None and taken > limit:
            text = f"takes {taken:.3g} ms {words}, and {limit:.3g} ms are allowed"
            return Miss("latency", taken / limit - 1, text)
    return None


def _no_group(sites: Sequence[Site], option: Option) -> Miss:
    able = [site for site in sites if option.device in ("", site.device)]
    if not able:
        return Miss("devices", 0.0, f"is for {option.device}, of which there is none")
    most = max(min(site.domain, site.count) for site in able)
    joined = max(site.count for site in able)
    what = f"needs {option.devices} devices of one link domain, and the largest has {most}"
    if option.devices > joined:
        what = f"needs {option.devices} devices, and a machine has {joined}"
    return Miss("link domain", option.devices / most - 1, what)


_NO_SUCH_DEVICES: frozenset[Fault] = frozenset({"link domain", "devices"})


def _nearest(one: Wanted, misses: Sequence[Miss]) -> Unplaced:
    """The option that lacks least, told with the option's name where there are several.

    One for which there are not even enough devices is told only if that is so of all.
    """
    if not misses:
        return Unplaced(one.name, "devices", f"{one.name} has no configuration to choose from.")
    at = min(range(len(misses)), key=lambda i: (misses[i].fault in _NO_SUCH_DEVICES, misses[i].far))
    label = f"; nearest is {one.options[at].label}, which" if len(misses) > 1 else ""
    subject = f"{one.name} fits nowhere{label}" if label else f"{one.name}"
    return Unplaced(one.name, misses[at].fault, f"{subject} {misses[at].reason}.")

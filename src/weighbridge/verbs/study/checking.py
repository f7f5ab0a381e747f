"""Whether what a study's file says can be: names, numbers, files."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path as FilePath
from typing import Any

from weighbridge.core.cost import NOBODY_SAYS
from weighbridge.core.errors import InputError
from weighbridge.core.study_file import (
    CAPTURED,
    DEMO,
    HERE,
    MachinePart,
    Quantity,
    StudyFile,
    SuiteEntry,
)
from weighbridge.core.territories import territory
from weighbridge.core.workload import parse_slo
from weighbridge.facts.devices.described import MachineBlock, from_block, parse_machine
from weighbridge.facts.licenses.intents import parse_intents
from weighbridge.serve.config import values
from weighbridge.serve.config.faults import Fault, Path, near
from weighbridge.verbs.cost_words import parse_profile, parse_uncertain, parse_volume
from weighbridge.verbs.study.asked import AskedSuite

_NAME = re.compile(r"[\w.-]{1,80}")
_MOST_USERS = 100_000
_MOST_WORKERS = 256
_MOST_SEED = 2**63


def value_faults(file: StudyFile) -> Iterator[Fault]:
    """Faults of names and numbers that can be told without looking anything up."""
    if not _NAME.fullmatch(file.name) or set(file.name) <= {"."}:
        yield Fault(("name",), "a name has letters, digits, dot, dash and underscore only")
    yield from _within(file.seed, 0, _MOST_SEED, ("seed",))
    yield from values.size(file.memory_budget, ("memory_budget",))
    yield from _said(lambda: parse_slo(file.slo), ("slo",))
    yield from _machine(file)
    yield from _workload(file)
    yield from _constraints(file)
    yield from _bench(file)
    yield from _prices(file)


def suite_faults(
    file: StudyFile, suites: Sequence[AskedSuite], *, complete: bool
) -> Iterator[Fault]:
    """Faults of what is said of suites, and of what names them; ``complete`` if all are known."""
    for number, entry in enumerate(file.asked_suites):
        yield from _suite(entry, ("suites", number), tuple(file.candidates))
    names: dict[str, int] = {}
    for one in suites:
        if one.name in names:
            yield Fault(("suites", one.number), f"the suite {one.name!r} stands twice")
        names[one.name] = one.number
    yield from _raters(file)
    if not complete:
        return
    tasks = [one.name for one in suites if one.entry.is_task]
    shares = file.workload.mix
    for name in shares:
        if name not in tasks:
            yield Fault(("workload", "mix", name), f"no task is called so{near(name, tasks)}")
    if shares:
        for name in (name for name in tasks if name not in shares):
            yield Fault(("workload", "mix"), f"the share of the task {name!r} is missing")
    least = file.constraints.min_accuracy
    for name in least if isinstance(least, dict) else ():
        if name not in tasks:
            at = ("constraints", "min_accuracy", name)
            yield Fault(at, f"no task is called so{near(name, tasks)}")


def _suite(entry: SuiteEntry, at: Path, candidates: tuple[str, ...]) -> Iterator[Fault]:
    asked = candidates if entry.models is None else entry.models
    yield from _known(entry.models or (), candidates, (*at, "models"))
    if entry.models is not None and not entry.models:
        yield Fault((*at, "models"), "nobody answers this suite: leave the key out for all")
    yield from _within(entry.repeats, 1, 1000, (*at, "repeats"))
    for number, pair in enumerate(entry.compare):
        here = (*at, "compare", number)
        if len(pair) != 2 or len(set(pair)) != 2:
            yield Fault(here, "a pair is [baseline, other]: two different candidates")
        yield from _known(pair, asked, here)


def _known(names: Iterable[str], known: Sequence[str], at: Path) -> Iterator[Fault]:
    for number, name in enumerate(names):
        if name not in known:
            yield Fault((*at, number), f"{name!r} is no candidate here{near(name, known)}")


def _machine(file: StudyFile) -> Iterator[Fault]:
    machine = file.machine
    if isinstance(machine, MachinePart):
        block = MachineBlock(device=machine.device, count=machine.count, memory=machine.memory)
        yield from _said(lambda: from_block(block), ("machine",))
    elif machine != HERE:
        yield from _said(lambda: parse_machine(machine), ("machine",))
    for name, entry in file.candidates.items():
        yield from _quantity(entry.tokens_per_s, ("candidates", name, "tokens_per_s"))
        device = entry.device
        if device is not None:
            check = device  # bound now: the lambda below runs at once
            yield from _said(lambda: parse_machine(check), ("candidates", name, "device"))  # noqa: B023


def _workload(file: StudyFile) -> Iterator[Fault]:
    load, at = file.workload, ("workload",)
    for key in ("prompt_tokens", "output_tokens"):
        yield from _within(getattr(load, key), 1, 100_000_000, (*at, key))
    for users in load.levels:
        yield from _within(users, 1, _MOST_USERS, (*at, "users"))
    if isinstance(load.users, tuple) and not load.users:
        yield Fault((*at, "users"), "the list is empty")
    yield from _above(load.rate, (*at, "rate"))
    if load.rate is not None and load.users is not None:
        yield Fault((*at, "rate"), "users at once and a rate are two kinds of load: give one")
    for task, share in load.mix.items():
        yield from _above(share, (*at, "mix", task), zero=True)
    if load.mix and not sum(load.mix.values()) > 0:
        yield Fault((*at, "mix"), "the shares come to nothing")
    if load.volume is not None:
        volume = load.volume
        yield from _said(lambda: parse_volume(volume, NOBODY_SAYS), (*at, "volume"))
    yield from _said(lambda: parse_profile(load.profile), (*at, "profile"))
    yield from _quantity(load.cached_share, (*at, "cached_share"))
    yield from _quantity(load.batch_share, (*at, "batch_share"))
    if load.traffic is not None and load.traffic != CAPTURED:
        yield from _file(load.traffic, (*at, "traffic"))


def _constraints(file: StudyFile) -> Iterator[Fault]:
    asked, at = file.constraints, ("constraints",)
    yield from _above(asked.usd_per_month, (*at, "usd_per_month"))
    if asked.territory:
        yield from _said(lambda: territory(asked.territory or ""), (*at, "territory"))
    for name, entry in file.candidates.items():
        if (place := entry.territory) is not None:
            yield from _said(partial(territory, place), ("candidates", name, "territory"))
    if asked.intents:
        yield from _said(lambda: parse_intents(",".join(asked.intents)), (*at, "intents"))
    yield from _known(asked.license_read, tuple(file.candidates), (*at, "license_read"))
    least = asked.min_accuracy
    shares = least if isinstance(least, dict) else {} if least is None else {"": least}
    for name, share in shares.items():
        here = (*at, "min_accuracy", *([name] if name else []))
        if not 0 <= share <= 1:
            yield Fault(here, "a share lies between 0 and 1, as 0.8 does")


def _bench(file: StudyFile) -> Iterator[Fault]:
    bench, at = file.bench, ("bench",)
    if bench is None:
        return
    for number, users in enumerate(bench.levels):
        yield from _within(users, 1, _MOST_USERS, (*at, "levels", number))
    yield from _within(bench.requests, 1, 100_000_000, (*at, "requests"))
    yield from _within(bench.repeats, 1, 1000, (*at, "repeats"))
    yield from _within(bench.workers, 1, _MOST_WORKERS, (*at, "workers"))
    yield from _above(bench.duration_s, (*at, "duration_s"))
    yield from _known(bench.models or (), tuple(file.candidates), (*at, "models"))
    if not (bench.levels or file.workload.levels or file.workload.rate):
        yield Fault(at, "nothing says how many users: give `levels`, or `users` under `workload`")


def _raters(file: StudyFile) -> Iterator[Fault]:
    raters, at = file.raters, ("raters",)
    if raters is None:
        return
    if (raters.inputs is None) == (raters.votes is None):
        yield Fault(at, "it needs `inputs` to be answered and rated, or `votes`: one of them")
    candidates = tuple(file.candidates)
    yield from _known(raters.models or (), candidates, (*at, "models"))
    answering = candidates if raters.models is None else raters.models
    if raters.inputs is not None and len(answering) < 2:
        yield Fault(at, "it takes two candidates to say which answer is better")
    if raters.inputs is not None and not raters.people and raters.judge is None:
        yield Fault(at, "nobody rates: name `people`, or a `judge`")
    if isinstance(raters.judge, str):
        yield from _known((raters.judge,), candidates, (*at, "judge"))
    elif raters.judge is not None:
        yield from values.address(raters.judge.url, (*at, "judge", "url"))
    yield from _within(raters.ballots, 1, 1_000_000, (*at, "ballots"))


def _prices(file: StudyFile) -> Iterator[Fault]:
    prices, at = file.prices, ("prices",)
    if prices is None:
        return
    if file.workload.volume is None:
        yield Fault(at, "how much there is a day is not said: give `volume` under `workload`")
    yield from _quantities(prices.hardware, (*at, "hardware"))
    yield from _quantities(prices.people, (*at, "people"))
    for name, value in prices.people.fixed.items():
        yield from _quantity(value, (*at, "people", "fixed", name))
    for key in ("api", "same_model_api"):
        for number, text in enumerate(getattr(prices, key)):
            if not text.strip():
                yield Fault((*at, key, number), "this is empty")
    yield from _within(prices.max_gpus, 1, 1_000_000, (*at, "max_gpus"))
    yield from _within(prices.min_replicas, 0, 1_000_000, (*at, "min_replicas"))
    yield from _within(prices.spare_replicas, 0, 1_000_000, (*at, "spare_replicas"))


def _quantities(part: Any, at: Path) -> Iterator[Fault]:  # noqa: ANN401 -- either of the parts
    for key in part.__struct_fields__:
        value = getattr(part, key)
        if not isinstance(value, bool | dict):
            yield from _quantity(value, (*at, key))


def _quantity(value: Quantity | None, at: Path) -> Iterator[Fault]:
    """A number or a range that is not negative; 0 would be a price that nobody knows."""
    if value is None:
        return
    faults = list(_said(lambda: parse_uncertain(str(value), "quantity", NOBODY_SAYS), at))
    yield from faults
    if not faults and parse_uncertain(str(value), "quantity", NOBODY_SAYS).low < 0:
        yield Fault(at, "this has to be 0 or more")
    elif not faults and value == 0 and at[-1] in ("gpu_price", "owned", "kwh"):
        yield Fault(at, "0 would be a price that nobody knows; leave out what is not known")


def _file(text: str, at: Path) -> Iterator[Fault]:
    """A path that could be one; whether the file is there is told by who reads it."""
    if not text.strip() or "\0" in text:
        yield Fault(at, "this is no path")
    elif text.startswith(DEMO) and ".." in FilePath(text.removeprefix(DEMO)).parts:
        yield Fault(at, "a file of the demo lies in its folder")


def _said(check: Callable[[], object], at: Path) -> Iterator[Fault]:
    """The fault that ``check`` raises, if it does."""
    try:
        check()
    except InputError as error:
        yield Fault(at, str(error).rstrip("."))
    except (ValueError, OverflowError):
        yield Fault(at, "this cannot be read")


def _within(value: int | None, least: int, most: int, at: Path) -> Iterator[Fault]:
    if value is not None and not least <= value <= most:
        yield Fault(at, f"this has to be between {least} and {most}")


def _above(value: float | None, at: Path, *, zero: bool = False) -> Iterator[Fault]:
    if value is None:
        return
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        what = "a finite number, 0 or more" if zero else "a finite number above 0"
        unknown = "" if zero else "; leave out what is not known"
        yield Fault(at, f"this has to be {what}{unknown}")

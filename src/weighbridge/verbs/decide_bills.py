"""Which bills of a workspace say what the models to decide on cost, and for what they hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from weighbridge.core.constraints import NO_LOAD, ExpectedLoad
from weighbridge.core.cost import SECONDS_PER_DAY, CostedOption, CostRun, SelfHosted
from weighbridge.core.cost_comparison import Flip as CostFlip
from weighbridge.core.effects import Store
from weighbridge.core.machine import Machine
from weighbridge.core.provenance import Interval, Provenance
from weighbridge.core.runs import content_hash
from weighbridge.core.tradeoffs import Flip, Spending
from weighbridge.facts.devices.called import names_of


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a bill has to be for.

    Attributes:
        machine: that the models are put on; None where nobody names one.
        load: that has to be served: replicas are counted, and billed, for it.
        usd_per_month: model → money for one replica, as the user says.
        is_own: whether the bills were made for this very decision: they are taken whole, for the
            machine that they name.
    """

    machine: Machine | None = None
    load: ExpectedLoad = NO_LOAD
    usd_per_month: Mapping[str, float] = field(default_factory=dict)
    is_own: bool = False

    @property
    def is_other_load(self) -> bool:
        """Whether a load is given that the volume of a bill is not."""
        return self.load != NO_LOAD and not self.is_own


@dataclass(frozen=True, slots=True)
class Bills:
    """What the models cost, what would change it, and how it is to be read."""

    spending: Mapping[str, Spending]
    flips: Mapping[str, tuple[Flip, ...]]
    notes: tuple[str, ...]


def bills(store: Store, models: Sequence[str], wanted: Wanted) -> Bills:
    """What the newest fitting cost run of a model says of it; the user's word on a month wins."""
    found: dict[str, tuple[CostedOption, CostRun]] = {}
    elsewhere: dict[str, tuple[CostedOption, CostRun]] = {}
    for info in store.runs("cost"):
        run = store.load(info.id, CostRun)
        for model in models:
            if model in found:
                continue
            options = _options(run, model)
            fitting = [one for one in options if _fits(_asked(one, run), wanted)]
            for kind, own in ((found, fitting), (elsewhere, options)):
                if own:
                    kind.setdefault(model, (min(own, key=_month), run))
    spending = {model: _of_option(*one, wanted) for model, one in found.items()}
    flips = {
        model: tuple(_cost_flips(run, option.name, wanted))
        for model, (option, run) in found.items()
    }
    for model, usd in wanted.usd_per_month.items():
        month = Interval(usd, usd, usd)
        source = Provenance("assumed", "given by the user", "")
        per_1000 = None if model not in spending else spending[model].usd_per_1000
        spending[model] = Spending(per_1000, None, month, is_hosted=False, provenance=source)
    left_out = {model: one for model, one in elsewhere.items() if model not in spending}
    billed = {model: one for model, one in found.items() if model not in wanted.usd_per_month}
    return Bills(spending, flips, (*_elsewhere(left_out, wanted), *_said(billed, wanted)))


def _options(run: CostRun, model: str) -> list[CostedOption]:
    """The options of a report that are this model."""
    asked = run.report.question
    names = {one.name for one in asked.selfhosted if model in (one.model, one.name)}
    names |= {one.name for one in asked.hosted if one.name == model}
    return [one for one in run.report.options if one.name in names]


def _month(option: CostedOption) -> float:
    return option.usd_per_month.value


def _asked(option: CostedOption, run: CostRun) -> SelfHosted | None:
    """What was asked of an option; None of a host's."""
    return next((one for one in run.report.question.selfhosted if one.name == option.name), None)


def _fits(asked: SelfHosted | None, wanted: Wanted) -> bool:
    """Whether it may be a bill for the machine: one that names another is not."""
    if wanted.machine is None or wanted.is_own or asked is None or not asked.device:
        return True
    there = {name.casefold() for name in names_of(wanted.machine.device.name)}
    named = {name.casefold() for name in names_of(asked.device)}
    return bool(there & named) and asked.gpus_per_replica <= wanted.machine.count


def _elsewhere(
    left_out: Mapping[str, tuple[CostedOption, CostRun]], wanted: Wanted
) -> Iterator[str]:
    """Whose bills are all for another machine."""
    for model, (option, run) in left_out.items():
        asked, machine = _asked(option, run), wanted.machine
        if asked is not None and machine is not None:
            device = machine.device.name
            of = f"{machine.count}x {device}" if machine.count > 1 else device
            yield (
                f"Cost not known for {of}: the newest bill of {model}, {run.info.id}, is for "
                f"{_device(asked)}. Run `weigh cost --device '{of}'` for it."
            )


def _device(asked: SelfHosted) -> str:
    return f"{asked.gpus_per_replica}x {asked.device}"


def _said(found: Mapping[str, tuple[CostedOption, CostRun]], wanted: Wanted) -> Iterator[str]:
    """For which machine and which traffic the bills are, where that is not what is asked."""
    if wanted.is_own:
        return
    for model, (option, run) in found.items():
        asked, machine = _asked(option, run), wanted.machine
        if machine is not None and asked is not None and not asked.device:
            yield (
                f"The bill of {model} ({run.info.id}) names no device: it is for {option.name}, "
                f"and is taken to be for {machine.label}."
            )
        elif machine is not None and asked is not None and asked.gpus_per_replica < machine.count:
            yield f"The bill of {model} ({run.info.id}) is for {_device(asked)} a replica."
        if not wanted.is_other_load:
            continue
        per = f"The bill of {model} ({run.info.id}) is for {_volume(run)}, not for {wanted.load}"
        if asked is None and _times(option, run, wanted.load) is None:
            yield f"{per}: what its host bills for that load is not known."
        elif asked is None:
            yield (
                f"{per}: its USD a month are scaled to a day whose busiest hour has that load, "
                f"{run.report.question.demand.peak_to_mean:.3g} times the mean."
            )
        else:
            yield (
                f"{per}: its USD a month are those of the replicas that this load takes, and what "
                "1,000 requests cost at it is not known."
            )


def _volume(run: CostRun) -> str:
    return f"{run.report.question.demand.requests_per_day:,.0f} requests a day"


def _of_option(option: CostedOption, run: CostRun, wanted: Wanted) -> Spending:
    once = _once(option, run)
    copies = 1 if option.serving is None else max(1, option.serving.replicas)
    whole = Spending(
        usd_per_1000=option.usd_per_1000_requests,
        usd_per_1000_accepted=option.usd_per_1000_accepted,
        usd_per_month=option.usd_per_month,
        is_hosted=option.kind == "api",
        provenance=Provenance("predicted", run.info.id, run.info.created),
        machine=_machine(option, run),
        usd_once=sum(one.value for one in once),
        replicas=copies,
    )
    if not wanted.is_other_load:
        return whole
    if option.kind == "api":
        return _of_host(whole, _times(option, run, wanted.load))
    # Of another volume is what a request costs, and how many replicas there are.
    return replace(
        whole,
        usd_per_1000=None,
        usd_per_1000_accepted=None,
        usd_per_month=_of_one(option.usd_per_month, once, copies),
        replicas=1,
    )


def _times(option: CostedOption, run: CostRun, load: ExpectedLoad) -> float | None:
    """How many times the traffic of a bill a rate is; None where a host's bill is not by tokens."""
    asked = run.report.question
    fixed = next((one.fixed for one in asked.hosted if one.name == option.name), ())
    demand, rate = asked.demand, load.requests_per_s
    batch = demand.batch_share.base
    peak = (1 - batch) * demand.peak_to_mean + batch  # what may wait comes evenly
    busiest = demand.requests_per_day / SECONDS_PER_DAY * peak
    return None if rate is None or fixed or not busiest else rate / busiest


def _of_host(whole: Spending, times: float | None) -> Spending:
    """What a host bills for another load: a request costs the same, however many there are."""
    month = whole.usd_per_month
    if times is None or month is None:
        return replace(whole, usd_per_1000=None, usd_per_1000_accepted=None, usd_per_month=None)
    ends = (times * month.value, times * month.low, times * month.high)
    return replace(whole, usd_per_month=Interval(*ends, month.level))


def _once(option: CostedOption, run: CostRun) -> list[Interval]:
    """The lines of a bill that are paid once, however many replicas it has."""
    asked = _asked(option, run)
    if asked is None:
        return []
    names = {"people", "on-call", *(line.name for line in asked.fixed)}
    return [line.usd_per_month for line in option.lines if line.name in names]


def _of_one(month: Interval, once: Sequence[Interval], copies: int) -> Interval:
    """What one replica costs: its share of the hardware, and all that is paid once."""

    def part(whole: float, fixed: float) -> float:
        return (whole - fixed) / copies + fixed if copies > 1 else whole

    return Interval(
        part(month.value, sum(one.value for one in once)),
        part(month.low, sum(one.low for one in once)),
        part(month.high, sum(one.high for one in once)),
        month.level,
    )


def _machine(option: CostedOption, run: CostRun) -> str:
    """Which machine, at which price and kept by whom; empty where a bill is not for just one.

    Bills of two models for the same machine have the same text, whenever they were made.
    """
    asked = _asked(option, run)
    if asked is None or option.serving is None or option.serving.replicas != 1:
        return ""
    parts = (asked.rented, asked.owned, asked.all_in, asked.people, asked.fixed)
    figures = _without_sources(msgspec.to_builtins(parts))
    return f"{asked.gpus_per_replica} × {asked.device} {content_hash(figures)}"


def _without_sources(found: Any) -> Any:  # noqa: ANN401 -- whatever msgspec builds
    """Figures without where they come from, which has a date in it."""
    if isinstance(found, dict):
        return {key: _without_sources(one) for key, one in found.items() if key != "provenance"}
    return [*map(_without_sources, found)] if isinstance(found, list | tuple) else found


def _cost_flips(run: CostRun, option: str, wanted: Wanted) -> Iterator[Flip]:
    """Of each comparison what is nearest to turning it; or that nothing alone would."""
    for comparison in run.report.comparisons:
        if option not in (comparison.option, comparison.against):
            continue
        pair = f"{comparison.option} against {comparison.against}"
        if wanted.is_other_load:
            pair = f"{pair} at {_volume(run)}"
        within = [flip for flip in comparison.flips if flip.value is not None]
        if within:
            flip = min(within, key=_distance)
            sentence = f"{pair}: {flip.sentence}"
            yield Flip(f"{flip.label} ({pair})", flip.base, flip.value, "", sentence)
        elif comparison.flips:
            words = f"No single assumption within range turns {pair}."
            yield Flip(f"cost ({pair})", None, None, "", words)


def _distance(flip: CostFlip) -> float:
    """How far a driver is from its turning point, as a share of where it stands."""
    return abs((flip.value or 0.0) - flip.base) / (abs(flip.base) or 1.0)

"""A candidate's bill: by its load test, else by what the file says it serves, else predicted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import msgspec

from weighbridge.core.cost import CostQuestion, SelfHosted
from weighbridge.core.effects import Store
from weighbridge.core.errors import InputError
from weighbridge.core.load import LoadRun
from weighbridge.core.load_place import ON_PROCESSOR, measured_on
from weighbridge.core.study_file import HERE, MachinePart, PricesPart, Quantity
from weighbridge.facts.devices.called import names_of
from weighbridge.verbs.cost_capacity import CapacityError
from weighbridge.verbs.cost_options import HardwareAsked, OperatingAsked
from weighbridge.verbs.cost_question import AT_MOST, CapacityAsked, DemandAsked, Sources, question
from weighbridge.verbs.cost_question import Asked as CostAsked
from weighbridge.verbs.study.asked import Asked
from weighbridge.verbs.study.lengths import said_lengths, sent
from weighbridge.verbs.study.measuring import inspectable
from weighbridge.verbs.study.words import in_study_words

# Its id says nothing where the candidate stands before it, and keeps equal reasons apart.
_RUN = re.compile(r"^load-[0-9a-f]+ ")


class NoBillError(InputError):
    """Nothing tells what a replica of a candidate serves; says why of each way to know it."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to know what a replica of a candidate serves.

    Attributes:
        what: ``load`` test, ``told`` by the file, or ``predicted``.
        asked: of `weigh cost`.
    """

    what: str
    asked: CostAsked


def attempts(
    asked: Asked, name: str, lengths: tuple[int, int] | None, load: str | None
) -> Iterator[Attempt]:
    """All ways that a study has for a candidate, the best first."""
    told = text_of(asked.file.candidates[name].tokens_per_s)
    if load is not None:
        yield Attempt("load", _question(asked, name, lengths, load))
    if told:
        yield Attempt("told", _question(asked, name, lengths, None, told))
    yield Attempt("predicted", _question(asked, name, lengths, None))


def own_question(
    asked: Asked,
    name: str,
    lengths: tuple[int, int] | None,
    load: str | None,
    sources: Sources,
) -> tuple[CostQuestion, tuple[str, ...], tuple[str, ...]]:
    """A candidate's bill by the first way that tells, why those before it do not, and all else.

    Raises:
        NoBillError: none of them tells.
        InputError: something else of the bill is missing.
    """
    why: list[str] = []
    for one in attempts(asked, name, lengths, load):
        try:
            if one.what == "load":
                _check_place(asked, name, load or "", sources.store)
            elif one.what == "predicted":
                _check_predictable(asked, name)
            found, said = question(one.asked, sources)
        except CapacityError as error:
            why.append(_reason(asked, one.what, error))
            continue
        except InputError as error:
            if one.what != "predicted" or not why:
                raise _in_words(error) from None
            why.append(_reason(asked, one.what, error))
            continue
        own = tuple(replace(each, name=_named(each, name)) for each in found.selfhosted)
        return replace(found, selfhosted=own), tuple(why), tuple(map(in_study_words, said))
    raise NoBillError(" ".join(why), fix=_advice(asked, name))


def _in_words(error: InputError) -> InputError:
    return InputError(in_study_words(error.message), fix=in_study_words(error.fix or ""))


def _reason(asked: Asked, what: str, error: InputError) -> str:
    """Why a way does not tell, with what would mend it, as a study's user can."""
    if what == "load":
        reason = _RUN.sub("it ", _start(error.message))
        told = f"The load test was not taken: {reason} {_mend(asked, error)}"
    else:
        told = f"Nothing is predicted: {_start(error.message)} {in_study_words(error.fix or '')}"
    return in_study_words(told.strip())


def _mend(asked: Asked, error: InputError) -> str:
    """What of the file would make a load test one that tells."""
    if "measured without an SLO" in error.message:
        return "`slo` says what users expect; the same requests are then judged by it."
    if "more prompt for each" in error.message:
        if sent(asked) == "suites":
            return (
                "It sent the suites' prompts, which are not as long as `workload` says: leave "
                "`workload.prompt_tokens` and `workload.output_tokens` out, and the measured "
                "lengths count, or write `bench.send: lengths`."
            )
        return "Leave `workload.prompt_tokens` and `workload.output_tokens` out, or load with them."
    if "client was the bottleneck" in error.message:
        return "More `bench.workers`, or load tests from another machine, would tell."
    if "met an SLO" in error.message:
        return "Lower levels of `workload.users`, or another `slo`, would tell."
    return error.fix or ""


def _start(sentence: str) -> str:
    """A sentence as it goes on after a colon, the names at its beginning left as they are."""
    word = sentence.partition(" ")[0]
    lower = word in ("No", "In", "The", "What", "Its", "It", "How", "Nothing")
    return sentence[:1].lower() + sentence[1:] if lower else sentence


def _check_place(asked: Asked, name: str, load: str, store: Store | None) -> None:
    """That the load test may be of the device that the bill is for.

    Raises:
        CapacityError: it is certainly of another machine.
    """
    device = device_of(asked, name)
    if not device or store is None:
        return
    run, engine = store.load(load, LoadRun), asked.entries[name].engine or ""
    if measured_on(run, names_of(device), engine=engine) is not False:
        return
    there = "write what a replica serves there as the candidate's `tokens_per_s`"
    if engine in ON_PROCESSOR:
        raise CapacityError(
            f"{load} was measured by {engine}, which uses the processor alone, and not on "
            f"{device}: on {run.info.machine}.",
            fix=f"Give it an engine that uses {device}; or {there}.",
        )
    raise CapacityError(
        f"{load} was measured on another machine than {device}: on {run.info.machine}.",
        fix=f"Run the study's load test on a machine with {device}; or {there}.",
    )


def _check_predictable(asked: Asked, name: str) -> None:
    """That there is something to predict with.

    Raises:
        CapacityError: the device, or what the model is made of, is not known.
    """
    if not device_of(asked, name):
        raise CapacityError(
            "neither `machine` nor the candidate's `device` names a device.",
            fix="",
        )
    if inspectable(asked, name) is None:
        raise CapacityError("what the model is made of is not known, for want of `inspect`.")


def _advice(asked: Asked, name: str) -> str:
    """What to write into a study's file for a bill, of what it does not have."""
    said = asked.file.candidates[name]
    missing = []
    if asked.file.bench is None and not asked.file.workload.levels and not asked.file.workload.rate:
        missing.append("ask for a load test under `bench`")
    if not asked.slo.bounds:
        missing.append("say with `slo` what users expect")
    if said.tokens_per_s is None:
        missing.append(f"write `tokens_per_s` under `candidates.{name}`")
    told = ", or ".join(missing)
    return f"{told[:1].upper()}{told[1:]}." if told else ""


def _question(
    asked: Asked,
    name: str,
    lengths: tuple[int, int] | None,
    load: str | None,
    told: str = "",
) -> CostAsked:
    """What `weigh cost` would be asked of a candidate."""
    prices = asked.file.prices or PricesPart()
    hardware = {
        key: value if isinstance(value := getattr(prices.hardware, key), bool) else text_of(value)
        for key in prices.hardware.__struct_fields__
    }
    people = {
        key: text_of(getattr(prices.people, key)) for key in ("fte", "fte_cost", "on_call", "ops")
    }
    fixed = tuple(f"{line}={value}" for line, value in prices.people.fixed.items())
    is_traffic = not said_lengths(asked) and sent(asked) != "lengths"
    return CostAsked(
        demand=_demand(asked, lengths),
        capacity=CapacityAsked(
            tokens_per_s=told,
            slo="" if load else str(asked.slo),  # a load test was judged by it already
            from_run=load or "",
            as_requests=is_traffic,
        ),
        hardware=msgspec.convert(hardware, HardwareAsked),
        operating=OperatingAsked(**people, fixed=fixed),
        model=name if load or told else inspectable(asked, name) or name,
        device=device_of(asked, name),
        max_gpus=prices.max_gpus,
        min_replicas=text_of(prices.min_replicas),
        spare_replicas=prices.spare_replicas,
        apis=prices.api,
        same_model_apis=prices.same_model_api,
    )


def _demand(asked: Asked, lengths: tuple[int, int] | None) -> DemandAsked:
    load = asked.file.workload
    return DemandAsked(
        volume=load.volume or "",
        prompt=text_of(lengths[0] if lengths else load.prompt_tokens),
        output=text_of(lengths[1] if lengths else load.output_tokens),
        cached=text_of(load.cached_share),
        batch=text_of(load.batch_share),
        profile=load.profile,
    )


def _named(option: SelfHosted, candidate: str) -> str:
    """What an option is called: a machine of which nobody says what it is may be no GPU."""
    kind = "owned" if option.owned is not None else "rented"
    least = AT_MOST if option.capacity.at_least else ""
    if not option.device:
        return f"{candidate} on {'an' if kind == 'owned' else 'a'} {kind} machine{least}"
    return f"{candidate} on {kind} {option.device}{least}"


def device_of(asked: Asked, name: str) -> str:
    """The device of a candidate's replica, else the study's machine; this one has no price."""
    machine = asked.file.machine
    if own := asked.file.candidates[name].device:
        return own
    if isinstance(machine, MachinePart):
        return f"{machine.count}x {machine.device}"
    return "" if machine == HERE else machine


def text_of(value: Quantity | None) -> str:
    """A quantity as the options of `weigh cost` take it."""
    return "" if value is None else str(value)

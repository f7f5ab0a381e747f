"""The stage that counts money: every candidate on its machine, and the APIs beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import sqrt
from pathlib import Path

import msgspec

from weighbridge.core.cost import (
    CostQuestion,
    Hosted,
    HostedPrice,
    SelfHosted,
    Uncertain,
    certain,
)
from weighbridge.core.errors import InputError
from weighbridge.core.provenance import Provenance
from weighbridge.core.runs import EvalRun, content_hash
from weighbridge.core.study_file import HERE, MachinePart, PricesPart, Quantity
from weighbridge.verbs.cost_options import HardwareAsked, OperatingAsked
from weighbridge.verbs.cost_question import Asked as CostAsked
from weighbridge.verbs.cost_question import CapacityAsked, DemandAsked, Sources, question
from weighbridge.verbs.study.asked import Asked
from weighbridge.verbs.study.jobs import Job, Left, Means, Settled
from weighbridge.verbs.study.measuring import inspectable, typical_lengths

_UNIT = "bill"


def cost_unasked(asked: Asked) -> str:
    """Why no costs are counted, as a sentence; empty where they are."""
    return (
        ""
        if asked.file.prices is not None
        else ("Costs were not counted: the file gives no `prices`.")
    )


def cost_jobs(asked: Asked, settled: Settled, root: Path) -> Iterator[Job]:
    """One bill of all options."""
    file = asked.file
    loads = {name: settled.run_of("bench", name) for name in asked.contenders}
    evals = {
        name: [
            run for one in asked.tasks if (run := settled.run_of("eval", f"{name} × {one.name}"))
        ]
        for name in asked.contenders
    }
    lengths = typical_lengths(asked, root)
    devices = [
        (
            name,
            file.candidates[name].device,
            file.candidates[name].price,
            file.candidates[name].leaves,
        )
        for name in loads
    ]
    what = [
        file.prices, lengths, file.workload, file.machine, file.seed, str(asked.slo),
        devices, loads, evals,
    ]  # fmt: skip

    async def do(means: Means) -> Left:
        means.effects.progress.stage("cost", 1)
        left = _costed(asked, means, lengths, loads, evals)
        means.effects.progress.advance()
        return left

    is_open = settled.is_open("bench", "eval")
    yield Job("cost", _UNIT, "" if is_open else content_hash("cost", what), do)


def _costed(
    asked: Asked,
    means: Means,
    lengths: tuple[int, int] | None,
    loads: dict[str, str | None],
    evals: dict[str, list[str]],
) -> Left:
    from weighbridge.facts.prices import load as load_prices  # noqa: PLC0415 -- only for costs
    from weighbridge.verbs import cost as cost_verb  # noqa: PLC0415

    effects = means.effects
    prices = load_prices(
        today=effects.clock.now_iso(), environment=effects.environment, workspace=effects.root
    )
    prices = replace(prices, said=str(asked.path))
    said_prices = asked.file.prices or PricesPart()
    for text in (*said_prices.api, *said_prices.same_model_api):
        if ".." not in text:  # a range is a price, and no name
            prices.find_api(text)  # one that nobody knows is no candidate's fault
    sources = Sources(
        prices, effects.clock, effects.store, workspace=effects.root, said=prices.said
    )
    found: list[CostQuestion] = []
    notes: list[str] = []
    for name in asked.contenders:
        if not _is_own(asked, name):
            if asked.entries[name].price is None:
                notes.append(f"{name} has no bill: no machine of yours serves it, and no `price`.")
            continue
        try:
            one, said = _own_question(asked, name, lengths, loads[name], sources)
        except InputError as error:
            notes.append(f"{name} has no bill: {error.message} {_advice(name)}")
            continue
        rate = _pass_rate(asked, means, evals[name])
        own = tuple(
            replace(option, name=_named(option, name), model=name, pass_rate=rate)
            for option in one.selfhosted
        )
        found.append(replace(one, selfhosted=own))
        notes += said
    if not found:
        return Left((), " ".join(["Costs cannot be told.", *notes]))
    whole = _joined(found, tuple(_hosted_candidates(asked, means, evals)))
    report = cost_verb.cost(
        whole, effects.clock, seed=asked.file.seed, notes=tuple(dict.fromkeys(notes))
    )
    return Left((cost_verb.keep(effects.store, report).info.id,))


def _own_question(
    asked: Asked,
    name: str,
    lengths: tuple[int, int] | None,
    load: str | None,
    sources: Sources,
) -> tuple[CostQuestion, tuple[str, ...]]:
    """A candidate's bill: by its load test, else by what the file says it serves, else predicted.

    Raises:
        InputError: none of them tells.
    """
    told = _text(asked.file.candidates[name].tokens_per_s)
    try:
        return question(_question(asked, name, lengths, load), sources)
    except InputError as error:
        if load is None and not told:
            raise
        found, said = question(_question(asked, name, lengths, None, told), sources)
        return found, (f"{name}: {error.message} So the load test was not taken.", *said)


def _question(
    asked: Asked,
    name: str,
    lengths: tuple[int, int] | None,
    load: str | None,
    told: str = "",
) -> CostAsked:
    """What `weigh cost` would be asked of a candidate."""
    file, prices = asked.file, asked.file.prices or PricesPart()
    hardware = {
        key: value if isinstance(value := getattr(prices.hardware, key), bool) else _text(value)
        for key in prices.hardware.__struct_fields__
    }
    people = {
        key: _text(getattr(prices.people, key)) for key in ("fte", "fte_cost", "on_call", "ops")
    }
    fixed = tuple(f"{line}={value}" for line, value in prices.people.fixed.items())
    return CostAsked(
        demand=_demand(asked, lengths),
        capacity=CapacityAsked(tokens_per_s=told, slo=str(asked.slo), from_run=load or ""),
        hardware=msgspec.convert(hardware, HardwareAsked),
        operating=OperatingAsked(**people, fixed=fixed),
        model=name if load or told else inspectable(asked, name) or name,
        device=file.candidates[name].device or _device(file.machine),
        max_gpus=prices.max_gpus,
        min_replicas=_text(prices.min_replicas),
        spare_replicas=prices.spare_replicas,
        apis=prices.api,
        same_model_apis=prices.same_model_api,
    )


def _demand(asked: Asked, lengths: tuple[int, int] | None) -> DemandAsked:
    load = asked.file.workload
    return DemandAsked(
        volume=load.volume or "",
        prompt=_text(lengths[0] if lengths else load.prompt_tokens),
        output=_text(lengths[1] if lengths else load.output_tokens),
        cached=_text(load.cached_share),
        batch=_text(load.batch_share),
        profile=load.profile,
    )


def _joined(found: Sequence[CostQuestion], hosted: tuple[Hosted, ...]) -> CostQuestion:
    """One question of all candidates, each API once."""
    apis = {one.name: one for asked in found for one in asked.hosted}
    own = tuple(one for asked in found for one in asked.selfhosted)
    return CostQuestion(found[0].demand, own, (*apis.values(), *hosted))


def _hosted_candidates(asked: Asked, means: Means, evals: dict[str, list[str]]) -> Iterator[Hosted]:
    """Candidates behind somebody else's address whose price the file says."""
    for name in asked.contenders:
        price = asked.entries[name].price
        if _is_own(asked, name) or price is None:
            continue
        origin = Provenance(
            "assumed", f"`price` in {asked.path.name}", means.effects.clock.now_iso()
        )
        cached = None if price.cached is None else certain(price.cached, origin)
        yield Hosted(
            name,
            HostedPrice(certain(price.prompt, origin), certain(price.output, origin), cached),
            pass_rate=_pass_rate(asked, means, evals[name]),
        )


def _pass_rate(asked: Asked, means: Means, runs: Sequence[str]) -> Uncertain | None:
    """The share of right answers over the mix of tasks; None where a task was not measured."""
    from weighbridge.decide.statistics import run_accuracy  # noqa: PLC0415 -- numpy

    if not asked.tasks or len(runs) < len(asked.tasks):
        return None
    loaded = [means.effects.store.load(run, EvalRun) for run in runs]
    mix = asked.file.workload.mix or {run.suite: 1.0 for run in loaded}
    total = sum(mix[run.suite] for run in loaded)
    parts = [(mix[run.suite] / total, run_accuracy(run)) for run in loaded]
    rate = sum(share * each.value for share, each in parts)
    # Ends of a weighted sum from those of its parts: even where all or none were right, which of
    # so many items proves little, there is an interval.
    below = sqrt(sum((share * (each.value - each.low)) ** 2 for share, each in parts))
    above = sqrt(sum((share * (each.high - each.value)) ** 2 for share, each in parts))
    source = Provenance("measured", ", ".join(runs), max(run.info.created for run in loaded))
    return Uncertain(rate, max(0.0, rate - below), min(1.0, rate + above), "triangular", source)


def _advice(name: str) -> str:
    """What to write into a study's file for a bill."""
    return (
        f"Write under `candidates.{name}` a `device` and `tokens_per_s`, ask for a load test under "
        "`bench` with an `slo`, and say how much there is in `workload.volume`."
    )


def _named(option: SelfHosted, candidate: str) -> str:
    """What an option is called: a machine of which nobody says what it is may be no GPU."""
    kind = "owned" if option.owned is not None else "rented"
    if not option.device:
        return f"{candidate} on {'an' if kind == 'owned' else 'a'} {kind} machine"
    return f"{candidate} on {kind} {option.device}"


def _is_own(asked: Asked, name: str) -> bool:
    """Whether a candidate is paid by its machine and not by its tokens."""
    said = asked.file.candidates[name]
    if said.device is not None:
        return True
    if asked.entries[name].urls and (said.price is not None or said.leaves):
        return False  # a proxy at our own address may stand before somebody else's API
    return asked.is_local(name)


def _device(machine: str | MachinePart) -> str:
    """The device of the study's machine; this one has no price."""
    if isinstance(machine, MachinePart):
        return f"{machine.count}x {machine.device}"
    return "" if machine == HERE else machine


def _text(value: Quantity | None) -> str:
    return "" if value is None else str(value)

"""The stage that counts money: every candidate on its machine, and the APIs beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import sqrt

from weighbridge.core.cost import CostQuestion, Hosted, HostedPrice, Uncertain, certain
from weighbridge.core.errors import InputError
from weighbridge.core.provenance import Provenance
from weighbridge.core.runs import EvalRun, content_hash
from weighbridge.verbs.cost_question import Sources
from weighbridge.verbs.study.asked import Asked
from weighbridge.verbs.study.bills import own_question
from weighbridge.verbs.study.cost_basis import named_apis, prices_of, rests_on
from weighbridge.verbs.study.jobs import Effects, Job, Left, Means, Settled
from weighbridge.verbs.study.lengths import measured_lengths, typical_lengths

_UNIT = "bill"


def cost_unasked(asked: Asked) -> str:
    """Why no costs are counted, as a sentence; empty where they are."""
    return (
        ""
        if asked.file.prices is not None
        else ("Costs were not counted: the file gives no `prices`.")
    )


def cost_jobs(asked: Asked, settled: Settled, effects: Effects) -> Iterator[Job]:
    """One bill of all options."""
    loads = {name: settled.run_of("bench", name) for name in asked.contenders}
    evals = {
        name: [
            run for one in asked.tasks if (run := settled.run_of("eval", f"{name} × {one.name}"))
        ]
        for name in asked.contenders
    }
    lengths = typical_lengths(asked, effects.root)

    async def do(means: Means) -> Left:
        means.effects.progress.stage("cost", 1)
        left = _costed(asked, means, lengths, loads, evals)
        means.effects.progress.advance()
        return left

    is_open = settled.is_open("bench", "eval")
    key = "" if is_open else content_hash("cost", rests_on(asked, effects, lengths, loads), evals)
    yield Job("cost", _UNIT, key, do)


def _costed(
    asked: Asked,
    means: Means,
    lengths: tuple[int, int] | None,
    loads: dict[str, str | None],
    evals: dict[str, list[str]],
) -> Left:
    from weighbridge.verbs import cost as cost_verb  # noqa: PLC0415 -- only for costs

    effects = means.effects
    prices = prices_of(asked, effects)
    for text in named_apis(asked):
        prices.find_api(text)  # one that nobody knows is no candidate's fault
    sources = Sources(
        prices, effects.clock, effects.store, workspace=effects.root, said=prices.said
    )
    measured = None if lengths else measured_lengths(asked, effects.store, evals, loads)
    if measured is not None:
        lengths = (measured.prompt, measured.output)
    found: list[CostQuestion] = []
    # What a reader has to know first: it stands on the first page, which has little room.
    first: list[str] = []
    passed_over: dict[str, list[str]] = {}
    notes: list[str] = [] if measured is None else [measured.note]
    for name in asked.contenders:
        if not _is_own(asked, name):
            if asked.entries[name].price is None:
                first.append(f"{name} has no bill: no machine of yours serves it, and no `price`.")
            continue
        try:
            one, passed, said = own_question(asked, name, lengths, loads[name], sources)
        except InputError as error:
            first.append(" ".join(filter(None, (f"{name} has no bill.", error.message, error.fix))))
            continue
        rate = _pass_rate(asked, means, evals[name])
        own = tuple(replace(option, model=name, pass_rate=rate) for option in one.selfhosted)
        found.append(replace(one, selfhosted=own))
        for sentence in passed:
            passed_over.setdefault(sentence, []).append(name)
        notes += said
    first += [f"{', '.join(names)}: {sentence}" for sentence, names in passed_over.items()]
    if not found:
        return Left((), " ".join(["Costs cannot be told.", *first]))
    whole = _joined(found, tuple(_hosted_candidates(asked, means, evals)))
    if measured is not None:
        whole = replace(whole, demand=measured.put_into(whole.demand))
    report = cost_verb.cost(
        whole, effects.clock, seed=asked.file.seed, notes=tuple(dict.fromkeys((*first, *notes)))
    )
    return Left((cost_verb.keep(effects.store, report).info.id,))


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


def _is_own(asked: Asked, name: str) -> bool:
    """Whether a candidate is paid by its machine and not by its tokens."""
    said = asked.file.candidates[name]
    if said.device is not None:
        return True
    if asked.entries[name].urls and (said.price is not None or said.leaves):
        return False  # a proxy at our own address may stand before somebody else's API
    return asked.is_local(name)

"""What must hold in a study, and who is ruled out by it before anything is asked."""

from __future__ import annotations

from collections.abc import Mapping

from weighbridge.core.constraints import Constraints, ExpectedLoad, Removed
from weighbridge.core.study import StageName, Unit
from weighbridge.core.study_file import JudgePart
from weighbridge.core.territories import territory
from weighbridge.core.units import parse_size
from weighbridge.decide.advice import STUDY
from weighbridge.decide.constraints import HERE, by_place, place_of
from weighbridge.facts.licenses.intents import parse_intents
from weighbridge.verbs.study.asked import Asked


def constraints_of(asked: Asked) -> Constraints:
    """What must hold, as the file says."""
    said, load, budget = asked.file.constraints, asked.file.workload, asked.file.memory_budget
    least = said.min_accuracy
    names = [one.name for one in asked.tasks]
    shares = (
        {} if least is None else least if isinstance(least, dict) else dict.fromkeys(names, least)
    )
    entries = asked.file.candidates.items()
    places = {name: territory(one.territory) for name, one in entries if one.territory}
    leaves = {name: one.leaves for name, one in entries if one.leaves is not None}
    users = max(load.levels, default=None)
    return Constraints(
        data_may_leave=said.data_may_leave is not False,
        territory=territory(said.territory) if said.territory else None,
        intents=parse_intents(",".join(said.intents)) if said.intents else None,
        license_read=said.license_read,
        places=tuple(places.items()),
        leaves=tuple(leaves.items()),
        slo=asked.slo,
        load=ExpectedLoad(load.rate, None if load.rate is not None else users),
        memory_budget_bytes=None if budget is None else parse_size(budget),
        usd_per_month=said.usd_per_month,
        min_accuracy=() if least is None else tuple(shares.items()),
    )


def kept_from(asked: Asked) -> Mapping[str, Removed]:
    """Candidates that may not see a single prompt, since data may not leave, each with why."""
    if asked.file.constraints.data_may_leave is not False:
        return {}
    models = {}
    for name, entry in asked.entries.items():
        url = entry.urls[0] if entry.urls else ""
        models[name] = (url, place_of(url, entry))
    found = by_place(models, constraints_of(asked), STUDY)
    return {one.model: one for one in found if one.constraint == "data"}


def judge_kept_from(asked: Asked, judge: str | JudgePart) -> str:
    """Why a judge may not see answers, as a sentence; empty where it may."""
    if asked.file.constraints.data_may_leave is not False:
        return ""
    if isinstance(judge, str):
        found = kept_from(asked).get(judge)
        return "" if found is None else _why(found)
    if place_of(judge.url, None) == HERE:
        return ""
    return (
        f"The judge was not asked: it answers at {judge.url}, so that answers would leave your "
        "machines, and `constraints.data_may_leave` is false."
    )


def not_asked(stage: StageName, unit: str, removed: Removed) -> Unit:
    """A unit that is not done since its candidate is ruled out."""
    return Unit(stage, unit, "", "not asked", why=_why(removed))


def _why(removed: Removed) -> str:
    told = (
        f"{removed.model} is ruled out and was not asked, since `constraints.data_may_leave` is "
        f"false: {removed.reason[:1].lower()}{removed.reason[1:]}"
    )
    return f"{told} {removed.fix}" if removed.fix else told

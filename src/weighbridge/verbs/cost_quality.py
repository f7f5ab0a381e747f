"""Pass rates of a cost question: as somebody says, or as an evaluation has measured them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from weighbridge.core.cost import Hosted, SelfHosted, Uncertain
from weighbridge.core.effects import Store
from weighbridge.core.errors import InputError
from weighbridge.core.provenance import Provenance
from weighbridge.core.runs import EvalRun
from weighbridge.decide.statistics import wilson
from weighbridge.verbs.cost_words import parse_uncertain

Options = tuple[tuple[SelfHosted, ...], tuple[Hosted, ...]]


def with_pass_rates(
    options: Options, texts: tuple[str, ...], store: Store | None, origin: Provenance
) -> Options:
    """Pass rates by the name of an option or of its model; without a name, of one's own model.

    Args:
        options: self-hosted ones and APIs.
        texts: ``VALUE`` or ``NAME=VALUE``; a value is a quantity or an evaluation run.
        store: the workspace that has such runs.
        origin: of what was said.

    Raises:
        InputError: a value is neither, or a name is no option.
        UnknownRunError: there is no such run.
    """
    rates = {}
    for text in texts:
        name, _, value = text.rpartition("=")
        rates[name.strip()] = _rate(value.strip(), store, origin)
    own, apis = options
    of_all = rates.get("")
    own = tuple(
        replace(one, pass_rate=rates.get(one.name) or rates.get(one.model) or of_all) for one in own
    )
    # A host of the same model gives the same answers, unless somebody says otherwise.
    usual = {one.pass_rate for one in own}
    same = usual.pop() if len(usual) == 1 else None
    apis = tuple(
        replace(one, pass_rate=rates.get(one.name) or (same if one.same_model else None))
        for one in apis
    )
    used = {one.name for one in own} | {one.model for one in own} | {one.name for one in apis}
    check_used(rates, used, "--pass-rate")
    return own, apis


def check_used(table: dict[str, Uncertain], used: set[str], option: str) -> None:
    """Refuse what was said of something that is not there.

    Raises:
        InputError: it names what.
    """
    for name in table:
        if name and name not in used:
            raise InputError(
                f"{option} names {name!r}, which is no option here.",
                fix="Write the name as the table has it.",
            )


def _rate(text: str, store: Store | None, origin: Provenance) -> Uncertain:
    if not (text.startswith("eval-") or "@" in text):
        return parse_uncertain(text, "pass rate", origin)
    if store is None:
        raise InputError("There is no workspace with evaluations.", fix="Give --workspace.")
    return evaluated(store.load(store.find(text, "eval").id, EvalRun))


def evaluated(run: EvalRun) -> Uncertain:
    """The accuracy of an evaluation with its 95 % interval; items of a group count once.

    Raises:
        InputError: the run has no items.
    """
    units: dict[str, list[bool]] = defaultdict(list)
    for item in run.items:
        units[item.group or item.id].append(item.correct)
    if not units:
        raise InputError(f"{run.info.id} has no items.", fix="Choose another evaluation.")
    right = sum(sum(unit) / len(unit) for unit in units.values())
    rate = wilson(right, len(units))
    source = Provenance("measured", f"{run.info.id} ({run.suite})", run.info.created)
    return Uncertain(rate.value, min(rate.low, rate.value), max(rate.high, rate.value),
                     "triangular", source)  # fmt: skip

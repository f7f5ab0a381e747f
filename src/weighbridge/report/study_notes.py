"""What the appendix of a study says in sentences; HTML and Markdown are both written from these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from weighbridge.core.study import Study
from weighbridge.report.numbers import p_value, shortened
from weighbridge.report.study_blocks import Block, sentences
from weighbridge.report.words import sheet_names

REASONS_SHOWN: Final = 12
_VOTES: Final = {"tie": "a tie", "both_bad": "both bad"}


def appendix_notes(study: Study, unchecked: Iterable[str]) -> dict[str, Block]:
    """The sentences of each part of the appendix by its key, without the parts that say nothing.

    Args:
        study: the study.
        unchecked: everything that was not looked at, see ``first_page``.
    """
    blocks = (
        _block("know", "Models: what is assumed", _assumptions(study)),
        _block("plan", "Plan: what it rests on", _planned(study)),
        _block("load", "Requests that failed under load", _failed(study)),
        _block("rate", "Blind rating: how to read it", _rated(study)),
        _block("reasons", "What raters wrote beside their votes", _reasons(study)),
        _block("money", "What to know of the bills", _bills(study)),
        _block("decide", "What to know of the decision", _decided(study)),
        _block("removed", "Everything that was ruled out", _removed(study)),
        _block("flips", "Every change that was tried", _flips(study)),
        _block("act", "What routing did to unseen requests", _routed(study)),
        _block("unchecked", "Everything that was not checked", unchecked),
    )
    return {one.key: one for one in blocks if one.lines}


def _block(key: str, title: str, texts: Iterable[str]) -> Block:
    return Block(key, title, lines=sentences(texts), is_list=True)


def _assumptions(study: Study) -> Iterator[str]:
    for name, sheet in zip(sheet_names(study.sheets), study.sheets, strict=True):
        yield from (f"{name}: {said}" for said in sheet.architecture.assumptions)


def _planned(study: Study) -> Iterator[str]:
    if study.plan is not None:
        plan = study.plan.plan
        yield from (f"{one.model}: {one.reason}" for one in plan.refused)
        yield from plan.notes


def _failed(study: Study) -> Iterator[str]:
    for load in study.loads:
        for level in load.levels:
            if level.errors:
                kinds = ", ".join(
                    f"{n} \N{MULTIPLICATION SIGN} {kind}" for kind, n in level.error_kinds
                )
                first = shortened(level.first_error)
                yield f"{load.info.model}, {level.shape}: {kinds}. First: {first}"


def _rated(study: Study) -> Iterator[str]:
    for one in study.ratings:
        yield one.results.position.sentence
        yield from one.results.notes
        yield from (pair.sentence for pair in one.alike)


def _reasons(study: Study) -> Iterator[str]:
    for one in study.ratings:
        for ballot in one.reasons[:REASONS_SHOWN]:
            said = {"a": ballot.a, "b": ballot.b, **_VOTES}[ballot.winner]
            yield (f"{ballot.a} or {ballot.b} on {ballot.item}, {said}: {shortened(ballot.reason)}")


def _bills(study: Study) -> Iterator[str]:
    if study.cost is not None:
        yield from study.cost.report.notes


def _decided(study: Study) -> Iterator[str]:
    if study.verdict is not None:
        yield study.verdict.verdict.sentence
        yield from study.verdict.verdict.notes


def _removed(study: Study) -> Iterator[str]:
    if study.verdict is not None:
        yield from map(str, study.verdict.verdict.removed)


def _flips(study: Study) -> Iterator[str]:
    if study.verdict is not None:
        yield from (one.sentence for one in study.verdict.verdict.flips if one.unit)


def _routed(study: Study) -> Iterator[str]:
    if study.route is None:
        return
    found = [study.route.gain, study.route.hindsight]
    for one in dict.fromkeys(one for one in found if one is not None):
        yield f"{one.sentence} McNemar {p_value(one.p_mcnemar)}."

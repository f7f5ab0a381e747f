"""On what terms: the workload, licences, where data goes, and what was ruled out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Final

from weighbridge.core.cost import Demand
from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.load import LoadRun
from weighbridge.core.provenance import Provenance
from weighbridge.core.study import ModelSheet, Study
from weighbridge.core.study_file import CAPTURED, StudyFile
from weighbridge.decide.constraints import HERE, place_of
from weighbridge.facts.documents import load_yaml
from weighbridge.facts.licenses.clauses import NOT_LEGAL_ADVICE
from weighbridge.facts.licenses.read import recognise
from weighbridge.facts.licenses.summary import summarise
from weighbridge.predict.cost.labels import short
from weighbridge.report.numbers import percent
from weighbridge.report.study_asked import (
    address_of,
    asked_of,
    entry_of,
    names_of,
    nothing_left,
)
from weighbridge.report.study_blocks import Block, Cell, Line, sentences

_MIX: Final = Provenance("assumed", "shares of the tasks as the study's file says", "")


def workload_block(study: Study) -> Block:
    """What users ask, and who says so."""
    lines = (*_volume(study), *_lengths(study), *_shape(study), *_expected(study), *_asked(study))
    absent = "" if lines else "Nothing is said of what users ask."
    return Block("workload", "Workload", lines=lines, absent=absent)


def removed_block(study: Study, most: int | None = 5) -> Block:
    """Options that a constraint ruled out, each with its reason."""
    said_no = nothing_left(study)
    if study.verdict is None and said_no:
        return Block("removed", "Ruled out", lines=sentences(said_no[1:]), is_list=True)
    if study.verdict is None:
        return Block(
            "removed", "Ruled out", absent="Nothing was decided, so nothing was ruled out."
        )
    removed = study.verdict.verdict.removed
    if not removed:
        said = "No option was ruled out: all meet the constraints that were given."
        return Block("removed", "Ruled out", absent=said)
    texts = [str(one) for one in removed[:most]]
    if len(texts) < len(removed):
        texts.append(f"{len(removed) - len(texts)} more in the appendix.")
    return Block("removed", "Ruled out", lines=sentences(texts), is_list=True)


def licence_block(study: Study) -> Block:
    """Each licence once, with the models it holds for."""
    by_license: dict[str, list[str]] = {}
    origins: dict[str, Provenance] = {}
    for name, stated, origin in _stated(study):
        by_license.setdefault(stated, []).append(name)
        origins.setdefault(stated, origin)
    asked = asked_of(study)
    read = set(asked.constraints.license_read) if asked else set()
    lines = []
    for stated, models in by_license.items():
        clauses = summarise(recognise(stated, model=models[0]))
        reader = _reader([name for name in models if name in read], models)
        said = f"{stated or 'no licence stated'}: {clauses}. {reader}"
        lines.append(Line(", ".join(models), Cell(said, origin=origins[stated])))
    hashes = "The hash of no licence file is known. " if lines else ""
    lines.append(Line("", Cell(f"{hashes}{NOT_LEGAL_ADVICE}")))
    return Block("licences", "Licences", lines=tuple(lines))


def governance_block(study: Study) -> Block:
    """Where data goes, who may say so, and what is kept."""
    lines = [*_places(study)]
    asked = asked_of(study)
    if asked is not None:
        leave = asked.constraints.data_may_leave
        told = {None: "not said", True: "yes", False: "no"}[leave]
        where = f", within {asked.constraints.territory}" if asked.constraints.territory else ""
        lines.append(Line("Data may leave", Cell(f"{told}{where}", origin=_of_file(study))))
    kept = "answers of this study and their prompts, until the workspace is deleted"
    lines.append(Line("Kept here", Cell(kept)))
    lines.append(Line("Captures", Cell(_captures(study))))
    return Block("governance", "Where data goes", lines=tuple(lines))


def mix_words(study: Study) -> str:
    """Shares of the tasks, in words; empty where nothing was decided."""
    if study.verdict is None:
        return ""
    return ", ".join(f"{percent(part)} {task}" for task, part in study.verdict.verdict.mix)


# -- workload ---------------------------------------------------------------------------------


def _of_file(study: Study) -> Provenance:
    return Provenance("assumed", study.run.path or study.run.name, study.run.info.created)


def _volume(study: Study) -> Iterator[Line]:
    if study.cost is None:
        yield from _written(study)
        return
    demand = study.cost.report.question.demand
    said = f"{short(demand.requests_per_day)} a day, {short(demand.tokens_per_day)} tokens"
    yield Line("Requests", Cell(said, origin=demand.volume.provenance))
    mean = f"{demand.prompt_tokens.base:,.0f} in, {demand.output_tokens.base:,.0f} out"
    yield Line("Tokens that are billed", Cell(mean, origin=demand.prompt_tokens.provenance))


def _written(study: Study) -> Iterator[Line]:
    """What the file says, where no bill rests on it."""
    asked = asked_of(study)
    if asked is None:
        return
    load, origin = asked.workload, _of_file(study)
    if load.volume:
        yield Line("Volume", Cell(load.volume, origin=origin))
    for name, count in (("Prompt tokens", load.prompt_tokens), ("Output", load.output_tokens)):
        if count is not None:
            yield Line(name, Cell(f"{count:,}", origin=origin))


def _lengths(study: Study) -> Iterator[Line]:
    """Lengths of what was really sent and answered."""
    records = [one for load in study.loads for one in load.requests if one.error is None]
    if not records:
        return
    origin = _loads(study.loads)
    prompts = sorted(one.prompt_tokens for one in records if one.prompt_tokens is not None)
    outputs = sorted(one.output_tokens for one in records)
    for name, values in (("Prompt tokens sent", prompts), ("Answer tokens", outputs)):
        if values:
            said = f"p50 {_quantile(values, 0.5):,}, p95 {_quantile(values, 0.95):,}"
            yield Line(name, Cell(said, origin=origin))
    both = [one for one in records if one.cached_tokens is not None and one.prompt_tokens]
    if both:
        hit = sum(one.cached_tokens or 0 for one in both) / sum(o.prompt_tokens or 0 for o in both)
        yield Line("Cache hits", Cell(f"{percent(hit)} of prompt tokens", origin=origin))


def _quantile(values: Sequence[int], share: float) -> int:
    return values[max(0, ceil(share * len(values)) - 1)]


def _loads(loads: Sequence[LoadRun]) -> Provenance:
    ids = ", ".join(load.info.id for load in loads)
    return Provenance("measured", f"runs {ids}", min(load.info.created for load in loads))


def _shape(study: Study) -> Iterator[Line]:
    if study.cost is None:
        return
    demand: Demand = study.cost.report.question.demand
    source = demand.profile_source
    assumed = source.startswith("assumed")
    origin = Provenance(
        "assumed" if assumed else "measured",
        source.removeprefix("assumed: "),
        study.cost.report.created or study.cost.info.created,
    )
    yield Line("Peak over mean", Cell(f"{demand.peak_to_mean:.2f}", origin=origin))
    if demand.cached_share.base:
        share = percent(demand.cached_share.base)
        yield Line("Cache hits billed", Cell(share, origin=demand.cached_share.provenance))


def _expected(study: Study) -> Iterator[Line]:
    if study.verdict is not None:
        load = study.verdict.verdict.constraints.load
        origin = _of_file(study)
        if load.users is not None or load.requests_per_s is not None:
            yield Line("Busy hour", Cell(str(load), origin=origin))
        if mix_words(study):
            yield Line("Tasks", Cell(mix_words(study), origin=origin))
    yield Line("SLO", Cell(study.run.slo or "none was asked for"))


def _asked(study: Study) -> Iterator[Line]:
    """What the questions came from, with hashes by which they are recognised."""
    asked: StudyFile | None = asked_of(study)
    traffic = asked.workload.traffic if asked else None
    if traffic:
        name = "captured by the gateway" if traffic == CAPTURED else traffic
        yield Line("Traffic", Cell(name))
    suites = {run.suite: run for run in study.evals}
    if suites:
        said = ", ".join(f"{name} {run.suite_hash[:8]}" for name, run in suites.items())
        dates = sorted({run.info.created[:10] for run in study.evals})
        span = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
        yield Line("Suites, hash", Cell(f"{said}; asked {span}"))
    if study.loads:
        keys = {load.workload or load.info.subject: load.info.key for load in study.loads[:1]}
        said = ", ".join(f"{what}, key {key[:8]}" for what, key in keys.items())
        yield Line("Load sent", Cell(said))


# -- licences ---------------------------------------------------------------------------------


def _stated(study: Study) -> Iterator[tuple[str, str, Provenance]]:
    """Each candidate with the licence that is stated for it, and by whom."""
    asked = asked_of(study)
    sheets = {sheet.info.model: sheet for sheet in study.sheets}
    for name in names_of(study):
        told = asked.candidates[name].license if asked and name in asked.candidates else None
        if told is not None:
            yield name, told, _of_file(study)
            continue
        sheet = sheets.get(name)
        yield name, _license(sheet), _header(study, sheet)


def _license(sheet: ModelSheet | None) -> str:
    if sheet is None:
        return ""
    return sheet.inspection.license or sheet.architecture.license or ""


def _header(study: Study, sheet: ModelSheet | None) -> Provenance:
    if sheet is None:
        return Provenance("assumed", "nothing was inspected", study.run.info.created)
    date = sheet.inspection.provenance.date
    return Provenance("vendor", "as the checkpoint states it", date)


def _reader(read: Sequence[str], models: Sequence[str]) -> str:
    if not read:
        return "Nobody is named who read its text."
    whose = "" if len(read) == len(models) else f" for {', '.join(read)}"
    return f"Read and accepted{whose} by whoever wrote the study's file."


# -- data -------------------------------------------------------------------------------------


def _places(study: Study) -> Iterator[Line]:
    here: list[str] = []
    for name in names_of(study):
        entry, address = entry_of(study, name), address_of(study, name)
        asked = asked_of(study)
        said = asked.candidates.get(name) if asked else None
        if said is not None and said.leaves is not None:
            place = "elsewhere" if said.leaves else HERE
        else:
            place = place_of(address, entry) or "elsewhere"
        if place == HERE:
            here.append(name)
            continue
        territory = said.territory if said is not None and said.territory else "place not stated"
        where = f"leaves to {address or 'an address nobody kept'} ({territory})"
        yield Line(name, Cell(f"{where}; what is kept there was not checked"))
    if here:
        said_here = "answers on this machine or its network; no prompt leaves"
        names = ", ".join(here) if len(here) < 5 else f"{len(here)} candidates"
        yield Line(names, Cell(said_here))


def _captures(study: Study) -> str:
    if study.verdict is None:
        return "there is no gateway configuration yet"
    try:
        document = load_yaml(study.verdict.router_config, origin="router.config.yaml").document
    except WeighbridgeError:
        return "not known: router.config.yaml cannot be read"
    capture = document.get("capture") if isinstance(document, dict) else None
    share = capture.get("share", 0) if isinstance(capture, dict) else 0
    if not isinstance(share, int | float) or share <= 0:
        return "none: the gateway keeps no requests as configured"
    return f"the gateway keeps {percent(share)} of requests as configured"

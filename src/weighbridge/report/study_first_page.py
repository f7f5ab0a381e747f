"""The page that somebody signs: the decision, what it rests on, and what was not looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from weighbridge.core.cost_comparison import Comparison
from weighbridge.core.provenance import Provenance
from weighbridge.core.study import RESTS, Study, Unit
from weighbridge.core.verdict import Verdict
from weighbridge.report.numbers import percent, point_bounds, points, size
from weighbridge.report.study_asked import (
    asked_of,
    is_this_machine,
    nothing_left,
    would_be_left,
)
from weighbridge.report.study_blocks import Block, Cell, Line, marks_of, sentences
from weighbridge.report.study_money import (
    break_even_block,
    cost_block,
    cost_flips,
    self_or_api,
    tornado_rows,
)
from weighbridge.report.study_tasks import capacity_block, evaluation_block
from weighbridge.report.study_terms import (
    governance_block,
    licence_block,
    removed_block,
    workload_block,
)
from weighbridge.report.words import decision

_MOST_FLIPS: Final = 6
_MOST_UNCHECKED: Final = 5
SIGNATURES: Final = ("Decided by", "Date", "Review on")
# Parts of sentences of a study about what is missing of its evidence or of its conditions.
_WEIGHTY: Final = (
    " failed: ",
    " was not done.",
    "`slo` is empty",
    "data may leave",
    "not held against",
)
_OF_DEMO: Final = (
    (
        "The tasks are synthetic and their answers short; your tasks will rank models differently. "
        "That is the point of measuring on your own."
    ),
    (
        "The traffic is worded as the suites are, and how long porter was trained was chosen by "
        "looking at held-out examples: routing's gain here shows the method, its size says nothing "
        "beyond this demo."
    ),
    "The models are tiny, so their speed and memory say nothing about models of a useful size.",
)


@dataclass(frozen=True, slots=True)
class FirstPage:
    """The page.

    Attributes:
        title: the decision, or that there is none.
        alternative: what to run if only one model may run; may be empty.
        money: whether to serve it oneself or to buy from an API, in a sentence; may be empty.
        failures: what could not be done, each a sentence; comes first.
        blocks: its parts by key, in reading order.
        tornado: the comparison whose drivers are drawn, and the unit of its volume; or None.
        marks: the mark of each source.
        unchecked: everything that was not looked at; the block has the first of it.
    """

    title: str
    alternative: str
    money: str
    failures: tuple[str, ...]
    blocks: tuple[Block, ...]
    tornado: tuple[Comparison, str] | None
    marks: dict[Provenance, str]
    unchecked: tuple[str, ...]

    def block(self, key: str) -> Block:
        """The part of that name."""
        return next(one for one in self.blocks if one.key == key)


def first_page(study: Study) -> FirstPage:
    """The first page of a study's report."""
    title, alternative = headline(study)
    unchecked = tuple(not_checked(study))
    blocks = (
        _sureness(study),
        _flips_block(study),
        workload_block(study),
        evaluation_block(study),
        _preferences(study),
        capacity_block(study),
        cost_block(study),
        break_even_block(study),
        removed_block(study),
        licence_block(study),
        governance_block(study),
        _unchecked_block(unchecked),
        _again(study),
    )
    return FirstPage(
        title=title,
        alternative=alternative,
        money=self_or_api(study),
        failures=tuple(map(failure, _failed(study))),
        blocks=blocks,
        tornado=tornado_rows(study),
        marks=marks_of(cell for block in blocks for cell in block.cells),
        unchecked=unchecked,
    )


def headline(study: Study) -> tuple[str, str]:
    """The decision and its alternative; where there is none, that and why."""
    if study.verdict is not None:
        return decision(study.verdict.verdict)
    said_no = nothing_left(study)
    if said_no:
        return said_no[0], ""
    stage = next((one for one in study.run.stages if one.name == "decide"), None)
    why = "" if stage is None else stage.why or next((u.why for u in stage.units if u.why), "")
    return "Nothing was decided.", why


def _failed(study: Study) -> list[Unit]:
    """What could not be done. That nothing is left is an answer, after which nothing is routed."""
    if not nothing_left(study):
        return list(study.run.failed)
    return [one for one in study.run.failed if not one.is_no and one.why != RESTS]


def failure(unit: Unit) -> str:
    """A unit that failed, as a sentence."""
    subject = unit.stage if unit.name == unit.stage else f"{unit.stage} of {unit.name}"
    return f"{subject} failed: {unit.why or 'no reason was kept.'}"


def not_checked(study: Study) -> Iterator[str]:
    """What the study says nothing about, one sentence each."""
    yield from _about_measuring(study)
    unread = "Licences are shown as the checkpoints state them; nobody has read their text for you."
    told = study.run.not_checked
    yield from (text for text in told if _is_weighty(text))
    yield unread
    if study.run.info.kind == "demo" or "source: demo:" in study.run.text:
        yield from _OF_DEMO
    yield from (text for text in told if not _is_weighty(text))
    if study.cost is not None:
        yield "Prices are before taxes, currency and discounts that nobody told."


def _about_measuring(study: Study) -> Iterator[str]:
    """What the measurements themselves cannot tell: it weighs on every figure."""
    if len(study.run.machines) < 2:
        asked = asked_of(study)
        most = 1 if asked is None or asked.bench is None else asked.bench.repeats
        runs = "one run of each measurement" if most < 2 else f"each load repeated {most} times"
        yield (
            f"One machine, and {runs}. The intervals cover the choice of items, not the variation "
            "between machines, days or restarts."
        )
    if any(is_this_machine(load.url) for load in study.loads):
        yield "The load generator ran on the machine that it measured and took part of its CPU."


def _is_weighty(text: str) -> bool:
    """Whether the decision itself may be wrong for it: something failed, waits or was left out."""
    return any(part in text for part in _WEIGHTY)


# -- parts ------------------------------------------------------------------------------------


def _sureness(study: Study) -> Block:
    """How sure it is, and what comes second."""
    if study.verdict is None:
        return Block("sure", "How sure", absent="Without a decision nothing comes second.")
    run, verdict = study.verdict, study.verdict.verdict
    origin = Provenance("measured", f"run {run.info.id}", run.info.created)
    lines = [Line("", Cell(text)) for text in verdict.caveats]
    if verdict.single is not None and verdict.single != verdict.chosen:
        gain = verdict.gain
        said = f"{verdict.single.models[0]} alone, {percent(verdict.single.accuracy)} instead of "
        said += f"{percent(verdict.chosen.accuracy)} of all requests"
        span = "" if gain is None else f"{points(gain.value)} points, {point_bounds(gain)}"
        lines.append(Line("Runner-up", Cell(said, span, origin)))
    else:
        lines += _second(study, origin)
    if study.route is not None:
        gained = study.route.gain
        measured = Provenance("measured", f"run {study.route.info.id}", study.route.info.created)
        said = (
            f"{points(gained.difference.value)} points over {gained.a} alone on {gained.n} unseen"
        )
        lines.append(
            Line("Routing", Cell(said, f"95 %: {point_bounds(gained.difference)}", measured))
        )
    lines.append(_memory(verdict))
    lines += [Line("", Cell(text)) for text in verdict.notes]
    return Block("sure", "How sure", lines=tuple(lines))


def _memory(verdict: Verdict) -> Line:
    """What the models that are to serve take together."""
    chosen = verdict.chosen
    if chosen.memory_bytes is None:
        return Line("Memory", Cell(f"of {' and '.join(chosen.models)} unknown"))
    budget = verdict.budget_bytes
    of = "no budget set" if budget is None else f"of {size(budget)} budgeted"
    origin = next((one.provenance for one in verdict.memory if one.model in chosen.models), None)
    said = f"{size(chosen.memory_bytes)} for {' and '.join(chosen.models)}"
    return Line("Memory", Cell(said, of, origin))


def _second(study: Study, origin: Provenance) -> Iterator[Line]:
    """The runner-up where one model does everything."""
    verdict = study.verdict.verdict if study.verdict else None
    if verdict is None:
        return
    others = [one for one in verdict.overall if one.model not in verdict.chosen.models]
    if not others:
        lead = verdict.tasks[0].lead if verdict.tasks else None
        if lead is not None:
            yield Line(
                "Runner-up", Cell(lead.a, f"{points(-lead.difference.value)} points", origin)
            )
        return
    said = f"{others[0].model}, {percent(others[0].accuracy.value)} of all requests"
    yield Line("Runner-up", Cell(said, f"P(best) {percent(others[0].p_best)}", origin))


def _flips_block(study: Study) -> Block:
    """What would change the decision, first what does so by a known value."""
    cells = []
    title = "What would change it"
    if study.verdict is None and nothing_left(study):
        # Costs compare options that are ruled out both: that changes nothing.
        cells = [Cell(text) for text in would_be_left(study)][:_MOST_FLIPS]
        absent = "" if cells else "No single value of one constraint lets an option back in."
        lines = tuple(Line("", cell) for cell in cells)
        return Block("flips", title, lines=lines, absent=absent, is_list=True)
    if study.verdict is not None:
        told = [one for one in study.verdict.verdict.flips if one.unit]
        ranked = [one for one in told if one.flips_at is not None] or told
        cells = [Cell(one.sentence) for one in ranked][: _MOST_FLIPS - 2]
    cells += [*cost_flips(study)][: _MOST_FLIPS - len(cells)]
    if not cells and study.verdict is None:
        return Block("flips", title, absent="Nothing was decided, so there is nothing to change.")
    if not cells:
        return Block("flips", title, absent="No single change that was tried would change it.")
    return Block("flips", title, lines=tuple(Line("", cell) for cell in cells), is_list=True)


def _preferences(study: Study) -> Block:
    """What raters preferred."""
    title = "Blind rating"
    if not study.ratings:
        stage = next((one for one in study.run.stages if one.name == "rate"), None)
        why = "" if stage is None else stage.why or next((u.why for u in stage.units if u.why), "")
        return Block("rate", title, absent=why or "No votes were asked for.")
    lines = []
    for one in study.ratings:
        origin = Provenance("measured", f"rating {one.info.id}", one.info.created)
        for rate in one.results.win_rates:
            if rate.against is None:
                interval = rate.rate
                span = f"{100 * interval.low:.1f} to {100 * interval.high:.1f}, n = {rate.n}"
                lines.append(Line(rate.model, Cell(f"preferred in {percent(interval.value)}",
                                                   span, origin)))  # fmt: skip
    return Block("rate", title, lines=tuple(lines), absent="" if lines else "Nobody has voted yet.")


def _unchecked_block(unchecked: tuple[str, ...]) -> Block:
    shown = list(unchecked[:_MOST_UNCHECKED])
    if len(shown) < len(unchecked):
        shown.append(f"{len(unchecked) - len(shown)} more sentences in the appendix.")
    return Block("unchecked", "What was not checked", lines=sentences(shown), is_list=True)


def _again(study: Study) -> Block:
    """How the same figures are had again."""
    run = study.run
    machines = "; ".join(run.machines) or run.info.machine
    lines = (
        Line("Command", Cell(run.command or "not kept")),
        Line("Seed", Cell(str(run.seed))),
        Line(
            "Run", Cell(f"{run.info.id}, {run.info.created[:10]}, Weighbridge {run.info.version}")
        ),
        Line("Machines" if len(run.machines) > 1 else "Machine", Cell(machines)),
    )
    return Block("again", "To compute it again", lines=lines)

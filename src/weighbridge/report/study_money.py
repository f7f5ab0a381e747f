"""Money on the first page: bills, both break-evens, and what would turn the comparison."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest
from typing import Final

from weighbridge.core.cost import (
    DAYS_PER_MONTH,
    NOBODY_SAYS,
    CostedOption,
    CostReport,
    CostRun,
    Uncertain,
)
from weighbridge.core.cost_comparison import Comparison
from weighbridge.core.provenance import Interval, Provenance
from weighbridge.core.study import Study
from weighbridge.predict.cost.labels import label, money, short, value_text
from weighbridge.predict.cost.words import marked_name
from weighbridge.report.study_blocks import Block, Cell, Grid, is_old, sentences, words
from weighbridge.report.study_decision_bill import UPPER, DecisionBill, decision_bill

_DASH: Final = "\N{EN DASH}"
_NONE: Final = Cell(_DASH)
_AT_MOST: Final = "\N{LESS-THAN OR EQUAL TO} "
_AT_LEAST: Final = "\N{GREATER-THAN OR EQUAL TO} "
MOST_OPTIONS: Final = 6


def cost_block(study: Study, most: int | None = MOST_OPTIONS) -> Block:
    """Every option's bill, the decision's first; ``most`` of them."""
    if study.cost is None:
        return Block("cost", "Cost", absent=_absent(study))
    run = study.cost
    options = _options_first(study, run)
    together = tuple(_together(study, run))
    shown = options if most is None else _shortened(study, run, options, most - len(together))
    left = len(options) - len(shown)
    note = "USD; base and 80 % of the draws. Average and marginal are per 1,000 requests."
    if left:
        note += f" {left} more in the appendix."
    rows = tuple(_option_row(run, one, _is_chosen(study, run, one)) for one in shown)
    heads = ("Option", "USD a month", "average", "marginal", "1,000 accepted", "Replicas, use")
    grid = Grid("Cost of each option", heads, (*together, *rows), frozenset({1, 2, 3, 4, 5}), note)
    return Block("cost", "Cost", grid)


def _shortened(
    study: Study, run: CostRun, options: list[CostedOption], most: int
) -> list[CostedOption]:
    """The first of them; of models that share a machine none alone, as none is billed alone."""
    found = decision_bill(study)
    if found is not None and found.shared is not None:
        options = [one for one in options if not _is_chosen(study, run, one)]
    return options[:most]


def break_even_block(study: Study) -> Block:
    """What the decision runs against the API displaced and a host of the same model."""
    title = "Self-hosting or API"
    if study.cost is None:
        return Block("break-even", title, absent=_absent(study))
    compared = focus(study)
    if not compared:
        said = "No self-hosted option was set against an API."
        return Block("break-even", title, absent=said)
    origin = _computed(study.cost)
    rows = tuple(_comparison_row(one, origin) for one in compared)
    heads = ("Against", "Difference, USD a month", "P(self cheaper)", "Cheaper from")
    note = f"{compared[0].option} minus the API, 80 % of the draws; break-even in tokens a day."
    if compared[0].at_most:
        note += " The bill is an upper bound, so the API's being lower tells no chance."
    grid = Grid("Both break-evens", heads, rows, frozenset({1, 2}), note)
    texts = [*_of_which_part(study, compared[0])]
    texts += [text for text in study.cost.report.notes if "Not compared" in text]
    return Block("break-even", title, grid, sentences(texts))


def focus(study: Study) -> tuple[Comparison, ...]:
    """The comparisons of what the decision runs; without one, of the first option.

    Where several models run apart, those of the first: :func:`break_even_block` says so.
    """
    if study.cost is None:
        return ()
    together = decision_bill(study)
    if together is not None and together.shared is not None:
        return together.shared.comparisons
    report = study.cost.report
    named = {one.model: one.name for one in reversed(report.question.selfhosted)}
    chosen = () if study.verdict is None else study.verdict.verdict.chosen.models
    options = [named[model] for model in chosen if model in named]
    first = options[0] if options else next((one.option for one in report.comparisons), None)
    return tuple(one for one in report.comparisons if one.option == first)


def _of_which_part(study: Study, shown: Comparison) -> Iterator[str]:
    """That the figures are not those of the whole decision, where they are not."""
    together = decision_bill(study)
    if together is not None and together.shared is not None:
        notes = study.verdict.verdict.notes if study.verdict else ()
        if not any("billed one machine" in one for one in notes):  # said with the decision
            yield together.why
    elif together is not None and together.most_usd is None:
        yield f"These figures are for {shown.option} doing everything. {together.why}"
    elif together is not None:
        yield (
            f"These figures are for {shown.option} doing everything, and not for the decision, "
            f"whose bill is an {UPPER}. {together.why}"
        )
    elif study.verdict is not None:
        chosen = study.verdict.verdict.chosen.models
        owns = study.cost.report.question.selfhosted if study.cost else ()
        if not any(one.name == shown.option and one.model in chosen for one in owns):
            yield f"These figures are for {shown.option}, which the decision does not run."


def self_or_api(study: Study) -> str:
    """Whether to serve the decision oneself, in a sentence; empty where nothing says."""
    if study.cost is None or study.verdict is None or not study.cost.report.question.hosted:
        return ""
    together = decision_bill(study)
    if together is not None and together.shared is None:
        return _apart_words(study.cost.report, together)
    report = study.cost.report if together is None or together.shared is None else together.shared
    chosen = study.verdict.verdict.chosen.models
    owns = {one.name for one in report.question.selfhosted if together or one.model in chosen}
    compared = [one for one in focus(study) if one.option in owns]
    if not compared:
        return ""
    option = report.option(compared[0].option)
    if option.serving is not None and not option.serving.within_capacity:
        if compared[0].at_most:
            return f"Whether {option.name} can serve this with the GPUs allowed is not known."
        return f"Self-hosting {option.name} cannot serve this demand with the GPUs allowed."
    per = " per as many right answers" if any(one.per_accepted for one in compared) else ""
    bounds = ("at least ", "at most ") if compared[0].at_most else ("", "")
    found = [_against(one.difference.value, one.against, *bounds) for one in compared]
    usd = f"{bounds[1]}{money(option.usd_per_month.value)}"
    return f"Self-hosting ({option.name}) costs {usd} a month: {', '.join(found)}{per}."


def _against(usd: float, name: str, less: str = "", more: str = "") -> str:
    if usd == 0:
        return f"{more}as much as {name}"
    most, word = (less, "less") if usd < 0 else (more, "more")
    return f"{most}{money(abs(usd))} {word} than {name}"


def _apart_words(report: CostReport, together: DecisionBill) -> str:
    if together.most_usd is None:
        return f"What self-hosting the decision costs cannot be told. {together.why}"
    found = [
        _against(together.most_usd - one.usd_per_month.value, one.name, "at least ", "at most ")
        for one in report.options
        if one.kind == "api"
    ]
    usd = money(together.most_usd)
    return f"Self-hosting the decision costs at most {usd} a month ({UPPER}): {', '.join(found)}."


def cost_flips(study: Study) -> Iterator[Cell]:
    """What of money would turn the comparison of the option that the decision runs."""
    if study.cost is None:
        return
    origin = _computed(study.cost)
    found = [
        [f"Against {one.against}: {flip.sentence}" for flip in one.flips if flip.value is not None]
        for one in focus(study)
    ]
    # In turn, so that each API has its most important one.
    for row in zip_longest(*found):
        yield from (Cell(text, origin=origin) for text in row if text)


def appendix_grids(study: Study) -> tuple[Grid, ...]:
    """All tables of money, with every option."""
    bills, run = cost_block(study, most=None).grid, study.cost
    if run is None or bills is None:
        return ()
    every = replace(bills, title="The bill of every option")
    return (every, lines_grid(run), comparisons_grid(run), flips_grid(run), inputs_grid(run))


def inputs_grid(run: CostRun) -> Grid:
    """Every quantity that the bills rest on, with its range, source and date."""
    today = run.report.created or run.info.created
    rows = tuple(
        (
            words(whose),
            words(what),
            Cell(value, span, origin, is_old(origin, today)),
            words(origin.source),
            words(origin.date[:10] or _DASH),
        )
        for whose, what, value, span, origin in _inputs(run)
    )
    heads = ("Of", "Quantity", "Base, range", "Source", "Date")
    return Grid("What the bills rest on", heads, rows, frozenset({2}))


def lines_grid(run: CostRun) -> Grid:
    """Every line of every bill."""
    rows = tuple(
        (words(one.name), words(line.name), _usd(line.usd_per_month, line.provenance))
        for one in run.report.options
        for line in one.lines
    )
    return Grid("Lines of the bills", ("Option", "Line", "USD a month"), rows, frozenset({2}))


def comparisons_grid(run: CostRun) -> Grid:
    """Every self-hosted option against every API."""
    origin = _computed(run)
    rows = tuple(
        (words(one.option), *_comparison_row(one, origin), words(one.verdict))
        for one in run.report.comparisons
    )
    heads = (
        "Option", "Against", "Difference, USD a month", "P(self cheaper)", "Cheaper from",
        "In words",
    )  # fmt: skip
    return Grid("All comparisons", heads, rows, frozenset({2, 3}))


def flips_grid(run: CostRun) -> Grid:
    """At which value of each of the first drivers the cheaper option changes."""
    origin, unit = _computed(run), run.report.question.demand.unit

    def value(driver: str, amount: float) -> str:
        return value_text(driver, amount, volume_unit=unit)

    rows = tuple(
        (
            words(one.option),
            words(one.against),
            words(flip.label),
            words(value(flip.driver, flip.base)),
            words(_DASH if one.at_most else "no value does")
            if flip.value is None
            else Cell(value(flip.driver, flip.value), origin=origin),
        )
        for one in run.report.comparisons
        for flip in one.flips
    )
    heads = ("Option", "Against", "Driver", "Now", "Turns at")
    return Grid("What would turn each comparison, all else at base", heads, rows, frozenset({3, 4}))


def tornado_rows(study: Study) -> tuple[Comparison, str] | None:
    """The comparison whose drivers are drawn, and the unit of its volume; None without any."""
    compared = focus(study)
    if not compared or study.cost is None or not compared[0].swings:
        return None
    return compared[0], study.cost.report.question.demand.unit


def _absent(study: Study) -> str:
    stage = next((one for one in study.run.stages if one.name == "cost"), None)
    if stage is None or stage.state == "not asked":
        return (stage.why if stage else "") or "Costs were not asked for."
    why = next((unit.why for unit in stage.units if unit.why), "")
    return f"Costs are missing: {why}" if why else "Costs are missing: that stage was not done."


def _computed(run: CostRun) -> Provenance:
    report = run.report
    drawn = f"{report.draws:,} draws, seed {report.seed}"
    return Provenance("predicted", f"run {run.info.id}: {drawn}", run.info.created)


def _options_first(study: Study, run: CostRun) -> list[CostedOption]:
    return sorted(run.report.options, key=lambda one: not _is_chosen(study, run, one))


def _is_chosen(study: Study, run: CostRun, option: CostedOption) -> bool:
    if study.verdict is None:
        return False
    chosen = study.verdict.verdict.chosen.models
    own = {one.name: one.model for one in run.report.question.selfhosted}
    return own.get(option.name, option.name) in chosen


def _together(study: Study, run: CostRun) -> Iterator[tuple[Cell, ...]]:
    """The bill of the decision, where several models make it up."""
    found = decision_bill(study)
    if found is None:
        return
    name = f"The decision: {found.name}"
    if found.shared is not None:
        option = found.shared.options[0]
        yield (words(name, is_best=True), *_option_row(run, option, is_chosen=True)[1:])
        return
    if found.most_usd is None or study.verdict is None:
        return
    chosen = study.verdict.verdict.chosen
    per_month = run.report.question.demand.requests_per_day * DAYS_PER_MONTH
    usd, origin = found.most_usd, _computed(run)
    each = 1000 * usd / per_month
    replicas = ", ".join(
        f"{count} \N{MULTIPLICATION SIGN} {model}" for model, count in chosen.replicas
    )
    yield (
        words(f"{name} ({UPPER})", is_best=True),
        Cell(f"{_AT_MOST}{money(usd)}", origin=origin),
        Cell(f"{_AT_MOST}{money(each)}", origin=origin),
        _NONE,
        Cell(f"{_AT_MOST}{money(each / chosen.accuracy)}", origin=origin)
        if chosen.accuracy
        else _NONE,
        words(replicas or _DASH),
    )


def _option_row(run: CostRun, one: CostedOption, is_chosen: bool) -> tuple[Cell, ...]:
    origin = _computed(run)
    accepted = one.usd_per_1000_accepted
    serving = _NONE
    if one.serving is not None:
        serving = Cell(f"{one.serving.replicas}, {100 * one.serving.utilisation:.0f} %", "", origin)
    return (
        words(marked_name(one), is_best=is_chosen),
        _usd(one.usd_per_month, origin, is_stale=_is_stale(run, one)),
        _usd(one.usd_per_1000_requests, origin),
        Cell(money(one.marginal_usd_per_1000_requests), origin=origin),
        Cell("unknown") if accepted is None else _usd(accepted, origin),
        serving,
    )


def _is_stale(run: CostRun, one: CostedOption) -> bool:
    today = run.report.created or run.info.created
    api = next((a for a in run.report.question.hosted if a.name == one.name), None)
    if api is not None:
        return api.price.is_stale
    own = next((s for s in run.report.question.selfhosted if s.name == one.name), None)
    if own is None or own.rented is None:
        return False
    return is_old(own.rented.usd_per_gpu_hour.provenance, today)


def _comparison_row(one: Comparison, origin: Provenance) -> tuple[Cell, ...]:
    kind = "the same model" if one.same_model else "displaced"
    found = one.break_even
    if found.tokens_per_day == 0:
        where = "any volume"
    elif one.at_most:
        known = found.tokens_per_day is not None
        where = f"{_AT_MOST}{short(found.tokens_per_day or 0)}" if known else _DASH
    elif found.tokens_per_day is not None:
        where = short(found.tokens_per_day)
    else:
        where = f"none within {short(found.capacity_tokens_per_day)}"
    return (
        words(f"{one.against} ({kind})"),
        _bounded(_usd(one.difference, origin), _AT_MOST, one),
        Cell(_DASH, origin=origin)
        if one.p_self_cheaper is None
        else _bounded(Cell(chance(one.p_self_cheaper), origin=origin), _AT_LEAST, one),
        Cell(where, origin=origin),
    )


def _bounded(cell: Cell, sign: str, one: Comparison) -> Cell:
    """With the sign of a bound, where the self-hosted bill is one."""
    return replace(cell, text=f"{sign}{cell.text}") if one.at_most else cell


def chance(share: float) -> str:
    """Rounded so that only all is 100 % and only none is 0 %."""
    if 0 < share < 0.005:
        return "< 1 %"
    return "> 99 %" if 0.995 < share < 1 else f"{100 * share:.0f} %"


def _usd(span: Interval, origin: Provenance, *, is_stale: bool = False) -> Cell:
    return Cell(money(span.value), ends(span), origin, is_stale)


def ends(span: Interval) -> str:
    """The ends of an interval of money; nothing where they are written alike."""
    low, high = money(span.low), money(span.high)
    return "" if low == high else f"{low} to {high}"


def _inputs(run: CostRun) -> Iterator[tuple[str, str, str, str, Provenance]]:
    from weighbridge.predict.cost.values import drivers  # noqa: PLC0415 -- numpy

    question = run.report.question
    parts: list[tuple[str, str, object]] = [("traffic", "demand", question.demand)]
    parts += [(own.name, "self", own) for own in question.selfhosted]
    parts += [(api.name, "api", api) for api in question.hosted]
    for whose, path, record in parts:
        for driver, value in drivers(record, path).items():
            # What is not there, such as on-call for 0, is none of the inputs.
            if value.provenance != NOBODY_SAYS and value.high != 0:
                yield _input(whose, driver, value, question.demand.unit)


def _input(
    whose: str, driver: str, value: Uncertain, unit: str
) -> tuple[str, str, str, str, Provenance]:
    def text(amount: float) -> str:
        return value_text(driver, amount, volume_unit=unit)

    span = "" if value.is_certain else f"{text(value.low)} to {text(value.high)}"
    return whose, label(driver), text(value.base), span, value.provenance

"""A study's report as Markdown: the first page, then the evidence in tables. No HTML in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from weighbridge.core.provenance import Interval, Provenance
from weighbridge.core.study import Study
from weighbridge.report.numbers import (
    bounds,
    number,
    p_value,
    percent,
    plain,
    point_bounds,
    points,
    shortened,
    size,
)
from weighbridge.report.study import all_infos, wrong_answers
from weighbridge.report.study_blocks import Block, Cell, Grid, Line, of_day, words
from weighbridge.report.study_first_page import SIGNATURES, FirstPage, first_page
from weighbridge.report.study_money import appendix_grids
from weighbridge.report.study_notes import appendix_notes
from weighbridge.report.study_tasks import evaluation_block
from weighbridge.report.study_tornado import SHOWN, swing_words
from weighbridge.report.words import sheet_names, wrong_count

# What Markdown may take for its own wherever it stands: dialects have tables, strokes and formulas.
_SPECIAL: Final = re.compile(r"([\\`*_\[\]<>|~$&])")
# And at the beginning of a line only: headings, lists, rules.
_AT_START: Final = re.compile(r"^([-+](?=[-+\s]|$)|[=#:])")
_ORDERED: Final = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")
_TICKS: Final = re.compile(r"`+")
_LINKS: Final = re.compile(r"(?i)\b(https?|ftp|mailto|www)([:.])")
# Why these are not there is said elsewhere on the page.
_SILENT: Final = ("rate", "break-even")
_KINDS: Final = "m measured, p predicted, c catalogue, v vendor, a assumed"


def study_markdown(study: Study) -> str:
    """The whole report."""
    page = first_page(study)
    notes = appendix_notes(study, page.unchecked)
    parts = [*_first(page, study), *_appendices(study, notes), *_sources(page)]
    return "\n\n".join(part for part in parts if part) + "\n"


def escaped(text: str) -> str:
    """Text in which Markdown finds nothing of its own, on one line."""
    line = " ".join(text.split())
    line = _AT_START.sub(r"\\\1", _SPECIAL.sub(r"\\\1", line))
    line = _ORDERED.sub(r"\1\\\2", line)
    # An address alone becomes a link in some dialects.
    return _LINKS.sub("\\1\N{ZERO WIDTH NON-JOINER}\\2", line)


def coded(text: str) -> str:
    """Text in a code span, whatever marks it has itself."""
    line = " ".join(text.split())
    if not line:
        return ""
    longest = max((len(run) for run in _TICKS.findall(line)), default=0)
    ticks = "`" * (longest + 1)
    room = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{room}{line}{room}{ticks}"


def fenced(text: str, language: str) -> str:
    """Text as a block of code, whatever fences it has itself."""
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _first(page: FirstPage, study: Study) -> Iterator[str]:
    run = study.run
    yield f"# {escaped(page.title)}"
    if page.failures:
        yield "**This study is not complete.**"
        yield _bullets(map(escaped, page.failures))
    if page.alternative:
        yield escaped(page.alternative)
    if page.money:
        yield escaped(page.money)
    yield escaped(f"Study {run.name}, run {run.info.id}, {run.info.created[:10]}")
    for block in page.blocks:
        if block.key not in _SILENT or not block.absent:
            yield _block(block, page.marks)
        if block.key == "break-even" and page.tornado is not None:
            yield _tornado(page)
    yield f"Marks: {_KINDS}; each is told under Sources. ! a price older than 60 days."
    yield "## Signed"
    yield _table(SIGNATURES, [["" for _ in SIGNATURES]], frozenset())


def _block(block: Block, marks: dict[Provenance, str]) -> str:
    parts = [f"## {escaped(block.title)}"]
    if block.absent:
        parts.append(escaped(block.absent))
    if block.grid is not None:
        parts.append(_grid(block.grid, marks))
    if block.lines:
        parts.append(_bullets(_line(line, marks) for line in block.lines))
    return "\n\n".join(parts)


def _line(line: Line, marks: dict[Provenance, str]) -> str:
    said = _cell(line.said, marks)
    return f"**{escaped(line.name)}**: {said}" if line.name else said


def _grid(grid: Grid, marks: dict[Provenance, str]) -> str:
    rows = [[_cell(cell, marks) for cell in row] for row in grid.rows]
    note = f"\n\n{escaped(grid.note)}" if grid.note else ""
    return _table(grid.heads, rows, grid.numeric) + note


def _cell(cell: Cell, marks: dict[Provenance, str]) -> str:
    text = escaped(cell.text)
    if cell.is_best:
        text = f"**{text}**"
    if cell.range:
        text += f" ({escaped(cell.range)})"
    if cell.origin is not None:
        mark = marks.get(of_day(cell.origin), cell.origin.kind)
        text += f" \\[{mark}\\]"
    return f"{text} **!**" if cell.is_stale else text


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], numeric: frozenset[int]) -> str:
    rules = ["---:" if column in numeric else ":---" for column in range(len(heads))]
    lines = [list(map(escaped, heads)), rules, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _bullets(texts: Iterable[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)


def _tornado(page: FirstPage) -> str:
    assert page.tornado is not None  # noqa: S101 -- the caller's case
    comparison, unit = page.tornado
    head = escaped(f"What moves {comparison.option} minus {comparison.against} most, USD a month:")
    shown = [one for one in comparison.swings if one.usd > 0][:SHOWN]
    return f"{head}\n\n{_bullets(escaped(swing_words(one, unit)) for one in shown)}"


# -- appendices -------------------------------------------------------------------------------


def _appendices(study: Study, notes: Mapping[str, Block]) -> Iterator[str]:
    """Each table with the sentences that belong to it, in the order of the page."""

    def told(*keys: str) -> Iterator[str]:
        return (_block(notes[key], {}) for key in keys if key in notes)

    yield from _section("Models", _sheets(study))
    yield from told("know", "plan")
    yield from _section("Speed under load", _loads(study))
    yield from told("load")
    yield from _section("Accuracy", _evals(study))
    yield from _wrong(study)
    yield from told("rate", "reasons")
    for grid in appendix_grids(study):
        yield from _section(grid.title, grid)
    yield from told("money")
    yield from _section("Pair by pair", _pairs(study))
    if study.verdict is not None:
        yield from _section("Every model on every task", evaluation_block(study, None).grid)
    yield from told("decide", "removed", "flips")
    if study.verdict is not None:
        yield "## The gateway's configuration"
        yield fenced(study.verdict.router_config, "yaml")
    yield from _section("Routed traffic", _routed(study))
    yield from told("act", "unchecked")
    yield from _section("Stages", _stages(study))
    if study.run.text:
        yield "## The study's file as it was run"
        yield fenced(study.run.text, "yaml")
    yield from _section("Runs", _runs(study))


def _section(title: str, grid: Grid | None) -> Iterator[str]:
    if grid is not None and grid.rows:
        yield f"## {escaped(title)}"
        yield _grid(grid, {})


def _sheets(study: Study) -> Grid:
    rows = tuple(
        (
            words(name),
            Cell(f"{sheet.architecture.parameters:,}"),
            Cell(f"{sheet.architecture.active:,}"),
            words(sheet.inspection.quantization.name),
            Cell("unknown" if (found := sheet.inspection.weight_bytes) is None else size(found)),
            words(sheet.info.id),
        )
        for name, sheet in zip(sheet_names(study.sheets), study.sheets, strict=True)
    )
    heads = ("Model", "Parameters", "Active per token", "Format", "Weights", "Run")
    return Grid("Models", heads, rows, frozenset({1, 2, 4}))


def _loads(study: Study) -> Grid:
    rows = tuple(
        (
            words(load.info.model),
            words(str(level.shape)),
            Cell(f"{level.requests:,}"),
            *(
                Cell("/".join(number(value) for value in (found.p50, found.p95, found.p99)))
                if found
                else Cell("\N{EN DASH}")
                for found in (level.ttft_ms, level.tpot_ms, level.e2e_ms)
            ),
            Cell(number(level.requests_per_s)),
            Cell(number(level.output_tokens_per_s)),
            Cell(str(level.errors)),
            words(load.info.id),
        )
        for load in study.loads
        for level in load.levels
    )
    heads = ("Model", "Load", "Requests", "TTFT ms, p50/p95/p99", "TPOT", "E2E", "Requests/s",
             "Tokens/s", "Errors", "Run")  # fmt: skip
    return Grid("Speed under load", heads, rows, frozenset(range(2, 9)))


def _evals(study: Study) -> Grid:
    from weighbridge.decide.statistics import wilson  # noqa: PLC0415 -- numpy

    def accuracy(right: int, n: int) -> Cell:
        found: Interval = wilson(right, n)
        return Cell(percent(found.value), bounds(found))

    rows = tuple(
        (
            words(run.suite),
            words(run.info.model),
            Cell(f"{run.correct} of {len(run.items)}"),
            accuracy(run.correct, len(run.items)) if run.items else Cell("\N{EN DASH}"),
            Cell(str(run.errors)),
            words(run.info.id),
        )
        for run in study.evals
    )
    heads = ("Suite", "Model", "Right", "Accuracy, 95 %", "Failed requests", "Run")
    return Grid("Accuracy", heads, rows, frozenset({2, 3, 4}))


def _wrong(study: Study) -> Iterator[str]:
    for run in study.evals:
        shown, total = wrong_answers(run)
        if not shown:
            continue
        count = wrong_count(len(shown), total)
        yield f"### {escaped(f'{run.info.model} on {run.suite}: {count}')}"
        rows = [
            [
                coded_cell(item.id),
                coded_cell(shortened(item.prompt)),
                coded_cell(shortened(plain(item.expected))),
                coded_cell(shortened(item.answer)) or "nothing",
                escaped(item.error or item.detail),
            ]
            for item in shown
        ]
        yield _table(("Item", "Prompt", "Expected", "Answer", "Why"), rows, frozenset())


def coded_cell(text: str) -> str:
    """Code in a cell: a table parts at every pipe, even in code, unless a backslash is before it.

    Dialects differ in whether that backslash is shown, so text with a pipe is no code.
    """
    return escaped(text) if "|" in text or "\\" in text else coded(text)


def _pairs(study: Study) -> Grid:
    rows = tuple(
        (
            words(f"{one.b} against {one.a}"),
            words(one.subject),
            Cell(f"{one.n:,}"),
            Cell(points(one.difference.value), point_bounds(one.difference)),
            Cell(p_value(one.p_mcnemar)),
        )
        for one in study.run.comparisons
    )
    heads = ("Comparison", "On", "n", "Difference, points, 95 %", "McNemar")
    return Grid("Pair by pair", heads, rows, frozenset({2, 3, 4}))


def _routed(study: Study) -> Grid | None:
    if study.route is None:
        return None
    rows = tuple(
        (
            words(one.who),
            words(one.task),
            Cell(f"{one.n:,}"),
            Cell(percent(one.accuracy.value), bounds(one.accuracy)),
        )
        for one in study.route.shares
    )
    heads = ("Answered by", "Task", "n", "Accuracy, 95 %")
    return Grid("Routed traffic", heads, rows, frozenset({2, 3}))


def _stages(study: Study) -> Grid:
    rows = tuple(
        (words(stage.name), words(unit.name), words(unit.state), words(unit.why))
        for stage in study.run.stages
        for unit in stage.units
    )
    return Grid("Stages", ("Stage", "Part", "State", "Why"), rows)


def _runs(study: Study) -> Grid:
    rows = tuple(
        (
            words(info.id),
            words(info.model),
            words(info.subject),
            words(info.created),
            words(info.key),
        )
        for info in all_infos(study)
    )
    return Grid("Runs", ("Run", "Model", "Subject", "Made", "Content key"), rows)


def _sources(page: FirstPage) -> Iterator[str]:
    if page.marks:
        yield "## Sources"
        yield _bullets(
            escaped(f"{mark}: {origin.kind}, {origin.source}, {origin.date or 'no date'}")
            for origin, mark in page.marks.items()
        )

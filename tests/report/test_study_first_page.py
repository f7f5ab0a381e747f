from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.report.html_check import Page
from tests.report.sample_full_study import (
    NOT_CHECKED,
    SLO,
    cost_question,
    evaluations_only,
    failed_study,
    full_study,
)
from tests.report.sample_study import HOSTILE, MACHINE, sample_study
from weighbridge.core.constraints import ExpectedLoad
from weighbridge.core.cost import Capacity, Rented, Uncertain, certain
from weighbridge.core.provenance import Provenance
from weighbridge.core.runs import RunInfo
from weighbridge.core.study import RESTS, StageState, Study, Unit
from weighbridge.core.telemetry import ClientHealth
from weighbridge.predict.cost.report import answer
from weighbridge.report.study import study_page
from weighbridge.report.study_blocks import Block, Cell, marks_of
from weighbridge.report.study_first_page import first_page, not_checked
from weighbridge.report.study_markdown import escaped, study_markdown
from weighbridge.report.study_money import focus
from weighbridge.report.study_notes import appendix_notes
from weighbridge.report.words import listed

FULL, EVALS, FAILED = full_study(), evaluations_only(), failed_study()
ALL = pytest.mark.parametrize("study", [FULL, EVALS, FAILED, sample_study()])


@ALL
def test_every_kind_of_study_makes_a_sound_page(study: Study) -> None:
    page = Page(study_page(study, standalone=False))
    assert len(page.ids()) == len(set(page.ids()))
    assert page.ids().count("decision") == 1
    assert not [values for _, values in page.elements if "style" in values]
    ids = set(page.ids())
    within = [address for tag, address in page.addresses if tag == "a" and address[0] == "#"]
    assert all(address[1:] in ids for address in within)


@ALL
def test_every_mark_is_told_under_sources(study: Study) -> None:
    page = first_page(study)
    html = study_page(study, standalone=False)
    for origin, mark in page.marks.items():
        assert html.count(f'id="source-{mark}"') == 1
        assert mark[0] == origin.kind[0]
        assert f'href="#source-{mark}"' in html


def test_a_mark_is_of_a_source_and_a_day() -> None:
    morning = Provenance("measured", "run a", "2026-01-05T09:00:00Z")
    evening = replace(morning, date="2026-01-05T21:00:00Z")
    other = Provenance("vendor", "run a", "2026-01-05")
    cells = [Cell("1", origin=origin) for origin in (morning, evening, other, morning)]
    assert list(marks_of(cells).values()) == ["m1", "v1"]


def test_the_page_has_what_one_signs() -> None:
    text = Page(study_page(FULL, standalone=False)).text
    for shown in (
        "It depends on the task: tally for arithmetic, clerk for extraction.",
        "porter alone, 76.2 % instead of 88.8 % of all requests",
        "+12.5 points, +6.1 to +18.9",
        "With less than 43.00 MiB, porter.",
        "6,250 a day",  # 5M tokens of 800 each
        "p50 3, p95 3",
        f"goodput at {SLO}",
        "llamacpp-embedded, slots 4",
        "vllm --max-model-len 4096, slots 4",
        "leaves to https://models.example.com/v1 (EU)",
        "porter: It answers at models.example.com",
        "Read and accepted for tally by whoever wrote the study's file.",
        "This is not legal advice",
        "captured by the gateway",
        "preferred in 80.0 %",
        "weigh study run support.yaml",
        "second-host: 1 x L4",
        "Decided by",
        "Review on",
    ):
        assert " ".join(shown.split()) in text, shown
    assert MACHINE in text


def test_evaluation_has_accuracy_latency_money_and_chance() -> None:
    grid = _grid(first_page(FULL).block("evaluation"))
    first = [cell.text for cell in grid[0]]
    assert first[:3] == ["arithmetic", "tally", "200"]
    assert first[3].replace("\N{NO-BREAK SPACE}", " ") == "92.0 %"
    assert first[4:] == ["321 ms p95", "$0.62", "97 %", "yes"]
    assert grid[0][4].range == "300–350"
    assert grid[0][5].range == "$0.50 to $0.90"
    assert grid[0][1].is_best
    assert not grid[1][1].is_best


def test_capacity_is_goodput_with_replicas_and_spares() -> None:
    rows = {row[0].text: [cell.text for cell in row] for row in _grid(_block(FULL, "capacity"))}
    assert rows["tally"][1] == "12.5 users"
    assert rows["tally"][-2].endswith(", 1")
    assert rows["porter"][-2:] == ["–", "–"]  # no bill of it was asked for


def billed_by(run: str) -> Study:
    """Bills of which that of tally rests on a load test, limited by its client."""
    assert FULL.cost is not None
    origin = Provenance("measured", run, "2026-11-01")
    capacity = Capacity(Uncertain(400, 300, 500, provenance=origin), at_least=True)
    asked = cost_question()
    own = tuple(
        replace(o, capacity=capacity) if o.model == "tally" else o for o in asked.selfhosted
    )
    report = answer(replace(asked, selfhosted=own), draws=100)
    return replace(FULL, cost=replace(FULL.cost, report=report))


def test_a_bill_that_is_an_upper_bound_is_one_in_words_and_tables() -> None:
    study = billed_by("load-x")
    assert study.verdict is not None
    alone = replace(study.verdict.verdict.chosen, models=("tally",))
    verdict = replace(study.verdict.verdict, chosen=alone)
    study = replace(study, verdict=replace(study.verdict, verdict=verdict))
    said = first_page(study).money
    assert said.startswith("Self-hosting (tally on rented GPU) costs at most $1,461 a month: at ")
    assert "at least $" in said.partition("less than big-api")[0]
    big, same = _grid(_block(study, "break-even"))
    assert big[1].text.startswith("≤ -$")
    assert big[2].text.startswith("≥ ")
    assert same[1].text.startswith("≤ $")
    assert same[2].text == "–"


def test_both_break_evens_and_the_money_behind_them() -> None:
    report = FULL.cost.report if FULL.cost else None
    assert report is not None
    against = [row[0].text for row in _grid(_block(FULL, "break-even"))]
    assert against == ["big-api (displaced)", "tally-host (the same model)"]
    # 43 MiB of both fit the 64 MiB of one machine: it is billed once, as either alone would be.
    assert {one.option for one in focus(FULL)} == {"tally + clerk on rented GPU"}
    costs = {row[0].text: row for row in _grid(_block(FULL, "cost"))}
    big = costs["big-api"]
    # 5M tokens a day of 30.4375 days, three quarters of them at 5 and the rest at 25 USD a million.
    assert big[1].text == f"${5 * 30.4375 * (0.75 * 5 + 0.25 * 25):,.0f}"
    assert big[1].is_stale
    assert not costs["tally-host"][1].is_stale
    assert big[4].text == "unknown"
    assert "older than 60 days" in Page(study_page(FULL, standalone=False)).text


def test_a_point_estimate_has_no_chance_whatever_was_evaluated() -> None:
    # Every evaluation gives an interval; where the APIs' are unknown it has no part in the bills.
    asked = cost_question()
    own = tuple(
        replace(
            one,
            capacity=Capacity(certain(400.0)),
            rented=Rented(certain(1.0)),
            pass_rate=Uncertain(0.9, 0.85, 0.95),
        )
        for one in asked.selfhosted
    )
    demand = replace(asked.demand, volume=certain(5e6))
    assert FULL.cost is not None
    report = answer(replace(asked, demand=demand, selfhosted=own), draws=100)
    study = replace(FULL, cost=replace(FULL.cost, report=report))
    assert {row[2].text for row in _grid(_block(study, "break-even"))} == {"–"}
    assert "%" in {row[2].text for row in _grid(_block(FULL, "break-even"))}.pop()


def test_the_tornado_is_drawn_without_styles_or_scripts() -> None:
    html = study_page(FULL, standalone=False)
    (drawing,) = re.findall(r'<svg class="tornado".+?</svg>', html)
    assert drawing.count('class="swing') == 5
    assert "style=" not in drawing
    assert "break-even $0" in drawing
    for width in re.findall(r'class="swing[^/]+width="([\d.]+)"', drawing):
        assert 1 <= float(width) <= 430


def test_what_was_not_asked_is_one_line() -> None:
    text = Page(study_page(EVALS, standalone=False)).text
    assert "Nothing was decided." in text
    for stage in ("plan", "bench", "cost", "route"):
        assert f"Nothing was said about {stage}: {stage} is not in the file." in text
    page = first_page(EVALS)
    assert [block.key for block in page.blocks if block.grid] == ["evaluation"]
    assert _grid(page.block("evaluation"))[0][3].text.startswith("92.0")


def test_a_failure_comes_first() -> None:
    html = study_page(FAILED, standalone=False)
    text = Page(html).text
    assert "This study is not complete." in text
    assert text.index("eval of porter × arithmetic failed") < text.index("On your tasks")
    assert "&lt;b&gt;bold&lt;/b&gt;" in html
    assert study_markdown(FAILED).index("is not complete") < 200


def test_the_sentences_of_a_study_have_their_code_set_as_code() -> None:
    html = study_page(FULL, standalone=False)
    assert "<code>constraints.weather</code>" in html
    assert NOT_CHECKED.partition(" (")[0] in html


@pytest.mark.parametrize("standalone", [True, False])
def test_hostile_words_are_text_wherever_they_stand(standalone: bool) -> None:
    html = study_page(_hostile(), standalone=standalone)
    assert "<script>alert" not in html
    assert not Page(html).tags("img")
    assert " ".join(HOSTILE.split()) in Page(html).text


def _hostile() -> Study:
    """Names and words of others that try to be markup."""
    run = FULL.run
    info: RunInfo = replace(run.info, machine=HOSTILE)
    unit = replace(run.stages[0].units[0], why=HOSTILE, name=HOSTILE, state="failed")
    stages = (replace(run.stages[0], units=(unit,)), *run.stages[1:])
    return replace(
        FULL,
        run=replace(run, name=HOSTILE, info=info, machines=(HOSTILE,), stages=stages,
                    not_checked=(HOSTILE, "| a | b |")),
    )  # fmt: skip


def test_markdown_has_the_same_figures() -> None:
    page, text = first_page(FULL), study_markdown(FULL)
    for block in page.blocks:
        if block.grid is None or block.absent:
            continue
        for row in block.grid.rows:
            figures = [cell.range for cell in row if re.fullmatch(r"[\d.]+–[\d.]+", cell.range)]
            assert all(figure in text for figure in figures)
    assert "## Sources" in text
    assert "measured, run eval-" in text.replace("\\", "")


@ALL
def test_markdown_and_the_page_have_every_sentence_of_the_appendix(study: Study) -> None:
    many = tuple(f"Sentence {number} of many." for number in range(9))
    study = replace(study, run=replace(study.run, not_checked=(*study.run.not_checked, *many)))
    # Tags of code and tables stand between words, so that spaces do not count.
    html = "".join(Page(study_page(study, standalone=False)).text.split())
    text = study_markdown(study)
    found = appendix_notes(study, first_page(study).unchecked)
    assert many[-1] in {line.said.text for line in found["unchecked"].lines}
    for block in found.values():
        for line in block.lines:
            assert f"- {escaped(line.said.text)}" in text
            # The page has what is assumed of a model below its name.
            said = line.said.text.partition(": ")[2] if block.key == "know" else line.said.text
            assert "".join(said.replace("`", "").split()) in html
    assert "more sentences in the appendix" in text
    assert text.index(f"- {many[-1]}") > text.index("## Everything that was not checked")


def test_the_appendix_has_the_notes_of_money_and_of_the_decision() -> None:
    assert FULL.cost is not None
    assert FULL.verdict is not None
    text = study_markdown(FULL)
    cost = replace(FULL.cost, report=replace(FULL.cost.report, notes=("This is too cheap.",)))
    removed = tuple(replace(FULL.verdict.verdict.removed[0], model=f"model {n}") for n in range(8))
    verdict = replace(FULL.verdict.verdict, removed=removed)
    study = replace(FULL, cost=cost, verdict=replace(FULL.verdict, verdict=verdict))
    text = study_markdown(study)
    assert "3 more in the appendix." in text
    assert "model 7: It answers at models.example.com" in text
    assert "## What to know of the bills\n\n- This is too cheap." in text
    assert "- No larger budget changes it." in text
    assert "## The bill of every option" in text
    assert "## The study's file as it was run" in text


def test_markdown_has_no_html_and_whole_tables() -> None:
    text = study_markdown(_hostile())
    outside = re.sub(r"(?s)```.*?```", "", text)
    outside = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", outside)
    assert not re.search(r"(?<!\\)<", outside)
    columns = 0
    for line in outside.splitlines():
        if line.startswith("|"):
            pipes = len(re.findall(r"(?<!\\)\|", line))
            assert columns in (0, pipes), line
            columns = pipes
        else:
            columns = 0


def test_markdown_fences_hold_whatever_they_contain() -> None:
    verdict = FULL.verdict
    assert verdict is not None
    text = study_markdown(
        replace(FULL, verdict=replace(verdict, router_config="a\n```\n<script>\n````\n"))
    )
    assert "`````yaml\na\n```\n<script>\n````\n`````" in text


def _block(study: Study, key: str) -> Block:
    return first_page(study).block(key)


def _grid(block: Block) -> tuple[tuple[Cell, ...], ...]:
    assert block.grid is not None
    return block.grid.rows


def test_a_limit_of_the_client_is_on_the_page_and_in_the_markdown() -> None:
    assert FULL.verdict is not None
    limited = ClientHealth(1, 1, 0.1, 0.2, 0.3, 0.4, 50, limited=("Its CPU was full.",))
    tally, *others = FULL.loads
    levels = tuple(replace(one, client=limited) for one in tally.levels)
    verdict = FULL.verdict.verdict
    tasks = tuple(
        replace(task, standings=tuple(replace(one, served=None) for one in task.standings))
        for task in verdict.tasks
    )
    asked = replace(verdict.constraints, load=ExpectedLoad(users=4))
    verdict = replace(verdict, tasks=tasks, constraints=asked)
    study = replace(
        FULL,
        loads=(replace(tally, levels=levels), *others),
        verdict=replace(FULL.verdict, verdict=verdict),
    )
    assert study.loads[0].is_client_limited
    grid = _block(study, "capacity").grid
    assert grid is not None
    assert "The client was the limit for tally: these are lower bounds." in grid.note
    assert f"Of {listed(verdict.unsized)} one replica is taken to do." in grid.note
    assert "tally" in verdict.unsized
    assert "The client was the limit for tally" in study_markdown(study)
    assert "The client was the limit" not in (_block(FULL, "capacity").grid or grid).note


def test_nothing_left_is_an_answer_with_its_reasons_and_no_failure() -> None:
    why = (
        "Nothing is left for arithmetic: the constraints remove every option.\n"
        "  tally: It is right in 20.0 %, not 80 %.\n"
        "  clerk: It leaves to a.example.\n"
        "  Something would be left: If no more were asked than 20.0 % of arithmetic: tally."
    )
    units = {
        "decide": Unit("decide", "verdict", "k", "failed", why=why),
        "route": Unit("route", "traffic", "", "failed", why=RESTS),
    }
    stages = tuple(
        StageState(one.name, (units[one.name],) if one.name in units else (), "Not asked for.")
        for one in FAILED.run.stages
    )
    study = replace(FAILED, run=replace(FAILED.run, stages=stages))
    page = first_page(study)
    assert page.title == "Nothing is left for arithmetic: the constraints remove every option."
    assert page.failures == ()
    assert [line.said.text for line in page.block("flips").lines] == [
        "If no more were asked than 20.0 % of arithmetic: tally."
    ]
    assert [line.said.text for line in page.block("removed").lines] == [
        "tally: It is right in 20.0 %, not 80 %.",
        "clerk: It leaves to a.example.",
    ]
    assert "not complete" not in study_page(study, standalone=False)


def test_of_the_wrong_answers_only_the_first_are_shown() -> None:
    assert "clerk on arithmetic: 179 wrong; the first 8" in study_markdown(FULL)
    assert "clerk on arithmetic: 179 wrong; the first 8" in study_page(FULL, standalone=False)


def test_what_weighs_most_of_what_was_not_checked_comes_first() -> None:
    told = ("No plan was made.", "eval of a failed: no answer.", NOT_CHECKED)
    text = FULL.run.text + "bench: {repeats: 3}\n"
    loads = tuple(replace(load, url="http://localhost:9/v1") for load in FULL.loads)
    run = replace(FULL.run, machines=(MACHINE,), not_checked=told, text=text)
    found = list(not_checked(replace(FULL, run=run, loads=loads)))
    assert found[0].startswith("One machine, and each load repeated 3 times.")
    assert found[1].startswith("The load generator ran on the machine that it measured")
    assert found[2] == "eval of a failed: no answer."
    assert "nobody has read their text" in found[3]
    assert found[4:6] == ["No plan was made.", NOT_CHECKED]
    once = list(not_checked(replace(FULL, run=replace(run, text=FULL.run.text))))
    assert once[0].startswith("One machine, and one run of each measurement.")

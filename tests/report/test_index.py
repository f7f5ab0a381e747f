from __future__ import annotations

from dataclasses import replace

from tests.report import plans
from tests.report.html_check import Page
from tests.report.sample_study import sample_study, sample_verdict
from weighbridge.core.study import STAGES, StageState, Unit
from weighbridge.report.index import home_page, message_page, next_step, runs_page, steps_of
from weighbridge.report.study import all_infos

STUDY = sample_study()
VERDICT_RUN = sample_verdict()


def test_steps_know_what_is_done_and_what_is_next() -> None:
    steps = {step.name: step for step in steps_of(all_infos(STUDY))}
    assert list(steps) == ["know", "predict", "measure", "decide", "act"]
    assert len(steps["measure"].done) == 9
    assert not steps["predict"].done
    assert next_step(tuple(steps.values())) is None
    begun = next_step(steps_of([STUDY.sheets[0].info]))
    assert begun is not None
    assert begun.name == "predict"


def test_a_plan_is_the_second_step() -> None:
    sheet, planned = STUDY.sheets[0].info, plans.kept(plans.plan()).info
    steps = steps_of([sheet, planned])
    assert steps[1].done == (planned,)
    assert steps[1].command == "weigh plan --keep"
    following = next_step(steps)
    assert following is not None
    assert following.name == "measure"
    assert f"/runs/{planned.id}" in [link for _, link in Page(home_page([planned])).addresses]


def test_prediction_is_not_asked_for_after_measuring() -> None:
    measured = [info for info in all_infos(STUDY) if info.kind in {"load", "eval"}]
    steps = {step.name: step for step in steps_of(measured)}
    assert not steps["predict"].is_open
    assert steps["predict"].skipped
    assert steps["know"].is_open
    text = Page(home_page(measured)).text
    assert "nothing was predicted for these runs: they were measured; weigh plan --keep" in text
    assert "not part of a study" not in text


def test_steps_that_have_a_page_link_to_it() -> None:
    infos = [VERDICT_RUN.info]
    addresses = [address for _, address in Page(home_page(infos)).addresses]
    assert addresses.count("/inspect") == addresses.count("/plan") == 2, "navigation and step"


def test_what_a_study_did_not_ask_is_not_what_comes_next() -> None:
    # As of endpoints that are given by URL: nothing to inspect, and nothing to plan.
    asked = {
        name: StageState(name, (Unit(name, name, "k", "done"),))
        for name in ("bench", "eval", "decide")
    }
    said = "Every candidate is a URL, so there is nothing to inspect."
    stages = tuple(asked.get(name) or StageState(name, why=said) for name in STAGES)
    run = replace(STUDY.run, stages=stages)
    infos = [one for one in all_infos(STUDY) if one.kind in {"load", "eval", "verdict", "study"}]
    steps = {step.name: step for step in steps_of(infos, run)}
    assert steps["know"].skipped == f"not part of the study: {said[:-1]}"
    following = next_step(tuple(steps.values()))
    assert following is not None
    assert following.name == "act"
    text = Page(home_page(infos, run.info, VERDICT_RUN.verdict, run=run)).text
    assert "Next: weigh serve puts the decision into effect" in text
    assert "Next: weigh inspect" not in text


def test_what_a_study_did_not_finish_comes_next() -> None:
    failed = Unit("eval", "tally", "k", "failed", why="It did not answer.")
    stages = tuple(
        StageState(name, (failed,)) if name == "eval" else StageState(name) for name in STAGES
    )
    run = replace(STUDY.run, stages=stages)
    infos = [one for one in all_infos(STUDY) if one.kind in {"load", "study"}]
    following = next_step(steps_of(infos, run))
    assert following is not None
    assert (following.name, following.is_unfinished) == ("measure", True)
    text = Page(home_page(infos, run.info, run=run)).text
    assert "not finished : the study's page says what is left and why" in text
    assert "Next: the study's page says what is left to do." in text


def test_empty_workspace_says_what_to_do() -> None:
    assert "weigh demo" in Page(home_page([])).text


def test_overview_shows_the_decision() -> None:
    page = Page(home_page(all_infos(STUDY), STUDY.run.info, VERDICT_RUN.verdict))
    assert "tally for arithmetic" in page.text
    assert f"/runs/{STUDY.run.info.id}" in [address for _, address in page.addresses]


def test_list_has_every_run() -> None:
    text = Page(runs_page(all_infos(STUDY))).text
    assert all(info.id in text for info in all_infos(STUDY))


def test_messages_set_commands_as_code_and_nothing_else() -> None:
    html = message_page("No", "No <b> here.", "Run `weigh <x>`.")
    assert "<code>weigh &lt;x&gt;</code>" in html
    assert "No &lt;b&gt; here." in html
    Page(html)

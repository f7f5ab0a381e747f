from __future__ import annotations

from tests.report import plans
from tests.report.html_check import Page
from tests.report.sample_study import sample_study, sample_verdict
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

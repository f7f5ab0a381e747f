from __future__ import annotations

from tests.report.html_check import Page
from tests.report.sample_study import sample_study
from weighbridge.report.index import home_page, message_page, next_step, runs_page, steps_of
from weighbridge.report.study import all_infos

STUDY = sample_study()


def test_steps_know_what_is_done_and_what_is_next() -> None:
    steps = {step.name: step for step in steps_of(all_infos(STUDY))}
    assert list(steps) == ["know", "predict", "measure", "decide", "act"]
    assert len(steps["measure"].done) == 9
    assert not steps["predict"].done
    assert next_step(tuple(steps.values())) is None
    begun = next_step(steps_of([STUDY.sheets[0].info]))
    assert begun is not None
    assert begun.name == "measure"


def test_empty_workspace_says_what_to_do() -> None:
    assert "weigh demo" in Page(home_page([])).text


def test_overview_shows_the_decision() -> None:
    page = Page(home_page(all_infos(STUDY), STUDY.run.info, STUDY.verdict.verdict))
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

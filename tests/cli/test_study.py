"""`weigh study` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from tests.cli.runner import weigh
from tests.verbs.study.lab import lab
from weighbridge.cli.study import command
from weighbridge.verbs.study.reading import read_study


def test_run_status_and_report(tmp_path: Path) -> None:
    with lab(tmp_path) as study:
        before = weigh("study", "status", "--json", cwd=tmp_path)
        assert json.loads(before.out)["next"] == "Nothing is done yet: run it."
        planned = weigh("study", "run", "--dry-run", cwd=tmp_path)
        assert "A run would do 11 units:" in planned.out
        assert "· eval: good × sums" in planned.out
        assert not study.url.requests

        ran = weigh("study", "run", "--json", cwd=tmp_path)
        assert ran.code == 0, ran.err
        figures = json.loads(ran.out)
        assert [stage["stage"] for stage in figures["stages"]] == [
            "inspect", "plan", "bench", "eval", "rate", "cost", "decide", "route",
        ]  # fmt: skip
        assert figures["decide"]["assignment"]["models"] == ["good"]
        assert figures["cost"]["break_even"]
        assert figures["not_checked"]
        page = (tmp_path / figures["report"]).read_text(encoding="utf-8")
        assert figures["run"] in page
        router = yaml.safe_load((tmp_path / figures["router_config"]).read_text())
        assert list(router["models"]) == ["good"]

        after = json.loads(weigh("study", "status", "--json", cwd=tmp_path).out)
        assert after["run"] == figures["run"]
        assert after["next"] == "Everything is done: read the report."
        assert after["command"] == "weigh study report study.yaml"
        written = weigh("study", "report", "--out", "here.html", cwd=tmp_path)
        assert written.out.strip() == "here.html"
        assert (tmp_path / "here.html").read_text(encoding="utf-8") == page


def test_a_failed_candidate_is_exit_code_3_and_the_rest_is_there(tmp_path: Path) -> None:
    with lab(tmp_path) as study:
        study.change("suites:", '  gone: {url: "http://127.0.0.1:9/v1"}\nsuites:')
        ran = weigh("study", "run", cwd=tmp_path)
        assert ran.code == 3
        assert "Failed: eval of gone × sums" in ran.err
        assert "good" in ran.out
        status = json.loads(weigh("study", "status", "--json", cwd=tmp_path).out)
        states = {stage["stage"]: stage["state"] for stage in status["stages"]}
        assert states["eval"] == "failed"
        assert states["decide"] == "done"


def test_a_study_whose_models_do_no_task_well_says_no(tmp_path: Path) -> None:
    with lab(tmp_path) as study:
        study.path.write_text(
            f'name: lab\ncandidates: {{fair: {{url: "{study.url}", context: 512}}}}\n'
            "suites: [sums]\n"
        )
        ran = weigh("study", "run", "--json", cwd=tmp_path)
        assert ran.code == 1, ran.err
        figures = json.loads(ran.out)
        assert figures["decide"]["sentence"] == (
            "Nothing that may be run does sums well. On sums, fair is right in none of 6 items."
        )
        # There is nothing to put into effect.
        assert figures["router_config"] is None
        assert "Route with it" not in ran.err


def test_a_file_with_faults_is_exit_code_2_with_every_line(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("name: a\ncandidate: {}\nseeds: 3\n")
    ran = weigh("study", "run", cwd=tmp_path)
    assert ran.code == 2
    assert "line 2: candidate: the key is unknown. Did you mean `candidates`?" in ran.err
    assert "line 3: seeds: the key is unknown. Did you mean `seed`?" in ran.err
    assert not (tmp_path / ".weighbridge").exists()


def test_a_study_that_was_never_run_has_no_report(tmp_path: Path) -> None:
    with lab(tmp_path):
        report = weigh("study", "report", cwd=tmp_path)
        assert report.code == 2
        assert "Run it: weigh study run study.yaml" in report.err


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(*words: str, answers: str = "") -> str:
    done = CliRunner().invoke(command, ["init", *words], input=answers)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_init_without_questions_writes_what_run_accepts(here: Path) -> None:
    (here / "suite").mkdir()
    (here / "suite" / "suite.yaml").write_text("name: mine\nprompt: '{q}'\nscorer: exact\n")
    (here / "suite" / "items.jsonl").write_text('{"id": "1", "q": "1", "answer": "1"}\n')
    init(
        "--name", "mine", "--model", "demo:tally-f16.gguf", "--model", "big=https://host/v1#the-big",
        "--suite", "suite", "--suite", "demo:arithmetic", "--volume", "2M-tokens/day",
        "--slo", "ttft_p95<2s", "--data-stays", "--users", "1,4", "--yes",
    )  # fmt: skip
    asked = read_study(here / "study.yaml")
    assert list(asked.entries) == ["tally-f16", "big"]
    assert asked.entries["tally-f16"].engine == "llamacpp-embedded"
    assert asked.entries["big"].model == "the-big"
    assert asked.file.workload.levels == (1, 4)
    assert asked.file.constraints.data_may_leave is False
    assert [one.name for one in asked.suites] == ["mine", "arithmetic"]
    assert "# memory_budget: 24 GiB" in asked.text
    assert asked.file.prices is None  # of this machine nobody says what it costs
    assert "# prices:" in asked.text
    assert "# route: {traffic: unseen.jsonl}" in asked.text


def test_init_asks(here: Path) -> None:
    answers = "\n".join(
        [
            "1x L40S", "", "m=", "not a model", "m=http://127.0.0.1:8080/v1",
            "m=http://127.0.0.1:8080/v1#m", "m=http://h/v1#other", "",
            "nowhere", "demo:arithmetic", "",
            "1M-tokens/day", "big=x/y", "openai/gpt-55", "big=0.1/0.2", "",
            "0.8..1.1..1.9", "fast", "ttft_p95<2s",
        ]
    )  # fmt: skip
    said = init("--name", "asked", answers=f"{answers}\n")
    # What cannot be is told and asked for again; nothing of the rest is lost.
    for refused in ("A study needs one at least", "does not say where the model is",
                    "'not a model' is no .gguf file", "does not say which model is meant",
                    "Two models would be called m", "Nearest are openai/gpt-5.5",
                    "There is no suite folder nowhere",
                    "'big=x/y' is no price", "'fast' is not a condition"):  # fmt: skip
        assert refused in said
    asked = read_study(here / "study.yaml")
    assert asked.file.machine == "1x L40S"
    assert asked.entries["m"].url == "http://127.0.0.1:8080/v1"
    assert asked.file.workload.volume == "1M-tokens/day"
    assert asked.file.slo == "ttft_p95<2s"
    # A guess of lengths would go before those that are measured.
    assert (asked.file.workload.prompt_tokens, asked.file.workload.output_tokens) == (None, None)
    assert asked.file.bench is not None
    assert asked.file.bench.send == "suites"
    assert asked.file.prices is not None
    assert asked.file.prices.api == ("big=0.1/0.2",)
    assert asked.file.prices.hardware.gpu_price == "0.8..1.1..1.9"


def test_init_never_overwrites(tmp_path: Path) -> None:
    mine = tmp_path / "study.yaml"
    mine.write_text("mine")
    done = weigh("study", "init", "--model", "demo:tally-f16.gguf", "--yes", cwd=tmp_path)
    assert done.code == 2
    assert "is left alone" in done.err
    assert mine.read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "No model is named."),
        (("--model", "gone.gguf"), "gone.gguf"),
        (("--model", "a=http://h/v1#a", "--suite", "nowhere"), "There is no suite folder nowhere"),
        (("--model", "https://host/v1"), "does not say which model is meant"),
        (("--model", "a=http://h/v1#a", "--slo", "fast"), "is not a condition on latency"),
    ],
)
def test_init_writes_nothing_that_run_would_refuse(
    here: Path, words: tuple[str, ...], told: str
) -> None:
    with pytest.raises(Exception, match=told):
        init(*words, "--yes")
    assert not (here / "study.yaml").exists()

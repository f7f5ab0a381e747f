from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.shell_completion import BashComplete

from tests.cli.runner import WEIGH, runs, weigh
from tests.cli.terminal import shown
from tests.fakes.llm_server import HANG, OVERLOADED, Behaviour, FakeUrl, fake_llm_thread
from tests.processes import gone_within
from weighbridge.cli.bench import command
from weighbridge.cli.bench_options import BenchOptions, settings_of
from weighbridge.cli.main import weigh as weigh_group
from weighbridge.core.errors import InputError
from weighbridge.core.load import LoadRun
from weighbridge.core.traffic import LoadShape
from weighbridge.verbs.effects import open_workspace
from weighbridge.wire.server import ServerRequest

GOLDEN = Path(__file__).with_name("golden")
FAST = ["--model", "fake", "--metrics", "off"]


def options(*words: str) -> BenchOptions:
    """As the command line reads them."""
    measure = command.commands["measure"]
    values = measure.make_context("bench", ["http://x/v1", "--model", "m", *words]).params
    other = (
        "url", "model", "find_limit", "self_test", "key", "as_json", "compat", "html", "raw",
        "fail_on_slo", "workspace",
    )  # fmt: skip
    return BenchOptions(**{name: value for name, value in values.items() if name not in other})


def test_the_form_of_the_benchmark(tmp_path: Path) -> None:
    with fake_llm_thread(Behaviour(tokens=6, delay_s=0.002)) as url:
        words = ["--concurrency", "8", "--requests", "24", "--max-tokens", "6", "--json"]
        outcome = weigh("bench", url, *FAST, *words, cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    document = json.loads(outcome.out)
    (level,) = document["levels"]
    assert (level["concurrency"], level["requests"], level["errors"]) == (8, 24, 0)
    assert level["output_tokens"] == 144
    assert level["duration_s"] > 0
    assert level["requests_per_s"] > 0
    assert document["run"] in runs(tmp_path)[0]
    assert "--concurrency 8" in document["command"]


@pytest.mark.parametrize("name", ["bench", "bench compare", "bench show"])
def test_help_reads_as_kept(name: str) -> None:
    words = name.split()
    found = command.commands["measure" if len(words) == 1 else words[1]]
    # As the command's own group has it; click remembers whichever came first.
    context = click.Context(
        found,
        info_name=f"weigh {name}",
        terminal_width=80,
        help_option_names=["-h", "--help"],
    )
    text = context.get_help() + "\n"
    kept = GOLDEN / f"{'_'.join(words)}_help.txt"
    assert text == kept.read_text(encoding="utf-8")


def test_help_and_usage_do_not_name_a_word_that_nobody_writes(tmp_path: Path) -> None:
    for words in (["bench", "--help"], ["bench"], ["bench", "--nonsense"]):
        outcome = weigh(*words, cwd=tmp_path)
        assert "bench [OPTIONS] [URL]" in outcome.out + outcome.err
        assert "measure [" not in outcome.out + outcome.err
    assert "bench compare [OPTIONS] A B" in weigh("bench", "compare", "--help", cwd=tmp_path).out


@pytest.mark.parametrize(
    ("words", "shapes"),
    [
        ([], [LoadShape("closed", users) for users in (1, 4, 8)]),
        (["--concurrency", "2"], [LoadShape("closed", 2)]),
        (["--requests", "4"], [LoadShape("closed", 1), LoadShape("closed", 4)]),
        (["--requests", "3"], [LoadShape("closed", 1)]),
        (
            ["--rate", "2,4.5", "--max-in-flight", "9"],
            [LoadShape("open", 9, 2.0), LoadShape("open", 9, 4.5)],
        ),
        (
            ["--rate", "2", "--arrivals", "gamma", "--burstiness", "3"],
            [LoadShape("open", None, 2.0, "gamma", 3.0)],
        ),
        (["--ramp", "8", "--duration", "5"], [LoadShape("ramp", None, 8.0)]),
        (["--trace", __file__, "--speed", "2"], [LoadShape("replay", speed=2.0)]),
    ],
)
def test_options_become_shapes(words: list[str], shapes: list[LoadShape]) -> None:
    assert list(settings_of(options(*words)).shapes) == shapes


def test_options_become_settings() -> None:
    found = settings_of(
        options(
            "--workload", "chat", "--max-tokens", "7", "--slo", "ttft<1s", "--ignore-eos",
            "--extra-body", '{"top_p": 0.5}', "--retries", "3", "--workers", "2", "--timeout", "9",
            "--metrics", "http://h:1/m", "--seed", "5",
        )
    )  # fmt: skip
    assert found.workload.name == found.subject == "chat"
    assert (found.workload.max_tokens, found.workload.seed) == (7, 5)
    assert str(found.slo) == "ttft_p95<1000ms"
    assert found.extra == {"ignore_eos": True, "top_p": 0.5}
    assert (found.wait_when_busy, found.workers) == (3, 2)
    assert (found.timeouts.first_byte, found.timeouts.between_bytes) == (9, 9)
    assert str(found.metrics_url) == "http://h:1/m"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--concurrency", "1", "--rate", "2"], "--concurrency and --rate exclude each other"),
        (["--requests", "3", "--duration", "2"], "--requests and --duration exclude each other"),
        (["--concurrency", "9", "--requests", "3"], "3 requests do not occupy 9 users"),
        (["--max-in-flight", "3"], "--max-in-flight needs"),
        (["--arrivals", "constant"], "--arrivals needs"),
        (["--rate", "2", "--burstiness", "2"], "--burstiness needs --arrivals gamma"),
        (["--speed", "2"], "--speed needs --trace"),
        (["--extra-body", "[1]"], "not a JSON object"),
        (["--extra-body", "{"], "not JSON"),
        (["--workers", "none"], "no number of worker processes"),
        (["--slo", "ttft<1"], "has no unit"),
        (["--workload", "chatt"], "chat"),
    ],
)
def test_what_contradicts_itself_or_has_no_effect_is_refused(words: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said) as refused:
        settings_of(options(*words))
    assert refused.value.fix


def test_a_search_for_the_limit_takes_arrivals_and_no_rate() -> None:
    slo = ["--slo", "ttft_p95<500ms"]
    found = settings_of(options("--arrivals", "constant", *slo), find_limit=True)
    assert found.shapes == (LoadShape("open", arrivals="constant"),)
    for words in (["--rate", "2"], ["--requests", "9"], ["--duration", "3"]):
        with pytest.raises(InputError, match="chooses rates and requests itself"):
            settings_of(options(*words), find_limit=True)


def test_the_command_is_kept_without_the_key(tmp_path: Path) -> None:
    with fake_llm_thread() as url:
        words = ["--concurrency", "1", "--requests", "1", "--key", "secret", "--json"]
        outcome = weigh("bench", url, *FAST, *words, cwd=tmp_path)
    assert "secret" not in outcome.out
    assert json.loads(outcome.out)["command"].startswith("weigh bench http")
    (run,) = runs(tmp_path)
    kept = tmp_path / ".weighbridge/runs" / run
    files = kept.rglob("*") if kept.is_dir() else [kept]
    assert not any(b"secret" in file.read_bytes() for file in files if file.is_file())


def test_a_run_where_all_fails_is_no_success(tmp_path: Path) -> None:
    with fake_llm_thread(lambda _, number: OVERLOADED if number else Behaviour()) as url:
        words = ["--concurrency", "1", "--requests", "3"]
        outcome = weigh("bench", url, *FAST, *words, cwd=tmp_path)
    assert outcome.code == 3
    assert "3 of 3 requests failed (3 × http_503)" in outcome.out
    assert len(runs(tmp_path)) == 1


def test_files_are_written_and_bad_names_refused_before_measuring(tmp_path: Path) -> None:
    with fake_llm_thread(Behaviour(tokens=3)) as url:
        words = ["--concurrency", "2", "--requests", "4"]
        good = weigh(
            "bench", url, *FAST, *words, "--html", "r.html", "--raw", "r.jsonl", cwd=tmp_path
        )
        asked = len(url.requests)
        bad = weigh("bench", url, *FAST, *words, "--raw", "r.csv", cwd=tmp_path)
        assert len(url.requests) == asked
    assert good.code == 0, good.err
    assert "<html" in (tmp_path / "r.html").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert sorted(row["index"] for row in rows) == [0, 1, 2, 3]
    assert all(len(row["gaps_ms"]) <= 2 and row["output_tokens"] == 3 for row in rows)
    assert bad.code == 2
    assert "r.csv is neither .jsonl nor .parquet." in bad.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_run_keeps_what_it_measured(
    number: signal.Signals, workers: int, tmp_path: Path
) -> None:
    with fake_llm_thread(lambda _, count: Behaviour(tokens=2) if count < 9 else HANG) as url:
        # So many that no worker is through with its own before all have met a silent server.
        more = ["--concurrency", "4", "--requests", "32", "--workers", str(workers)]
        words = [*WEIGH, "bench", url, *FAST, *more]
        with subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
            while len(url.requests) < 13 and process.poll() is None:
                time.sleep(0.01)
            time.sleep(0.3)  # the answers before those that never come are still on their way
            process.send_signal(number)
            _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    (info,) = open_workspace(tmp_path / ".weighbridge").runs("load")
    assert err.splitlines()[-1] == (
        f"Interrupted; what was measured is kept as {info.id} (`weigh bench show {info.id}`)."
    )
    assert "Traceback" not in err
    kept = open_workspace(tmp_path / ".weighbridge").load(info.id, LoadRun)
    assert kept.is_partial
    assert (kept.levels[0].requests, kept.levels[0].errors) == (8, 0)
    assert gone_within([process.pid], 1)


def test_progress_in_a_terminal_and_in_a_log(tmp_path: Path) -> None:
    with fake_llm_thread(Behaviour(tokens=30, delay_s=0.03)) as url:
        words = ["--concurrency", "2", "--requests", "2"]
        log = weigh("bench", url, *FAST, *words, cwd=tmp_path).err
        script = tmp_path / "both.sh"
        command_line = " ".join(f"'{word}'" for word in [*WEIGH, "bench", url, *FAST, *words])
        script.write_text(f"{command_line} 2>&1\n")
        drawn = shown(["sh", str(script)], columns=70, cwd=tmp_path)
    assert log.splitlines()[0] == "bench fake × 2 users (2 requests)"
    lines = [line for piece in drawn.split("\n") for line in piece.split("\r")]
    progress = [line.removeprefix("\x1b[K") for line in lines if "bench fake × 2 users" in line]
    assert any("in flight" in line for line in progress)
    assert progress[-1].startswith("bench fake × 2 users 2/2")
    assert all(len(line) < 70 for line in progress)


def test_runs_lists_its_load_and_not_the_machine_in_every_row(tmp_path: Path) -> None:
    with fake_llm_thread(Behaviour(tokens=1)) as url:
        for load in (["--concurrency", "1,4"], ["--rate", "50,80.5"]):
            weigh("bench", url, *FAST, *load, "--requests", "4", cwd=tmp_path)
    listed = weigh("runs", cwd=tmp_path).out
    for words in ("synthetic", "1,4 users", "50,80.5/s"):
        assert words in listed
    machine = open_workspace(tmp_path / ".weighbridge").runs()[0].machine
    assert listed.count(machine) == 1
    assert "interrupted" not in listed
    rows = json.loads(weigh("runs", "--json", cwd=tmp_path).out)["runs"]
    assert [(row["load"], row["partial"]) for row in rows] == [
        ("50,80.5/s", False), ("1,4 users", False),
    ]  # fmt: skip


def interrupted(url: FakeUrl, folder: Path, *words: str, after: int) -> tuple[int, str, str]:
    """Exit code and output of a run that gets SIGINT once so many requests have come."""
    command = [*WEIGH, "bench", url, *FAST, *words]
    pipe = subprocess.PIPE
    env = dict(os.environ)  # as the runner's
    with subprocess.Popen(
        command, cwd=folder, stdout=pipe, stderr=pipe, text=True, env=env
    ) as process:
        while len(url.requests) < after and process.poll() is None:
            time.sleep(0.01)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    return process.returncode, out, err


def silent_after(count: int) -> Callable[[object, int], Behaviour]:
    """A server that answers so many requests and no more."""
    return lambda _, number: Behaviour(tokens=3) if number < count else HANG


@pytest.mark.parametrize(
    ("load", "levels"),
    [
        (["--concurrency", "4", "--requests", "32"], [8]),
        (["--concurrency", "1,2", "--requests", "5"], [5, 3]),
        (["--ramp", "40", "--requests", "60", "--max-in-flight", "8"], [8]),
        (["--find-limit", "--slo", "ttft_p95<60s"], [8]),
    ],
)
def test_an_interrupted_run_still_gives_all_that_was_asked_for(
    load: list[str], levels: list[int], tmp_path: Path
) -> None:
    files = ["--html", "r.html", "--raw", "r.jsonl"]
    with fake_llm_thread(silent_after(9)) as url:
        words = [*load, "--workers", "1", "--json", *files]
        code, out, err = interrupted(url, tmp_path, *words, after=10)
    assert code == 130
    document = json.loads(out)
    assert document["partial"] is True
    assert "limit" not in document
    assert [level["requests"] for level in document["levels"]] == levels
    assert len((tmp_path / "r.jsonl").read_text().splitlines()) == sum(levels)
    assert document["run"] in (tmp_path / "r.html").read_text(encoding="utf-8")
    last = err.splitlines()[-1]
    assert last.startswith("Interrupted; what was measured is kept as ")
    assert f"weigh bench show {document['run']}" in last
    assert "INTERRUPTED" in err

    again = weigh("bench", "show", document["run"], "--json", cwd=tmp_path)
    assert again.code == 0
    assert json.loads(again.out) == document
    assert "interrupted" in weigh("runs", cwd=tmp_path).out


def test_an_interrupted_run_prints_its_table(tmp_path: Path) -> None:
    with fake_llm_thread(silent_after(9)) as url:
        words = ["--concurrency", "2", "--requests", "20", "--workers", "1"]
        code, out, _ = interrupted(url, tmp_path, *words, after=10)
    assert code == 130
    assert out.startswith("INTERRUPTED")
    assert "TTFT p50" in out


def test_a_second_interrupt_ends_at_once(tmp_path: Path) -> None:
    code = (
        "import asyncio, os, signal, sys, time\n"
        "from weighbridge.cli.diagnostics import run_async\n"
        "async def stubborn():\n"
        "    try:\n"
        "        await asyncio.sleep(60)\n"
        "    finally:\n"
        "        print('cleaning', flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "async def work():\n"
        "    print('ready', flush=True)\n"
        "    await stubborn()\n"
        "run_async(work())\n"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=pipe, stderr=pipe, text=True, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "cleaning\n"
        time.sleep(0.4)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=5)
    assert (process.returncode, err) == (130, "Ended at once.\n")


def test_a_kept_run_is_shown_again_in_every_form(tmp_path: Path) -> None:
    with fake_llm_thread(Behaviour(tokens=3)) as url:
        words = ["--concurrency", "1,2", "--requests", "4", "--slo", "ttft_p95<60s"]
        measured = weigh("bench", url, *FAST, *words, cwd=tmp_path)
    (run,) = runs(tmp_path)
    shown_again = weigh("bench", "show", run, "--html", "r.html", "--raw", "r.jsonl", cwd=tmp_path)
    assert shown_again.code == 0, shown_again.err
    assert shown_again.out == measured.out
    assert len((tmp_path / "r.jsonl").read_text().splitlines()) == 8
    assert run in (tmp_path / "r.html").read_text(encoding="utf-8")
    other = weigh("bench", "show", run[:-1], "--compat", "vllm", cwd=tmp_path)
    assert json.loads(other.out)
    missing = weigh("bench", "show", "load-nobody", cwd=tmp_path)
    assert missing.code == 2
    assert "no load run 'load-nobody'" in missing.err


def test_a_gate_that_nothing_decides(tmp_path: Path) -> None:
    """Too few requests to bound a p99; and no SLO at all."""
    with fake_llm_thread(Behaviour(tokens=3)) as url:
        words = ["--concurrency", "1", "--requests", "9", "--slo", "ttft_p99<60s", "--fail-on-slo"]
        assert weigh("bench", url, *FAST, *words, cwd=tmp_path).code == 4
        none = weigh("bench", url, *FAST, "--fail-on-slo", cwd=tmp_path)
        assert len(runs(tmp_path)) == 1
        weigh("bench", url, *FAST, "--requests", "1", cwd=tmp_path)
    assert (none.code, "--fail-on-slo needs --slo" in none.err) == (2, True)
    bare = weigh("bench", "show", "fake@synthetic", "--fail-on-slo", cwd=tmp_path)
    assert (bare.code, "without an SLO" in bare.err) == (2, True)


def test_a_model_need_not_be_named_where_there_is_one(tmp_path: Path) -> None:
    words = ["--metrics", "off", "--concurrency", "1", "--requests", "2", "--json"]
    with fake_llm_thread(model="tally") as url:
        one = weigh("bench", url, *words, cwd=tmp_path)
    with fake_llm_thread(model=["tally", "clerk"]) as url:
        two = weigh("bench", url, *words, cwd=tmp_path)
    with fake_llm_thread(model=[]) as url:
        none = weigh("bench", url, *words, cwd=tmp_path)
    assert json.loads(one.out)["model"] == "tally"
    assert "Model: tally, the only one that the server lists." in one.err
    assert two.code == none.code == 2
    assert "has 2 models: tally, clerk. Choose one of them with --model." in two.err
    assert "does not list its models. Give the model's name with --model." in none.err


def test_no_folder_is_made_up_for_files(tmp_path: Path) -> None:
    with fake_llm_thread() as url:
        for option, name in (("--raw", "no/r.jsonl"), ("--html", "no/r.html")):
            outcome = weigh("bench", url, *FAST, option, name, cwd=tmp_path)
            assert outcome.code == 2
            assert f"{name} cannot be written: there is no folder no." in outcome.err
        assert url.requests == []
    assert not (tmp_path / "no").exists()


def test_what_was_sent_again_is_told(tmp_path: Path) -> None:
    busy = Behaviour("status", status=429, retry_after=0)

    def choose(_: object, number: int) -> Behaviour:
        return busy if number in (3, 4) else Behaviour(tokens=2)

    with fake_llm_thread(choose) as url:
        words = ["--concurrency", "1", "--requests", "6", "--retries", "3", "--json"]
        outcome = weigh("bench", url, *FAST, *words, cwd=tmp_path)
    (level,) = json.loads(outcome.out)["levels"]
    assert (level["errors"], level["sent_again"]) == (0, 1)
    assert "1 user: 1 request was sent again, 2 times in all, after 429" in outcome.err
    with fake_llm_thread(Behaviour(tokens=2)) as url:
        quiet = weigh("bench", url, *FAST, *words, cwd=tmp_path)
    assert "sent again" not in quiet.out + quiet.err


def test_a_server_of_little_context_can_be_asked_for_short_prompts(tmp_path: Path) -> None:
    """Its tokens are letters: what asks for 200 of them may not take many hundreds to find out."""
    longest = 512

    def choose(request: ServerRequest, _: int) -> Behaviour:
        said = json.loads(request.body)["messages"][-1]["content"]
        too_long = json.dumps({"error": {"message": "exceeds the context"}}).encode()
        refused = Behaviour("status", status=400, body=too_long)
        return refused if len(said) > longest else Behaviour(tokens=2, prompt_tokens=len(said))

    with fake_llm_thread(choose) as url:
        words = ["--concurrency", "1", "--requests", "4", "--prompt-tokens", "200", "--json"]
        outcome = weigh("bench", url, *FAST, *words, cwd=tmp_path)
        asked = [len(body["messages"][-1]["content"]) for body in url.bodies]
    assert outcome.code == 0, outcome.err
    assert max(asked[:2]) <= 240  # words differ in length
    # A guess of a word each would be five times too long.
    assert all(abs(length - 200) <= 60 for length in asked[2:])
    assert json.loads(outcome.out)["levels"][0]["errors"] == 0


def test_a_refused_calibration_is_told_and_the_usual_ratio_taken(tmp_path: Path) -> None:
    def choose(_: object, number: int) -> Behaviour:
        return Behaviour("status", status=400) if number == 1 else Behaviour(tokens=2)

    with fake_llm_thread(choose) as url:
        words = ["--concurrency", "1", "--requests", "2", "--prompt-tokens", "130", "--json"]
        outcome = weigh("bench", url, *FAST, *words, cwd=tmp_path)
        asked = [len(body["messages"][-1]["content"].split()) for body in url.bodies]
    assert outcome.code == 0, outcome.err
    assert asked[2:] == [120, 120]
    said = json.loads(outcome.out)["workload"]
    assert "the server refused a calibration request of" in said
    assert said.endswith("(status 400), so 1.08 tokens per word are assumed")


def test_a_refusal_of_the_first_request_says_what_that_was(tmp_path: Path) -> None:
    with fake_llm_thread(Behaviour("status", status=400)) as url:
        outcome = weigh("bench", url, *FAST, cwd=tmp_path)
    assert outcome.code == 3
    assert "This was the calibration request: 16 words and an answer of 4 tokens" in outcome.err


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("bench --conc", "--concurrency"),
        ("bench http://x --find", "--find-limit"),
        ("bench compare --inter", "--interleave"),
        ("bench comp", "compare"),
        ("bench sho", "show"),
    ],
)
def test_words_complete(typed: str, offered: str) -> None:
    *words, last = typed.split()
    complete = BashComplete(weigh_group, {}, "weigh", "_WEIGH_COMPLETE")
    assert offered in {item.value for item in complete.get_completions(words, last)}

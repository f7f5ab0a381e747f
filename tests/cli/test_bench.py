from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import click
import pytest
from click.shell_completion import BashComplete

from tests.cli.runner import WEIGH, runs, weigh
from tests.cli.terminal import shown
from tests.fakes.llm_server import HANG, OVERLOADED, Behaviour, fake_llm_thread
from tests.processes import gone_within
from weighbridge.cli.bench import command
from weighbridge.cli.bench_options import BenchOptions, settings_of
from weighbridge.cli.main import weigh as weigh_group
from weighbridge.core.errors import InputError
from weighbridge.core.load import LoadRun
from weighbridge.core.traffic import LoadShape
from weighbridge.verbs.effects import open_workspace

GOLDEN = Path(__file__).with_name("golden")
FAST = ["--model", "fake", "--metrics", "off"]


def options(*words: str) -> BenchOptions:
    """As the command line reads them."""
    measure = command.commands["measure"]
    values = measure.make_context("bench", ["http://x/v1", "--model", "m", *words]).params
    other = (
        "url", "model", "find_limit", "self_test", "key", "as_json", "compat", "html", "raw",
        "workspace",
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


@pytest.mark.parametrize("name", ["bench", "bench compare"])
def test_help_reads_as_kept(name: str) -> None:
    words = name.split()
    found: click.Command = command if len(words) == 1 else command.commands["compare"]
    found = command.commands["measure"] if len(words) == 1 else found
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
    found = settings_of(options("--arrivals", "constant"), find_limit=True)
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
        f"Interrupted; what was measured is kept as {info.id} (`weigh runs`)."
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


def test_runs_lists_it(tmp_path: Path) -> None:
    with fake_llm_thread() as url:
        weigh("bench", url, *FAST, "--concurrency", "1", "--requests", "1", cwd=tmp_path)
    assert "synthetic" in weigh("runs", cwd=tmp_path).out


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("bench --conc", "--concurrency"),
        ("bench http://x --find", "--find-limit"),
        ("bench compare --inter", "--interleave"),
        ("bench comp", "compare"),
    ],
)
def test_words_complete(typed: str, offered: str) -> None:
    *words, last = typed.split()
    complete = BashComplete(weigh_group, {}, "weigh", "_WEIGH_COMPLETE")
    assert offered in {item.value for item in complete.get_completions(words, last)}

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.runner import runs, weigh
from tests.fakes.llm_server import Behaviour, fake_llm_thread
from weighbridge.wire.server import ServerRequest


def write_suite(folder: Path, settings: str = "scorer: number\n", count: int = 6) -> str:
    folder.mkdir()
    (folder / "suite.yaml").write_text("name: sums\nprompt: 'What is {n} + 1?'\n" + settings)
    items = [{"id": str(n), "n": n, "answer": n + 1, "document": n // 2} for n in range(count)]
    (folder / "items.jsonl").write_text("\n".join(map(json.dumps, items)))
    return str(folder)


def adds(request: ServerRequest, _: int) -> Behaviour:
    """Right but for the last item."""
    prompt = json.loads(request.body)["messages"][-1]["content"]
    number = int(prompt.split()[2])
    return Behaviour(text=f"The answer is {number + 1 if number != 5 else 0}.")


def test_figures_as_json(tmp_path: Path) -> None:
    suite = write_suite(tmp_path / "s")
    with fake_llm_thread(adds) as url:
        done = weigh(
            "eval", url, "--model", "fake", "--suite", suite, "--repeats", "2", "--json",
            "--price", "1,2", "--items", "--temperature", "0.5", "--seed", "3", cwd=tmp_path,
        )  # fmt: skip
        bodies = [json.loads(one.body) for one in url.requests]
    assert done.code == 0, done.err
    assert "copies" not in done.err
    told = json.loads(done.out)
    assert (told["scorer"], told["max_tokens"]) == ("number", 256)
    assert (told["sampling"]["temperature"], told["sampling"]["seed"]) == (0.5, 3)
    assert len(told["results"]) == 12
    assert {one["id"] for one in told["results"] if not one["correct"]} == {"5"}
    assert told["results"][0]["answer"] == "The answer is 1."
    asked = [(one["temperature"], one["seed"]) for one in bodies if "messages" in one]
    assert sorted(asked) == [(0.5, 3)] * 6 + [(0.5, 4)] * 6
    assert (told["n"], told["repeats"], told["correct"]) == (6, 2, 10)
    assert told["accuracy"] == pytest.approx(5 / 6)
    assert told["pass_at"] == {"1": pytest.approx(5 / 6), "2": pytest.approx(5 / 6)}
    assert told["cost_usd"] > 0
    assert runs(tmp_path) == [told["run"]]


def test_a_table_for_people(tmp_path: Path) -> None:
    suite = write_suite(tmp_path / "s", "scorer: number\ngroup: document\n")
    with fake_llm_thread(adds) as url:
        done = weigh("eval", url, "--model", "fake", "--suite", suite, cwd=tmp_path)
    assert done.code == 0, done.err
    assert "fake on sums: 83.3 % [" in done.out
    assert "groups of items" in done.out
    assert "says 0" in done.out


def test_a_dry_run_asks_nobody_and_keeps_nothing(tmp_path: Path) -> None:
    suite = write_suite(tmp_path / "s", "scorer: number\nsystem: Be brief.\n")
    url = "http://127.0.0.1:9/v1"
    words = ["eval", url, "--model", "m", "--suite", suite, "--dry-run", "--price", "1,2"]
    done = weigh(*words, cwd=tmp_path)
    assert done.code == 0, done.err
    assert done.out.count("[system]\nBe brief.\n[user]\nWhat is ") == 3
    assert "at most 1,536 output tokens" in done.out
    assert "copies" not in done.err
    again = weigh(*words, "--repeats", "2", cwd=tmp_path)
    assert "at temperature 0 the 2 answers to an item are copies" in again.err
    assert "at most $" in done.out
    told = json.loads(weigh(*words, "--json", cwd=tmp_path).out)
    assert (told["samples"], len(told["prompts"])) == (6, 3)
    assert runs(tmp_path) == []


def test_a_random_sample_is_asked_in_its_own_order(tmp_path: Path) -> None:
    suite = write_suite(tmp_path / "s", count=40)
    words = ["eval", "--model", "fake", "--suite", suite, "--limit", "5", "--shuffle", "3"]
    asked = []
    with fake_llm_thread(adds) as url:
        for _ in range(2):
            done = weigh(*words[:1], url, *words[1:], "--concurrency", "1", "--json", cwd=tmp_path)
            assert json.loads(done.out)["n"] == 5
            asked.append([body["messages"][0]["content"] for body in url.bodies])
            url.requests.clear()
    assert asked[0] == asked[1]
    assert asked[0] != [f"What is {n} + 1?" for n in range(5)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--price", "cheap"], "not two prices"),
        (["--price", "1,-2"], "not two prices"),
        (["--judge-url", "http://127.0.0.1:9"], "both --judge-url and --judge-model"),
        (["--suite", "nowhere"], "There is no suite folder nowhere"),
    ],
)
def test_bad_options_are_told(tmp_path: Path, words: list[str], said: str) -> None:
    suite = write_suite(tmp_path / "s")
    done = weigh(
        "eval", "http://127.0.0.1:9/v1", "--model", "m", "--suite", suite, *words, cwd=tmp_path
    )
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_a_suite_runs_no_function_that_nobody_trusts(tmp_path: Path) -> None:
    settings = "scorer: python\noptions: {function: 'mine:judge'}\n"
    suite = write_suite(tmp_path / "s", settings)
    (tmp_path / "mine.py").write_text("def judge(answer, item): return 'answer' in answer\n")
    with fake_llm_thread(adds) as url:
        words = ["eval", url, "--model", "fake", "--suite", suite, "--json"]
        refused = weigh(*words, cwd=tmp_path)
        assert (refused.code, url.requests) == (2, [])
        assert "--trust mine:judge" in refused.err
        done = weigh(*words, "--trust", "mine:judge", cwd=tmp_path)
    assert json.loads(done.out)["correct"] == 6


def test_a_judge_is_asked_in_both_orders(tmp_path: Path) -> None:
    suite = write_suite(tmp_path / "s", "scorer: judge\n")
    items = [{"id": "1", "n": 1, "answer": "two"}]
    (tmp_path / "s" / "items.jsonl").write_text(json.dumps(items[0]))
    with fake_llm_thread(adds) as url, fake_llm_thread(Behaviour(text="[[A]]")) as judge:
        done = weigh(
            "eval", url, "--model", "fake", "--suite", suite, "--judge-url", judge,
            "--judge-model", "fake", "--json", cwd=tmp_path,
        )  # fmt: skip
        assert len(judge.requests) == 2
    assert json.loads(done.out)["notes"] == {"judged": 1, "inconsistent": 1.0}


def test_runs_go_out_and_come_in(tmp_path: Path) -> None:
    suite = write_suite(tmp_path / "s")
    with fake_llm_thread(adds) as url:
        done = weigh("eval", url, "--model", "fake", "--suite", suite, "--json", cwd=tmp_path)
    name = json.loads(done.out)["run"]
    done = weigh("eval", "export", name, "--inspect", "log.json", cwd=tmp_path)
    assert (done.code, done.out) == (0, f"{name}: 6 samples in log.json\n")
    done = weigh("eval", "import", "log.json", "--model", "again", "--json", cwd=tmp_path)
    told = json.loads(done.out)
    assert (told["model"], told["suite"], told["correct"]) == ("again", "sums", 5)
    assert len(runs(tmp_path)) == 2


def test_suites_are_listed_shown_and_imported(tmp_path: Path) -> None:
    names = [
        line["name"] for line in json.loads(weigh("suites", "list", "--json", cwd=tmp_path).out)
    ]
    assert {"arithmetic", "code", "instructions", "invoices", "reasoning"} <= set(names)
    shown = weigh("suites", "show", "reasoning", "--items", "1", cwd=tmp_path)
    assert "200 items, scorer number" in shown.out
    assert shown.out.count("[expected]") == 1
    row = {"question": "1 + 1?", "answer": "It is 2.\n#### 2"}
    (tmp_path / "test.jsonl").write_text(json.dumps(row))
    done = weigh("suites", "import", "gsm8k", "test.jsonl", "--output", "mine", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "gsm8k: 1 item in mine" in done.out
    told = json.loads(weigh("suites", "list", ".", "--json", cwd=tmp_path).out)
    assert [(line["name"], line["n"]) for line in told] == [("gsm8k", 1)]
    assert weigh("suites", "show", "mine", "--json", cwd=tmp_path).code == 0

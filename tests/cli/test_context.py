"""`weigh context` against servers that read only so far."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from tests.cli.runner import Outcome, weigh
from tests.fakes.llm_server import Behaviour, fake_llm_thread
from tests.measure.context.test_texts import solved
from weighbridge.wire.server import ServerRequest

LENGTHS = "--lengths=400,800,1600,3200"


def reader(
    retrieval: int, hops: int, *, takes: int = 10**6, keeps: int = 10**6
) -> Callable[[ServerRequest, int], Behaviour]:
    """Solves prompts up to so many tokens, of 4 characters each and 10 of a template."""

    def choose(request: ServerRequest, _: int) -> Behaviour:
        prompt = msgspec.json.decode(request.body)["messages"][0]["content"]
        tokens = len(prompt) // 4 + 10
        if tokens > takes:
            return Behaviour("status", status=400)
        if "Question:" not in prompt:  # sent to see how many tokens it is
            return Behaviour(text="Yes.", prompt_tokens=min(tokens, keeps))
        limit = retrieval if "access number" in prompt else hops
        text = f"The number is {solved(prompt)}." if tokens <= limit else "I do not know."
        return Behaviour(text=text, prompt_tokens=min(tokens, keeps))

    return choose


def told(
    how: Callable[[ServerRequest, int], Behaviour], *more: str, cwd: Path, code: int = 0
) -> dict[str, Any]:
    with fake_llm_thread(how) as url:
        outcome = weigh(
            "context", url, "--model", "fake", LENGTHS, "--json", *more, cwd=cwd, timeout=120
        )
    assert outcome.code == code, outcome.err
    found: dict[str, Any] = json.loads(outcome.out)
    return found


def test_it_finds_how_far_a_server_reads(tmp_path: Path) -> None:
    found = told(reader(2000, 1000), cwd=tmp_path)
    retrieval, hops = found["tasks"]
    assert [row["asked"] for row in retrieval["lengths"]] == [400, 800, 1600, 3200]
    for row in retrieval["lengths"]:
        assert abs(row["tokens"] - row["asked"]) < 40
    assert retrieval["effective_tokens"] == retrieval["lengths"][2]["tokens"]
    assert hops["effective_tokens"] == hops["lengths"][1]["tokens"]
    assert (retrieval["low"], retrieval["high"]) == (retrieval["effective_tokens"],) * 2
    assert hops["lengths"][2]["accuracy"] == 0
    assert len(found["runs"]) == 8
    assert found["notes"] == []


def test_for_people(tmp_path: Path) -> None:
    with fake_llm_thread(reader(10**6, 1000)) as url:
        outcome = weigh(
            "context", url, "--model", "fake", LENGTHS, "--items", "40", cwd=tmp_path, timeout=120
        )
    assert outcome.code == 0
    assert "fake, retrieval: 40 questions at every length" in outcome.out
    assert "█" * 30 in outcome.out
    assert "No longer one was measured." in outcome.out
    assert "multi-hop: effective context 8" in outcome.out


def test_a_model_that_cannot_do_the_short_task_has_no_figure(tmp_path: Path) -> None:
    found = told(reader(0, 0), "--items", "20", cwd=tmp_path, code=4)
    assert [task["effective_tokens"] for task in found["tasks"]] == [None, None]
    assert "0 of 20 answers are right" in found["tasks"][0]["reason"]


def test_a_server_that_takes_no_longer_prompt_ends_it(tmp_path: Path) -> None:
    found = told(reader(10**6, 10**6, takes=1000), "--items", "20", cwd=tmp_path)
    assert [row["asked"] for row in found["tasks"][0]["lengths"]] == [400, 800]
    assert any("takes no prompt of 1,600 tokens" in note for note in found["notes"])


def test_a_server_that_cuts_prompts_is_told(tmp_path: Path) -> None:
    found = told(reader(10**6, 10**6, keeps=1000), "--items", "10", cwd=tmp_path)
    assert any("counted 1,000 tokens. It cuts prompts" in note for note in found["notes"])


def test_slips_are_told(tmp_path: Path) -> None:
    with fake_llm_thread(Behaviour(usage=False)) as url:
        silent = weigh("context", url, "--model", "fake", cwd=tmp_path)
    assert silent.code == 3
    assert "does not count the tokens of prompts" in silent.err
    with fake_llm_thread(reader(1000, 1000)) as url:
        short = weigh("context", url, "--model", "fake", "--lengths", "800,400", cwd=tmp_path)
        long = weigh(
            "context", url, "--model", "fake", "--lengths", "400,800", "--hops", "20",
            "--items", "10", cwd=tmp_path,
        )  # fmt: skip
    assert (short.code, long.code) == (2, 2)
    assert "lengths that grow" in short.err
    assert "The facts of multi-hop alone take about" in long.err


def asked_of(how: Callable[[ServerRequest, int], Behaviour], lengths: str, cwd: Path) -> Outcome:
    with fake_llm_thread(how) as url:
        words = ["context", url, "--model", "fake", f"--lengths={lengths}", "--items", "10"]
        return weigh(*words, cwd=cwd, timeout=120)


def test_a_short_context_is_measured_as_far_as_it_goes(tmp_path: Path) -> None:
    """Of a token's length it is told by texts that are no longer than the shortest length."""
    outcome = asked_of(reader(1000, 1000, takes=260), "180,210,300", tmp_path)
    assert outcome.code == 0, outcome.err
    assert "The server takes no prompt of 300 tokens" in outcome.out + outcome.err


def test_a_server_that_takes_no_length_says_which_was_tried(tmp_path: Path) -> None:
    refused = asked_of(reader(1000, 1000, takes=200), "260,300,400", tmp_path)
    assert refused.code == 3
    assert "The server takes no prompt of 260 tokens, the shortest length (retrieval)." in " ".join(
        refused.err.split()
    )
    assert "Begin with a shorter length" in refused.err
    none = asked_of(reader(1000, 1000, takes=50), "260,300", tmp_path)
    assert none.code == 3
    assert "Before any length was tried, a text of" in none.err
    assert "Raise the server's context." in none.err

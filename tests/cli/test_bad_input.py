"""Every fault a user will meet: one clear sentence with the fix, the right exit code, no rubble."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from tests.cli.runner import WEIGH, Outcome, runs, weigh
from tests.fakes.llm_server import HANG, HTML, UNAUTHORIZED, Behaviour, Choose, fake_llm_thread

NOBODY = "http://127.0.0.1:9/v1"


def assert_one_sentence(outcome: Outcome, code: int, *words: str) -> None:
    assert outcome.code == code, outcome.err
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    for word in words:
        assert word in outcome.err
    # Progress lines aside ("bench m × 1 (60)"), one line speaks of the fault.
    assert len([line for line in outcome.err.splitlines() if line.startswith("Error")]) == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["wiegh"], 2, "There is no verb 'wiegh'"),
        (["benhc", "x"], 2, "Did you mean 'bench'?"),
        (["bench"], 2, "Missing argument 'URL'"),
        (["bench", NOBODY, "--find-limit"], 2, "--find-limit needs conditions"),
        (["bench", NOBODY, "--model", "m", "--concurency", "1"], 2, "'--concurrency'?"),
        (["bench", NOBODY, "--model", "m", "--concurrency", "1,x"], 2, "positive whole numbers"),
        (["bench", NOBODY, "--model", "m", "--requests", "0"], 2, "--requests"),
        (["bench", "ftp://x", "--model", "m"], 2, "not an http or https address"),
        (["bench", NOBODY, "--model", "m", "--prompts", "none.txt"], 2, "none.txt"),
        (["bench", NOBODY, "--model", "m", "--timeout", "nan"], 2, "above 0"),
        (["bench", NOBODY, "--model", "m", "--timeout", "inf"], 2, "above 0"),
        (["eval", NOBODY, "--model", "m", "--suite", "x", "--timeout", "0"], 2, "above 0"),
        (
            ["bench", NOBODY, "--model", "m", "--concurrency", "1,50", "--requests", "20"],
            2,
            "20 requests do not occupy 50 users",
        ),
        (["inspect", "none.gguf"], 2, "none.gguf"),
        (["eval", NOBODY, "--model", "m", "--suite", "none"], 2, "no suite folder none"),
        (
            ["eval", NOBODY, "--model", "m", "--suite", "none"],
            2,
            "Built in: arithmetic, arithmetic-1500, code, extraction,",
        ),
        (["compare", "a"], 2, "two runs"),
        (["compare", "a", "b"], 2, "run 'a' in .weighbridge"),
        (["decide"], 2, "no evaluations to decide on"),
        (["decide", "--memory-budget", "lots"], 2, "'lots' is not a size"),
        (["decide", "--mix", "code"], 2, "'code' is not NAME=VALUE"),
        (["serve"], 2, "router.config.yaml"),
        (["bench", NOBODY, "--model", "m"], 3, "127.0.0.1:9"),
        (["ui", "--host", "no.such.host.invalid"], 2, "is no address"),
    ],
    ids=lambda value: " ".join(value[:4]) if isinstance(value, list) else "",
)
def test_words_that_cannot_be_right(words: list[str], code: int, said: str, tmp_path: Path) -> None:
    outcome = weigh(*words, cwd=tmp_path)
    assert_one_sentence(outcome, code, said)
    assert runs(tmp_path) == []


def test_a_truncated_model_file(models: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.gguf").write_bytes((models / "tally-f16.gguf").read_bytes()[:10_000])
    outcome = weigh("inspect", "cut.gguf", cwd=tmp_path)
    assert_one_sentence(outcome, 2, "cut.gguf", "fetch it again")


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (HTML, "HTML"),
        (Behaviour("status", status=500), "status 500"),
        (UNAUTHORIZED, "key"),
        (HANG, "0.3 s"),
        (Behaviour("close"), "closed the connection"),
        (Behaviour("json", body=b"[1]"), "not with an OpenAI-style answer"),
    ],
    ids=["html", "500", "401", "hang", "close", "other json"],
)
@pytest.mark.parametrize("verb", ["bench", "eval"])
def test_endpoints_that_fail(
    verb: str, behaviour: Choose, said: str, suites: Path, tmp_path: Path
) -> None:
    more = ["--suite", str(suites / "arithmetic")] if verb == "eval" else ["--requests", "8"]
    with fake_llm_thread(behaviour) as url:
        outcome = weigh(verb, url, "--model", "fake", "--timeout", "0.3", *more, cwd=tmp_path)
    assert_one_sentence(outcome, 3, said)
    assert runs(tmp_path) == []


def test_a_model_the_server_does_not_have(tmp_path: Path) -> None:
    with fake_llm_thread() as url:
        outcome = weigh("bench", url, "--model", "other", cwd=tmp_path)
    assert_one_sentence(outcome, 2, "does not serve 'other'; it lists: fake")


def test_a_port_in_use(models: Path, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        config = tmp_path / "router.config.yaml"
        config.write_text(
            f"models:\n  m: {{url: '{NOBODY}'}}\nroutes: [{{use: [m]}}]\n", encoding="utf-8"
        )
        for words in (["serve", "--port", str(port)], ["ui", "--port", str(port)]):
            assert_one_sentence(weigh(*words, cwd=tmp_path), 3, str(port), "another")
    assert models.exists()


def test_a_workspace_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = weigh("runs", "--workspace", tmp_path / "file" / "x", cwd=tmp_path)
    assert_one_sentence(outcome, 3, "workspace", "--workspace")


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    outcome = weigh("--debug", "inspect", "none.gguf", cwd=tmp_path)
    assert "Traceback" in outcome.err
    assert outcome.code == 2


def test_a_reader_that_leaves_early_is_no_fault(models: Path, tmp_path: Path) -> None:
    words = " ".join(f"'{word}'" for word in [*WEIGH, "inspect", str(models / "tally-f16.gguf")])
    done = subprocess.run(
        ["bash", "-c", f"{words} --json | true"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.stderr == b""

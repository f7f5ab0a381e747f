from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from tests.cli.runner import weigh
from tests.facts.catalog.samples import CONFIG


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def listed(*words: str, cwd: Path) -> list[dict[str, object]]:
    done = weigh("models", *words, "--json", cwd=cwd)
    assert done.code == 0
    models: list[dict[str, object]] = json.loads(done.out)["models"]
    return models


def test_it_lists_and_filters(tmp_path: Path) -> None:
    done = weigh(
        "models", "--max-size", "32B", "--min-context", "128k", "--license", "commercial",
        "--modality", "text", "--family", "qwen", "--sort", "size", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0
    assert done.err == ""
    assert "Qwen/Qwen3-30B-A3B-Instruct-2507" in done.out
    assert "Qwen3-235B" not in done.out
    assert "not legal advice" in done.out


def test_the_figures_of_json_are_those_asked_for(tmp_path: Path) -> None:
    models = listed("--min-size", "100B", "--max-active", "10B", "--sort", "active", cwd=tmp_path)
    assert models
    for model in models:
        assert model["parameters"] >= 100 * 10**9  # type: ignore[operator]
        assert model["active"] <= 10**10  # type: ignore[operator]
    assert models == sorted(models, key=lambda model: -int(str(model["active"])))


def test_k_of_a_context_is_1024(tmp_path: Path) -> None:
    contexts = {model["context"] for model in listed("--min-context", "128k", cwd=tmp_path)}
    assert min(contexts) == 131072  # type: ignore[type-var]
    assert len(listed("--min-context", "128000", cwd=tmp_path)) >= len(
        listed("--min-context", "128k", cwd=tmp_path)
    )
    assert "k = 1024" in weigh("models", "--help", cwd=tmp_path).out


def test_csv_has_a_row_per_model(tmp_path: Path) -> None:
    done = weigh("models", "--csv", "--family", "gemma", cwd=tmp_path)
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert {row["family"] for row in rows} == {"gemma"}
    assert all(row["source"] and row["date"] for row in rows)


@pytest.mark.parametrize("words", [[], ["--family", "nemotron"], ["show", "gpt-oss-20b"]])
def test_the_table_fits_a_hundred_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    done = weigh("models", *words, cwd=tmp_path)
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in done.out.splitlines()]
    assert done.code == 0
    assert 60 < max(map(len, lines)) <= 100
    if not words:
        assert "Qwen/Qwen3.5-122B-A10B" in done.out


def test_show_says_all_it_knows(tmp_path: Path) -> None:
    done = weigh("models", "show", "llama-3.2-11b", cwd=tmp_path)
    assert done.code == 0
    for words in ("no rights in the EU for multimodal models", "700M users", "128k", "KV cache"):
        assert words in done.out
    assert "not legal advice" in done.out


def test_show_does_not_make_an_architecture_up(tmp_path: Path) -> None:
    done = weigh("models", "show", "whisper", cwd=tmp_path)
    assert done.code == 0
    assert "knows the size only" in done.out


def test_an_added_model_wins_over_ours(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    added = weigh("models", "add", "config.json", "--name", "Qwen/Qwen3-8B", cwd=tmp_path)
    assert added.code == 0
    assert str(tmp_path / "data/weighbridge/models.jsonl") in added.out
    shown = json.loads(weigh("models", "show", "qwen3-8b", "--json", cwd=tmp_path).out)
    assert shown["parameters"] == shown["architecture"]["parameters"] < 10**6
    assert shown["license_class"] == "unread"


def test_another_file_can_be_the_users(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    own = ["--catalog", "mine.jsonl"]
    added = weigh("models", "add", "config.json", "--name", "me/x", "--json", *own, cwd=tmp_path)
    assert json.loads(added.out)["id"] == "me/x"
    assert weigh("models", "show", "me/x", *own, cwd=tmp_path).code == 0
    assert weigh("models", "show", "me/x", cwd=tmp_path).code == 2


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--max-size", "1k"], 1, "No model of the catalogue passes"),
        (["--max-size", "big"], 2, "'big' is not a number"),
        (["--min-context", "big"], 2, "'big' is not a number of tokens"),
        (["--family", "quen"], 2, "Did you mean 'qwen'?"),
        (["--license", "comercial"], 2, "Did you mean 'commercial'?"),
        (["show", "qwen3"], 2, "may mean"),
        (["show", "lama-3.3-70b-instruct-x"], 2, "Nearest are"),
        (["add", "nowhere.json"], 2, "no file or folder"),
    ],
)
def test_what_cannot_be_is_said(tmp_path: Path, words: list[str], code: int, message: str) -> None:
    done = weigh("models", *words, cwd=tmp_path)
    assert done.code == code
    assert message in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


def test_no_match_is_still_json(tmp_path: Path) -> None:
    done = weigh("models", "--max-size", "1k", "--json", cwd=tmp_path)
    assert done.code == 1
    assert json.loads(done.out) == {"models": []}


@pytest.mark.parametrize("words", [["show"], ["add"], []])
def test_help_has_an_example(tmp_path: Path, words: list[str]) -> None:
    assert "Example:" in weigh("models", *words, "--help", cwd=tmp_path).out

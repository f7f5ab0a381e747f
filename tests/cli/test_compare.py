"""`weigh compare --table` and `weigh gate`, `weigh correlate` as processes: streams and codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.runner import weigh
from tests.shared_data import shared

Q7, Q14 = (f"Qwen__Qwen2.5-{size}-Instruct-GPTQ-Int4" for size in ("7B", "14B"))
PROMISED = {
    "a", "b", "n", "difference", "low", "high", "p_mcnemar", "flips_up", "flips_down",
}  # fmt: skip


@pytest.fixture
def items(tmp_path: Path) -> Path:
    """Model b has 25 of 100 items right that a has wrong; c is as a but for one item."""
    rows = [
        f"q{index},{int(index < 50)},{int(index < 75)},{int(index < 51)}\n" for index in range(100)
    ]
    path = tmp_path / "items.csv"
    path.write_text("item,a,b,c\n" + "".join(rows), encoding="utf-8")
    return path


def test_a_table_of_any_origin_is_compared(items: Path) -> None:
    outcome = weigh("compare", "--table", items.name, "--json", cwd=items.parent)
    assert outcome.code == 0
    pairs = json.loads(outcome.out)["pairs"]
    assert [(pair["a"], pair["b"]) for pair in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert all(pair.keys() >= PROMISED for pair in pairs)
    first = pairs[0]
    assert (first["n"], first["difference"]) == (100, 0.25)
    assert (first["flips_up"], first["flips_down"]) == (25, 0)
    assert first["p_mcnemar"] == pytest.approx(2 / 2**25)
    assert 0.15 < first["low"] < 0.25 < first["high"] < 0.35
    assert not (items.parent / ".weighbridge").exists()


def test_the_tables_for_people_say_what_is_real_and_what_would_settle_the_rest(items: Path) -> None:
    outcome = weigh("compare", "--table", items.name, cwd=items.parent)
    assert "items: 100 items" in outcome.out
    assert "b is better" in outcome.out
    assert "cannot tell" in outcome.out
    assert "≈ " in outcome.out
    assert "Verdicts allow for 3 comparisons (Holm); intervals do not." in outcome.out


def test_several_tasks_stand_in_rows_and_models_in_columns(tmp_path: Path) -> None:
    rows = [
        f"q{i},{'sums' if i < 60 else 'words'},{int(i < 90)},{int(i > 50)}\n" for i in range(120)
    ]
    (tmp_path / "items.csv").write_text("item,task,a,b\n" + "".join(rows), encoding="utf-8")
    outcome = weigh("compare", "--table", "items.csv", "--task", "task", cwd=tmp_path)
    assert outcome.code == 0
    assert "Accuracy [95 %] by task" in outcome.out
    lines = [line.split() for line in outcome.out.splitlines()]
    sums = next(words for words in lines if words[:1] == ["sums"])
    assert sums[1:3] == ["60", "–"]
    assert "15.0 % [8.1, 26.1]" in outcome.out
    assert "P(best) by task" in outcome.out
    assert "Verdicts allow for 2 comparisons" in outcome.out


@pytest.mark.parametrize(
    ("options", "code"),
    [([], 0), (["--models", "a,c"], 4), (["--sequential"], 0), (["--models", "a"], 2),
     (["--models", "a,z"], 2), (["--task", "nope"], 2), (["run"], 2)],
)  # fmt: skip
def test_exit_codes_of_compare(items: Path, options: list[str], code: int) -> None:
    outcome = weigh("compare", "--table", items.name, *options, cwd=items.parent)
    assert outcome.code == code
    assert bool(outcome.err) == (code == 2)
    assert "Traceback" not in outcome.err


def test_options_of_tables_need_a_table(tmp_path: Path) -> None:
    outcome = weigh("compare", "x", "y", "--models", "a,b", cwd=tmp_path)
    assert outcome.code == 2
    assert "are for --table" in outcome.err


def test_real_models_from_the_shared_table(tmp_path: Path) -> None:
    path = shared("data", "suites", "ifeval", "per_item_results_17models.csv")
    outcome = weigh("compare", "--table", path, "--json", cwd=tmp_path)
    document = json.loads(outcome.out)
    pairs = {(pair["a"], pair["b"]): pair for pair in document["pairs"]}
    assert len(pairs) == 17 * 16 // 2
    pair = pairs[Q14, Q7]
    assert (pair["n"], pair["flips_up"], pair["flips_down"]) == (541, 31, 60)
    assert round(100 * pair["difference"], 1) == -5.4
    assert (round(100 * pair["low"], 1), round(100 * pair["high"], 1)) == (-8.8, -1.9)
    assert pair["p_mcnemar"] == pytest.approx(0.003, abs=0.0005)
    assert "first_instruction" in document["notes"][-2 if "Taken" in document["notes"][-1] else -1]


@pytest.mark.parametrize(
    ("candidate", "baseline", "margin", "code", "word"),
    [("b", "a", "0.02", 0, "PASS"), ("a", "b", "0.02", 1, "FAIL"), ("c", "a", "0.01", 4, "INCON"),
     ("a", "z", "0.02", 2, ""), ("a", "b", "2", 2, ""), ("a", "a", "0.02", 2, "")],
)  # fmt: skip
def test_exit_codes_of_gate(
    items: Path, *, candidate: str, baseline: str, margin: str, code: int, word: str
) -> None:
    outcome = weigh(
        "gate", candidate, baseline, "--table", items.name, "--margin", margin, cwd=items.parent
    )
    assert outcome.code == code
    assert outcome.out.startswith(word)
    assert bool(outcome.err) == (code == 2)


def test_gate_writes_its_files_whatever_the_outcome(
    items: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = items.parent / "step.md"
    page.write_text("Before.\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    files = ["--junit", "gate.xml", "--summary", "gate.md"]
    outcome = weigh("gate", "a", "b", "--table", items.name, "--json", *files, cwd=items.parent)
    assert outcome.code == 1
    assert json.loads(outcome.out)["outcome"] == "fail"
    summary = (items.parent / "gate.md").read_text(encoding="utf-8")
    assert "weigh gate: fail" in summary
    assert page.read_text(encoding="utf-8") == f"Before.\n{summary}\n"
    assert 'failures="1"' in (items.parent / "gate.xml").read_text(encoding="utf-8")


def test_correlate_says_when_it_cannot_tell(items: Path) -> None:
    board = items.parent / "board.csv"
    board.write_text("model,score\na,1\nb,3\nc,2\n", encoding="utf-8")
    outcome = weigh("correlate", "--scores", "board.csv", "--table", items.name, cwd=items.parent)
    assert outcome.code == 4
    assert "the data cannot tell: below 15 models" in outcome.out
    assert "Utility: accuracy on items (100 items)." in outcome.out
    figures = weigh(
        "correlate", "--scores", "board.csv", "--table", items.name, "--json", cwd=items.parent
    )
    document = json.loads(figures.out)
    assert document["spearman"]["value"] == pytest.approx(1)
    assert document["spearman"]["low"] is None
    assert document["spearman"]["p"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(("sign", "code"), [(1, 0), (-1, 1)])
def test_exit_codes_of_correlate(tmp_path: Path, sign: int, code: int) -> None:
    for name, factor in (("board", 1), ("mine", sign)):
        rows = "".join(f"m{index},{factor * index}\n" for index in range(20))
        (tmp_path / f"{name}.csv").write_text("model,score\n" + rows, encoding="utf-8")
    words = ["--scores", "board.csv", "--utility", "mine.csv"]
    outcome = weigh("correlate", *words, cwd=tmp_path)
    assert (outcome.code, outcome.err) == (code, "")
    assert weigh("correlate", *words, "--suite", "s", cwd=tmp_path).code == 2
    assert weigh("correlate", *words, "--table", "x.csv", cwd=tmp_path).code == 2


def test_repeated_looks_give_one_look_apart(tmp_path: Path) -> None:
    """A table sorted by kind: as it stands it looks as if b were worse, then better."""
    rows = [(1, 0)] * 40 + [(1, 1)] * 500 + [(0, 1)] * 40
    text = "item,a,b\n" + "".join(f"q{n},{a},{b}\n" for n, (a, b) in enumerate(rows))
    (tmp_path / "sorted.csv").write_text(text, encoding="utf-8")
    words = ["compare", "--table", "sorted.csv", "--sequential"]
    outcome = weigh(*words, "--json", cwd=tmp_path)
    assert outcome.code == 4
    document = json.loads(outcome.out)
    (pair,) = document["pairs"]
    assert pair["difference"] == 0
    assert pair["low"] == pair["anytime_low"] < 0 < pair["anytime_high"] == pair["high"]
    assert pair["p"] is pair["p_adjusted"] is pair["p_mcnemar"] is None
    assert pair["one_look"]["p_mcnemar"] == 1
    assert any("seem to be sorted" in note for note in document["notes"])
    assert any("shuffled (seed" in note for note in document["notes"])


def test_a_report_that_cannot_be_written_does_not_swallow_the_verdict(
    items: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["gate", "a", "b", "--table", items.name]
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(items.parent / "none" / "page.md"))
    told = weigh(*words, cwd=items.parent)
    assert told.code == 1
    assert "50.0 % against 75.0 %" in told.out
    assert "Warning: Cannot write" in told.err
    refused = weigh(*words, "--junit", "none/gate.xml", "--json", cwd=items.parent)
    assert refused.code == 3
    assert json.loads(refused.out)["outcome"] == "fail"
    assert "Cannot write" in refused.err

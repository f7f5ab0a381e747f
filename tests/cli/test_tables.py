"""Tables in terminals of every width: each cell is whole, and nothing in it is obeyed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.runner import weigh
from tests.cli.terminal import python_shows, weigh_shows
from tests.fakes.llm_server import fake_llm_thread
from weighbridge.cli.bench_table import _row, _spread
from weighbridge.cli.tables import bracketed, figure, print_table
from weighbridge.core.load import LoadRun
from weighbridge.verbs.effects import open_workspace

WIDTHS = (200, 80, 40)


def lines_of(text: str, label: str) -> list[str]:
    """What stands behind a label at the beginning of a line, one string per line."""
    found = [line.strip() for line in text.splitlines() if line.strip().startswith(label)]
    return [line.removeprefix(label).removeprefix(":").strip() for line in found]


@pytest.mark.parametrize("columns", WIDTHS)
def test_a_wide_table_is_shown_whole(columns: int, tmp_path: Path) -> None:
    names = ["<name", *(f"figure {number}" for number in range(14))]
    rows = [[f"model-{row}", *(f"{row}{n:02}1234.5" for n in range(14))] for row in range(4)]
    code = f"from weighbridge.cli.tables import print_table; print_table('T', {names}, {rows})"
    text = python_shows(code, columns=columns, cwd=tmp_path)
    assert max(map(len, text.splitlines())) <= columns
    words = text.split()
    for row in rows:
        for cell in row:
            assert cell in words


def test_too_wide_a_table_stands_with_a_column_per_row(tmp_path: Path) -> None:
    names = ["<name", *(f"figure {number}" for number in range(14))]
    rows = [["a", *(f"1{n:03}" for n in range(14))], ["b", *(f"2{n:03}" for n in range(14))]]
    code = f"from weighbridge.cli.tables import print_table; print_table('T', {names}, {rows})"
    for columns in (80, 40):
        text = python_shows(code, columns=columns, cwd=tmp_path)
        for number in range(14):
            (line,) = lines_of(text, f"figure {number} ")
            assert line.split() == [f"1{number:03}", f"2{number:03}"]


def test_headers_give_way_before_the_table_turns(tmp_path: Path) -> None:
    code = (
        "from weighbridge.cli.tables import print_table; "
        "print_table('T', ['<model', 'tokens per second', 'memory in use'], [['a', '10', '20']])"
    )
    text = python_shows(code, columns=30, cwd=tmp_path)
    assert any(line.split() == ["a", "10", "20"] for line in text.splitlines())


def test_a_long_cell_is_not_broken(tmp_path: Path) -> None:
    cell = "word " * 30 + "end"
    code = (
        f"from weighbridge.cli.tables import print_table; print_table('T', ['<a', '<b'], "
        f"[[{cell!r}, 'x']])"
    )
    assert f"a: {cell}\n" in python_shows(code, columns=40, cwd=tmp_path)


def test_what_is_no_terminal_has_no_width(tmp_path: Path) -> None:
    with fake_llm_thread() as url:
        words = ["--model", "fake", "--concurrency", "1", "--requests", "2"]
        out = weigh("bench", url, *words, cwd=tmp_path).out
    assert "TTFT p50" in out
    assert "tokens/s" in out
    assert out.count("\n") < 12


def test_columns_hold_for_what_is_no_terminal_as_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    columns, rows = ["<name", "figure"], [["x" * 60, "1"]]
    for width in (40, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        print_table("T", columns, rows, shorter=[(["<name"], [["short"]])])
        assert ("short" in capsys.readouterr().out) is (width == 40)


def test_no_sentence_is_cut_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    title, caption = "title " * 60 + "end.", "caption " * 60 + "end."
    for width in (None, 60):
        if width is None:
            monkeypatch.delenv("COLUMNS", raising=False)
        else:
            monkeypatch.setenv("COLUMNS", str(width))
        print_table(title, ["<name", "figure"], [["x", "1"]], caption=caption)
        lines = capsys.readouterr().out.splitlines()
        said = " ".join(" ".join(lines).split())
        assert title in said
        assert caption in said
        assert width is None or max(map(len, lines)) <= width


def test_a_roomy_table_gives_way_to_the_plain_one(tmp_path: Path) -> None:
    code = (
        "from weighbridge.cli.tables import print_table; print_table('T', ['<a', 'b'], "
        "[['x', '200']], roomy=(['<a', 'b'], [['x', '200 [199, 203]']]))"
    )
    assert "200 [199, 203]" in python_shows(code, columns=40, cwd=tmp_path)
    narrow = python_shows(code, columns=16, cwd=tmp_path)
    assert "200" in narrow
    assert "[" not in narrow


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "0.00"),
        (9.994, "9.99"),
        (9.996, "10.0"),
        (10, "10.0"),
        (99.96, "100"),
        (1234.5, "1234"),
    ],
)
def test_figures_have_the_same_form_on_both_sides_of_ten(value: float, words: str) -> None:
    assert figure(value) == words


def test_an_end_that_nothing_bounds_is_open() -> None:
    assert bracketed("200", 199.4, 203.2) == "200 [199, 203]"
    assert bracketed("200", 199.4, None) == "200 [199, …]"
    assert bracketed("200", None, None) == "200"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("measured")


@pytest.mark.parametrize("columns", [200, 60])
def test_bench_shows_every_figure(columns: int, measured: Path) -> None:
    words = ["--model", "fake", "--concurrency", "1,4,8", "--requests", "16"]
    with fake_llm_thread() as url:
        text = weigh_shows("bench", url, *words, columns=columns, cwd=measured)
    store = open_workspace(measured / ".weighbridge")
    run = store.load(store.runs("load")[0].id, LoadRun)
    cells = [_row(level) for level in run.levels]
    assert run.info.id in text.replace("\n", "")
    if columns == 200:
        lines = [line.split() for line in text.splitlines()]
        spread = [_spread(level, _row(level)) for level in run.levels]
        assert all(" ".join(row).split() in lines for row in spread)
        assert any("[" in cell for row in spread for cell in row)
        return
    assert not any("[" in line for line in text.splitlines() if line.strip().startswith("TTFT"))
    labels = [
        "load", "requests", "errors", "TTFT p50", "TTFT p95", "TTFT p99", "ITL p50", "ITL p99",
        "TPOT p50", "TPOT p95", "E2E p50", "E2E p95", "req/s", "tokens/s",
    ]  # fmt: skip
    for number, label in enumerate(labels):
        line, *_ = lines_of(text, f"{label} ")  # a run's id begins like the first
        assert line.split() == " ".join(row[number] for row in cells).split(), label


@pytest.mark.parametrize("columns", WIDTHS)
def test_runs_shows_every_run(columns: int, measured: Path) -> None:
    with fake_llm_thread() as url:
        words = ["--model", "fake", "--concurrency", "1", "--requests", "1"]
        assert weigh("bench", url, *words, cwd=measured).code == 0
    text = weigh_shows("runs", columns=columns, cwd=measured)
    for row in open_workspace(measured / ".weighbridge").runs():
        for cell in (row.id, row.model, row.subject, row.created):
            assert cell in text
        assert " ".join(row.machine.split()) in " ".join(text.split())


@pytest.mark.parametrize("name", ["[/x]", "[red]m", "x[awq]"])
def test_names_are_not_markup(name: str, tmp_path: Path) -> None:
    with fake_llm_thread(model=name) as url:
        words = ["--model", name, "--concurrency", "1", "--requests", "2"]
        outcome = weigh("bench", url, *words, cwd=tmp_path)
        assert outcome.code == 0, outcome.err
        assert name in outcome.out
        assert name in outcome.err
        assert name in weigh_shows("bench", url, *words, columns=80, cwd=tmp_path)
    assert name in weigh("runs", cwd=tmp_path).out


def test_titles_headers_captions_and_bars_are_not_markup(tmp_path: Path) -> None:
    code = (
        "import sys; sys.stderr = sys.stdout\n"
        "from weighbridge.cli.progress import progress_display\n"
        "from weighbridge.cli.tables import print_table\n"
        "print_table('[/t]', ['<[/h]'], [['[/c]']], caption='[/k]')\n"
        "with progress_display() as bars:\n"
        "    bars.stage('[/stage]', 1)\n"
        "    bars.advance(note='[/note]')\n"
    )
    text = python_shows(code, columns=120, cwd=tmp_path)
    for words in ("[/t]", "[/h]", "[/c]", "[/k]", "[/stage]", "[/note]"):
        assert words in text


def test_a_name_cannot_drive_the_terminal(tmp_path: Path) -> None:
    name = "evil\x1b]0;owned\x07\x9b2Jname"
    with fake_llm_thread(model=name) as url:
        words = ["--model", name, "--concurrency", "1", "--requests", "2"]
        outcome = weigh("bench", url, *words, cwd=tmp_path)
    for text in (outcome.out, outcome.err, weigh("runs", cwd=tmp_path).out):
        assert "evil" in text
        assert not {"\x1b", "\x07", "\x9b"} & set(text)
    listed = json.loads(weigh("runs", "--json", cwd=tmp_path).out)
    assert name in json.dumps(listed, ensure_ascii=False) or "\\u001b" in json.dumps(listed)

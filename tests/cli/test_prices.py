"""`weigh prices`, as a user runs it."""

from __future__ import annotations

import csv
import io
import json
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from tests.cli.runner import Outcome
from tests.cli.runner import weigh as run
from tests.facts.prices.documents import many
from tests.facts.prices.server import OPUS, price_server
from weighbridge.cli import diagnostics
from weighbridge.cli import main as cli

NAME = "anthropic/claude-opus-5"
BOOK = """
date = 2026-11-01
[[api]]
provider = "anthropic"
model = "claude-opus-5"
input = 4
output = 20
[[gpu]]
device = "T4"
usd_per_hour = 0.3
"""


@pytest.fixture(autouse=True)
def _no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("WEIGHBRIDGE_PRICES", raising=False)
    monkeypatch.setenv("COLUMNS", "200")


def weigh(*words: str, cwd: Path) -> Outcome:
    """The command in this process, which is quicker; one test below runs it as users do."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), chdir(cwd):
        code = diagnostics.guarded(
            lambda: cli.weigh.main(list(words), prog_name="weigh", standalone_mode=False),
            debug=False,
        )
    return Outcome(code, out.getvalue(), err.getvalue())


def listed(*words: str, cwd: Path) -> dict[str, Any]:
    done = weigh("prices", *words, "--json", cwd=cwd)
    assert done.code == 0, done.err
    document: dict[str, Any] = json.loads(done.out)
    return document


def test_it_lists_filters_and_sorts(tmp_path: Path) -> None:
    found = listed(
        "claude", "--provider", "anthropic", "--max-output", "5", "--sort", "output", cwd=tmp_path
    )
    outputs = [each["usd_per_mtok"]["output"] for each in found["prices"]]
    assert outputs == sorted(outputs)
    assert max(outputs) <= 5
    assert {each["provider"] for each in found["prices"]} == {"anthropic"}
    haiku = next(each for each in found["prices"] if each["model"] == "claude-haiku-5-5")
    assert haiku["usd_per_mtok"] == {
        "input": 0.1,
        "output": 0.5,
        "cached": 0.01,
        "cache_write": 0.125,
    }
    assert haiku["tiers"][1]["from_prompt_tokens"] == 100_001
    assert haiku["provenance"]["kind"] == "catalogue"
    assert isinstance(haiku["stale"], bool)


def test_the_table_says_what_else_holds(tmp_path: Path) -> None:
    done = run("prices", "deepseek-flash", "--provider", "deepseek", cwd=tmp_path)
    assert done.code == 0
    assert "01:00–04:00 UTC: 0.3/1.2" in done.out
    assert "– is unknown" in done.out
    assert not (tmp_path / ".weighbridge").exists()


def test_the_table_of_commas(tmp_path: Path) -> None:
    done = weigh(
        "prices", "--model", "claude-opus-5", "--provider", "anthropic", "--csv", cwd=tmp_path
    )
    rows = {row["model"]: row for row in csv.DictReader(io.StringIO(done.out))}
    assert rows["claude-opus-5"]["input_usd_per_mtok"] == "5.0"
    assert rows["claude-opus-5"]["batch_output_usd_per_mtok"] == "12.5"


def test_gpus(tmp_path: Path) -> None:
    found = listed("--gpu", "H100", cwd=tmp_path)
    prices = {(each["device"], each["terms"]): each for each in found["gpus"]}
    h100 = prices["H100 SXM", "on-demand"]
    assert h100["usd_per_hour"]["min"] == 2.29
    assert h100["usd_per_hour"]["max"] == 3.99
    assert ("H100 PCIe", "on-demand") in prices
    spot = listed("--gpu", "--terms", "spot", cwd=tmp_path)["gpus"]
    assert {each["terms"] for each in spot} == {"spot"}
    table = weigh("prices", "--gpu", "MI325X", cwd=tmp_path)
    assert "2026-05-18 stale" in table.out
    text = weigh("prices", "--gpu", "MI300X", "--csv", cwd=tmp_path).out
    assert text.splitlines()[1].startswith("MI300X,on-demand,1.5,1.85,6.0,3,2026-05-18,True")


def test_the_price_book_of_the_workspace_wins(tmp_path: Path) -> None:
    (tmp_path / ".weighbridge").mkdir()
    (tmp_path / ".weighbridge" / "prices.toml").write_text(BOOK, encoding="utf-8")
    found = listed("claude-opus-5", "--provider", "anthropic", cwd=tmp_path)["prices"]
    mine = next(each for each in found if each["name"] == NAME)
    assert (mine["usd_per_mtok"]["output"], mine["own"]) == (20.0, True)
    assert mine["provenance"]["kind"] == "assumed"
    gpus = listed("--gpu", "T4", cwd=tmp_path)["gpus"]
    assert gpus[0]["usd_per_hour"] == {"min": 0.3, "median": 0.3, "max": 0.3}


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["no-such-model-at-all"], 1, "No known price passes"),
        (["claude", "opuss", "5"], 1, "Nearest are anthropic/claude-opus-5,"),
        (["H100"], 1, "`weigh prices --gpu 'H100'`"),
        (["--provider", "opnai"], 2, "Nearest is openai"),
        (["--gpu", "H1000"], 2, "no device 'H1000'"),
        (["--gpu", "GTX 1080 Ti"], 1, "No price of it is known"),
        (["--prices", "absent.toml"], 2, "Cannot read absent.toml"),
        (["--max-output", "0"], 2, "--max-output"),
        (["--gpu", "L4", "--provider", "openai"], 2, "do not go with --gpu"),
        (["--terms", "spot"], 2, "--terms goes with --gpu only"),
        (["update", "--url", "http://127.0.0.1:1/data.json"], 3, "stay in use"),
        (["update", "--url", "nonsense"], 3, "not to http"),
    ],
)
def test_what_it_refuses(tmp_path: Path, words: list[str], code: int, says: str) -> None:
    done = weigh("prices", *words, cwd=tmp_path)
    assert done.code == code, done.err
    assert says in " ".join(done.err.split())
    assert done.out == ""


def test_an_update_is_told_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with price_server() as server:
        server.body = many(1000, anthropic=[OPUS, {"id": 7}])
        done = weigh("prices", "update", "--url", server.url, cwd=tmp_path)
        again = weigh("prices", "update", "--url", server.url, "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert done.out.startswith("1,001 prices of 20")
    assert "changed: anthropic/claude-opus-5" in done.out
    assert "secret" not in done.out + again.out
    assert "1 model could not be read" in done.err
    assert json.loads(again.out)["changed"] == []
    opus = listed("claude-opus-5", "--provider", "anthropic", cwd=tmp_path)["prices"]
    assert [each["usd_per_mtok"]["output"] for each in opus] == [30.0]


def test_narrow_terminals_see_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("prices", "haiku-5-5", "--provider", "anthropic")
    for columns in (200, 100, 80, 40):
        monkeypatch.setenv("COLUMNS", str(columns))
        done = weigh(*words, cwd=tmp_path)
        assert done.code == 0
        for fact in ("anthropic", "claude-haiku-5-5", "0.05/0.25", "1,000,000", "over 100,000"):
            assert fact in done.out, columns
        assert max(map(len, done.out.splitlines())) <= columns

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from weighbridge.cli.keys import _spent, command
from weighbridge.core.gateway import Spending

MODELS = "models:\n  m: {url: 'http://127.0.0.1:1/v1'}\n"


def run(*words: str | Path, text: str = "", **environment: str) -> Result:
    return CliRunner().invoke(
        command,
        [str(word) for word in words],
        input=text,
        env={"WEIGHBRIDGE_KEY": "", **environment},
    )


@pytest.fixture
def alice(tmp_path: Path) -> tuple[Path, str]:
    """A configuration with one key, and its token."""
    made = run("new", "alice", "--rate", "60rpm", "--budget", "5000tokens/day", "--models", "m")
    assert made.exit_code == 0
    path = tmp_path / "router.config.yaml"
    path.write_text(MODELS + "keys:\n" + made.stderr.partition("\n\n")[2])
    return path, made.stdout.strip()


def test_standard_output_is_the_token_and_nothing_else(alice: tuple[Path, str]) -> None:
    path, token = alice
    assert token.startswith("wb-alice-")
    assert len(token.split()) == 1
    assert token not in path.read_text()


def test_a_token_is_checked_from_standard_input_or_the_environment(
    alice: tuple[Path, str],
) -> None:
    path, token = alice
    assert run("check", path, text=token + "\n").stdout == "alice\n"
    assert run("check", path, WEIGHBRIDGE_KEY=token).stdout == "alice\n"
    assert json.loads(run("check", path, "--json", text=token).stdout) == {"name": "alice"}


def test_a_wrong_token_is_nobodys_and_not_repeated(alice: tuple[Path, str]) -> None:
    done = run("check", alice[0], text="wb-alice-Wr0ngSecret")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert "Wr0ngSecret" not in done.stderr


def test_a_list_shows_limits_and_no_digest(alice: tuple[Path, str]) -> None:
    path, _ = alice
    table = run("list", path)
    assert table.exit_code == 0
    for part in ("alice", "60 requests", "5,000 tokens"):
        assert part in table.stdout
    assert "sha256" not in table.stdout
    (row,) = json.loads(run("list", path, "--json").stdout)
    assert row["models"] == ["m"]
    assert row["requests_per_minute"] == 60
    assert row["budget"]["tokens_used"] == 0


@pytest.mark.parametrize(
    ("spent", "text"),
    [
        ((630.0, 1000.0), "$630.00 of $1,000.00"),
        ((0.000606, 20.0), "$0.00061 of $20.00"),
        ((0.0, 20.0), "$0.00 of $20.00"),
    ],
)
def test_money_is_written_as_the_gateway_writes_it(spent: tuple[float, float], text: str) -> None:
    assert _spent(Spending("team", (), spent, (0, None), "")) == text


def test_no_keys_is_said(tmp_path: Path) -> None:
    path = tmp_path / "router.config.yaml"
    path.write_text(MODELS)
    done = run("list", path)
    assert done.stdout == ""
    assert "no keys" in done.stderr
    assert json.loads(run("list", path, "--json").stdout) == []


def test_a_bare_number_is_no_budget_and_a_shared_one_is_told() -> None:
    refused = run("new", "x", "--budget", "5")
    assert refused.exit_code != 0
    assert "for how long" in str(refused.exception)
    assert refused.stdout == ""
    shared = run("new", "x", "--budget", "team")
    assert "'team' has to stand under `budgets:`" in shared.stderr


@pytest.mark.parametrize("words", [["new"], ["list"], ["check"]])
def test_every_part_has_help_with_an_example(words: list[str]) -> None:
    assert "Example:" in run(*words, "--help").stdout

"""Looking at a gateway's configuration without serving it: `--check`, `--explain`, `import`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.runner import WEIGH, weigh

CONFIG = """
models:
  far: {url: "http://10.0.0.7:8000/v1"}
  own: {cmd: "server --port ${PORT}", aliases: [mine]}
keys:
  - {name: bob, hash: "sha256:%s", models: [mine], tier: gold}
signals: {task: {arithmetic: {keywords: [plus]}}}
routes:
  - {when: {task: arithmetic, tier: gold}, use: [own, far]}
  - {use: [far]}
""" % ("ab" * 32)
REQUEST = {"model": "auto", "messages": [{"role": "user", "content": "What is 12 plus 35?"}]}
DATA = Path(__file__).parents[1] / "data/importing"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "router.config.yaml").write_text(CONFIG)
    (tmp_path / "request.json").write_text(json.dumps(REQUEST))
    return tmp_path


def test_check_says_what_is_right(folder: Path) -> None:
    outcome = weigh("serve", "--check", cwd=folder)
    assert outcome.code == 0, outcome.err
    assert "router.config.yaml is right. Models: far, own." in outcome.out
    assert "Starts engines for own." in outcome.out
    (warning,) = outcome.err.splitlines()
    assert warning.startswith("Warning: 'own' cannot start: server is not on the PATH")


def test_check_tells_all_faults_and_exits_with_2(folder: Path) -> None:
    path = folder / "router.config.yaml"
    path.write_text(
        CONFIG.replace("use: [far]", "use: [fra], prefer: luck").replace("${PORT}", "1")
    )
    outcome = weigh("serve", "--check", cwd=folder)
    assert (outcome.code, outcome.out) == (2, "")
    assert "has 3 faults" in outcome.err
    assert "line 4: models.own.cmd: `${PORT}` is missing" in outcome.err
    assert "line 10: routes[1].use[0]: 'fra' is no model" in outcome.err
    as_json = weigh("serve", "--check", "--json", cwd=folder)
    told = json.loads(as_json.out)
    assert as_json.code == 2
    assert told["right"] is False
    assert {fault["line"] for fault in told["faults"]} == {4, 10}
    assert {fault["where"] for fault in told["faults"]} == {
        "models.own.cmd", "routes[1].use[0]", "routes[1].prefer",
    }  # fmt: skip


def test_explain_tells_the_route_and_why(folder: Path) -> None:
    outcome = weigh("serve", "--explain", "request.json", "--key-name", "bob", cwd=folder)
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("Use own: task arithmetic")
    assert "routes[0] decides" in outcome.out
    outcome = weigh("serve", "--explain", "request.json", cwd=folder)
    assert outcome.out.startswith("Use far: ")
    assert "tier gold: the key has no tier" in outcome.out


def test_explain_reads_standard_input_and_gives_json(folder: Path) -> None:
    done = subprocess.run(
        [*WEIGH, "serve", "--explain", "-", "--header", "X-Team: blue", "--json"],
        input=json.dumps(REQUEST),
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    assert (told["use"], told["route"], told["task"]) == (["far"], 1, "arithmetic")
    assert [route["applies"] for route in told["routes"]] == [False, True]
    assert "12 plus" not in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--explain", "gone.json"], "Cannot read gone.json"),
        (["--explain", "request.json", "--key-name", "bop"], "Did you mean 'bob'?"),
        (["--explain", "request.json", "--path", "/v1/chat"], "no path that goes to models"),
        (["--explain", "request.json", "--header", "x"], "is not NAME:VALUE"),
        (["--explain", "router.config.yaml"], "The request is not understood"),
        (["--json"], "need --check or --explain"),
    ],
)
def test_what_cannot_be_explained_is_said(folder: Path, words: list[str], said: str) -> None:
    outcome = weigh("serve", *words, cwd=folder)
    assert outcome.code == 2
    assert said in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("name", ["llama-swap", "litellm"])
def test_import_writes_yaml_and_tells_the_rest(name: str, tmp_path: Path) -> None:
    outcome = weigh("import", DATA / f"{name}.yaml", cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("# Imported by `weigh import` from")
    assert "Note: " in outcome.err
    assert "To be mended: " in outcome.err
    written = weigh("import", DATA / f"{name}.yaml", "-o", "r.yaml", cwd=tmp_path)
    assert (written.code, written.out) == (0, "")
    assert (tmp_path / "r.yaml").read_text() == outcome.out
    again = weigh("import", DATA / f"{name}.yaml", "-o", "r.yaml", cwd=tmp_path)
    assert again.code == 2
    assert "--force" in again.err


def test_import_refuses_what_is_of_neither(folder: Path) -> None:
    outcome = weigh("import", "router.config.yaml", cwd=folder)
    assert outcome.code == 2
    assert "neither llama-swap nor LiteLLM" in outcome.err

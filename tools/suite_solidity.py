"""Write the suite `solidity`: twenty contracts, out of the folders in `tools/solidity`.

    python tools/suite_solidity.py

A task is a folder: `task.txt` says what is asked, `Answer.sol` is a solution, `Answer.t.sol` its
tests for forge, `mutants.yaml` changes to the solution that at least one test must notice. All of
them are original. `Check.sol` has what tests share.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
TASKS = ROOT / "tools/solidity"
SUITE = ROOT / "src/weighbridge/measure/evals/suites_shipped/solidity"
# Tests reach into forge's machine by these; an answer that does means to change its verdict.
FORBIDDEN = ["hevm cheat code", "7109709ecfa91a80626ff3989d68f67f5b1dd12d", r"^\s*import\b"]


class Block(str):
    """A text that YAML shows line by line."""

    __slots__ = ()


yaml.SafeDumper.add_representer(
    Block, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")
)


def settings() -> dict[str, Any]:
    """What suite.yaml says."""
    shared = {"foundry.toml": "foundry.toml", "test/Check.sol": "Check.sol"}
    return {
        "name": "solidity",
        "description": (
            "Small Solidity contracts from a description, compiled and tested with forge."
        ),
        "prompt": (
            "{task}\n\nUse Solidity 0.8.20 or newer, without imports. "
            "Answer with one code block that holds the whole file."
        ),
        "scorer": "command",
        "max_tokens": 1536,
        "source": "written for Weighbridge; see tools/suite_solidity.py",
        "license": "Apache-2.0",
        "options": {
            "command": ["/tools/forge", "test", "--json"],
            "answer": "src/Answer.sol",
            "tools": "solidity",
            "report": "forge",
            "forbidden": FORBIDDEN,
            "files": {
                path: Block((TASKS / name).read_text("utf-8")) for path, name in shared.items()
            },
        },
    }


def item(folder: Path) -> dict[str, Any]:
    """A line of items.jsonl."""
    solution = (folder / "Answer.sol").read_text("utf-8")
    mutants = yaml.safe_load((folder / "mutants.yaml").read_text("utf-8"))
    for mutant in mutants:
        if solution.count(mutant["of"]) != 1:
            raise SystemExit(f"{folder.name}: {mutant['of']!r} does not stand there once")
    return {
        "id": folder.name,
        "task": " ".join((folder / "task.txt").read_text("utf-8").split()),
        "files": {"test/Answer.t.sol": (folder / "Answer.t.sol").read_text("utf-8")},
        "solution": solution,
        "mutants": [[mutant["of"], mutant["to"]] for mutant in mutants],
    }


def main() -> None:
    """Write both files."""
    items = [item(path.parent) for path in sorted(TASKS.glob("*/task.txt"))]
    SUITE.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(settings(), sort_keys=False, allow_unicode=True, width=100)
    (SUITE / "suite.yaml").write_text(text, "utf-8")
    lines = (json.dumps(one, ensure_ascii=False) + "\n" for one in items)
    (SUITE / "items.jsonl").write_text("".join(lines), "utf-8")
    print(f"{len(items)} tasks, {sum(len(one['mutants']) for one in items)} mutants")


if __name__ == "__main__":
    main()

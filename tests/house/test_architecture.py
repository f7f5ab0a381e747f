"""ARCHITECTURE.md is true: it names every module and every dependency."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def test_the_list_of_modules_is_as_the_tree_has_it() -> None:
    code = (
        "import sys; sys.path.insert(0, 'tools'); import list_modules as m; "
        "sys.stdout.write(m.updated(m.DOCUMENT.read_text('utf-8')))"
    )
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", code],
        cwd=ROOT, capture_output=True, text=True, check=True, encoding="utf-8",
    )  # fmt: skip
    assert done.stdout == TEXT, "run: .venv/bin/python tools/list_modules.py"


def test_every_module_says_what_it_is() -> None:
    named = re.findall(r"^- `([\w/]+\.py)` – \S", TEXT, flags=re.MULTILINE)
    package = ROOT / "src/weighbridge"
    present = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if path.name != "__init__.py"
    }
    assert len(named) == len(set(named))
    assert set(named) == present


def test_every_direct_dependency_is_justified() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[<>=\[;]", text)[0] for text in project["dependencies"]}
    for name in names:
        assert f"| {name} |" in TEXT, f"{name} has no line under Dependencies"

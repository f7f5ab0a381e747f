"""ARCHITECTURE.md names every module once, and no module that is not there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src/weighbridge"
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def test_every_module_has_its_line() -> None:
    named = re.findall(r"^- `([\w/]+\.py)` – \S", TEXT, flags=re.MULTILINE)
    present = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if path.name != "__init__.py"
    }
    assert len(named) == len(set(named))
    assert set(named) == present


def test_every_direct_dependency_is_justified() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[<>=\[;]", text)[0] for text in project["dependencies"]}
    for name in names:
        assert f"| {name} |" in TEXT, f"{name} has no line under Dependencies"

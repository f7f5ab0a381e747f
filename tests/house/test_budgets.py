"""The size budgets of the design: small enough to read."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py")) + sorted((ROOT / "tools").rglob("*.py"))
MAX_FILE, MAX_FUNCTION, MAX_DEPENDENCIES = 500, 60, 14


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= MAX_FILE, f"{path} has {lines} lines: split it by its nouns"
    long = {name: length for name, length in functions(path) if length > MAX_FUNCTION}
    assert not long, f"{path}: {long} exceed {MAX_FUNCTION} lines"


def test_direct_dependencies_stay_few() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert len(project["dependencies"]) <= MAX_DEPENDENCIES


def test_demo_models_stay_small() -> None:
    models = sorted((ROOT / "src/weighbridge/demo/models").glob("*.gguf"))
    sizes = [path.stat().st_size for path in models]
    assert len(sizes) >= 5
    assert max(sizes) <= 2 * 2**20
    assert sum(sizes) <= 8 * 2**20

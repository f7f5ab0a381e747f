"""Write the list of modules in ARCHITECTURE.md from the first sentence of each module's docstring.

Run it after adding, renaming or re-describing a module: `.venv/bin/python tools/list_modules.py`.
A test holds the file to it.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/weighbridge"
DOCUMENT = ROOT / "ARCHITECTURE.md"
BEGIN, END = "<!-- modules: written by tools/list_modules.py -->", "<!-- end of modules -->"
# Bottom up, as imports allow.
LAYERS = (
    "core", "facts", "wire", "predict", "engines", "measure", "workspace", "decide", "serve",
    "report", "verbs", "web", "cli",
)  # fmt: skip


def sentence(path: Path) -> str:
    """The first paragraph of a module's docstring, as one line of Markdown."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    line = " ".join(docstring.partition("\n\n")[0].split()).replace("``", "`")
    return re.sub(r":\w+:`~?([^`]+)`", r"`\1`", line).rstrip(".")


def listing() -> str:
    """The whole list: one section per layer, one line per module."""
    parts: list[str] = []
    for layer in LAYERS:
        folder = PACKAGE / layer
        parts.append(f"**{layer}/** – {sentence(folder / '__init__.py')}\n")
        parts += [
            f"- `{path.relative_to(PACKAGE)}` – {sentence(path)}"
            for path in sorted(folder.rglob("*.py"))
            if path.name != "__init__.py"
        ]
        parts.append("")
    return "\n".join(parts)


def updated(text: str) -> str:
    """The document with its list of modules renewed."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{listing()}\n{END}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(updated(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")

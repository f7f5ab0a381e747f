"""What mkdocs needs to build the site: files of the project that the documentation links to.

Pages link to `../examples/…` and `../benchmarks/RESULTS.md`, which is right where they lie. The
site has no such folders, so the linked files come in under `project/`, and the links follow.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
LINK = re.compile(r"\]\(((?:\.\./)+[\w./-]+)(#[\w-]+)?\)")


def outside(page: Path) -> list[Path]:
    """Files of the project, not of the documentation, that a page links to."""
    links = [match[1] for match in LINK.finditer(page.read_text(encoding="utf-8"))]
    targets = [(page.parent / link).resolve() for link in links]
    return [path for path in targets if path.is_file() and not path.is_relative_to(DOCS)]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Bring in what is linked to."""
    from mkdocs.structure.files import File, InclusionLevel  # noqa: PLC0415 -- docs group only

    for path in sorted({path for page in DOCS.rglob("*.md") for path in outside(page)}):
        name = f"project/{path.relative_to(ROOT).as_posix()}"
        file = File.generated(config, name, abs_src_path=str(path))
        file.inclusion = InclusionLevel.NOT_IN_NAV
        files.append(file)
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Let links to files outside of the documentation lead to where they are on the site."""
    here = posixpath.dirname(page.file.src_uri)
    depth = posixpath.relpath(".", here or ".")

    def moved(match: re.Match[str]) -> str:
        target = (DOCS / here / match[1]).resolve()
        if not target.is_file() or target.is_relative_to(DOCS):
            return match[0]
        name = target.relative_to(ROOT).as_posix()
        return f"]({posixpath.normpath(f'{depth}/project/{name}')}{match[2] or ''})"

    return LINK.sub(moved, markdown)

"""``weigh suites``: which suites there are, what is in them, and published ones brought in."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import yaml

from weighbridge.core.errors import InputError, WorkspaceError
from weighbridge.facts.documents import read_yaml
from weighbridge.measure.evals.published.answers import gsm8k, ifeval, math500
from weighbridge.measure.evals.published.bfcl import bfcl
from weighbridge.measure.evals.published.code import humaneval_plus, mbpp_plus
from weighbridge.measure.evals.published.lines import Published
from weighbridge.measure.evals.records import SuiteFile
from weighbridge.measure.evals.requests import messages_of
from weighbridge.measure.evals.suite import Suite, load_suite

PUBLISHED: dict[str, Callable[[Path], Published]] = {
    "humaneval+": humaneval_plus,
    "mbpp+": mbpp_plus,
    "gsm8k": gsm8k,
    "math500": math500,
    "ifeval": ifeval,
    "bfcl": bfcl,
}
"""Published suites by the name under which they are imported."""

# Where suites of ours are, below the package.
_SHIPPED = (("demo", "suites"), ("measure", "evals", "suites_shipped"))


@dataclass(frozen=True, slots=True)
class SuiteLine:
    """A suite in a list."""

    name: str
    items: int
    scorer: str
    description: str
    folder: Path

    def to_json(self) -> dict[str, Any]:
        """An entry of ``weigh suites list --json``."""
        return {
            "name": self.name,
            "n": self.items,
            "scorer": self.scorer,
            "description": self.description,
            "folder": str(self.folder),
        }


def shipped_folders() -> dict[str, Path]:
    """The suites that come with Weighbridge, by the names of their folders."""
    package = Path(str(resources.files("weighbridge")))
    found = {
        path.parent.name: path.parent
        for parts in _SHIPPED
        for path in package.joinpath(*parts).glob("*/suite.yaml")
    }
    return dict(sorted(found.items()))


def suite_folder(path: Path) -> Path:
    """``path``, or the built-in suite of that name when there is nothing at ``path``.

    Raises:
        InputError: there is neither.
    """
    if path.exists():
        return path
    shipped = shipped_folders()
    if str(path) in shipped:
        return shipped[str(path)]
    raise InputError(
        f"There is no suite folder {path}.",
        fix="A suite is a folder with suite.yaml and items.jsonl. Built in: "
        f"{', '.join(shipped) or 'none'}.",
    )


def listed(folder: Path | None) -> list[SuiteLine]:
    """The suites that come with us, or those in ``folder``.

    Raises:
        InputError: the folder is none, or has none.
    """
    if folder is None:
        places = list(shipped_folders().values())
    elif not folder.is_dir():
        raise InputError(f"There is no folder {folder}.")
    else:
        places = sorted(path.parent for path in folder.glob("**/suite.yaml"))
    return [_line(place) for place in places]


def _line(folder: Path) -> SuiteLine:
    settings = read_yaml(folder / "suite.yaml", SuiteFile)
    try:
        lines = (folder / "items.jsonl").read_bytes().split(b"\n")
    except OSError:
        lines = []
    count = sum(bool(line.strip()) for line in lines)
    return SuiteLine(settings.name, count, settings.scorer, settings.description, folder)


def shown(suite: Suite, count: int) -> dict[str, Any]:
    """What ``weigh suites show`` tells: the settings, and the first items as they are asked."""
    settings = suite.settings
    return {
        "name": suite.name,
        "n": len(suite.items),
        "hash": suite.hash,
        "description": settings.description,
        "scorer": settings.scorer,
        "options": settings.options,
        "max_tokens": settings.max_tokens,
        "source": settings.source,
        "license": settings.license,
        "items": [
            {
                "id": item.id,
                "messages": [
                    {"role": role, "content": text} for role, text in messages_of(settings, item)
                ],
                "answer": item.answer,
            }
            for item in suite.items[:count]
        ],
    }


def import_published(name: str, path: Path, output: Path) -> Suite:
    """A published suite's files as a suite folder at ``output``, all of it or nothing.

    Raises:
        InputError: the files cannot be read, or ``output`` is in the way.
        FormatError: they are not those of this suite.
        ConfigError: an item cannot be judged; names the line of the published file.
        WorkspaceError: the folder cannot be written.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError(f"{output} is already there.", fix="Choose a new folder.")
    published = PUBLISHED[name](path)
    ground = next(one for one in output.absolute().parents if one.is_dir())
    draft = ground / f".draft-{output.name}-{secrets.token_hex(4)}"
    try:
        write_suite(published, draft)
        load_suite(draft, published.places)  # what cannot be judged is said before it is there
        output.parent.mkdir(parents=True, exist_ok=True)
        draft.rename(output)
    except OSError as error:
        raise _unwritable(output, error) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)  # gone already when all went well
    return load_suite(output)


def write_suite(published: Published, folder: Path) -> None:
    """suite.yaml and items.jsonl.

    Raises:
        WorkspaceError: they cannot be written.
    """
    lines = [msgspec.json.encode(item) + b"\n" for item in published.items]
    text = yaml.safe_dump(published.settings, sort_keys=False, allow_unicode=True, width=1000)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "suite.yaml").write_text(text, "utf-8")
        (folder / "items.jsonl").write_bytes(b"".join(lines))
    except OSError as error:
        raise _unwritable(folder, error) from None


def _unwritable(folder: Path, error: OSError) -> WorkspaceError:
    return WorkspaceError(f"Cannot write {folder}: {error.strerror or error}.")

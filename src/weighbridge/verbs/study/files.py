"""The study files that belong to a workspace: those beside its folder, and the demo's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from weighbridge.core.errors import ConfigError, InputError
from weighbridge.facts.documents import read_text
from weighbridge.serve.config.faults import Fault
from weighbridge.verbs.effects import writing
from weighbridge.verbs.study.asked import Asked
from weighbridge.verbs.study.entries import demo_folder
from weighbridge.verbs.study.reading import check_study

DEMO: Final = "demo"
_ONLY: Final = "study.yaml"
_SUFFIX: Final = ".study.yaml"
_KEY: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,60}")


@dataclass(frozen=True, slots=True)
class KnownStudy:
    """A study file and what it asks.

    Attributes:
        key: how pages name it: ``study`` for ``study.yaml``, ``x`` for ``x.study.yaml``.
        path: where it lies.
        text: as it is.
        asked: what it asks; None where the file has faults.
        faults: what is wrong with it.
    """

    key: str
    path: Path
    text: str
    asked: Asked | None
    faults: tuple[Fault, ...]

    @property
    def is_demo(self) -> bool:
        """Whether it comes with Weighbridge and is not to be changed."""
        return self.key == DEMO


def keys(root: Path) -> list[str]:
    """The studies beside a workspace, the demo last."""
    folder = root.resolve().parent
    found = ["study"] if (folder / _ONLY).is_file() else []
    others = sorted(path.name.removesuffix(_SUFFIX) for path in folder.glob(f"*{_SUFFIX}"))
    return [*found, *(key for key in others if _KEY.fullmatch(key) and key != DEMO), DEMO]


def path_of_key(root: Path, key: str) -> Path:
    """Where the study of that name lies, or would.

    Raises:
        InputError: no file can have such a name.
    """
    if key == DEMO:
        return demo_folder() / _ONLY
    if not _KEY.fullmatch(key):
        raise InputError(
            f"{key!r} is no name for a study's file.", fix="Use letters, digits, - and _."
        )
    folder = root.resolve().parent
    return folder / (_ONLY if key == "study" else f"{key}{_SUFFIX}")


def find_study(root: Path, key: str) -> KnownStudy:
    """A study's file as it is now, with its faults.

    Raises:
        InputError: there is no such file, or it cannot be read.
        ConfigError: it is no text.
    """
    path = path_of_key(root, key)
    if not path.is_file():
        raise InputError(f"There is no study {key}.", fix="Begin one on the page /study.")
    return _checked(root, key, path, read_text(path))


def keep_study(root: Path, key: str, text: str) -> KnownStudy:
    """Replace a study's file by a text, if that is without faults.

    Raises:
        InputError: the file is not one to be changed.
        WorkspaceError: it cannot be written.
    """
    path = path_of_key(root, key)
    if key == DEMO or not path.is_file():
        raise InputError(
            f"The file of {key} is not to be changed.", fix="Begin a study of your own."
        )
    found = _checked(root, key, path, text)
    if found.asked is not None:
        with writing(path) as draft:
            draft.write_text(text, encoding="utf-8")
    return found


def _checked(root: Path, key: str, path: Path, text: str) -> KnownStudy:
    try:
        found = check_study(text, path, workspace=root)
    except ConfigError as error:  # no YAML at all
        return KnownStudy(key, path, text, None, (Fault((), str(error)),))
    return KnownStudy(key, path, text, found.asked, found.faults)

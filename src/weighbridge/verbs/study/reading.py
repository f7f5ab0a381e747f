"""``study.yaml``: read, checked as a whole, with the line of every fault."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.core.errors import ConfigError, InputError
from weighbridge.core.study_file import StudyFile
from weighbridge.facts.documents import Loaded, load_yaml, read_text
from weighbridge.serve.config.faults import Fault, FaultyConfigError, place
from weighbridge.serve.config.shape import fit
from weighbridge.verbs.study.asked import Asked, AskedSuite, load_asked, resolved
from weighbridge.verbs.study.checking import suite_faults, value_faults
from weighbridge.verbs.study.entries import entry_faults
from weighbridge.verbs.study.price_names import price_faults

_MOST_BYTES = 1_000_000
_WHAT = "A study has `name`, `candidates` and `suites`: `weigh study init` writes one."


@dataclass(frozen=True, slots=True)
class CheckedStudy:
    """What came of checking a study's file: what is asked, or all that cannot be."""

    asked: Asked | None
    faults: tuple[Fault, ...] = ()


def read_study(
    path: Path,
    *,
    environment: Mapping[str, str] | None = None,
    workspace: Path | None = None,
) -> Asked:
    """The study in ``path``, checked as a whole.

    Args:
        path: of the file.
        environment: where variables come from; this process's by default.
        workspace: whose price book counts; names of APIs are checked only where it is given.

    Raises:
        InputError: the file cannot be read.
        ConfigError: it says something that cannot be; lists every fault found.
    """
    found = check_study(_text(path), path, environment=environment, workspace=workspace)
    if found.asked is None:
        raise FaultyConfigError(str(path), found.faults)
    return found.asked


def check_study(
    text: str,
    path: Path,
    *,
    environment: Mapping[str, str] | None = None,
    workspace: Path | None = None,
) -> CheckedStudy:
    """All that is wrong with the study in ``text``; paths in it are relative to ``path``'s folder.

    Names of APIs are looked up where a ``workspace`` is given, whose price book may have them.

    Raises:
        ConfigError: it is no YAML at all, or a trap for whoever reads it.
    """
    origin = str(path)
    environment = os.environ if environment is None else environment
    loaded = load_yaml(text, origin=origin)
    if not isinstance(loaded.document, dict):
        raise ConfigError(f"{origin}: this is no study.", fix=_WHAT)
    kept, shape = fit(loaded.document, StudyFile)
    file = None if kept is None else _converted(kept, origin)
    faults = [*shape]
    suites: tuple[AskedSuite, ...] = ()
    if file is not None:
        folder = path.absolute().parent
        found = [*value_faults(file), *entry_faults(file, folder, environment)]
        if workspace is not None:
            found += price_faults(file, workspace, environment)
        suites, of_suites = _loaded(file, folder)
        found += of_suites
        found += suite_faults(file, suites, complete=not of_suites)
        faults += [fault for fault in found if not _follows(fault, shape)]
    if faults or file is None:
        return CheckedStudy(None, _in_order(faults, loaded))
    return CheckedStudy(resolved(file, path, text, suites, environment))


def _text(path: Path) -> str:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputError(
            f"Cannot read {path}: {error.strerror}.",
            fix="`weigh study init` writes a study.yaml; give its path.",
        ) from None
    if path.is_dir():
        raise InputError(f"{path} is a folder.", fix=f"Did you mean {path / 'study.yaml'}?")
    if size > _MOST_BYTES:
        raise ConfigError(f"{path} has {size} bytes, which no study needs.", fix=_WHAT)
    return read_text(path)


def _converted(kept: Any, origin: str) -> StudyFile:  # noqa: ANN401 -- YAML
    try:
        return msgspec.convert(kept, StudyFile)
    except msgspec.ValidationError as error:  # a shape that only the decoder knows
        raise ConfigError(f"{origin}: {error}.") from None


def _loaded(file: StudyFile, folder: Path) -> tuple[tuple[AskedSuite, ...], list[Fault]]:
    """The suites, and why some cannot be had."""
    found, faults = [], []
    for number, entry in enumerate(file.asked_suites):
        bare = isinstance(file.suites[number], str)
        try:
            found.append(load_asked(entry, number, folder, tuple(file.candidates)))
        except InputError as error:
            at = ("suites", number) if bare else ("suites", number, "suite")
            faults.append(Fault(at, str(error).rstrip(".")))
    return tuple(found), faults


def _follows(fault: Fault, shape: tuple[Fault, ...]) -> bool:
    """Whether a fault may be there only because of another one at, above or below its place."""
    return any(
        fault.path[: len(other.path)] == other.path or other.path[: len(fault.path)] == fault.path
        for other in shape
        if other.path
    )


def _in_order(faults: list[Fault], loaded: Loaded) -> tuple[Fault, ...]:
    lined = [Fault(fault.path, fault.text, loaded.line(fault.path)) for fault in faults]
    unique = {(fault.line, place(fault.path), fault.text): fault for fault in lined}
    return tuple(fault for _, fault in sorted(unique.items(), key=lambda item: item[0][0]))

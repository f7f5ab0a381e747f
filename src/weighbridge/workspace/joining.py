"""Bringing the runs, ratings and study records of another workspace into this one."""

from __future__ import annotations

import filecmp
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from weighbridge.core.errors import InputError, WorkspaceError
from weighbridge.workspace.studies import Studies

_ID = re.compile(r"[a-z]{2,20}-[0-9a-zA-Z_-]{4,40}")
_FILES = {
    "runs": ("run.json", "items.jsonl", "requests.jsonl"),
    "ratings": ("rating.json", "inputs.jsonl", "answers.jsonl", "ballots.jsonl", "raters.jsonl"),
}


@dataclass(frozen=True, slots=True)
class Joined:
    """What came of joining a workspace.

    Attributes:
        root: the other workspace.
        runs: ids that are new here.
        ratings: likewise.
        known: how many runs and ratings were here already.
        units: study records that are new here, by study.
        conflicts: what differs under the same id, as sentences; ours was left as it is.
    """

    root: Path
    runs: tuple[str, ...]
    ratings: tuple[str, ...]
    known: int
    units: tuple[tuple[str, int], ...]
    conflicts: tuple[str, ...]


def join(root: Path, other: Path) -> Joined:
    """Copy what ``other`` has and ``root`` has not; nothing here is changed or overwritten.

    Raises:
        InputError: ``other`` is no workspace, or this very one.
        WorkspaceError: something cannot be read or written, or a study is being run here.
    """
    if not (other / "runs").is_dir():
        raise InputError(
            f"{other} is no workspace.", fix="Give the folder `.weighbridge` of the other machine."
        )
    if root.exists() and other.resolve() == root.resolve():
        raise InputError(f"{other} is this very workspace.", fix="Give another one.")
    conflicts: list[str] = []
    try:
        added = {part: tuple(_copied(root, other, part, conflicts)) for part in _FILES}
        total = sum(1 for part in _FILES for _ in _members(other, part))
    except OSError as error:
        raise WorkspaceError(
            f"{other} could not be joined: {error.strerror or error}.",
            fix="What was copied by then is whole; join it again.",
        ) from error
    known = total - sum(map(len, added.values())) - len(conflicts)
    told = {sentence.split()[0] for sentence in conflicts}
    units = tuple(_records(root, other, told))
    return Joined(other, added["runs"], added["ratings"], known, units, tuple(conflicts))


def _copied(root: Path, other: Path, part: str, conflicts: list[str]) -> Iterator[str]:
    """Ids of what was copied, each all or nothing."""
    for source in _members(other, part):
        target = root / part / source.name
        if target.exists():
            if not _alike(source, target, part):
                conflicts.append(
                    f"{source.name} is another one in {other} than here; ours was left as it is."
                )
            continue
        draft = target.with_name(f".draft-{source.name}")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True, mode=0o700 if part == "ratings" else 0o777)
        for name in _FILES[part]:
            if _is_file(source / name):
                shutil.copyfile(source / name, draft / name)
        draft.rename(target)
        yield source.name


def _members(other: Path, part: str) -> Iterator[Path]:
    """Folders of whole runs or ratings; links are not followed, whoever made them."""
    main = _FILES[part][0]
    folder = other / part
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if _ID.fullmatch(path.name) and not path.is_symlink() and _is_file(path / main):
            yield path


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _alike(source: Path, target: Path, part: str) -> bool:
    """Whether two folders say the same."""
    for name in _FILES[part]:
        ours, theirs = target / name, source / name
        if _is_file(ours) != _is_file(theirs):
            return False
        if _is_file(ours) and not filecmp.cmp(ours, theirs, shallow=False):
            return False
    return True


def _records(root: Path, other: Path, told: set[str]) -> Iterator[tuple[str, int]]:
    """Append study records that are not here, but for those that rest on what differs."""
    theirs, ours = Studies(other), Studies(root)
    for name in theirs.names():
        known = {str(record) for record in ours.records(name)}
        new = [
            record
            for record in theirs.records(name)
            if str(record) not in known and told.isdisjoint(record.runs)
        ]
        if not new:
            continue
        ledger = ours.open(name)
        try:
            for record in new:
                ledger.append(record)
        finally:
            ledger.close()
        yield name, len(new)

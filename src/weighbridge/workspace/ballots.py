"""Blind ratings of a workspace: ``ratings/<id>/`` with ``rating.json`` and tables of lines.

Ballots, answers and raters are appended, a line each, in one write: several processes may do so at
once, and a kill leaves at most a torn last line, which readers skip. Taking a ballot back is a
line as well. Raters' links are secrets, so the folder is for this user only.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from weighbridge.core.ballots import Ballot
from weighbridge.core.errors import UnknownRunError, WorkspaceError
from weighbridge.core.rating_session import Rater, RatingAnswer, RatingInfo, RatingInput

RecordT = TypeVar("RecordT")
_encode = msgspec.json.Encoder().encode


class _Undo(msgspec.Struct, frozen=True):
    """A rater takes the last ballot back."""

    undo: str


class Ratings:
    """The ratings of one workspace.

    Args:
        root: the workspace's folder.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / "ratings"

    def create(
        self,
        info: RatingInfo,
        inputs: Sequence[RatingInput] = (),
        ballots: Sequence[Ballot] = (),
    ) -> None:
        """Keep a new rating, all of it or nothing.

        Raises:
            WorkspaceError: it cannot be written.
        """
        draft = self._folder / f".draft-{info.id}"
        try:
            draft.mkdir(parents=True, mode=0o700)
            for name, rows in (("inputs", inputs), ("ballots", ballots)):
                if rows:
                    (draft / f"{name}.jsonl").write_bytes(_lines(rows))
            (draft / "rating.json").write_bytes(_encode(info))
            draft.rename(self._folder / info.id)
        except OSError as error:
            raise _unwritable(self._folder, error) from error

    def all(self) -> list[RatingInfo]:
        """Every rating, the newest first."""
        found = []
        for path in self._folder.glob("rating-*/rating.json"):
            try:
                info = msgspec.json.decode(path.read_bytes(), type=RatingInfo)
            except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
                continue
            found.append(info)
        return sorted(found, key=lambda info: info.created, reverse=True)

    def find(self, name: str | None = None) -> RatingInfo:
        """The rating that ``name`` means: an id, how one begins, or the newest for None.

        Raises:
            UnknownRunError: none, or more than one.
        """
        rows = self.all()
        if name is None:
            if rows:
                return rows[0]
            raise UnknownRunError(
                "The workspace has no ratings.",
                fix="`weigh rate start` makes one, `weigh rate import` reads votes.",
            )
        matches = [row for row in rows if row.id == name]
        matches = matches or [row for row in rows if row.id.startswith(name)]
        if len(matches) == 1:
            return matches[0]
        ids = ", ".join(row.id for row in (matches or rows)[:5])
        if matches:
            raise UnknownRunError(f"{name!r} could be {ids}.", fix="Write more of the id.")
        raise UnknownRunError(
            f"There is no rating {name!r}.", fix=f"There are {ids}." if ids else "Import votes."
        )

    def close(self, info: RatingInfo, when: str) -> RatingInfo:
        """End a rating: no ballot is taken any more, and names may be shown."""
        return self.keep(replace(info, closed=when))

    def keep(self, info: RatingInfo) -> RatingInfo:
        """Write what has changed of a rating that is there."""
        path = self._folder / info.id / "rating.json"
        draft = path.with_name(f".rating-{secrets.token_hex(3)}")
        try:
            draft.write_bytes(_encode(info))
            draft.replace(path)
        except OSError as error:
            raise _unwritable(path, error) from error
        return info

    def inputs(self, rating: str) -> list[RatingInput]:
        """The inputs in their order."""
        return list(self._rows(rating, "inputs", RatingInput))

    def answers(self, rating: str) -> list[RatingAnswer]:
        """All answers; of several by one model to one input the last counts."""
        kept = {(one.item, one.model): one for one in self._rows(rating, "answers", RatingAnswer)}
        return list(kept.values())

    def add_answer(self, rating: str, answer: RatingAnswer) -> None:
        """Keep an answer."""
        self._append(rating, "answers", answer)

    def ballots(self, rating: str) -> list[Ballot]:
        """All ballots that were not taken back, the oldest first."""
        kept: list[Ballot] = []
        for row in self._rows(rating, "ballots", dict[str, Any]):
            if "undo" in row:
                _take_back(kept, str(row["undo"]))
                continue
            try:
                kept.append(msgspec.convert(row, Ballot))
            except msgspec.ValidationError as error:
                raise WorkspaceError(
                    f"A ballot of {rating} cannot be read: {error}.",
                    fix=f"Look at {self._folder / rating / 'ballots.jsonl'}.",
                ) from error
        return kept

    def add_ballot(self, rating: str, ballot: Ballot) -> None:
        """Keep a ballot."""
        self._append(rating, "ballots", ballot)

    def undo(self, rating: str, rater: str) -> None:
        """Take a rater's last ballot back."""
        self._append(rating, "ballots", _Undo(rater))

    def raters(self, rating: str) -> list[Rater]:
        """Who may rate."""
        return list(self._rows(rating, "raters", Rater))

    def add_rater(self, rating: str, name: str) -> Rater:
        """Somebody who may rate, with a link that nobody can guess."""
        rater = Rater(name, secrets.token_urlsafe(24))
        self._append(rating, "raters", rater)
        return rater

    def stamp(self, rating: str) -> tuple[int, int]:
        """Changes when answers do."""
        try:
            found = (self._folder / rating / "answers.jsonl").stat()
        except OSError:
            return (0, 0)
        return (found.st_size, found.st_mtime_ns)

    def _rows(self, rating: str, table: str, kind: type[RecordT]) -> Iterator[RecordT]:
        decoder = msgspec.json.Decoder(kind)
        try:
            lines = (self._folder / rating / f"{table}.jsonl").read_bytes().split(b"\n")
        except FileNotFoundError:
            return
        except OSError as error:
            raise WorkspaceError(f"{rating} cannot be read: {error.strerror}.") from error
        for line in lines:
            try:
                row = decoder.decode(line) if line else None
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue  # torn by a kill
            if row is not None:
                yield row

    def _append(self, rating: str, table: str, row: object) -> None:
        path = self._folder / rating / f"{table}.jsonl"
        try:
            # A line that a kill has torn is ended first.
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                size = os.fstat(descriptor).st_size
                torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
                os.write(descriptor, b"\n" * torn + _encode(row) + b"\n")
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _unwritable(path, error) from error


def new_rating_id() -> str:
    """A name for a rating."""
    return f"rating-{secrets.token_hex(3)}"


def _take_back(kept: list[Ballot], rater: str) -> None:
    for place in range(len(kept) - 1, -1, -1):
        if kept[place].rater == rater and not kept[place].judge:
            del kept[place]
            return


def _lines(rows: Iterable[object]) -> bytes:
    return b"".join(_encode(row) + b"\n" for row in rows)


def _unwritable(path: Path, error: OSError) -> WorkspaceError:
    return WorkspaceError(
        f"Cannot write {path}: {error.strerror or error}.",
        fix="Make room or choose another folder with --workspace.",
    )

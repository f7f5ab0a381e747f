"""Fetching the newest price list: bounded, checked, and kept whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from weighbridge.core.errors import (
    ConnectError,
    DeadlineError,
    FormatError,
    ProtocolError,
    WorkspaceError,
)
from weighbridge.facts.prices import genai
from weighbridge.facts.prices.loading import cache_file, newest
from weighbridge.facts.prices.package import NAME
from weighbridge.facts.prices.rows import PriceFile, Row, Source, encode
from weighbridge.facts.sources.connections import Connections, Patience
from weighbridge.facts.sources.ranges import RemoteFile, without_secrets

URL: Final = (
    "https://raw.githubusercontent.com/pydantic/genai-prices/refs/heads/main"
    "/prices/new_data/v2/data.json"
)
LARGEST: Final = 24 * 1024**2
_PIECE: Final = 1024**2
# A list that has lost more than this share of its models is damaged, or another list.
_LEAST_KEPT: Final = 0.25


@dataclass(frozen=True, slots=True)
class Update:
    """What an update changed, by name of a price.

    Attributes:
        url: where the list is from, without secrets.
        path: where it is kept.
        models: how many prices it has.
        skipped: models of it that could not be read.
    """

    url: str
    path: Path
    date: str
    models: int
    skipped: int
    new: tuple[str, ...]
    gone: tuple[str, ...]
    changed: tuple[str, ...]


def update(
    *,
    today: str,
    environment: Mapping[str, str],
    url: str = URL,
    patience: Patience | None = None,
) -> Update:
    """Fetch the list, check it, and keep it for later runs.

    Raises:
        EndpointError: it cannot be fetched; the prices known so far stay.
        InputError: there is nothing at that address.
        FormatError: what is there is no price list, or a damaged one.
        WorkspaceError: it cannot be kept.
    """
    before, _ = newest(environment, today)
    shown = without_secrets(url)
    content = _fetched(url, patience or Patience(silence_s=15.0, answer_s=120.0), before)
    read = genai.convert(content, today=today, origin=shown)
    _check(read.rows, before.rows, shown)
    rows = _with_retirements(read.rows, before.rows)
    source = Source(f"{NAME} ({shown})", today[:10], retirements=before.source.retirements)
    path = cache_file(environment)
    _keep(path, encode(source, rows))
    models, new, gone, changed = _changes(before, PriceFile(source, tuple(rows)), today)
    return Update(shown, path, source.date, len(models), read.skipped, new, gone, changed)


def _fetched(url: str, patience: Patience, before: PriceFile) -> bytes:
    stays = f"The prices of {before.source.date} stay in use."
    try:
        with (
            Connections(patience) as connections,
            RemoteFile(connections, url, first_bytes=_PIECE, limit=LARGEST) as remote,
        ):
            if remote.size > LARGEST:
                raise ProtocolError(
                    f"{remote.name} has {remote.size} bytes, more than any price list.",
                    fix=f"{stays} Check the address.",
                )
            parts = []
            while part := remote.read(_PIECE):
                parts.append(part)
            return b"".join(parts)
    except (ConnectError, DeadlineError) as error:
        raise type(error)(
            error.message,
            fix=f"{stays} Update when online, or fetch from a mirror with --url.",
        ) from error


def _check(rows: Sequence[Row], before: Sequence[Row], shown: str) -> None:
    """Refuse a list that cannot be the successor of the one in use.

    Raises:
        FormatError: it has hardly any prices.
    """
    priced, were = (sum(row.price() is not None for row in each) for each in (rows, before))
    if priced < _LEAST_KEPT * were:
        raise FormatError(
            f"{shown} has prices of {priced} models where there were {were}: it is damaged.",
            fix="Try again later; the prices known so far stay in use.",
        )


def _with_retirements(rows: Sequence[Row], before: Sequence[Row]) -> list[Row]:
    """The rows with the dates on which models end, which this list does not have."""
    dates = {row.name: row.retires for row in before if row.retires}
    return [msgspec.structs.replace(row, retires=dates.get(row.name, "")) for row in rows]


def _keep(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            draft.write_bytes(content)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise WorkspaceError(
            f"Cannot write {path}: {error.strerror}.", fix="Set XDG_CACHE_HOME to another folder."
        ) from None


def _changes(before: PriceFile, after: PriceFile, today: str) -> tuple[tuple[str, ...], ...]:
    """Names of all prices that are there now, and of those that are new, gone and changed."""
    old, new = ({price.name: price for price in file.prices(today)[0]} for file in (before, after))
    changed = [
        name
        for name, price in new.items()
        if name in old and (price.tiers, price.hours) != (old[name].tiers, old[name].hours)
    ]
    groups = (new.keys(), new.keys() - old.keys(), old.keys() - new.keys(), changed)
    return tuple(tuple(sorted(group)) for group in groups)

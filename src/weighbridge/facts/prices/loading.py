"""Where prices come from: those shipped, an installed genai-prices, an update, the user's book."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from weighbridge.core.errors import FormatError
from weighbridge.core.prices import GpuOffer
from weighbridge.facts.prices import book as books
from weighbridge.facts.prices import genai, package
from weighbridge.facts.prices.lookup import Prices, with_own, with_own_gpus
from weighbridge.facts.prices.rows import PriceFile, Source, decode

_SHIPPED = Path(__file__).with_name("api.jsonl")
_GPUS = Path(__file__).with_name("gpus.toml")
_LARGEST = 64 * 1024**2


def load(
    *,
    today: str,
    environment: Mapping[str, str] | None = None,
    book: Path | None = None,
    workspace: Path | None = None,
) -> Prices:
    """All prices that are known today; needs no network.

    Args:
        today: an ISO date or time; announced prices count from their day.
        environment: says where the cache and the price book are; this process's by default.
        book: the user's price book; by default ``$WEIGHBRIDGE_PRICES``, then the workspace's.
        workspace: whose ``prices.toml`` counts where no book is named.

    Raises:
        InputError: a price book that was named cannot be read.
        ConfigError: a price book says something that is no price.
    """
    environment = os.environ if environment is None else environment
    path = books.located(environment, book=book, workspace=workspace)
    own = books.read_book(path, today) if path is not None else books.OwnPrices()
    file, notes = newest(environment, today)
    listed, unknown = file.prices(today)
    names = frozenset(price.name for price in own.api)
    mine = {name.lower() for name in names}
    return Prices(
        api=with_own(listed, own.api),
        gpus=with_own_gpus(shipped_gpus(), own.gpus),
        unknown=tuple(name for name in unknown if name.lower() not in mine),
        own=names,
        notes=notes,
        today=today[:10],
    )


def newest(environment: Mapping[str, str], today: str) -> tuple[PriceFile, tuple[str, ...]]:
    """The newest list of API prices on this machine, and what of others could not be read."""
    files: list[PriceFile] = [shipped()]
    notes: list[str] = []
    # Importing the package takes a second, so only one that is newer than what was shipped.
    version = package.installed_version()
    if package.is_newer(version, shipped().source.version):
        try:
            files.append(installed(version, today))
        except (ImportError, AttributeError, FormatError) as error:
            notes.append(f"The prices of genai-prices {version} are left out: {error}")
    path = cache_file(environment)
    if path.exists():
        try:
            files.append(decode(_limited(path), origin=str(path)))
        except (OSError, FormatError) as error:
            notes.append(f"The prices of the last update are left out: {error}")
    # Of the same date the last counts.
    return max(reversed(files), key=lambda file: file.source.date), tuple(notes)


@cache
def shipped() -> PriceFile:
    """The prices that came with weighbridge."""
    return decode(_SHIPPED.read_bytes(), origin=str(_SHIPPED))


@cache
def shipped_gpus() -> tuple[GpuOffer, ...]:
    """The GPU offers that came with weighbridge."""
    own = books.decode(_GPUS.read_text(encoding="utf-8"), origin=str(_GPUS))
    return books.offers(own, origin=str(_GPUS), kind="catalogue")


@cache
def installed(version: str, today: str) -> PriceFile:
    """The prices of the installed genai-prices, as old as the newest date that they name.

    Raises:
        FormatError: it has another form than we can read.
    """
    read = genai.convert(package.document(), today=today, origin=f"{package.NAME} {version}")
    date = max(read.newest, shipped().source.date)
    return PriceFile(Source(package.NAME, date, version=version, licence="MIT"), read.rows)


def cache_file(environment: Mapping[str, str]) -> Path:
    """Where an update is kept: ``$XDG_CACHE_HOME/weighbridge/prices``, else below ``~/.cache``."""
    base = environment.get("XDG_CACHE_HOME")
    folder = Path(base) if base else Path.home() / ".cache"
    return folder / "weighbridge" / "prices" / "api.jsonl"


def _limited(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LARGEST)

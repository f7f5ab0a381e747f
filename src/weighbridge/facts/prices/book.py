"""The user's own price book, a TOML file: prices of APIs and GPUs that come before all others."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from weighbridge.core.errors import ConfigError, InputError
from weighbridge.core.prices import (
    ApiPrice,
    GpuOffer,
    HourlyPrice,
    PriceTier,
    Terms,
    TokenPrice,
)
from weighbridge.core.provenance import Kind, Provenance
from weighbridge.facts.devices.catalogue import find as find_device
from weighbridge.facts.documents import key_hint
from weighbridge.facts.prices.rows import Name, Usd

VARIABLE = "WEIGHBRIDGE_PRICES"
FILE = "prices.toml"
_LARGEST = 1024**2
_CLOCK = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)")
_UNKNOWN = re.compile(r"unknown field `(.+?)`(?: - at `\$(.*)`)?")
_INDEX = re.compile(r"\[\d+\]")
_Clock = Annotated[str, Meta(pattern=r"^([01]?\d|2[0-4]):[0-5]\d$")]


class BookRate(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """USD per million tokens."""

    input: Usd
    output: Usd
    cached: Usd | None = None
    cache_write: Usd | None = None

    def price(self) -> TokenPrice:
        """As a record."""
        return TokenPrice(self.input, self.output, self.cached, self.cache_write)


class BookLong(BookRate, forbid_unknown_fields=True, kw_only=True):
    """The rate of prompts of more than so many tokens."""

    above: Annotated[int, Meta(ge=0)]
    batch: BookRate | None = None


class BookHours(BookRate, forbid_unknown_fields=True, kw_only=True):
    """The rate between two times of the day, UTC, as in ``16:30``."""

    start: _Clock = msgspec.field(name="from")
    end: _Clock = msgspec.field(name="to")


class BookApi(BookRate, forbid_unknown_fields=True, kw_only=True):
    """What a provider bills for a model."""

    provider: Name
    model: Name
    batch: BookRate | None = None
    long: tuple[BookLong, ...] = ()
    hours: tuple[BookHours, ...] = ()
    aliases: tuple[Name, ...] = ()
    context: Annotated[int, Meta(gt=0)] | None = None
    retires: date | None = None
    source: str = ""
    date: date | None = None


class BookGpu(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What an hour of a GPU costs."""

    device: str
    usd_per_hour: Usd
    terms: Terms = "on-demand"
    provider: str = ""
    region: str = ""
    source: str = ""
    date: date | None = None


class Book(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The whole file; ``date`` and ``source`` at the top stand for prices that state none."""

    date: date | None = None
    source: str = ""
    api: tuple[BookApi, ...] = ()
    gpu: tuple[BookGpu, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnPrices:
    """What a price book says, as records."""

    api: tuple[ApiPrice, ...] = ()
    gpus: tuple[GpuOffer, ...] = ()


def located(
    environment: Mapping[str, str], *, book: Path | None = None, workspace: Path | None = None
) -> Path | None:
    """The file of the price book: the one that is named, else that of the workspace, if any."""
    if book is not None:
        return book
    if environment.get(VARIABLE):
        return Path(environment[VARIABLE])
    own = workspace / FILE if workspace is not None else None
    return own if own is not None and own.is_file() else None


def read_book(path: Path, today: str = "") -> OwnPrices:
    """The prices of a book.

    Args:
        path: of the file.
        today: an ISO date or time, after which no price can have been seen; empty if unknown.

    Raises:
        InputError: the file cannot be read.
        ConfigError: it is no TOML, or says something that is no price; says where and what instead.
    """
    book = decode(_text(path), origin=str(path))
    _check_dates(book, str(path), today)
    _once(book, str(path))
    return OwnPrices(
        tuple(_api(each, book, str(path)) for each in book.api),
        offers(book, origin=str(path), kind="vendor"),
    )


def _check_dates(book: Book, origin: str, today: str) -> None:
    """Refuse prices without a date, and those that nobody can have seen yet."""
    # It is tomorrow already where clocks are ahead of UTC.
    last = date.fromisoformat(today[:10]) + timedelta(days=1) if today else date.max
    dated = [("api", number, row.date) for number, row in enumerate(book.api, start=1)]
    dated += [("gpu", number, row.date) for number, row in enumerate(book.gpu, start=1)]
    for kind, number, stated in dated:
        day = stated or book.date
        if day is None:
            raise ConfigError(
                f"{origin}: [[{kind}]] number {number} does not say when its price was so.",
                fix="Write `date = 2026-11-01` there, or once at the top of the file.",
            )
        if day > last:
            raise ConfigError(
                f"{origin}: [[{kind}]] number {number} is dated {day}, which is yet to come.",
                fix="Write the day on which its price was so.",
            )


def _once(book: Book, origin: str) -> None:
    """Refuse two prices of one model at one provider: only one of them could count."""
    first: dict[str, int] = {}
    for number, row in enumerate(book.api, start=1):
        name = f"{row.provider}/{row.model}".lower()
        if first.setdefault(name, number) < number:
            raise ConfigError(
                f"{origin}: [[api]] number {first[name]} and number {number} are both {name}.",
                fix="Delete one; prices of long prompts and of some hours go within one entry.",
            )


def offers(book: Book, *, origin: str, kind: Kind) -> tuple[GpuOffer, ...]:
    """The GPU prices of a file as records; devices get their names of the catalogue.

    Raises:
        ConfigError: the catalogue has no such device, or several.
    """
    found = []
    for row in book.gpu:
        try:
            device = find_device(row.device).device.name
        except InputError as error:
            raise ConfigError(f"{origin}: {error.message}", fix=error.fix) from None
        provenance = _provenance(row, book, origin, kind)
        found.append(
            GpuOffer(row.provider, device, row.terms, row.usd_per_hour, row.region, provenance)
        )
    return tuple(found)


def decode(text: str, *, origin: str) -> Book:
    """A price book from its text, strictly.

    Raises:
        ConfigError: it is no TOML, or does not fit; names the nearest key.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        said = "it is nested too deep" if isinstance(error, RecursionError) else error
        raise ConfigError(f"{origin}: this is not TOML: {said}.", fix=_EXAMPLE) from None
    try:
        return msgspec.convert(document, Book)
    except (msgspec.ValidationError, OverflowError, RecursionError) as error:
        raise ConfigError(f"{origin}: {error}.", fix=_hint(str(error))) from None


_EXAMPLE = (
    'A price book has tables such as [[api]] with provider = "us", model = "m", input = 0.1, '
    "output = 0.4."
)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.", fix="Check the path.") from None
    if len(raw) > _LARGEST:
        raise InputError(f"{path} is larger than a price book can be (1 MiB).", fix="Check it.")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not a UTF-8 text file.") from None


def _hint(message: str) -> str:
    unknown = _UNKNOWN.search(message)
    if unknown is not None:
        return key_hint(unknown[1], _INDEX.sub("[...]", unknown[2] or "").removeprefix("."), Book)
    if "> 0" in message:
        return "Prices are above 0: leave out what is unknown."
    if "matching regex" in message:
        return "Write times of the day, UTC, as in from = '16:30'."
    return "USD per million tokens, or per hour of a GPU; docs/prices.md has an example."


def _api(row: BookApi, book: Book, origin: str) -> ApiPrice:
    first = PriceTier(0, row.price(), row.batch.price() if row.batch else None)
    return ApiPrice(
        row.provider,
        row.model,
        (first, *_tiers(row.long)),
        _provenance(row, book, origin, "vendor"),
        hours=tuple(
            HourlyPrice(_hour(each.start), _hour(each.end), each.price()) for each in row.hours
        ),
        aliases=row.aliases,
        context=row.context,
        retires=row.retires.isoformat() if row.retires else "",
    )


def _tiers(long: Sequence[BookLong]) -> list[PriceTier]:
    return [
        PriceTier(each.above + 1, each.price(), each.batch.price() if each.batch else None)
        for each in sorted(long, key=lambda each: each.above)
    ]


def _hour(text: str) -> float:
    told = _CLOCK.fullmatch(text)
    if told is None:  # the pattern of the key lets no other through
        raise ConfigError(f"{text!r} is no time of the day.")
    return int(told[1]) + int(told[2]) / 60


def _provenance(row: Any, book: Book, origin: str, kind: Kind) -> Provenance:  # noqa: ANN401
    """Of a row, or of the file where it says nothing; without a source it is an assumption."""
    source = row.source or book.source
    day = row.date or book.date
    return Provenance(
        kind if source else "assumed",
        f"{source} ({origin})" if source and kind == "vendor" else source or origin,
        day.isoformat() if day else "",
    )

"""API prices as our files keep them: a line that says where they are from, then a line a model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from weighbridge.core.errors import FormatError
from weighbridge.core.prices import ApiPrice, HourlyPrice, PriceTier, TokenPrice
from weighbridge.core.provenance import Provenance

# No model costs this much; what does is a slip, such as a price per token of another unit.
MOST_USD = 100_000.0
Usd = Annotated[float, Meta(gt=0, le=MOST_USD)]
Hour = Annotated[float, Meta(ge=0, le=24)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]


class Source(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """The first line: where all lines are from, and as of when.

    Attributes:
        version: of the package that the prices came with; empty where they came from its address.
        retirements: where the dates are from on which models end.
    """

    source: str
    date: str
    version: str = ""
    licence: str = ""
    retirements: str = ""


class Rate(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """USD per million tokens; what is left out is unknown."""

    input: Usd | None = msgspec.field(default=None, name="in")
    output: Usd | None = msgspec.field(default=None, name="out")
    cached: Usd | None = None
    cache_write: Usd | None = msgspec.field(default=None, name="write")

    def price(self) -> TokenPrice | None:
        """As a record; None where the price of input or output is unknown."""
        if self.input is None or self.output is None:
            return None
        return TokenPrice(self.input, self.output, self.cached, self.cache_write)


class Long(Rate, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The rate of prompts of more than so many tokens."""

    above: Annotated[int, Meta(ge=0)]
    batch: Rate | None = None


class Hours(Rate, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The rate between two times of the day, UTC."""

    start: Hour = msgspec.field(name="from")
    end: Hour = msgspec.field(name="to")


class Row(Rate, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A model's price at one provider.

    Attributes:
        since: the ISO date from which it holds; empty for what holds already.
    """

    provider: Name
    model: Name
    batch: Rate | None = None
    long: tuple[Long, ...] = ()
    hours: tuple[Hours, ...] = ()
    aliases: tuple[Name, ...] = ()
    context: int | None = None
    retires: str = ""
    since: str = ""

    @property
    def name(self) -> str:
        """``provider/model``."""
        return f"{self.provider}/{self.model}"

    def api_price(self, provenance: Provenance) -> ApiPrice | None:
        """As a record; None where its price is unknown."""
        price = self.price()
        if price is None:
            return None
        tiers = [PriceTier(0, price, self.batch.price() if self.batch else None)]
        for long in sorted(self.long, key=lambda each: each.above):
            above = long.price()
            if above is not None:
                batch = long.batch.price() if long.batch else None
                tiers.append(PriceTier(long.above + 1, above, batch))
        hours = [(each, each.price()) for each in self.hours]
        return ApiPrice(
            self.provider,
            self.model,
            tuple(tiers),
            provenance,
            hours=tuple(HourlyPrice(each.start, each.end, p) for each, p in hours if p),
            aliases=self.aliases,
            context=self.context,
            retires=self.retires,
        )


@dataclass(frozen=True, slots=True)
class PriceFile:
    """What a file of prices says."""

    source: Source
    rows: tuple[Row, ...]

    def prices(self, today: str) -> tuple[tuple[ApiPrice, ...], tuple[str, ...]]:
        """Prices as they are today, and the names of models whose price is unknown."""
        said = f"{self.source.source} {self.source.version}".rstrip()
        provenance = Provenance("catalogue", said, self.source.date)
        current: dict[str, Row] = {}
        for row in sorted(self.rows, key=lambda row: row.since):
            if row.since <= today[:10]:
                current[row.name] = row
        found = {name: row.api_price(provenance) for name, row in current.items()}
        known = tuple(price for price in found.values() if price is not None)
        return known, tuple(name for name, price in found.items() if price is None)


def decode(content: bytes, *, origin: str) -> PriceFile:
    """A file of prices.

    Raises:
        FormatError: it is not one; says which line and why.
    """
    first, *rest = content.split(b"\n")
    decoder = msgspec.json.Decoder(Row)
    rows: list[Row] = []
    try:
        source = msgspec.json.decode(first, type=Source)
        # Our own files have no empty lines but the last.
        rows.extend(decoder.decode(line) for line in rest if line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        line = len(rows) + 2 if rows else 1
        raise FormatError(
            f"{origin}, line {line} or after: this is no price: {error}.",
            fix="Delete the file; `weigh prices update` writes a correct one.",
        ) from None
    return PriceFile(source, tuple(rows))


def encode(source: Source, rows: Iterable[Row]) -> bytes:
    """The same, as bytes of a file."""
    encoder = msgspec.json.Encoder()
    return b"".join(encoder.encode(each) + b"\n" for each in (source, *rows))

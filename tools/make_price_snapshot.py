"""Write src/weighbridge/facts/prices/api.jsonl from the installed genai-prices.

    python tools/make_price_snapshot.py --date 2026-11-12 [--retirements api_prices_litellm.csv]

``--date`` is the day on which that version was published. ``--retirements`` is a table with columns
provider, model and deprecation_date; only these dates are taken from it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from litellm_prices import read_entries
from weighbridge.facts.prices import genai, package
from weighbridge.facts.prices.rows import Row, Source, encode

ROOT = Path(__file__).parents[1]
OUT = ROOT / "src/weighbridge/facts/prices/api.jsonl"


def with_retirement(row: Row, dates: dict[tuple[str, str], str]) -> Row:
    """The row with the date that is stated of its model's own name, if any."""
    date = dates.get((row.provider, row.model.lower()), "")
    return msgspec.structs.replace(row, retires=date) if date else row


def main() -> None:
    """Write the file, and say what is in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--date", required=True)
    parser.add_argument("--retirements", type=Path)
    parser.add_argument("--retirements-source", default="litellm 1.109.1 (MIT)")
    arguments = parser.parse_args()
    version = package.installed_version()
    read = genai.convert(package.document(), today=arguments.date, origin=package.NAME)
    dates = {}
    if arguments.retirements:
        entries = read_entries(arguments.retirements)
        dates = {name: entry.retires for name, entry in entries.items() if entry.retires}
    rows = [with_retirement(row, dates) for row in read.rows]
    source = Source(
        package.NAME,
        arguments.date,
        version=version,
        licence="MIT, see LICENSE-genai-prices.txt",
        retirements=arguments.retirements_source if dates else "",
    )
    OUT.write_bytes(encode(source, rows))
    unknown = sum(row.price() is None for row in rows)
    ending = sum(bool(row.retires) for row in rows)
    print(f"{version}: {len(rows)} rows, {unknown} without a known price, {ending} with an end;")
    print(f"{read.skipped} models could not be read; {OUT.stat().st_size / 1024:.0f} KiB.")


if __name__ == "__main__":
    main()

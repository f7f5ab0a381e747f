"""The user's own price book: what it says, and how it is told that it says something else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.errors import ConfigError, InputError
from weighbridge.core.prices import GpuOffer, HourlyPrice, PriceTier, TokenPrice
from weighbridge.core.provenance import Provenance
from weighbridge.facts.prices.book import VARIABLE, decode, located, read_book

WHOLE = """
date = 2026-11-01
source = "our contract"

[[api]]
provider = "anthropic"
model = "claude-opus-5"
input = 4
output = 20.0
cached = 0.4
cache_write = 5.0
batch = { input = 2.0, output = 10.0 }
long = [{ above = 200000, input = 8, output = 30 }]
hours = [{ from = "16:30", to = "00:30", input = 1, output = 2 }]
context = 200000
retires = 2027-03-01

[[gpu]]
device = "h100 sxm"
usd_per_hour = 2.10
terms = "reserved"
provider = "our host"
source = ""
date = 2026-10-01
"""
API = '[[api]]\nprovider = "us"\nmodel = "m"\n'
LATE = "hours = [{from = '26:00', to = '1:00', input = 1, output = 1}]\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "prices.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_whole_book(tmp_path: Path) -> None:
    path = written(tmp_path, WHOLE)
    own = read_book(path)
    (price,) = own.api
    assert price.tiers == (
        PriceTier(0, TokenPrice(4.0, 20.0, 0.4, 5.0), TokenPrice(2.0, 10.0)),
        PriceTier(200_001, TokenPrice(8.0, 30.0)),
    )
    assert price.hours == (HourlyPrice(16.5, 0.5, TokenPrice(1.0, 2.0)),)
    assert (price.context, price.retires) == (200_000, "2027-03-01")
    assert price.provenance == Provenance("vendor", f"our contract ({path})", "2026-11-01")
    seen = Provenance("vendor", f"our contract ({path})", "2026-10-01")
    assert own.gpus == (GpuOffer("our host", "H100 SXM", "reserved", 2.1, "", seen),)


def test_a_price_is_dated_today_or_before(tmp_path: Path) -> None:
    path = written(tmp_path, f"date = 2026-11-21\n{API}input = 1\noutput = 2\n")
    assert len(read_book(path, "2026-11-20T23:00:00Z").api) == 1
    with pytest.raises(
        ConfigError, match=r"\[\[api\]\] number 1 is dated 2026-11-21, which is yet"
    ):
        read_book(path, "2026-11-19T23:59:59Z")


def test_two_prices_of_one_name_are_refused(tmp_path: Path) -> None:
    one = f"{API}input = 1\noutput = 2\n"
    path = written(tmp_path, f"date = 2026-11-01\n{one}{one.replace('us', 'US')}")
    with pytest.raises(ConfigError, match=r"number 1 and number 2 are both us/m"):
        read_book(path)


def test_without_a_source_a_price_is_an_assumption(tmp_path: Path) -> None:
    path = written(tmp_path, f"{API}input = 1\noutput = 2\ndate = 2026-11-01\n")
    (price,) = read_book(path).api
    assert price.provenance == Provenance("assumed", str(path), "2026-11-01")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"date = 2026-11-01\n{API}input = 1\nouput = 2\n", "Did you mean `output`?"),
        (f"date = 2026-11-01\n{API}input = 0\noutput = 2\n", "leave out what is unknown"),
        (f"date = 2026-11-01\n{API}input = nan\noutput = 2\n", r"\$\.api\[0\]"),
        (f"date = 2026-11-01\n{API}input = inf\noutput = 2\n", r"\$\.api\[0\]"),
        (f"date = 2026-11-01\n{API}input = 1e9\noutput = 2\n", r"\$\.api\[0\]"),
        (f"date = 2026-11-01\n{API}input = '1'\noutput = 2\n", r"\$\.api\[0\]\.input"),
        (f"date = 2026-11-01\n{API}output = 2\n", "missing required field `input`"),
        (f"{API}input = 1\noutput = 2\n", "Write `date = 2026-11-01`"),
        ("date = 2026-11-01\n[[gpu]]\ndevice = 'H100'\nusd_per_hour = 2\n", "H100 SXM"),
        ("date = 2026-11-01\n[[gpu]]\ndevice = 'H1000'\nusd_per_hour = 2\n", "no device 'H1000'"),
        ("[[gpu]]\ndevice = 'L4'\nusd_per_hour = 2\n", r"\[\[gpu\]\] number 1 does not say"),
        ("date = 2026-11-01\n[[gpu]]\ndevice = 'L4'\nusd_per_hour = 2\nterms = 'month'\n", "terms"),
        ("date = 2026-11-01\n[[gpus]]\ndevice = 'L4'\n", "Did you mean `gpu`?"),
        ("date = 'yesterday'\n", r"\$\.date"),
        (f"date = 2026-11-01\n{API}input = 1\noutput = 2\n{LATE}", "16:30"),
        ("prices: 7\n", "this is not TOML"),
        ("x = " + "[" * 20_000, "this is not TOML"),
        (f"date = 2026-11-01\n{API}input = {'9' * 5000}\noutput = 2\n", "prices.toml"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_cure(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read_book(written(tmp_path, text))


def test_files_that_are_no_books(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Cannot read"):
        read_book(tmp_path / "absent.toml")
    with pytest.raises(InputError, match="Cannot read"):
        read_book(tmp_path)
    (tmp_path / "huge.toml").write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(InputError, match="larger than a price book"):
        read_book(tmp_path / "huge.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not a UTF-8"):
        read_book(tmp_path / "binary.toml")


def test_which_file_is_the_book(tmp_path: Path) -> None:
    own = tmp_path / "prices.toml"
    assert located({}, workspace=tmp_path) is None
    own.write_text("", encoding="utf-8")
    assert located({}, workspace=tmp_path) == own
    assert located({VARIABLE: "a.toml"}, workspace=tmp_path) == Path("a.toml")
    assert located({VARIABLE: "a.toml"}, book=Path("b.toml"), workspace=tmp_path) == Path("b.toml")
    assert located({VARIABLE: ""}) is None


@given(st.integers(0, len(WHOLE) - 1), st.text(max_size=3))
def test_mutated_books_are_read_or_refused(at: int, other: str) -> None:
    text = WHOLE[:at] + other + WHOLE[at + 1 :]
    try:
        book = decode(text, origin="book")
    except ConfigError:
        return
    assert all(price.input > 0 and price.output > 0 for price in book.api)

"""Whether single values are what they have to be: sizes, durations, shares, addresses, files."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path as FilePath

from weighbridge.core.errors import InputError
from weighbridge.core.http import parse_url
from weighbridge.core.routing import Duration, Size
from weighbridge.core.units import parse_seconds, parse_size
from weighbridge.serve.config.faults import Fault, Path

_SHARE = re.compile(r"\s*(\d{1,3}(?:\.\d{1,9})?)\s*%\s*")
_BOTTOM, _TOP = 0, 65535
# Longer waits than a year are slips of the finger, and loops cannot wait for ever.
_LONGEST_S = 366 * 86400.0


def said(check: Callable[[], object], path: Path) -> Iterator[Fault]:
    """The fault that ``check`` raises, if it does."""
    try:
        check()
    except InputError as error:
        yield Fault(path, str(error).rstrip("."))
    except (ValueError, OverflowError):
        yield Fault(path, "this cannot be read")


def duration(value: Duration | None, path: Path, *, zero: bool = False) -> Iterator[Fault]:
    """A duration above zero, or from zero on."""
    if value is None:
        return
    faults = list(said(lambda: parse_seconds(value), path))
    yield from faults
    if not faults and not (zero or parse_seconds(value) > 0):
        yield Fault(path, "this has to be above 0")
    elif not faults and parse_seconds(value) > _LONGEST_S:
        yield Fault(path, "this is longer than a year")


def address(text: str, path: Path) -> Iterator[Fault]:
    """An http or https address. One that may hold a password is not printed."""
    if "@" in text:
        yield Fault(path, "an address may hold no user name and no password")
    else:
        yield from said(lambda: parse_url(text), path)


def size(value: Size | None, path: Path, *, zero: bool = False) -> Iterator[Fault]:
    """A size above zero, or from zero on."""
    if value is None:
        return
    faults = list(said(lambda: parse_size(value), path))
    yield from faults
    if not faults and not (zero or parse_size(value) > 0):
        yield Fault(path, "this has to be above 0")


def size_or_share(value: Size | None, path: Path) -> Iterator[Fault]:
    """A size, or a share such as ``80%``."""
    if isinstance(value, str) and "%" in value:
        if share(value) is None:
            yield Fault(path, "a share lies above 0 % and at most at 100 %, for example 80%")
        return
    yield from size(value, path)


def share(value: Size) -> float | None:
    """``80%`` as 0.8; None where it is no share above 0 and up to 1."""
    match = _SHARE.fullmatch(str(value))
    number = float(match[1]) / 100 if match else math.nan
    return number if 0 < number <= 1 else None


def at_least(value: float | None, least: float, path: Path) -> Iterator[Fault]:
    """A finite number not below ``least``."""
    if value is not None and not (math.isfinite(value) and value >= least):
        yield Fault(path, f"this has to be {least:g} or more")


def file(folder: FilePath, name: str, path: Path, *, folders: bool = False) -> Iterator[Fault]:
    """A file that is there; or a folder, where that will do."""
    found = folder / name
    try:
        there = found.is_file() or (folders and found.is_dir())
    except (OSError, ValueError):  # too long, or with a null byte
        there = False
    if not there:
        yield Fault(path, f"there is no file {found}".replace("\0", "\\0"))


def port(text: str) -> int | None:
    """A port number, or None."""
    is_port = text.isascii() and text.isdecimal() and len(text) <= 5
    return int(text) if is_port and _BOTTOM <= int(text) <= _TOP else None

"""Lines of text files, one at a time: files may be large, packed, or not what they claim to be."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

from weighbridge.core.errors import FormatError, InputError

LONGEST_LINE: Final = 32 * 2**20
_GZIP: Final = b"\x1f\x8b"
_LFS: Final = b"version https://git-lfs"


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not blank, without its end; numbers count all lines from 1."""

    number: int
    text: str


def text_lines(path: Path) -> Iterator[Line]:
    """The lines of a UTF-8 file, gzip or not.

    Raises:
        InputError: it cannot be read.
        FormatError: it is no text, damaged, or has a line of more than 32 MiB.
    """
    number = 0
    try:
        with opened(path) as file:
            while data := file.readline(LONGEST_LINE + 1):
                number += 1
                if len(data) > LONGEST_LINE:
                    raise FormatError(f"{path}, line {number} is longer than 32 MiB.")
                # A byte order mark, as spreadsheets write it, belongs to no name or number.
                text = data.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                if text.strip():
                    yield Line(number, text)
    except UnicodeDecodeError:
        raise FormatError(f"{path}, line {number} is not UTF-8 text.") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FormatError(f"{path} is a damaged gzip file: {error}.") from None
    except OSError as error:
        raise InputError(
            f"Cannot read {path}: {error.strerror or error}.", fix="Check the path."
        ) from None


def opened(path: Path) -> BinaryIO:
    """The file's bytes, unpacked where it is gzip.

    Raises:
        FormatError: it only says where Git keeps the real one.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(len(_LFS))
    if start == _LFS:
        raise FormatError(
            f"{path} is only a pointer of Git LFS.", fix="Fetch the file itself: git lfs pull."
        )
    return cast("BinaryIO", gzip.open(path) if start[:2] == _GZIP else path.open("rb"))

"""Search by a suite's pattern in a process of its own, which gives up after a time.

Some patterns take longer than the universe has been there for a text of forty letters, and while
Python searches, nothing else in its process runs. In the process that is begun here a timer ends
each search; the one that waits for it goes on meanwhile.
"""

from __future__ import annotations

import sys

import msgspec

from weighbridge.core.errors import ExternalError
from weighbridge.measure.evals.line_process import LineProcess

# Run without the site's packages, so that it starts within some hundredths of a second. A signal's
# handler may raise in the midst of a search: `re` looks for signals every few thousand steps.
_CHILD = """
import json, re, signal, socket, sys

class GivenUp(Exception):
    pass

def give_up(*_):
    raise GivenUp

signal.signal(signal.SIGALRM, give_up)
signal.signal(signal.SIGINT, signal.SIG_IGN)
stream = socket.socket(fileno=int(sys.argv[1])).makefile("rwb")
for line in stream:
    patterns, flags, text, last, limit_s = json.loads(line)
    told = None
    try:
        signal.setitimer(signal.ITIMER_REAL, limit_s)
        for pattern in patterns:
            for match in re.finditer(pattern, text, flags):
                told = (match[1] if match.re.groups else match[0]) or ""
                if not last:
                    break
            if told is not None:
                break
        signal.setitimer(signal.ITIMER_REAL, 0)
    except GivenUp:
        told = False
    except (re.error, RecursionError, OverflowError, MemoryError) as error:
        told = [str(error)]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    stream.write(json.dumps(told).encode() + b"\\n")
    stream.flush()
"""


class SearchTimeoutError(Exception):
    """A search took longer than it may."""


class Search(msgspec.Struct, frozen=True, array_like=True):
    """What to look for.

    Attributes:
        patterns: in turn, until one is found.
        flags: of :mod:`re`.
        text: where.
        last: whether the last match counts, instead of the first.
        limit_s: longest time for all patterns together.
    """

    patterns: tuple[str, ...]
    flags: int
    text: str
    last: bool
    limit_s: float


class PatternSearch:
    """A process that searches, begun when first needed; it ends when this one does."""

    def __init__(self) -> None:
        argv = (sys.executable, "-I", "-S", "-c", _CHILD)
        self._process = LineProcess(argv, "searches for patterns")
        self._encode = msgspec.json.Encoder().encode

    async def found(self, search: Search) -> str | None:
        """The first group of the match, or all of it where the pattern has none; None for no match.

        Raises:
            SearchTimeoutError: it took longer than it may.
            ExternalError: the process cannot be started, or died.
        """
        told = msgspec.json.decode(await self._process.asked(self._encode(search)))
        if told is False:
            raise SearchTimeoutError
        if isinstance(told, list):
            raise ExternalError(f"The pattern cannot be searched for: {told[0]}.")
        return None if told is None else str(told)

    async def close(self) -> None:
        """End the process."""
        await self._process.close()

"""Checks by a schema that has patterns, in a process of its own, which gives up after a time.

As with the search by a pattern: some of them take for ever on some texts, and hold Python's lock.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

from weighbridge.measure.evals.line_process import LineProcess

# What gives up is no Exception, so that nothing between the timer and here takes it for its own.
_CHILD: Final = """
import json, signal, socket, sys

class GivenUp(BaseException):
    pass

def give_up(*_):
    raise GivenUp

signal.signal(signal.SIGALRM, give_up)
signal.signal(signal.SIGINT, signal.SIG_IGN)
stream = socket.socket(fileno=int(sys.argv[1])).makefile("rwb")
path, schema, limit_s = json.loads(stream.readline())
sys.path[:] = path
import jsonschema
from referencing import Registry
validator = jsonschema.Draft202012Validator(schema, registry=Registry())
for line in stream:
    try:
        signal.setitimer(signal.ITIMER_REAL, limit_s)
        error = next(validator.iter_errors(json.loads(line)), None)
        told = "" if error is None else error.message
        signal.setitimer(signal.ITIMER_REAL, 0)
    except GivenUp:
        told = None
    except Exception as fault:
        told = f"it cannot be checked ({type(fault).__name__})"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    stream.write(json.dumps(told).encode() + b"\\n")
    stream.flush()
"""
_PATTERNS: Final = frozenset({"pattern", "patternProperties"})


class CheckTimeoutError(Exception):
    """A check took longer than it may."""


def has_patterns(schema: Any) -> bool:  # noqa: ANN401 -- any JSON value
    """Whether a schema may search for patterns; a property of that name is taken for one."""
    if isinstance(schema, dict):
        return not _PATTERNS.isdisjoint(schema) or any(map(has_patterns, schema.values()))
    return isinstance(schema, list) and any(map(has_patterns, schema))


class SchemaCheck:
    """A process that checks by one schema, begun when first needed; it ends when this one does."""

    def __init__(self, schema: dict[str, Any], limit_s: float) -> None:
        first = json.dumps([sys.path, schema, limit_s]).encode()
        argv = (sys.executable, "-I", "-S", "-c", _CHILD)
        self._process = LineProcess(argv, "checks answers by a schema", first)

    async def complaint(self, value: Any) -> str:  # noqa: ANN401 -- any JSON value
        """The first thing in which a value breaks the schema; empty where it meets it.

        Raises:
            CheckTimeoutError: it took longer than it may.
            ExternalError: the process cannot be started, or died.
        """
        try:
            line = json.dumps(value).encode()
        except (ValueError, RecursionError) as fault:
            return f"it cannot be checked ({type(fault).__name__})"
        told = json.loads(await self._process.asked(line))
        if told is None:
            raise CheckTimeoutError
        return str(told)

    async def close(self) -> None:
        """End the process."""
        await self._process.close()

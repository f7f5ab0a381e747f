"""Why an engine ended, in a sentence, from the last that it wrote."""

from __future__ import annotations

import re
import signal

from weighbridge.core.errors import EngineError

_OUT_OF_MEMORY = re.compile(
    r"out of memory|OutOfMemory|cudaErrorMemoryAllocation|failed to allocate|bad_alloc"
    r"|No available memory for the cache|less than desired GPU memory|MemoryError"
    r"|unable to allocate|Cannot allocate memory|KV cache is needed, which is larger",
    re.IGNORECASE,
)
_PORT_TAKEN = re.compile(
    r"address already in use|Errno 98|couldn'?t bind|bind.{0,20}failed", re.IGNORECASE
)
_ERROR = re.compile(r"^.*(?:Error|ERROR|error|Exception|fatal)[: ].*$", re.MULTILINE)
# What llama.cpp logs: time, letter, thread, where, and then the sentence.
_LLAMACPP = re.compile(r"^\S+ E +\S+ +\S+ (.+)$", re.MULTILINE)
# What our own program for the embedded engine prints.
_TOLD = re.compile(r'^\{"error": "((?:[^"\\]|\\.)*)"', re.MULTILINE)
_NOT_INSTALLED = "xllamacpp is not installed"
_LONGEST = 300


class OutOfMemoryError(EngineError):
    """It needed more memory than there was."""


class PortTakenError(EngineError):
    """Somebody else took the port between choosing and binding it."""


def reason(log: str, code: int | None) -> str:
    """The line that explains most: the first error llama.cpp logged, the last that others did."""
    first = _LLAMACPP.search(log)
    if first:
        return first[1].strip().rstrip(".")[:_LONGEST]
    told = _TOLD.search(log)
    found = [told[1]] if told else _ERROR.findall(log)
    line = found[-1] if found else log.strip().rpartition("\n")[2]
    line = line.strip().rstrip(".")[:_LONGEST]
    return line or _by_code(code)


def ended(model: str, log: str, code: int | None, *, when: str) -> EngineError:
    """The error for an engine that ended by itself; ``when`` completes the sentence."""
    why = reason(log, code)
    said = f"The engine for {model} ended {when}"
    message, public = said + (f": {why}." if why else "."), f"{said}; the gateway's log says why."
    if _OUT_OF_MEMORY.search(log):
        fix = "It ran out of memory: a smaller context, fewer slots, or less beside it."
        return OutOfMemoryError(message, fix=fix, for_clients=public)
    if code == 128 + signal.SIGKILL:  # its last line knows nothing of that
        fix = "Somebody did, or the kernel because memory ran out: `dmesg` tells."
        return EngineError(f"{said}: it was killed (SIGKILL).", fix=fix, for_clients=public)
    if _NOT_INSTALLED in log:
        fix = "Install it with: pip install 'weighbridge[demo]'."
        return EngineError(message, fix=fix, for_clients=public)
    if _PORT_TAKEN.search(log):
        return PortTakenError(message, for_clients=public)
    fix = "Start its command by hand to see all that it says."
    return EngineError(message, fix=fix, for_clients=public)


def _by_code(code: int | None) -> str:
    if code is None or code == 0:
        return ""
    if code > 128:
        return f"signal {code - 128}"
    return f"exit status {code}"

"""Engines and helpers that are installed on this machine, and their versions."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from weighbridge.facts.devices.commands import ask, located

_VERSION = re.compile(r"(?:version[: ]*(?:is )?v?|v)(\d[\w.+-]*)", re.IGNORECASE)
_BARE = re.compile(r"\bv?(\d+\.\d[\w.+-]*)")
_SCRIPT_HEAD = 256


@dataclass(frozen=True, slots=True)
class Kind:
    """A program to look for.

    Attributes:
        name: what people call it.
        command: its executable.
        package: the Python package that brings it, if one does.
    """

    name: str
    command: str
    package: str = ""


@dataclass(frozen=True, slots=True)
class Installed:
    """A program that is there; its version is "" when it does not say."""

    name: str
    version: str
    path: str


ENGINES = (
    Kind("vLLM", "vllm", "vllm"),
    Kind("SGLang", "sglang", "sglang"),
    Kind("llama.cpp", "llama-server"),
    Kind("Ollama", "ollama"),
    Kind("TensorRT-LLM", "trtllm-serve", "tensorrt_llm"),
)


def installed(kinds: Sequence[Kind] = ENGINES, *, path: str | None = None) -> tuple[Installed, ...]:
    """Those of ``kinds`` that are on ``path`` (by default PATH), asked side by side."""
    there = [(kind, place) for kind in kinds if (place := located(kind.command, path))]
    with ThreadPoolExecutor(max_workers=max(len(there), 1)) as pool:
        versions = pool.map(lambda pair: version_of(*pair), there)
        return tuple(
            Installed(kind.name, version, place)
            for (kind, place), version in zip(there, versions, strict=True)
        )


def version_of(kind: Kind, place: str) -> str:
    """The version of the program at ``place``; "" when it cannot be found out.

    A Python program is not started for it: importing an engine takes many seconds. The interpreter
    that it names in its first line knows the version of its package.
    """
    interpreter = _interpreter(Path(place)) if kind.package else None
    if interpreter is not None:
        code = f"from importlib.metadata import version; print(version({kind.package!r}))"
        answer = ask([interpreter, "-I", "-c", code])
        return answer.out.strip() if answer.ok else ""
    answer = ask([place, "--version"])
    return stated_version(f"{answer.out}\n{answer.err}") if answer.ok else ""


def stated_version(text: str) -> str:
    """The version in what a program prints about itself.

    >>> stated_version("version: 6111 (ae532eac)")
    '6111'
    >>> stated_version("ollama version is 0.12.3")
    '0.12.3'
    """
    found = _VERSION.search(text) or _BARE.search(text)
    return found[1] if found else ""


def package_version(package: str) -> str | None:
    """The version of a package beside ours; None when it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _interpreter(script: Path) -> str | None:
    """The Python that a script names in its first line; None for other programs."""
    try:
        with script.open("rb") as file:
            head = file.read(_SCRIPT_HEAD).partition(b"\n")[0]
    except OSError:
        return None
    words = head[2:].decode("utf-8", errors="replace").split() if head.startswith(b"#!") else []
    if not words or "python" not in words[-1]:
        return None
    named = words[0] if len(words) == 1 else located(words[-1])
    return named or sys.executable

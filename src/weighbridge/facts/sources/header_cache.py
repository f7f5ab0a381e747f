"""What was read of a commit before, so that it need not be fetched again: headers and licences.

huggingface_hub caches whole files only. What belongs to a commit never goes out of date.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from weighbridge.core.architecture import TensorInfo
from weighbridge.core.errors import FormatError
from weighbridge.facts.safetensors import parse_safetensors
from weighbridge.facts.sources.ranges import RemoteFile

_MOST_BYTES: Final = 32 * 1024**2
_SIZE_BYTES: Final = 8
_MOST_STATED: Final = 1024

Shard = tuple[tuple[TensorInfo, ...], int]


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/weighbridge/headers``, by default below ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "weighbridge/headers"


def cached(origin: str) -> Shard | None:
    """The tensors and the file size of a shard that was read before; None otherwise.

    Args:
        origin: what names the shard for all time: endpoint, repository, commit and file.
    """
    raw = recall(origin)
    if raw is None:
        return None
    try:
        size = int.from_bytes(raw[:_SIZE_BYTES], "little")
        return parse_safetensors(io.BytesIO(raw[_SIZE_BYTES:]), size, origin), size
    except FormatError:
        return None


def read_shard(origin: str, open_shard: Callable[[], RemoteFile]) -> Shard:
    """The tensors and the file size of a shard, from the cache or from its server.

    Raises:
        FormatError: the shard is damaged.
        EndpointError: the server fails.
    """
    found = cached(origin)
    if found is not None:
        return found
    with open_shard() as remote:
        recorder = _Recorder(remote)
        tensors = parse_safetensors(recorder, remote.size, remote.name)
        remember(origin, remote.size.to_bytes(_SIZE_BYTES, "little") + b"".join(recorder.parts))
        return tensors, remote.size


class _Recorder:
    """A source that remembers what was read from it."""

    def __init__(self, source: RemoteFile) -> None:
        self._source = source
        self.parts: list[bytes] = []

    def read(self, size: int, /) -> bytes:
        part = self._source.read(size)
        self.parts.append(part)
        return part


def _path(origin: str) -> Path:
    return cache_folder() / hashlib.sha256(origin.encode()).hexdigest()


def remember_license(origin: str, stated: str | None) -> None:
    """Keep the licence that a card states at one commit, for when the Hub is away.

    Args:
        origin: what names the commit for all time: endpoint, repository and commit.
        stated: the licence; nothing is kept where the card is silent.
    """
    if stated:
        remember(f"{origin} licence", stated.encode(errors="replace")[:_MOST_STATED])


def recall_license(origin: str) -> str | None:
    """The licence that was kept; None where none was."""
    raw = recall(f"{origin} licence")
    stated = raw[:_MOST_STATED].decode(errors="replace") if raw else ""
    return stated or None


def recall(origin: str) -> bytes | None:
    """What was remembered under this name; None where nothing was."""
    try:
        with _path(origin).open("rb") as file:
            return file.read(_MOST_BYTES + _SIZE_BYTES + 1)
    except OSError:
        return None


def remember(origin: str, content: bytes) -> None:
    """Store bytes whole or not at all; a cache that cannot be written is no error."""
    if len(content) > _MOST_BYTES + _SIZE_BYTES:
        return
    path = _path(origin)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as draft:
            draft.write(content)
        Path(draft.name).replace(path)
    except OSError:
        return

"""Headers of weights that were read before, so that they need not be fetched again.

huggingface_hub caches whole files only. A header belongs to a commit, so it never goes out of date.
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
    try:
        with _path(origin).open("rb") as file:
            raw = file.read(_MOST_BYTES + _SIZE_BYTES + 1)
        size = int.from_bytes(raw[:_SIZE_BYTES], "little")
        return parse_safetensors(io.BytesIO(raw[_SIZE_BYTES:]), size, origin), size
    except (OSError, FormatError):
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
        _keep(origin, remote.size, b"".join(recorder.parts))
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


def _keep(origin: str, size: int, header: bytes) -> None:
    """Store a header whole or not at all; a cache that cannot be written is no error."""
    if len(header) > _MOST_BYTES:
        return
    path = _path(origin)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as draft:
            draft.write(size.to_bytes(_SIZE_BYTES, "little") + header)
        Path(draft.name).replace(path)
    except OSError:
        return

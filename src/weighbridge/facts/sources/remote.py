"""Models behind a URL: a .gguf, a .safetensors, an index of them, or a config.json."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, TypeVar
from urllib.parse import unquote, urljoin, urlsplit

from weighbridge.core.architecture import TensorInfo, WeightFile
from weighbridge.core.errors import FormatError, InputError
from weighbridge.facts.gguf import GgufHeader, parse_gguf
from weighbridge.facts.gguf_split import complete, missing
from weighbridge.facts.safetensors import parse_safetensors, weight_file
from weighbridge.facts.sources.connections import Connections
from weighbridge.facts.sources.local import kind_of, part_note, stem_of
from weighbridge.facts.sources.material import (
    MAX_CONFIG_BYTES,
    MAX_INDEX_BYTES,
    Material,
    parse_object,
)
from weighbridge.facts.sources.ranges import RemoteFile, without_secrets
from weighbridge.facts.sources.shards import Index, join, parse_index

# Shards have headers of 20 kB on average, vocabularies make those of GGUF files megabytes long.
_SHARD_FIRST: Final = 32 * 1024
_AT_ONCE: Final = 8
Read = TypeVar("Read")
_GENERIC: Final = frozenset({"config.json", "model.safetensors", "model.safetensors.index.json"})


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """A file on a web server, of which only the header is read."""

    url: str

    def read(self) -> Material:
        """What the file's first bytes say.

        Raises:
            InputError: there is no such file, or it is no model.
            EndpointError: the server fails.
        """
        with Connections() as connections:
            return self._read(connections)

    def _read(self, connections: Connections) -> Material:
        with RemoteFile(connections, self.url) as file:
            peeked = Peeked(file)
            kind = kind_of(peeked.head)
            if kind == "json":
                return self._json(peeked, file, connections)
            material = Material(model_name(file.name), file.name, revision=file.etag or None)
            if kind == "safetensors":
                tensors = parse_safetensors(peeked, file.size, file.name)
                weights = weight_file(tensors, file.size)
                return Material(
                    material.name, file.name, weights=weights, revision=material.revision
                ).noting(part_note(file.name))
            header = parse_gguf(peeked, file.size, file.name)  # says what it is when it is not GGUF
            whole_header = complete(
                header, self.url.partition("?")[0], lambda urls: _parts(connections, urls)
            )
            return Material(material.name, file.name, gguf=whole_header, revision=material.revision)

    def _json(self, peeked: Peeked, file: RemoteFile, connections: Connections) -> Material:
        raw = whole(peeked, file, MAX_INDEX_BYTES)
        document = parse_object(raw, file.name, at_most=MAX_INDEX_BYTES)
        name, revision = model_name(file.name), file.etag or None
        if "weight_map" not in document:
            config = parse_object(raw, file.name, at_most=MAX_CONFIG_BYTES)
            return Material(name, file.name, config=config, revision=revision)
        index = parse_index(raw, file.name)
        base = self.url.partition("?")[0]

        def read(shard: str) -> tuple[Sequence[TensorInfo], int]:
            place = urljoin(base, shard)
            with RemoteFile(connections, place, first_bytes=_SHARD_FIRST) as part:
                return parse_safetensors(part, part.size, part.name), part.size

        weights, notes = read_shards(index, read, file.name)
        return Material(name, file.name, weights=weights, revision=revision).noting(*notes)


class Peeked:
    """A source whose first bytes have been looked at; reads them again."""

    def __init__(self, source: RemoteFile) -> None:
        self._source = source
        self.head = source.read(512)
        self._unread = self.head

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` further bytes, from the first."""
        if self._unread:
            part, self._unread = self._unread[:size], self._unread[size:]
            return part
        return self._source.read(size)


def whole(source: Peeked | RemoteFile, file: RemoteFile, at_most: int) -> bytes:
    """A whole small file.

    Raises:
        FormatError: it is longer than ``at_most`` bytes.
    """
    if file.size > at_most:
        raise FormatError(
            f"{file.name} has {file.size} bytes, more than any such file.",
            fix="Check that it is the right file.",
        )
    parts = []
    while part := source.read(at_most):
        parts.append(part)
    return b"".join(parts)


def read_shards(
    index: Index, read: Callable[[str], tuple[Sequence[TensorInfo], int]], name: str
) -> tuple[WeightFile, tuple[str, ...]]:
    """The headers of all shards, several at once, and sentences about contradictions.

    Args:
        index: of the model.
        read: from a shard's name to its tensors and its size.
        name: how errors call the index.

    Raises:
        FormatError: a shard is damaged, or does not hold what the index says.
        EndpointError: the server fails.
    """
    done = all_at_once(read, index.files)
    shards = dict(zip(index.files, (tensors for tensors, _ in done), strict=True))
    return join(index, shards, sum(size for _, size in done), name)


def all_at_once(read: Callable[[str], Read], names: Sequence[str]) -> list[Read]:
    """What ``read`` gives for each of the names, several at once; the first error ends it."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        running = [pool.submit(read, name) for name in names]
        try:
            return [each.result() for each in running]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _parts(connections: Connections, urls: Sequence[str]) -> list[GgufHeader]:
    """The headers of the other parts of a split model, which lie beside the first."""

    def read(url: str) -> GgufHeader:
        try:
            file = RemoteFile(connections, url, first_bytes=_SHARD_FIRST)
        except InputError as error:
            raise missing(without_secrets(url), len(urls) + 1) from error
        with file:
            return parse_gguf(file, file.size, file.name)

    return all_at_once(read, urls)


def model_name(url: str) -> str:
    """What to call a model that is known by the URL of one file only."""
    path = PurePosixPath(unquote(urlsplit(url).path))
    if path.name in _GENERIC:
        folders = [part for part in path.parent.parts if part not in {"/", "resolve", "main"}]
        return "/".join(folders[-2:]) or path.stem
    return stem_of(path.name) or url

"""Models on the Hugging Face Hub, or on the mirror that HF_ENDPOINT names; never their weights.

huggingface_hub knows tokens, caches and the offline switch; it is imported only when a Hub id is
read. Small files go through its cache, so that an engine that loads the model later finds them.
Headers of weights are read by byte range, which it does not cache.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, cast

from weighbridge.core.architecture import WeightFile
from weighbridge.core.errors import EndpointError, InputError, StatusError
from weighbridge.core.units import format_bytes
from weighbridge.facts.gguf import GgufHeader, parse_gguf
from weighbridge.facts.gguf_split import ReadAll, complete, missing
from weighbridge.facts.safetensors import parse_safetensors, weight_file
from weighbridge.facts.sources import hub_errors
from weighbridge.facts.sources.card import license_of
from weighbridge.facts.sources.connections import Connections
from weighbridge.facts.sources.header_cache import (
    Shard,
    cached,
    read_shard,
    recall_license,
    remember_license,
)
from weighbridge.facts.sources.local import (
    CONFIG,
    QUANTIZATION,
    LocalFile,
    LocalFolder,
    gguf_names,
    only_gguf,
    part_note,
    pickle_note,
    unread_note,
    weight_names,
)
from weighbridge.facts.sources.material import (
    MAX_CONFIG_BYTES,
    MAX_INDEX_BYTES,
    Json,
    Material,
    parse_object,
)
from weighbridge.facts.sources.ranges import RemoteFile
from weighbridge.facts.sources.remote import all_at_once, read_shards
from weighbridge.facts.sources.shards import INDEX, SINGLE, parse_index

_TIMEOUT_S: Final = 10.0
_SHARD_FIRST: Final = 32 * 1024


@dataclass(frozen=True, slots=True)
class HubModel:
    """A repository of models.

    Attributes:
        repo: its id, ``organisation/name``.
        revision: a branch, tag or commit; by default the main branch.
        file: one file of it, by default config.json with the weights' headers.
        named: the host whose page was named, where HF_ENDPOINT stands for another one.
    """

    repo: str
    revision: str | None = None
    file: str | None = None
    named: str = ""

    def read(self) -> Material:
        """Configuration, headers and licence.

        Raises:
            InputError: there is no such model, revision or file, or not in the cache when offline.
            FormatError: a file of it is damaged.
            EndpointError: the Hub fails, or refuses.
        """
        from huggingface_hub import constants  # noqa: PLC0415 -- lazy: 0.2 s

        if constants.HF_HUB_OFFLINE:
            return _Cached(self, "HF_HUB_OFFLINE is set; read from the cache.").read()
        try:
            repository = _Repository.of(self)
        except (EndpointError, InputError) as error:
            # What was read before can be read again when the Hub is away, but not when it refuses.
            if isinstance(error, InputError) or (
                isinstance(error, StatusError) and error.status < 500
            ):
                raise
            cached = _Cached(self, f"Read from the cache: {error.message}")
            if not cached.config_path:
                raise
            return cached.read()
        return repository.read().noting(self._instead())

    def _instead(self) -> str:
        if not self.named:
            return ""
        return (
            f"A page of {self.named} was named, but HF_ENDPOINT is set: this is {self.repo} of"
            f" {endpoint()}."
        )


@dataclass(frozen=True, slots=True)
class _Repository:
    """A repository that the Hub has described.

    Attributes:
        model: as asked for.
        endpoint: address of the Hub, without a slash at its end.
        token: of the user, or None.
        commit: of the revision.
        sizes: file to bytes, None where the Hub does not say.
        card: metadata of the model card.
    """

    model: HubModel
    endpoint: str
    token: str | None
    commit: str
    sizes: dict[str, int | None]
    card: dict[str, Any]
    names: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, model: HubModel) -> _Repository:
        """Ask the Hub; one request."""
        from huggingface_hub import HfApi, get_token  # noqa: PLC0415

        address, token = endpoint(), get_token()
        api = HfApi(endpoint=address, token=token, library_name="weighbridge")
        try:
            info = api.model_info(
                model.repo, revision=model.revision, files_metadata=True, timeout=_TIMEOUT_S
            )
            sizes = {each.rfilename: each.size for each in info.siblings or ()}
            card = dict(vars(info.card_data)) if info.card_data else {}
            commit = str(info.sha or "")
        except hub_errors.answer_errors() as error:
            raise _explained(error, model, address, token) from error
        if not commit:
            raise hub_errors.explain(
                ValueError(), repo=model.repo, revision=None, endpoint=address, has_token=False
            )
        return cls(model, address, token, commit, sizes, card, tuple(sorted(sizes)))

    def read(self) -> Material:
        """The file that was asked for, or the model as a whole."""
        remember_license(f"{self.endpoint} {self._origin()}", license_of(self.card))
        if self.model.file is not None:
            return self._one(self.model.file)
        ggufs = gguf_names(self.names)
        if CONFIG in self.sizes and (len(ggufs) != 1 or weight_names(self.names)):
            found = self._whole()
            return found.noting(unread_note(ggufs) if found.weights is None else "")
        place = f"{self.model.repo} on {self.endpoint}"
        return self._one(only_gguf(self.names, place, f"{self.model.repo}:"))

    def _whole(self) -> Material:
        config = self._object(CONFIG)
        side = self._object(QUANTIZATION) if QUANTIZATION in self.sizes else None
        with Connections() as connections:
            weights, notes = self._weights(connections)
        material = self._material(config=config, weights=weights, quantization=side)
        return material.noting(*notes)

    def _one(self, file: str) -> Material:
        if file not in self.sizes:
            raise _no_file(self.model.repo, file, self.names)
        if file.endswith(".json"):
            return replace(self._material(config=self._object(file)), origin=self._origin(file))
        with Connections() as connections, self._open(connections, file) as remote:
            name = f"{self.model.repo}/{file}"
            if file.lower().endswith(".gguf"):
                header = parse_gguf(remote, remote.size, name)
                material = self._material(gguf=complete(header, file, self._parts(connections)))
            elif file.endswith(".safetensors"):
                tensors = parse_safetensors(remote, remote.size, name)
                config = self._object(CONFIG) if CONFIG in self.sizes else None
                weights = weight_file(tensors, remote.size)
                material = self._material(config=config, weights=weights).noting(part_note(file))
            else:
                raise InputError(
                    f"{name} is none of .gguf, .safetensors and .json.", fix="Name another file."
                )
        return replace(material, origin=self._origin(file))

    def _parts(self, connections: Connections) -> ReadAll:
        """Reads the headers of the other parts of a split model."""

        def read(file: str) -> GgufHeader:
            with self._open(connections, file) as remote:
                return parse_gguf(remote, remote.size, f"{self.model.repo}/{file}")

        def read_all(files: Sequence[str]) -> list[GgufHeader]:
            for file in files:
                if file not in self.sizes:
                    raise missing(f"{self.model.repo}/{file}", len(files) + 1)
            return all_at_once(read, files)

        return read_all

    def _material(self, **found: Any) -> Material:  # noqa: ANN401 -- fields of Material
        return Material(
            self.model.repo,
            self._origin(),
            license=license_of(self.card),
            revision=self.commit,
            **found,
        )

    def _origin(self, file: str = "") -> str:
        return f"hf://{self.model.repo}@{self.commit}" + (f"/{file}" if file else "")

    def _weights(self, connections: Connections) -> tuple[WeightFile | None, tuple[str, ...]]:
        if INDEX in self.sizes:
            raw = self._small(INDEX, MAX_INDEX_BYTES)
            name = f"{self.model.repo}/{INDEX}"
            index = parse_index(raw, name)
            missing = sorted(set(index.files) - set(self.sizes))
            if missing:
                return None, (f"The weights were not read: {missing[0]} is missing.",)
            return read_shards(index, lambda file: self._shard(connections, file), name)
        chosen = weight_names(self.names)
        if len(chosen) != 1:
            several = f"{len(chosen)} safetensors files without an index were not read."
            return None, (several if chosen else pickle_note(self.names),)
        tensors, size = self._shard(connections, chosen[0])
        return weight_file(tensors, size), (part_note(chosen[0]),)

    def _shard(self, connections: Connections, file: str) -> Shard:
        where = f"{self.endpoint} {self._origin(file)}"
        return read_shard(where, lambda: self._open(connections, file))

    def _open(self, connections: Connections, file: str) -> RemoteFile:
        from huggingface_hub import hf_hub_url  # noqa: PLC0415

        url = hf_hub_url(self.model.repo, file, revision=self.commit, endpoint=self.endpoint)
        try:
            first = 256 * 1024 if file.endswith(".gguf") else _SHARD_FIRST
            return RemoteFile(connections, url, token=self.token, first_bytes=first)
        except StatusError as error:
            if error.status in {401, 403}:
                raise hub_errors.gated(
                    self.model.repo, self.endpoint, has_token=self.token is not None
                ) from error
            raise

    def _object(self, file: str) -> Json:
        return parse_object(self._small(file, MAX_CONFIG_BYTES), f"{self.model.repo}/{file}")

    def _small(self, file: str, at_most: int) -> bytes:
        """A small file, through the cache of huggingface_hub.

        By commit, so that what is cached needs no request; but the configuration by its branch,
        which makes the cache remember what that branch was, for when the Hub is away.
        """
        from huggingface_hub import hf_hub_download  # noqa: PLC0415

        stated = self.sizes[file]
        if stated is not None and stated > at_most:
            raise InputError(
                f"{self.model.repo}/{file} has {format_bytes(stated)}, more than any such file.",
                fix="Check the model's page.",
            )
        try:
            path = hf_hub_download(
                self.model.repo,
                file,
                revision=self.model.revision if file == CONFIG else self.commit,
                endpoint=self.endpoint,
                token=self.token,
                etag_timeout=_TIMEOUT_S,
                library_name="weighbridge",
                tqdm_class=cast("Any", _NoBar),
            )
        except hub_errors.transport_errors() as error:
            raise _explained(error, self.model, self.endpoint, self.token) from error
        with Path(path).open("rb") as opened:
            return opened.read(at_most + 1)


class _Cached:
    """A model as the cache of huggingface_hub has it."""

    def __init__(self, model: HubModel, note: str) -> None:
        self._model = model
        self._note = note
        self.config_path = self._path(model.file or CONFIG)

    def read(self) -> Material:
        """What was read before; headers of weights only if the weights are there."""
        if self.config_path is None:
            raise hub_errors.offline(self._model.repo)
        name, origin = self._model.repo, str(self.config_path)
        commit = _commit_of(self.config_path)
        stated = recall_license(f"{endpoint()} hf://{name}@{commit}")
        if origin.endswith((".gguf", ".safetensors")):
            material = LocalFile(self.config_path).read()
        else:
            material = LocalFolder(self.config_path.parent).read()
        if material.config is not None and material.weights is None:
            remembered = self._remembered(self.config_path.parent, commit)
            if remembered is not None:
                material = replace(material, weights=remembered, notes=())
        licence = material.license or stated
        return replace(material, name=name, revision=commit, license=licence).noting(self._note)

    def _remembered(self, snapshot: Path, commit: str) -> WeightFile | None:
        """The headers of weights that were read when the Hub was there."""
        files: tuple[str, ...] = (SINGLE,)
        if (snapshot / INDEX).is_file():
            files = parse_index((snapshot / INDEX).read_bytes(), INDEX).files
        found = []
        for file in files:
            shard = cached(f"{endpoint()} hf://{self._model.repo}@{commit}/{file}")
            if shard is None:
                return None
            found.append(shard)
        tensors = (tensor for shard, _ in found for tensor in shard)
        return weight_file(tensors, sum(size for _, size in found))

    def _path(self, file: str) -> Path | None:
        from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415

        found = try_to_load_from_cache(self._model.repo, file, revision=self._model.revision)
        return Path(found) if isinstance(found, str) else None


def _commit_of(path: Path) -> str:
    """The commit of a file in the cache, which lies in ``snapshots/COMMIT``, in folders or not."""
    parts = path.parts
    return parts[len(parts) - parts[::-1].index("snapshots")]


class _NoBar:
    """In place of a progress bar: standard error belongs to the command."""

    def __init__(self, **_: object) -> None:
        pass

    def __enter__(self) -> _NoBar:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def update(self, count: int) -> None:
        """Nothing to show."""


def endpoint() -> str:
    """The address of the Hub: HF_ENDPOINT, or the public one."""
    from huggingface_hub import constants  # noqa: PLC0415

    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def _explained(error: BaseException, model: HubModel, address: str, token: str | None) -> Exception:
    return hub_errors.explain(
        error,
        repo=model.repo,
        revision=model.revision,
        endpoint=address,
        has_token=token is not None,
    )


def _no_file(repo: str, file: str, names: tuple[str, ...]) -> InputError:
    import difflib  # noqa: PLC0415 -- only for this error

    near = difflib.get_close_matches(file, names, n=3, cutoff=0.4)
    likely = near or [name for name in names if name.endswith((".gguf", ".safetensors"))][:3]
    return InputError(
        f"{repo} has no file {file}.",
        fix=f"It has for example {', '.join(likely)}." if likely else "See its page.",
    )

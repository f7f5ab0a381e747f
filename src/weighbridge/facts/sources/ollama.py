"""Models in Ollama's local store, found by the names that Ollama gives them.

Layout: ``manifests/HOST/NAMESPACE/MODEL/TAG`` names blobs, ``blobs/sha256-…`` holds them
(types/model/name.go and server/manifest.go of ollama).
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from weighbridge.core.errors import FormatError, InputError
from weighbridge.facts.sources.local import LocalFile
from weighbridge.facts.sources.material import Material, parse_object

PREFIX: Final = "ollama:"
_HOST: Final = "registry.ollama.ai"
_MODEL: Final = "application/vnd.ollama.image.model"
_DIGEST: Final = re.compile(r"sha256[:-]([0-9a-f]{64})")
_PART: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}")
_MOST_MODELS: Final = 10_000


def store_folder() -> Path:
    """Where Ollama keeps models: ``OLLAMA_MODELS``, the user's folder, or the service's."""
    stated = os.environ.get("OLLAMA_MODELS")
    if stated:
        return Path(stated).expanduser()
    own = Path.home() / ".ollama/models"
    service = Path("/usr/share/ollama/.ollama/models")
    return service if not own.is_dir() and service.is_dir() else own


@dataclass(frozen=True, slots=True)
class OllamaModel:
    """A model by Ollama's name: ``llama3.2:1b``, ``someone/model``, ``host/someone/model:tag``."""

    name: str

    def read(self) -> Material:
        """The header of the model's blob.

        Raises:
            InputError: the store holds no such model.
            FormatError: the manifest or the blob is damaged.
        """
        store = store_folder()
        manifest_path = store / "manifests" / Path(*_path_of(self.name))
        if not manifest_path.is_file():
            raise _not_there(self.name, store)
        with manifest_path.open("rb") as file:
            manifest = parse_object(file.read(1024**2 + 1), str(manifest_path), at_most=1024**2)
        blob = store / "blobs" / f"sha256-{_digest(manifest, str(manifest_path))}"
        if not blob.is_file():
            raise InputError(
                f"{store} lacks the file {blob.name[:20]}… of {self.name}.",
                fix=f"Run `ollama pull {self.name}`.",
            )
        return replace(LocalFile(blob).read(), name=self.name, revision=blob.name)


def _path_of(name: str) -> tuple[str, str, str, str]:
    """Host, namespace, model and tag, with Ollama's defaults.

    >>> _path_of("llama3.2:1b")
    ('registry.ollama.ai', 'library', 'llama3.2', '1b')
    """
    path, _, tag = name.partition(":") if name.count(":") < 2 else name.rpartition(":")
    parts = path.split("/")
    full = [_HOST, "library"][: max(3 - len(parts), 0)] + parts + [tag or "latest"]
    if len(full) != 4 or not all(_PART.fullmatch(part) for part in full):
        raise InputError(
            f"{name!r} is not a name that Ollama gives.",
            fix="Write for example ollama:llama3.2:1b.",
        )
    return full[0], full[1], full[2], full[3]


def _digest(manifest: dict[str, object], name: str) -> str:
    layers = manifest.get("layers")
    for layer in layers if isinstance(layers, list) else []:
        if isinstance(layer, dict) and layer.get("mediaType") == _MODEL:
            match = _DIGEST.fullmatch(str(layer.get("digest")))
            if match:
                return match[1]
    raise FormatError(
        f"{name} names no GGUF file: the model is kept in another form.",
        fix="Give the model's Hub id or its files.",
    )


def _not_there(name: str, store: Path) -> InputError:
    known = _names(store)
    if not known:
        return InputError(
            f"Ollama's store {store} holds no models.", fix="Set OLLAMA_MODELS to its folder."
        )
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.3) or known[:3]
    return InputError(
        f"Ollama's store {store} holds no {name}.", fix=f"It holds for example {', '.join(near)}."
    )


def _names(store: Path) -> list[str]:
    """The models of Ollama's own registry, as ``ollama list`` writes them."""
    root = store / "manifests" / _HOST
    names = []
    for path in root.glob("*/*/*"):
        namespace, model, tag = path.relative_to(root).parts
        prefix = "" if namespace == "library" else f"{namespace}/"
        names.append(f"{prefix}{model}:{tag}")
        if len(names) >= _MOST_MODELS:
            break
    return sorted(names)

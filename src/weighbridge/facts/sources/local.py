"""Models on this machine: a folder as the Hub lays it out, or one file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from weighbridge.core.architecture import TensorInfo, WeightFile
from weighbridge.core.errors import InputError
from weighbridge.facts.gguf import GgufHeader, read_gguf
from weighbridge.facts.gguf_split import complete, missing, one_per_model, part_name
from weighbridge.facts.lookalikes import recognise
from weighbridge.facts.safetensors import read_safetensors
from weighbridge.facts.sources.card import license_in_readme
from weighbridge.facts.sources.material import (
    MAX_CONFIG_BYTES,
    MAX_INDEX_BYTES,
    Json,
    Material,
    parse_object,
)
from weighbridge.facts.sources.shards import INDEX, SINGLE, join, parse_index

CONFIG: Final = "config.json"
QUANTIZATION: Final = "hf_quant_config.json"
README: Final = "README.md"
_SHARD: Final = re.compile(r"-(\d{5})-of-(\d{5})\.(safetensors|gguf)$")
_SHOWN: Final = 8
_ENDINGS: Final = {".json": "json", ".safetensors": "safetensors"}


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """A folder with config.json and safetensors files, or with one GGUF file."""

    path: Path

    def read(self) -> Material:
        """Configuration, headers and licence.

        Raises:
            InputError: the folder holds no model, or several.
            FormatError: a file in it is damaged.
        """
        try:
            names = sorted(each.name for each in self.path.iterdir() if each.is_file())
        except OSError as error:
            raise InputError(
                f"The folder {self.path} cannot be read: {error.strerror}.", fix="Check the path."
            ) from error
        ggufs = gguf_names(names)
        if CONFIG not in names or (len(ggufs) == 1 and not weight_names(names)):
            return self._described_by_gguf(names)
        material = _with_config(self.path / CONFIG, self.path.resolve().name)
        weights, notes = _weights(self.path, names)
        return Material(
            material.name,
            str(self.path),
            config=material.config,
            weights=weights,
            quantization=material.quantization,
            license=material.license,
            notes=notes,
        ).noting(unread_note(ggufs) if weights is None else "")

    def _described_by_gguf(self, names: Sequence[str]) -> Material:
        """Only GGUF files describe themselves."""
        chosen = only_gguf(names, f"The folder {self.path}", str(self.path) + "/")
        return LocalFile(self.path / chosen).read()


@dataclass(frozen=True, slots=True)
class LocalFile:
    """One file: GGUF, safetensors, an index of safetensors files, or a config.json."""

    path: Path

    def read(self) -> Material:
        """What the file says.

        Raises:
            InputError: there is no such file, or it cannot be read.
            FormatError: it is no model, incomplete or damaged.
        """
        head = _head(self.path)
        kind = kind_of(head) or _ENDINGS.get(self.path.suffix.lower(), "")
        if kind == "safetensors":
            return self._safetensors()
        if kind == "json":
            return self._json()
        header = read_whole_gguf(self.path)  # says what it is when it is not GGUF
        return Material(stem_of(self.path.name), str(self.path), gguf=header)

    def _json(self) -> Material:
        raw = _read(self.path, MAX_INDEX_BYTES)
        document = parse_object(raw, str(self.path), at_most=MAX_INDEX_BYTES)
        if "weight_map" not in document:
            return _with_config(self.path, _model_name(self.path))
        weights, notes = _shards(self.path)
        return self._beside(weights).noting(*notes)

    def _safetensors(self) -> Material:
        return self._beside(read_safetensors(self.path)).noting(part_note(self.path.name))

    def _beside(self, weights: WeightFile) -> Material:
        """Weights, with the configuration next to them if there is one."""
        config = self.path.parent / CONFIG
        found = _with_config(config, _model_name(self.path)) if config.is_file() else None
        if found is None:
            return Material(self.path.stem, str(self.path), weights=weights)
        return Material(
            found.name,
            str(self.path),
            config=found.config,
            weights=weights,
            quantization=found.quantization,
            license=found.license,
        )


def read_whole_gguf(path: Path) -> GgufHeader:
    """The header of a GGUF file; of a model in several files, those of all its parts as one.

    Raises:
        InputError: there is no such file, or a part of the model is missing.
        FormatError: it is not GGUF, or damaged.
    """

    def others(names: Sequence[str]) -> list[GgufHeader]:
        for name in names:
            if not (path.parent / name).is_file():
                raise missing(str(path.parent / name), len(names) + 1)
        return [read_gguf(path.parent / name) for name in names]

    return complete(read_gguf(path), path.name, others)


def stem_of(name: str) -> str:
    """A file's name without its ending, and without the number of a part."""
    part = part_name(name)
    return part.stem if part else Path(name).stem


def kind_of(head: bytes) -> str:
    """``gguf``, ``safetensors``, ``json`` or nothing, by a file's first bytes."""
    if head.startswith(b"GGUF"):
        return "gguf"
    if len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**32:
        return "safetensors"
    other = recognise(head)
    return "json" if other is not None and "JSON" in other.what else ""


def only_gguf(names: Sequence[str], place: str, prefix: str) -> str:
    """The one GGUF file among ``names`` that is a language model.

    Args:
        names: of all files.
        place: what holds them, as a sentence begins.
        prefix: what to write before a file's name to choose it.

    Raises:
        InputError: there is none, or more than one.
    """
    found = gguf_names(names)
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(found[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
        raise InputError(
            f"{place} holds {len(found)} GGUF files: {listed}.",
            fix=f"Name one, for example {prefix}{found[0]}",
        )
    what = "an adapter (LoRA), not a whole model" if "adapter_config.json" in names else "no model"
    held = ", ".join(names[:_SHOWN]) or "no files"
    raise InputError(
        f"{place} holds {what}: neither config.json nor a .gguf file, but {held}.",
        fix="Give the folder or file of the model itself.",
    )


def gguf_names(names: Sequence[str]) -> list[str]:
    """The GGUF files among ``names`` that hold language models; one part of each split model."""
    ends = (name for name in names if name.lower().endswith(".gguf"))
    return one_per_model([name for name in ends if "mmproj" not in name.lower()])


def unread_note(ggufs: Sequence[str]) -> str:
    """A sentence when there are GGUF files of which none was chosen; empty otherwise."""
    if not ggufs:
        return ""
    return f"{len(ggufs)} GGUF files were not read; name one for its exact size: {ggufs[0]}."


def part_note(name: str) -> str:
    """A sentence when a file is one of several; empty otherwise."""
    match = _SHARD.search(name)
    if match is None or int(match[2]) <= 1:
        return ""
    return f"Only part {int(match[1])} of {int(match[2])} of the weights was read: {name}."


def weight_names(names: Sequence[str]) -> tuple[str, ...]:
    """The files of the weights when no index lists them; part of what Hub folders may hold.

    ``consolidated*.safetensors`` repeat the weights in Mistral's own layout.
    """
    if SINGLE in names:
        return (SINGLE,)
    return tuple(
        name
        for name in names
        if name.endswith(".safetensors") and not name.startswith(("consolidated", "adapter_"))
    )


def pickle_note(names: Sequence[str]) -> str:
    """A sentence when the weights are there, but not as safetensors."""
    if any(name.endswith((".bin", ".pt", ".pth")) for name in names):
        return "The weights are PyTorch pickles, whose sizes are not read."
    return ""


def _weights(folder: Path, names: Sequence[str]) -> tuple[WeightFile | None, tuple[str, ...]]:
    if INDEX in names:
        index = parse_index(_read(folder / INDEX, MAX_INDEX_BYTES), str(folder / INDEX))
        missing = [file for file in index.files if file not in names]
        if missing:
            listed = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
            counted = f"{len(missing)} of {len(index.files)} files are missing"
            return None, (f"The weights were not read: {counted} ({listed}).",)
        return _shards(folder / INDEX)
    chosen = weight_names(names)
    if not chosen:
        return None, tuple(filter(None, (pickle_note(names),)))
    if len(chosen) == 1:
        return read_safetensors(folder / chosen[0]), tuple(filter(None, (part_note(chosen[0]),)))
    read = [read_safetensors(folder / name) for name in chosen]
    tensors = tuple(tensor for part in read for tensor in part.tensors)
    joined = WeightFile("safetensors", "", tensors, sum(part.file_bytes for part in read))
    main = next(iter(joined.bytes_by_dtype), "empty")
    note = f"No index lists the weights; {len(chosen)} safetensors files were added up."
    return WeightFile("safetensors", main, tensors, joined.file_bytes), (note,)


def _shards(index_path: Path) -> tuple[WeightFile, tuple[str, ...]]:
    name = str(index_path)
    index = parse_index(_read(index_path, MAX_INDEX_BYTES), name)
    shards: dict[str, Sequence[TensorInfo]] = {}
    total = 0
    for file in index.files:
        part = read_safetensors(index_path.parent / file)
        shards[file] = part.tensors
        total += part.file_bytes
    return join(index, shards, total, name)


def _with_config(path: Path, name: str) -> Material:
    """A config.json with what stands beside it: the licence and ModelOpt's side file."""
    config = parse_object(_read(path, MAX_CONFIG_BYTES), str(path))
    side = path.parent / QUANTIZATION
    quantization: Json | None = None
    if side.is_file():
        quantization = parse_object(_read(side, MAX_CONFIG_BYTES), str(side))
    readme = path.parent / README
    licence = None
    if readme.is_file():
        text = _read(readme, MAX_CONFIG_BYTES).decode("utf-8", errors="replace")
        licence = license_in_readme(text)
    return Material(name, str(path), config=config, quantization=quantization, license=licence)


def _model_name(path: Path) -> str:
    """The folder's name for files with a usual name; a renamed file's own name otherwise."""
    usual = {CONFIG, SINGLE, INDEX}
    return (
        path.resolve().parent.name if path.name in usual or _SHARD.search(path.name) else path.stem
    )


def _head(path: Path) -> bytes:
    try:
        if path.is_dir() or not path.exists():
            read_gguf(path)  # refuses it in words
        if not path.is_file():
            raise InputError(f"{path} is not a regular file.", fix="Give a model file.")
        with path.open("rb") as file:
            return file.read(512)
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be read: {reason}.", fix="Check the path.") from error


def _read(path: Path, at_most: int) -> bytes:
    """A small file as a whole; one byte more than allowed when it is too long."""
    try:
        with path.open("rb") as file:
            return file.read(at_most + 1)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}.", fix="Check the path."
        ) from error

"""What a source yields: configuration, headers and licence of one model, never its weights."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from weighbridge.core.architecture import WeightFile
from weighbridge.core.errors import FormatError
from weighbridge.core.units import format_bytes
from weighbridge.facts.gguf import GgufHeader
from weighbridge.facts.header_bytes import DAMAGED
from weighbridge.facts.lookalikes import recognise

Json = dict[str, Any]

# Real ones: 60 kB of config.json (lists of unquantized modules), 8 MB of index (91 000 tensors).
MAX_CONFIG_BYTES: Final = 16 * 1024**2
MAX_INDEX_BYTES: Final = 64 * 1024**2


@dataclass(frozen=True, slots=True)
class Material:
    """The raw facts of one model.

    Attributes:
        name: what it goes by: the Hub id, else the name of its folder or file.
        origin: where exactly it was read: a path, a URL, or ``hf://org/repo@commit``.
        config: its config.json.
        weights: the tensors of its safetensors files.
        gguf: the header of its GGUF file; then ``config`` and ``weights`` are None.
        quantization: its hf_quant_config.json, which NVIDIA's ModelOpt writes beside the config.
        license: SPDX id or name, as the model card states it.
        revision: the commit or entity tag that was read, or None for local files.
        notes: sentences about what was not there or not read.
    """

    name: str
    origin: str
    config: Json | None = None
    weights: WeightFile | None = None
    gguf: GgufHeader | None = None
    quantization: Json | None = None
    license: str | None = None
    revision: str | None = None
    notes: tuple[str, ...] = ()

    def noting(self, *sentences: str) -> Material:
        """The same with further notes; empty ones are left out."""
        return replace(self, notes=(*self.notes, *(text for text in sentences if text)))


class Source(Protocol):
    """A place that holds one model."""

    def read(self) -> Material:
        """Fetch configuration, headers and licence.

        Raises:
            InputError: there is no such model, or it cannot be read.
            EndpointError: the server that has it fails.
        """


def parse_object(raw: bytes, name: str, *, at_most: int = MAX_CONFIG_BYTES) -> Json:
    """A JSON object, e.g. a config.json.

    Python's own parser, because real configurations contain ``Infinity``, which JSON does not know.

    Args:
        raw: its text.
        name: how errors call it.
        at_most: bytes that such a file may have.

    Raises:
        FormatError: it is too long, not JSON, or not an object.
    """
    if len(raw) > at_most:
        raise FormatError(
            f"{name} is longer than {format_bytes(at_most)}, which no such file is.",
            fix="Check that it is the right file.",
        )
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        other = recognise(raw[:512])
        if other is not None and "JSON" not in other.what:
            raise FormatError(f"{name} is {other.what}.", fix=other.fix) from error
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:120]
        raise FormatError(f"{name} is not JSON: {reason}.", fix=DAMAGED) from error
    if not isinstance(value, dict):
        raise FormatError(f"{name} is JSON, but not an object.", fix="Check the file.")
    return value

"""How much of the paper figures llama.cpp reaches: fitted numbers, and how far they err.

``tools/fit_single_stream.py`` writes the file;
:mod:`weighbridge.predict.llamacpp.single_stream` says what each number does. Tables have an entry
``other`` for what nobody measured.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from typing import Any, Literal, TypeAlias

Table: TypeAlias = dict[str, float]
# Engines' own benchmarks on machines that do nothing else, or what users see.
Setting = Literal["bench", "field"]

# A group of devices of which none was measured errs more than those with some.
UNSEEN = 1.5


@dataclass(frozen=True, slots=True)
class DecodeCoefficients:
    """Numbers of decoding.

    Attributes:
        smooth: exponent of the smooth maximum.
        ecc: what inline error correction leaves of the bandwidth.
        expert_reads: reads of expert weights against their bytes.
        expert_us: more per layer with experts.
        recurrent_us: more per layer of recurrent models.
        die_us: more per layer for each further die.
        handover_ms: per doubling of the devices.
        efficiency: share of the paper bandwidth reached, by vendor.
        bytes_per_cycle: that one core loads, by vendor.
        unpack: cycles per weight, by packing, then by ``packing/vendor``.
        cache: reads of keys and values against their bytes, by vendor.
        launch_us: per layer, by backend.
    """

    smooth: float
    ecc: float
    expert_reads: float
    expert_us: float
    recurrent_us: float
    die_us: float
    handover_ms: float
    efficiency: Table
    bytes_per_cycle: Table
    unpack: Table
    cache: Table
    launch_us: Table


@dataclass(frozen=True, slots=True)
class PrefillCoefficients:
    """Numbers of reading prompts.

    Attributes:
        smooth: exponent of the smooth minimum.
        reads: reads of the weights per batch.
        launch_us: per layer and batch.
        attention: its efficiency against the products'.
        efficiency: share of the dense rate, by vendor, then by ``Apple/M3``.
        per_watt: operations per joule ÷ 1e12, by generation of NVIDIA.
        packing: rate against ``float``, by packing; ``2024/NVIDIA`` … before mid-2024.
        expert_tile: tokens that the smallest tile of an expert's product costs, by vendor.
        overlap: of devices over batches, 0 to 1: ``float`` and ``packed``.
    """

    smooth: float
    reads: float
    launch_us: float
    attention: float
    efficiency: Table
    per_watt: Table
    packing: Table
    expert_tile: Table
    overlap: Table


@dataclass(frozen=True, slots=True)
class SingleStream:
    """The content of the file.

    Attributes:
        decode: numbers of decoding.
        prefill: numbers of reading prompts.
        decode_spread: half-widths of 80 % intervals in logarithms, by setting and group.
        prefill_spread: the same for prompts.
        source: what they were fitted on, in words.
        date: when.
    """

    decode: DecodeCoefficients
    prefill: PrefillCoefficients
    decode_spread: Table
    prefill_spread: Table
    source: str
    date: str


@cache
def fitted() -> SingleStream:
    """The coefficients that ship with the package."""
    path = resources.files("weighbridge.predict") / "coefficients" / "single_stream.toml"
    return decode(tomllib.loads(path.read_text(encoding="utf-8")))


def decode(table: dict[str, Any]) -> SingleStream:
    """The coefficients of a parsed file."""
    reading, prompts = table["decode"], table["prefill"]
    return SingleStream(
        decode=DecodeCoefficients(
            **{field.name: reading[field.name] for field in fields(DecodeCoefficients)}
        ),
        prefill=PrefillCoefficients(
            **{field.name: prompts[field.name] for field in fields(PrefillCoefficients)}
        ),
        decode_spread=reading["spread"],
        prefill_spread=prompts["spread"],
        source=table["source"],
        date=str(table["date"]),
    )


def of(table: Table, key: str) -> float:
    """The entry of ``key``, else what stands for others."""
    return table.get(key, table["other"])


def half_width(spread: Table, group: str, *, experts: bool, setting: Setting) -> float:
    """Half-width w of the 80 % interval of a time t: t × exp(-w) to t × exp(w)."""
    key = f"{setting}/{group}" + (" experts" if experts else "")
    return spread.get(key, UNSEEN * spread[f"{setting}/other"])

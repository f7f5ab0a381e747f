"""One request alone under llama.cpp: the time of a token, and of reading a prompt.

Every token reads the weights it uses, its keys and its values. Two things limit that: the memory,
and the cores that load, unpack and multiply. Their times join by a smooth maximum; each layer adds
a launch, each doubling of the devices a hand-over.

    memory = bytes ÷ (bandwidth × efficiency)
    cores  = (bytes ÷ bytes per cycle + weights × cycles to unpack one) ÷ (cores × clock)
    token  = (memory^p + cores^p)^(1/p) + layers × launch + hand-over × log2(devices)

A prompt is read in batches of 512 tokens. Its operations run at what the arithmetic and the board's
power allow; each batch reads the weights once and launches every layer.

    rate   = smooth minimum of (dense rate × efficiency) and (watts × operations per joule)
    batch  = operations ÷ rate + bytes × reads ÷ bandwidth + layers × launch

Several devices hold consecutive layers (llama.cpp's default split): they take turns in decoding,
and overlap in prompts only as far as there are batches to overlap. The numbers are fitted
(:mod:`weighbridge.predict.llamacpp.coefficients`).
"""

from __future__ import annotations

import math
import re
from typing import Final

from weighbridge.core.machine import Device
from weighbridge.predict.llamacpp.coefficients import (
    DecodeCoefficients,
    PrefillCoefficients,
    of,
)
from weighbridge.predict.llamacpp.silicon import Silicon
from weighbridge.predict.llamacpp.token_load import TokenLoad

MICRO_BATCH: Final = 512
# The first build with both CUDA graphs and products of int8 tensor cores (June 2024).
_BUILD_2024: Final = 3100
_BACKENDS: Final = {"NVIDIA": "cuda", "Apple": "metal", "AMD": "vulkan", "Intel": "vulkan"}


def backend_of(device: Device, version: str = "") -> str:
    """llama.cpp's usual backend on a device; ``-2024`` for builds before mid-2024 (``b3000``)."""
    if device.kind == "cpu":
        return "cpu"
    backend = _BACKENDS.get(device.vendor, "other")
    build = re.fullmatch(r"b?(\d{3,5})", version.strip())
    old = build is not None and int(build[1]) < _BUILD_2024
    return f"{backend}-2024" if old and backend in {"cuda", "metal"} else backend


def decode_s(
    chip: Silicon,
    load: TokenLoad,
    cache_bytes: float,
    c: DecodeCoefficients,
    *,
    backend: str,
    devices: int = 1,
    sequences: float = 1.0,
) -> float:
    """Seconds of a step that gives each of ``sequences`` a token.

    ``cache_bytes`` are read of all their caches together. What more than one sequence has to
    multiply is not counted here.
    """
    touched = load.touched(sequences) * c.expert_reads
    cache = cache_bytes * of(c.cache, chip.vendor)
    read = load.dense_bytes + load.expert_bytes * touched + cache
    reach = min(1.0, of(c.efficiency, chip.vendor)) * (c.ecc if chip.inline_ecc else 1.0)
    weights = load.dense_weights + load.head_weights + load.expert_weights * touched
    cores = 0.0
    if chip.cycles is not None and backend != "vllm":
        # A limit of llama.cpp's matrix-vector kernels; vLLM's kernels are bound by memory alone.
        loading = read / of(c.bytes_per_cycle, chip.vendor)
        cores = (loading + unpack_cycles(chip, load, c) * weights) / chip.cycles
    step = smooth_max(read / (chip.bandwidth * reach), cores, c.smooth)
    handover = c.handover_ms * 1e-3 * math.log2(devices)
    return step + load.layers * _launch_us(chip, load, c, backend) * 1e-6 + handover


def unpack_cycles(chip: Silicon, load: TokenLoad, c: DecodeCoefficients) -> float:
    """Core cycles that unpacking one weight takes."""
    return c.unpack.get(f"{load.packing}/{chip.vendor}", c.unpack[load.packing])


def _launch_us(chip: Silicon, load: TokenLoad, c: DecodeCoefficients, backend: str) -> float:
    launch = of(c.launch_us, backend) + c.die_us * (chip.dies - 1)
    launch += c.expert_us if load.expert_weights else 0.0
    return launch + (c.recurrent_us if load.recurrent else 0.0)


def prefill_s(
    chip: Silicon,
    load: TokenLoad,
    tokens: float,
    c: PrefillCoefficients,
    *,
    backend: str,
    devices: int = 1,
) -> float | None:
    """Seconds to read a prompt of ``tokens``; None where the device's rate is not known."""
    rate = matrix_rate(chip, load, c, backend)
    if rate is None:
        return None
    batches, batch = math.ceil(tokens / MICRO_BATCH), min(tokens, MICRO_BATCH)
    compute = tokens * _operations(chip, load, tokens, batch, c) / rate
    bytes_ = load.dense_bytes + load.expert_bytes * load.touched(batch)
    each = bytes_ * c.reads / chip.bandwidth + load.layers * c.launch_us * 1e-6
    alone = compute + batches * each
    overlap = c.overlap["float" if load.packing == "float" else "packed"]
    shared = (batches + devices - 1) / (batches * devices)
    return alone * (1 - overlap + overlap * shared)


def _operations(
    chip: Silicon, load: TokenLoad, tokens: float, batch: float, c: PrefillCoefficients
) -> float:
    """Operations per token of a prompt, those of padding an expert's product included."""
    active = load.expert_weights * load.expert_share
    if active:
        active *= 1 + of(c.expert_tile, chip.vendor) / max(1.0, batch * load.expert_share)
    # A causal mask leaves half of the pairs; scores and sums are two operations per number.
    scores = tokens * load.score_width
    scores += 2 * min(tokens / 2, load.kv_limit) * load.score_limited_width
    return 2 * (load.dense_weights + active) + scores / c.attention


def matrix_rate(
    chip: Silicon, load: TokenLoad, c: PrefillCoefficients, backend: str
) -> float | None:
    """Operations/s of matrix products: what arithmetic and power allow; None where not known."""
    if chip.matrix_rate is None:
        return None
    quality = c.packing[load.packing]
    if backend.endswith("-2024") and load.packing != "float":
        quality *= c.packing[f"2024/{chip.vendor}"]
    reach = c.efficiency.get(f"{chip.vendor}/{chip.family}", of(c.efficiency, chip.vendor))
    arithmetic = chip.matrix_rate * reach * quality
    if chip.power_w is None or chip.vendor != "NVIDIA":
        return arithmetic
    power = of(c.per_watt, chip.family) * 1e12 * chip.power_w * quality
    return 1 / smooth_max(1 / arithmetic, 1 / power, c.smooth)


def smooth_max(left: float, right: float, exponent: float) -> float:
    """(left^p + right^p)^(1/p), above both."""
    top = max(left, right)
    if not top:
        return 0.0
    return float(top * ((left / top) ** exponent + (right / top) ** exponent) ** (1 / exponent))

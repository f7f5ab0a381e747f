"""What a table of measurements means by ``fp8`` or ``fp4``: the number format of the weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from weighbridge.core.architecture import Component, ModelArchitecture
from weighbridge.core.errors import InputError
from weighbridge.core.quantization import Quantization
from weighbridge.facts.quantizations.what_if import WHAT_IF, what_if

# Words for a precision, and the format that vendors then publish.
_WORDS: Final = {
    "bf16": "bf16", "bfloat16": "bf16", "fp16": "bf16", "float16": "bf16", "half": "bf16",
    "fp8": "fp8", "fp8_block": "fp8", "w8a8": "int8", "int8": "int8",
    "fp4": "NVFP4", "nvfp4": "NVFP4", "mxfp4": "mxfp4",
    "int4": "AWQ int4 g128", "w4a16": "AWQ int4 g128", "awq": "AWQ int4 g128",
    "gptq": "GPTQ int4 g128",
}  # fmt: skip
# A format counts as being so short already with up to so many bits; scales take some.
_SHORT: Final = {"fp8": 8.6, "int8": 8.6, "NVFP4": 4.9, "mxfp4": 4.9, "AWQ int4 g128": 4.9}


def served_as(
    precision: str, architecture: ModelArchitecture, native: Quantization
) -> Quantization:
    """The number format of a model that is served in ``precision``.

    A model that was published in that precision or a shorter one stays as it is; "" asks for what
    was published. NVFP4 checkpoints of MLA models leave attention in 16 bits (NVIDIA's of DeepSeek,
    Kimi and GLM).

    Raises:
        InputError: there is no such precision.
    """
    word = precision.strip()
    if not word:
        return native
    name = _WORDS.get(word.lower()) or {each.lower(): each for each in WHAT_IF}.get(word.lower())
    if name is None:
        raise InputError(
            f"There is no precision {precision!r}.",
            fix=f"Choose one of {', '.join(dict.fromkeys([*_WORDS, *WHAT_IF]))}.",
        )
    if _is_short(native, architecture, name):
        return native
    format_ = what_if(name, architecture)
    latent = any(layer.mixer.kind == "latent" for run in architecture.runs for layer in run.layers)
    if name == "NVFP4" and latent:
        kept = tuple((part, 16.0 if part == "attention" else bits) for part, bits in format_.bits)
        return replace(format_, bits=kept)
    return format_


def _is_short(native: Quantization, architecture: ModelArchitecture, name: str) -> bool:
    """Whether it was published in the format asked for, or a shorter one."""
    short = native.known and native.bits_of(_largest(architecture)) <= _SHORT.get(name, 0.0)
    # Integers of four bits are no fp4: who asks for that means another checkpoint (Kimi K2.5).
    integers = name in {"NVFP4", "mxfp4"} and "fp4" not in native.name.lower()
    return short and not integers


def _largest(architecture: ModelArchitecture) -> Component:
    counts = architecture.by_component
    return max(counts, key=lambda part: counts[part])

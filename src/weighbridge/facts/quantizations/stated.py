"""What a configuration states of the number format of its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from weighbridge.core.architecture import ModelArchitecture
from weighbridge.core.quantization import Quantization
from weighbridge.facts.quantizations.leaves import Leaf, Rule, bits_by_component, leaves_of
from weighbridge.facts.quantizations.patterns import Patterns

Block = Mapping[str, Any]

# Bits per number of the types that `torch_dtype` names.
DTYPES: Final[Mapping[str, int]] = {
    "float64": 64,
    "float32": 32,
    "float": 32,
    "bfloat16": 16,
    "float16": 16,
    "half": 16,
    "float8_e4m3fn": 8,
    "float8_e5m2": 8,
    "int8": 8,
}
_SHORT: Final = {"bfloat16": "bf16", "float16": "fp16", "half": "fp16", "float32": "fp32"}


@dataclass(frozen=True, slots=True)
class Stated:
    """The number format that a configuration states, as far as it is understood.

    Attributes:
        quantization: None when the bits per weight are not known.
        notes: sentences about what was assumed or not understood.
    """

    quantization: Quantization | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """A model whose quantization block is to be read.

    Attributes:
        raw: its config.json.
        architecture: as read from it.
        leaves: its modules.
        dtype: name of the type of whatever is not quantized.
        bits: of that type.
        notes: how that type was found, if it had to be assumed.
    """

    raw: Mapping[str, Any]
    architecture: ModelArchitecture
    leaves: list[Leaf]
    dtype: str
    bits: int
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls, raw: Mapping[str, Any], architecture: ModelArchitecture, *, quantized: bool = False
    ) -> Subject:
        """Find the modules and the base type of a model, of which a part may be quantized."""
        stated = _base_type(raw)
        bits = DTYPES.get(stated or "")
        notes: tuple[str, ...] = ()
        if stated is None:
            which = "what is not quantized" if quantized else "its weights"
            notes = (f"The type of {which} is not stated; 16 bits (bf16) are assumed.",)
        elif bits is None:
            notes = (f"The weight type {stated[:40]!r} is not known; 16 bits are assumed.",)
        leaves = leaves_of(architecture, raw)
        shown = _SHORT.get(stated or "bfloat16", stated or "bf16") if bits or not stated else "bf16"
        return cls(raw, architecture, leaves, shown, bits or 16, notes)

    def stated(
        self, name: str, rule: Rule, kv: float | None = None, notes: tuple[str, ...] = ()
    ) -> Stated:
        """The format in which each module takes the bits that ``rule`` says."""
        bits = bits_by_component(self.leaves, rule)
        quantization = Quantization(name, bits, float(self.bits), kv)
        return Stated(quantization, (*self.notes, *notes))

    def linear_rule(self, bits: float, skipped: Patterns, *, head: bool = False) -> Rule:
        """Every linear layer takes ``bits``, except those that are skipped and the output head.

        Args:
            bits: scales included.
            skipped: modules that keep the base type.
            head: whether the output head is a linear layer like others.
        """

        def rule(leaf: Leaf) -> float:
            kept = not leaf.linear or (leaf.component == "lm_head" and not head)
            return self.bits if kept or leaf.among(skipped) else bits

        return rule


def pattern_notes(*groups: Patterns) -> tuple[str, ...]:
    """A sentence about module patterns that could not be understood, if there are any."""
    missed = [text for group in groups for text in group.not_understood]
    if not missed:
        return ()
    return (f"{len(missed)} module patterns were not understood, e.g. {missed[0]!r}.",)


def names_in(block: Block, *keys: str) -> list[object]:
    """The first of several keys that holds a list of module names."""
    for key in keys:
        value = block.get(key)
        if isinstance(value, list):
            return value
    return []


def whole(value: object, default: int = 0) -> int:
    """A positive whole number of a configuration, or the default."""
    usable = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31
    return value if usable and isinstance(value, int) else default


def kv_bytes(block: Block) -> float | None:
    """Bytes per cached number that a block asks for; None where it is silent.

    The weights' format says nothing of the cache. Keys: ``kv_cache_scheme`` (compressed-tensors,
    ModelOpt in config.json), ``kv_cache_quant_algo`` (ModelOpt's side file).
    """
    scheme = block.get("kv_cache_scheme")
    if isinstance(scheme, Mapping):
        bits = whole(scheme.get("num_bits"))
        group = whole(scheme.get("group_size"))
        return (bits + (8 / group if group and bits < 8 else 0)) / 8 if bits else None
    algorithm = scheme if isinstance(scheme, str) else block.get("kv_cache_quant_algo")
    if not isinstance(algorithm, str):
        return None
    return {"FP8": 1.0, "INT8": 1.0, "NVFP4": 4.5 / 8}.get(algorithm.upper())


def _base_type(raw: Mapping[str, Any]) -> str | None:
    nested = [raw.get(key) for key in ("text_config", "llm_config", "language_config")]
    for keys in (raw, *nested):
        if isinstance(keys, Mapping):
            for key in ("torch_dtype", "dtype"):
                value = keys.get(key)
                if isinstance(value, str):
                    return value.removeprefix("torch.")
    return None

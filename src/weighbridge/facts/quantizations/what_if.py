"""What a model would take in other number formats: the table of weight bytes per quantization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from weighbridge.core.architecture import ModelArchitecture
from weighbridge.core.errors import InputError
from weighbridge.core.quantization import Quantization
from weighbridge.facts.quantizations.gguf_mixes import MIXES, rule_of
from weighbridge.facts.quantizations.leaves import Leaf, Rule, bits_by_component, folded, leaves_of

_MIX_SOURCE: Final = "llama.cpp, src/llama-quant.cpp (2026-11-21)"
_LEFT_ALONE: Final = frozenset({"lm_head", "vision", "audio", "mtp"})


@dataclass(frozen=True, slots=True)
class Format:
    """A format in which models are commonly offered.

    Attributes:
        name: the field's name for it.
        bits: of a linear layer's weight, scales included; 0 for mixtures of GGUF.
        per_column: bits per row or column that a weight shares with as many as the model is wide.
        experts_only: whether, in a model with experts, only they are quantized.
        source: where the numbers come from.
    """

    name: str
    bits: float
    source: str
    per_column: float = 0.0
    experts_only: bool = False


FORMATS: Final[tuple[Format, ...]] = (
    Format("bf16", 16, "as trained"),
    Format("fp8", 8 + 32 / 128**2, "128×128 blocks with float32 scales: DeepSeek-V3 report, 3.3"),
    Format("int8", 8, "a 16-bit scale per channel: LLM Compressor, W8A8", per_column=16),
    Format("AWQ int4 g128", 4 + (16 + 4) / 128, "AutoAWQ, GEMM packing"),
    Format("GPTQ int4 g128", 4 + (16 + 4) / 128, "AutoGPTQ packing with g_idx", per_column=32),
    Format("NVFP4", 4 + 8 / 16, "e2m1 with an e4m3 scale per 16: NVIDIA ModelOpt"),
    Format("mxfp4", 4 + 8 / 32, "e2m1 with an e8m0 scale per 32: OCP MX 1.0", experts_only=True),
    *(
        Format(name, 0, _MIX_SOURCE)
        for name in ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K")
    ),
)
WHAT_IF: Final[Mapping[str, Format]] = {each.name: each for each in FORMATS}


def what_if(name: str, architecture: ModelArchitecture) -> Quantization:
    """A model in another format: bits of every component.

    Except in GGUF, embedding, norms, router, output head and towers keep 16 bits, as checkpoints
    of these formats commonly do.

    Raises:
        InputError: the format is not in :data:`WHAT_IF`.
    """
    wanted = WHAT_IF.get(name)
    if wanted is None:
        raise InputError(
            f"There is no format {name!r}.", fix=f"Choose one of {', '.join(WHAT_IF)}."
        )
    each, together = _leaves(architecture)
    mix = MIXES.get(name)
    leaves = each if mix is not None and mix.by_layer else together
    rule = rule_of(mix, architecture, leaves) if mix else _linear(wanted, architecture)
    bits = bits_by_component(leaves, rule)
    return Quantization(name, bits, 16.0 if mix is None else dict(bits).get("mlp", 16.0))


@lru_cache(maxsize=2)
def _leaves(architecture: ModelArchitecture) -> tuple[list[Leaf], list[Leaf]]:
    """The modules of each layer, and of all layers together; found once for all formats."""
    leaves = leaves_of(architecture, {})
    return leaves, folded(leaves)


def _linear(wanted: Format, architecture: ModelArchitecture) -> Rule:
    bits = wanted.bits + wanted.per_column / max(architecture.hidden, 1)
    only_experts = wanted.experts_only and architecture.by_component["experts"] > 0

    def rule(leaf: Leaf) -> float:
        kept = not leaf.linear or leaf.component in _LEFT_ALONE
        return 16.0 if kept or (only_experts and leaf.component != "experts") else bits

    return rule

"""What llama.cpp's quantizer makes of each tensor: the mixtures behind names such as Q4_K_M.

Source: ``llama_tensor_get_type_impl`` in llama.cpp's src/llama-quant.cpp, read 2026-11-21, without
an importance matrix. Tensors of one dimension and the router stay float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from weighbridge.core.architecture import ModelArchitecture
from weighbridge.facts.ggml_types import GGML_TYPES
from weighbridge.facts.quantizations.leaves import Leaf, Rule

BITS: Final[Mapping[str, float]] = {each.name: each.bits_per_weight for each in GGML_TYPES.values()}
# For rows that do not divide into blocks of 256 (`tensor_type_fallback`).
_FALLBACK: Final = {
    "Q2_K": "Q4_0",
    "Q3_K": "Q4_0",
    "Q4_K": "Q5_0",
    "Q5_K": "Q5_1",
    "Q6_K": "Q8_0",
}
_SUPER_BLOCK: Final = 256


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a tensor stands.

    Attributes:
        index: number among the layers that have such a tensor.
        count: how many layers have one.
        sharing: query heads per key-value head.
        experts: per layer, 1 without.
        depth: layers of the model.
    """

    index: int
    count: int
    sharing: float
    experts: int
    depth: int

    @property
    def more_bits(self) -> bool:
        """The first and last eighth of the layers, and every third between (``use_more_bits``)."""
        eighth = self.count // 8
        return (
            self.index < eighth
            or self.index >= 7 * self.count // 8
            or (self.index - eighth) % 3 == 2
        )


Choice = Callable[[_Place], str]


@dataclass(frozen=True, slots=True)
class Mix:
    """One named mixture.

    Attributes:
        base: type of every matrix not named below.
        value: of the value projections.
        output: of the attention's output projections.
        down: of the feed-forward part's down projections.
        fused: of fused query-key-value projections.
        head: of the output head, and of an embedding that doubles as one.
        by_layer: whether layers differ.
    """

    base: str
    value: Choice | None = None
    output: str = ""
    down: Choice | None = None
    fused: str = ""
    head: str = "Q6_K"
    by_layer: bool = False


def _value_q2(place: _Place) -> str:
    return "Q4_K" if place.sharing >= 4 else "Q3_K"


def _value_q3(place: _Place) -> str:
    return "Q5_K" if place.index < 2 else "Q4_K"


def _down_q3(place: _Place) -> str:
    return "Q5_K" if place.index < place.count // 16 else "Q4_K"


def _or_q6(base: str) -> Choice:
    return lambda place: "Q6_K" if place.more_bits else base


MIXES: Final[Mapping[str, Mix]] = {
    "Q8_0": Mix("Q8_0", head="Q8_0"),
    "Q6_K": Mix("Q6_K"),
    "Q5_K_M": Mix("Q5_K", _or_q6("Q5_K"), down=_or_q6("Q5_K"), fused="Q6_K", by_layer=True),
    "Q5_K_S": Mix("Q5_K"),
    "Q4_K_M": Mix("Q4_K", _or_q6("Q4_K"), down=_or_q6("Q4_K"), fused="Q5_K", by_layer=True),
    "Q4_0": Mix("Q4_0"),
    "Q3_K_M": Mix("Q3_K", _value_q3, "Q4_K", _down_q3, "Q4_K", by_layer=True),
    "Q3_K_S": Mix("Q3_K"),
    "Q2_K": Mix("Q2_K", _value_q2, "Q3_K", lambda _: "Q3_K"),
}


def rule_of(mix: Mix, architecture: ModelArchitecture, leaves: list[Leaf]) -> Rule:
    """Bits per weight of each module under a mixture."""
    values = _positions(leaves, "attention", "value")
    downs = [leaf.layer for leaf in leaves if leaf.component in {"mlp", "experts"}]
    down_at = {layer: number for number, layer in enumerate(dict.fromkeys(downs))}
    experts = max((layer.mlp.experts for run in architecture.runs for layer in run.layers),
                  default=0)  # fmt: skip
    place = _placer(architecture, max(experts, 1))

    def rule(leaf: Leaf) -> float:
        vector = not leaf.linear and leaf.layer is not None
        if leaf.component in {"norm", "router"} or vector:
            return BITS["F32"]
        if leaf.component in {"vision", "audio"}:  # a file of its own, usually F16
            return BITS["F16"]
        if leaf.component == "lm_head" or (
            leaf.component == "embedding" and architecture.tied_embeddings
        ):
            return _bits(mix.head, architecture.hidden)
        if leaf.component in {"mlp", "experts", "shared_expert"}:
            index = down_at.get(leaf.layer, 0)
            down = mix.down(place(index, len(down_at))) if mix.down else mix.base
            return _with_down(leaf, down, mix.base, architecture)
        if leaf.component == "attention":
            index = values.get(leaf.layer, 0)
            chosen = _attention(leaf.part, mix, place(index, max(len(values), 1)), architecture)
            return _bits(chosen, architecture.hidden)
        return _bits(mix.base, architecture.hidden)

    return rule


def _placer(architecture: ModelArchitecture, experts: int) -> Callable[[int, int], _Place]:
    mixers = [layer.mixer for run in architecture.runs for layer in run.layers]
    pairs = [(each.number("heads") or 0, each.number("kv_heads") or 0) for each in mixers]
    sharing = max((heads / kv for heads, kv in pairs if heads and kv), default=1.0)
    depth = architecture.depth
    return lambda index, count: _Place(index, count, sharing, experts, depth)


def _positions(leaves: list[Leaf], component: str, part: str) -> dict[int | None, int]:
    layers = [leaf.layer for leaf in leaves if (leaf.component, leaf.part) == (component, part)]
    return {layer: number for number, layer in enumerate(dict.fromkeys(layers))}


def _attention(part: str, mix: Mix, place: _Place, architecture: ModelArchitecture) -> str:
    """Type of one attention matrix; eight-expert and 80-layer Llama models get more."""
    eight = place.experts == 8
    if part == "value":
        chosen = mix.value(place) if mix.value else mix.base
        if architecture.model_type == "llama" and place.depth == 80 and chosen in {"Q3_K", "Q4_K"}:
            chosen = "Q5_K"
        return "Q8_0" if eight else chosen
    if part == "key":
        return "Q8_0" if eight else mix.base
    if part == "output":
        if eight:
            return "Q5_K" if mix.base in {"Q2_K", "Q3_K", "Q4_K"} else mix.base
        return mix.output or mix.base
    return mix.fused or mix.base if part == "query, key and value" else mix.base


def _with_down(leaf: Leaf, down: str, base: str, architecture: ModelArchitecture) -> float:
    """The down projection is a third of a gated feed-forward part, half of one without a gate."""
    share = 1 / 2 if leaf.part == "up and down" else 1 / 3
    others = _bits(base, architecture.hidden)
    return share * _bits(down, _SUPER_BLOCK) + (1 - share) * others


def _bits(name: str, row: int) -> float:
    """Bits per weight of a type, or of its stand-in for rows that do not divide."""
    return BITS[_FALLBACK.get(name, name) if row % _SUPER_BLOCK else name]

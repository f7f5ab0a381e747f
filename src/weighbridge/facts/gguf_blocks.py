"""The tensor table by layer, and the component that each tensor belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from weighbridge.core.architecture import Component, TensorInfo

_SUFFIX: Final = re.compile(r"\.(weight|bias|scale|input_scale)$")
_BLOCK: Final = re.compile(r"^(?:(?P<stack>enc|dec)\.)?blk\.(?P<layer>\d{1,6})\.(?P<local>.+)$")
_NORM: Final = re.compile(r"(^|[._])norm(_exps|_\d+)?$")
_RECURRENT: Final = ("ssm_", "shortconv", "time_mix_")
_MIXING: Final = (*_RECURRENT, "attn_", "cross_attn_", "indexer")

# Tensor names: gguf-py/gguf/constants.py of llama.cpp, TENSOR_NAMES. First match wins; the pattern
# meets the name without its suffix, and inside a layer without `blk.N.`.
_OUTSIDE_LAYERS: Final[tuple[tuple[re.Pattern[str], Component], ...]] = (
    (re.compile(r"^(a|mm\.a)\."), "audio"),
    (re.compile(r"^(v|mm|resampler)\."), "vision"),
    (_NORM, "norm"),
    (re.compile(r"^per_layer_token_embd$"), "per_layer_embedding"),
    (re.compile(r"^(token_embd|position_embd|token_types)$"), "embedding"),
    (re.compile(r"^output$"), "lm_head"),
)
_INSIDE_LAYERS: Final[tuple[tuple[re.Pattern[str], Component], ...]] = (
    (re.compile(r"^vis_"), "vision"),
    (_NORM, "norm"),
    (re.compile(r"_shexp$"), "shared_expert"),
    (re.compile(r"^(ffn_gate_inp|exp_probs_b)"), "router"),
    (re.compile(r"^ffn_\w+_(ch)?exps$"), "experts"),
    (re.compile(r"^ffn_(gate|up|down)\.\d+$"), "experts"),  # Mixtral before experts were stacked
    (re.compile(r"^(ffn|channel_mix)(_|$)"), "mlp"),
    (re.compile(r"^(ssm_|shortconv\.|time_mix_)"), "linear_mixer"),
    (re.compile(r"^indexer[._]"), "indexer"),
    (re.compile(r"^(attn_|cross_attn_)"), "attention"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor belongs: its layer of the decoder (or None) and its name there."""

    layer: int | None
    local: str
    is_weight: bool


@dataclass(frozen=True, slots=True)
class Block:
    """The tensors of one layer by local name; of weights only, not of biases or scales."""

    weights: dict[str, TensorInfo]

    def has(self, *names: str) -> bool:
        """Whether any of these is there."""
        return any(name in self.weights for name in names)

    @property
    def recurrent(self) -> bool:
        """Whether it has a state-space, linear-attention or convolution mixer."""
        return any(name.startswith(_RECURRENT) for name in self.weights)

    @property
    def mixes(self) -> bool:
        """Whether anything in it passes between tokens; norms do not."""
        names = (name for name in self.weights if not _NORM.search(name))
        return any(name.startswith(_MIXING) for name in names)

    @property
    def indexed(self) -> bool:
        """Whether it has an indexer, which picks the tokens that it attends to."""
        return any(name.startswith("indexer") for name in self.weights)

    @property
    def feeds_forward(self) -> bool:
        """Whether it has a feed-forward part."""
        return any(name.startswith("ffn_") for name in self.weights)

    @property
    def predicts_ahead(self) -> bool:
        """Whether it is a multi-token-prediction layer behind the model proper."""
        return any(name.startswith("nextn.") for name in self.weights)


def place_of(tensor: TensorInfo) -> Place:
    """Split a tensor's name: ``blk.3.attn_q.weight`` lies in layer 3 and is ``attn_q`` there."""
    stem = _SUFFIX.sub("", tensor.name)
    match = _BLOCK.match(stem)
    is_weight = tensor.name.endswith(".weight") or stem == tensor.name
    if match is None:
        return Place(None, stem, is_weight)
    # Encoder layers are numbered apart; they have no place among the decoder's.
    layer = None if match["stack"] == "enc" else int(match["layer"])
    return Place(layer, match["local"], is_weight)


def blocks_of(tensors: Iterable[TensorInfo]) -> dict[int, Block]:
    """Layer number to its tensors."""
    blocks: dict[int, Block] = {}
    for tensor in tensors:
        place = place_of(tensor)
        if place.layer is not None:
            block = blocks.setdefault(place.layer, Block({}))
            if place.is_weight:
                block.weights[place.local] = tensor
    return blocks


def component_of(tensor: TensorInfo, *, linear: frozenset[int], ahead: frozenset[int]) -> Component:
    """The component a tensor is counted under.

    Args:
        tensor: from the header's table.
        linear: layers whose ``attn_*`` tensors are projections of a linear mixer.
        ahead: multi-token-prediction layers, all of whose tensors are ``mtp``.
    """
    place = place_of(tensor)
    if place.layer in ahead or "nextn." in place.local:
        return "mtp"
    rules = _INSIDE_LAYERS if _BLOCK.match(tensor.name) else _OUTSIDE_LAYERS
    component: Component = next(
        (which for rule, which in rules if rule.search(place.local)), "other"
    )
    if component == "attention" and place.layer in linear:
        return "linear_mixer"
    return component

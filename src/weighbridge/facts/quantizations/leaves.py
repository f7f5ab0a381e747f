"""The weight matrices of a model under the names that quantization configurations give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from weighbridge.core.architecture import Component, ModelArchitecture, Part
from weighbridge.facts.quantizations.patterns import Patterns

Rule = Callable[["Leaf"], float]

# Never quantized by any format here except GGUF: look-up tables, norms, and the router, whose
# choice must not change.
KEPT: Final[frozenset[Component]] = frozenset(
    {"embedding", "per_layer_embedding", "norm", "router", "other"}
)
# Parts of mixers that are no matrices of a linear layer.
_NOT_LINEAR: Final = frozenset(
    {
        "sinks",
        "convolution",
        "hyper-connection",
        "decay",
        "decay and skip",
        "decay, skip and step",
        "decay and first",
        "token shift",
        "gates of the recurrence",
        "lambdas",
        "output bias",
        "bias of the output gate",
        "convolutions",
        "biases of the convolutions",
        "convolutions of key and value",
        "logits of relative positions",
    }
)
_MLPS: Final = ("mlp", "ffn", "feed_forward", "block_sparse_moe", "mixer", "moe")

# Our name of a part to the names of its module in a layer, in Hugging Face's classes and in
# DeepSeek's own code.
_MODULES: Final[Mapping[tuple[Component, str], tuple[str, ...]]] = {
    ("attention", "query"): ("self_attn.q_proj", "attn.wq", "mixer.q_proj"),
    ("attention", "key"): ("self_attn.k_proj", "attn.wk", "mixer.k_proj"),
    ("attention", "value"): ("self_attn.v_proj", "attn.wv", "mixer.v_proj"),
    ("attention", "output"): ("self_attn.o_proj", "attn.wo", "mixer.o_proj"),
    ("attention", "query down"): ("self_attn.q_a_proj", "attn.wq_a"),
    ("attention", "query up"): ("self_attn.q_b_proj", "attn.wq_b"),
    ("attention", "key-value down"): ("self_attn.kv_a_proj_with_mqa", "attn.wkv_a"),
    ("attention", "key-value up"): ("self_attn.kv_b_proj", "attn.wkv_b"),
    ("attention", "output gate"): ("self_attn.g_proj", "self_attn.gate_proj"),
    ("linear_mixer", "query, key and value"): (
        "linear_attn.in_proj_qkv",
        "linear_attn.in_proj_qkvz",
    ),
    ("linear_mixer", "output gate"): ("linear_attn.in_proj_z", "linear_attn.in_proj_qkvz"),
    ("linear_mixer", "decay and beta"): ("linear_attn.in_proj_ba", "linear_attn.in_proj_b"),
    ("linear_mixer", "output"): (
        "linear_attn.out_proj",
        "mamba.out_proj",
        "mixer.out_proj",
        "conv.out_proj",
    ),
    ("linear_mixer", "input"): ("mamba.in_proj", "mixer.in_proj", "conv.in_proj"),
}
_OF_COMPONENT: Final[Mapping[Component, tuple[str, ...]]] = {
    "attention": ("self_attn.other", "attn.other"),
    "indexer": ("self_attn.indexer.wq_b", "attn.indexer.wq_b"),
    "linear_mixer": ("linear_attn.other", "mamba.other"),
    "mlp": tuple(f"{mlp}.{leaf}" for mlp in _MLPS for leaf in ("gate_proj", "w1", "up_proj")),
    "experts": tuple(f"{mlp}.experts.0.{leaf}" for mlp in _MLPS for leaf in ("up_proj", "w1")),
    "shared_expert": tuple(
        f"{mlp}.{shared}.{leaf}"
        for mlp in _MLPS
        for shared in ("shared_experts", "shared_expert")
        for leaf in ("up_proj", "w1")
    ),
}
_OUTSIDE: Final[Mapping[Component, tuple[str, ...]]] = {
    "lm_head": ("lm_head", "head"),
    "vision": tuple(
        f"{tower}.{leaf}"
        for tower in (
            "vision_tower.encoder.layers.0",
            "vision_tower.vision_model.encoder.layers.0",
            "vision_model.model.layers.0",
            "vision_encoder.layers.0",
            "visual.blocks.0",
        )
        for leaf in ("self_attn.q_proj", "attn.qkv", "mlp.fc1")
    ),
    "audio": ("audio_tower.layers.0.self_attn.q_proj", "audio_model.layers.0.self_attn.q_proj"),
    "mtp": ("mtp.layers.0",),
}


@dataclass(frozen=True, slots=True)
class Leaf:
    """Weights that one module holds, or several modules that are always treated alike.

    Attributes:
        component: what they count as.
        part: our name for them.
        layer: of the decoder, or None outside it.
        modules: how their module may be called, inside its layer if it is in one.
        parameters: how many there are.
        linear: whether the module is a linear layer, which alone is quantized.
    """

    component: Component
    part: str
    layer: int | None
    modules: tuple[str, ...]
    parameters: int
    linear: bool = True

    def among(self, patterns: Patterns) -> bool:
        """Whether the module, under any of its names, is in a set."""
        if not patterns:
            return False
        within = "" if self.layer is None else f"layers.{self.layer}."
        return any(patterns.match(within + module) for module in self.modules)


def leaves_of(architecture: ModelArchitecture, raw: Mapping[str, Any]) -> list[Leaf]:
    """Every module of a model; ``raw`` is its config.json."""
    found = [_outside(part, architecture) for part in architecture.outside]
    for number, layer in enumerate(architecture.layers):
        found.extend(_inside(part, number, raw) for part in layer.parts)
    if architecture.mtp_parameters:
        names = ("mtp.layers.0.mlp", f"layers.{architecture.depth}.mlp")
        found.append(Leaf("mtp", "mtp", None, names, architecture.mtp_parameters))
    return found


def folded(leaves: list[Leaf]) -> list[Leaf]:
    """The same weights with equal parts of all layers as one, for rules that ignore the layer."""
    first: dict[tuple[str, str, bool], Leaf] = {}
    total: dict[tuple[str, str, bool], int] = {}
    for leaf in leaves:
        key = (leaf.component, leaf.part, leaf.linear)
        first.setdefault(key, leaf)
        total[key] = total.get(key, 0) + leaf.parameters
    return [replace(leaf, parameters=total[key]) for key, leaf in first.items()]


def bits_by_component(leaves: list[Leaf], rule: Rule) -> tuple[tuple[Component, float], ...]:
    """Mean bits per weight of each component, by a rule for each module."""
    bits: dict[Component, float] = {}
    weights: dict[Component, int] = {}
    for leaf in leaves:
        if leaf.parameters:
            bits[leaf.component] = bits.get(leaf.component, 0.0) + leaf.parameters * rule(leaf)
            weights[leaf.component] = weights.get(leaf.component, 0) + leaf.parameters
    return tuple((component, bits[component] / weights[component]) for component in bits)


def _outside(part: Part, architecture: ModelArchitecture) -> Leaf:
    names = _OUTSIDE.get(part.component, (part.component,))
    if part.component == "mtp":
        names = (*names, f"layers.{architecture.depth}.mlp")
    return Leaf(part.component, part.name, None, names, part.parameters, part.component not in KEPT)


def _inside(part: Part, layer: int, raw: Mapping[str, Any]) -> Leaf:
    modules = _MODULES.get((part.component, part.name)) or _OF_COMPONENT.get(part.component, ())
    if part.component == "experts" and _beside_mlp(raw):
        modules = ("experts.gate_up_proj",)
    linear = part.component not in KEPT and part.name not in _NOT_LINEAR
    return Leaf(part.component, part.name, layer, modules, part.parameters, linear)


def _beside_mlp(raw: Mapping[str, Any]) -> bool:
    """Whether experts stand beside a dense ``mlp``, not inside it (Gemma 4)."""
    nested = raw.get("text_config")
    return any(
        bool(keys.get("enable_moe_block")) for keys in (raw, nested) if isinstance(keys, Mapping)
    )

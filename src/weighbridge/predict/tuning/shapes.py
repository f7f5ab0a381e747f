"""The matrices of a model as training sees them: which carry adapters, and how wide layers are.

A part of a layer states its number of weights, and every matrix of a layer has the residual stream
at one end or, in latent attention, a rank at it: so both ends follow by division.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weighbridge.core.architecture import Component, Layer, ModelArchitecture, Part

_MATRICES: Final[tuple[Component, ...]] = (
    "attention",
    "indexer",
    "linear_mixer",
    "mlp",
    "experts",
    "shared_expert",
    "mtp",
)
_TOWERS: Final[tuple[Component, ...]] = ("vision", "audio")
# Adapters stand beside these, by the names of our readers of configurations and of GGUF's tensors.
_OF_ATTENTION: Final = frozenset(
    {
        *("query", "key", "value", "output", "output gate", "key (also value)"),
        *("attn_q", "attn_k", "attn_v", "attn_output", "attn_qkv"),
    }
)
# Two matrices under one name.
_TWO: Final = "key and value"
# No matrices, so nobody misses adapters there.
_NO_MATRICES: Final = frozenset(
    {"sinks", "convolution", "convolutions", "gates", "compressor norm", "hyper-connection"}
    | {"decay", "decay and skip", "decay, skip and step"}
)
_DOWN: Final = {
    "query down": "query",
    "key-value down": "key-value",
    "attn_q_a": "query",
    "attn_kv_a_mqa": "key-value",
}
_UP: Final = {
    "query up": "query",
    "key-value up": "key-value",
    "attn_q_b": "query",
    "attn_kv_b": "key-value",
}
_OF_LINEAR: Final = frozenset(
    {"query, key and value", "output gate", "output", "input", "attn_qkv", "attn_gate", "ssm_out"}
)


@dataclass(frozen=True, slots=True)
class Shape:
    """A model in the numbers that memory and time of training depend on.

    Attributes:
        depth: number of layers.
        hidden: width of the residual stream.
        vocabulary: number of tokens.
        linear: weights of matrices inside layers.
        kept: weights that stay in 16 bits whatever the format: embeddings, head, norms, routers.
        towers: weights of vision and audio towers, which stay frozen.
        head: weights of the output head, which are the embedding's where they are tied.
        embedding: weights of the token embedding.
        tied: whether both are one matrix.
        adapters: adapter weights per rank, without routed experts.
        expert_adapters: the same of routed experts.
        untouched: in words, which matrices get no adapter.
        layer: weights of the largest layer.
        matrix: weights of the largest matrix that is stored as one.
        matrix_in_layers: the same without the embedding.
        widths: numbers that one token leaves for the backward pass, per layer: inputs of all
            matrices and what joins them.
        elementwise: further numbers that are kept where elementwise operations are not fused.
        active: weights that a token is multiplied with.
        attention: operations per token and token of context that attention takes, layers without
            limit and those with a window apart: pairs of width and window.
    """

    depth: int
    hidden: int
    vocabulary: int
    linear: int
    kept: int
    towers: int
    head: int
    embedding: int
    tied: bool
    adapters: float
    expert_adapters: float
    untouched: tuple[str, ...]
    layer: int
    matrix: int
    matrix_in_layers: int
    widths: tuple[float, ...]
    elementwise: tuple[float, ...]
    active: int
    attention: tuple[tuple[float, int | None], ...]

    @property
    def trainable(self) -> int:
        """Weights that full fine-tuning trains: all but the towers."""
        return self.linear + self.kept


def shape_of(architecture: ModelArchitecture) -> Shape:
    """Summed up over all layers; the architecture must be complete."""
    layers, hidden = architecture.layers, architecture.hidden
    counts = architecture.by_component
    outside = {part.component: part.parameters for part in architecture.outside}
    embedding = counts["embedding"]
    tied = architecture.tied_embeddings
    linear = sum(counts[name] for name in _MATRICES)
    towers = sum(counts[name] for name in _TOWERS)
    lookup = counts["per_layer_embedding"] + (0 if tied else embedding)
    largest = [_largest(layer, hidden) for layer in layers]
    found = [_adapters(layer, hidden) for layer in layers]
    return Shape(
        depth=len(layers),
        hidden=hidden,
        vocabulary=architecture.vocabulary,
        linear=linear,
        kept=architecture.parameters - linear - towers,
        towers=towers,
        head=embedding if tied else outside.get("lm_head", 0),
        embedding=embedding,
        tied=tied,
        adapters=sum(each[0] for each in found),
        expert_adapters=sum(each[1] for each in found),
        untouched=tuple(dict.fromkeys(name for each in found for name in each[2])),
        layer=max(layer.parameters for layer in layers),
        matrix=max(embedding, *largest),
        matrix_in_layers=max(largest),
        widths=tuple(_width(layer, hidden) for layer in layers),
        elementwise=tuple(_elementwise(layer, hidden) for layer in layers),
        active=architecture.active - towers - lookup,
        attention=tuple(_attention(layer) for layer in layers),
    )


def _adapters(layer: Layer, hidden: int) -> tuple[float, float, tuple[str, ...]]:
    """Adapter weights per rank of one layer, the same of its experts, and what gets none."""
    ranks = {
        _DOWN[part.name]: part.parameters / hidden for part in layer.parts if part.name in _DOWN
    }
    # A latent without a rank of its own is stated by the mixer.
    latent = float(layer.mixer.number("latent") or 0)
    beside, experts = 0.0, 0.0
    untouched: list[str] = []
    for part in layer.parts:
        ends = _ends(part, layer, hidden, ranks, latent)
        if ends is None:
            matrix = part.component in _MATRICES and part.name not in _NO_MATRICES
            untouched += [part.name] if matrix else []
        elif part.component == "experts":
            experts += ends
        else:
            beside += ends
    return beside, experts, tuple(untouched)


def _ends(
    part: Part, layer: Layer, hidden: int, ranks: dict[str, float], latent: float
) -> float | None:
    """Inputs plus outputs of all matrices of a part; None where it is none that we know."""
    size = part.parameters
    if part.component == "experts":
        return _expert_ends(part, layer, hidden)
    if part.component == "mlp":
        return _rows(size, hidden, layer.mlp.width)
    if part.component == "shared_expert":
        # Several matrices of equal shape: gated ones are three, GGUF lists each by itself.
        count = 1 if part.name.startswith("ffn") else 3
        return count * hidden + size / hidden
    if part.component == "attention" and part.name in _UP:
        rank = latent if _UP[part.name] == "key-value" and latent else ranks.get(_UP[part.name])
        return rank + size / rank if rank else None
    if part.component == "attention" and part.name == _TWO:
        return 2 * hidden + size / hidden
    return hidden + _other_end(size, hidden) if _is_plain(part) else None


def _is_plain(part: Part) -> bool:
    """Whether a part of a mixer is one matrix at the residual stream."""
    if part.component == "attention":
        return part.name in _OF_ATTENTION or part.name in _DOWN
    return part.component == "linear_mixer" and part.name in _OF_LINEAR


def _expert_ends(part: Part, layer: Layer, hidden: int) -> float | None:
    """The same of all routed experts; None for what stands beside them."""
    mlp = layer.mlp
    if not (mlp.experts and mlp.expert_width) or "latent" in part.name:
        return None
    each = mlp.experts * hidden * mlp.expert_width
    return round(part.parameters / each) * mlp.experts * (hidden + mlp.expert_width)


def _other_end(size: int, hidden: int) -> float:
    """The other end of a matrix at the residual stream; a bias counts to neither."""
    # No projection is wider than the residual stream by one, so this tells a bias for certain.
    return size // (hidden + 1) if size % (hidden + 1) == 0 else size / hidden


def _rows(size: int, hidden: int, width: int) -> float | None:
    """Of matrices between the residual stream and an MLP of that width."""
    count = round(size / (hidden * width)) if width else 0
    return count * (hidden + width) if count else None


def _largest(layer: Layer, hidden: int) -> int:
    """The largest matrix; experts of a layer are commonly stored as two stacks."""
    sizes = [1]
    for part in layer.parts:
        if part.component == "experts":
            sizes.append(part.parameters * 2 // 3)
        elif part.component == "mlp" and layer.mlp.width:
            sizes.append(min(part.parameters, hidden * layer.mlp.width))
        elif part.component in _MATRICES:
            sizes.append(part.parameters)
    return max(sizes)


def _width(layer: Layer, hidden: int) -> float:
    """Numbers that autograd keeps of one token: inputs of norms and matrices, and q, k, v.

    For softmax attention with a gated MLP: residual and norm twice, then each matrix has one end in
    the residual stream, so its other end is its weights divided by the width of that.
    """
    multiplied = sum(
        part.parameters - part.idle for part in layer.parts if part.component in _MATRICES
    )
    return 4 * hidden + multiplied / hidden


def _elementwise(layer: Layer, hidden: int) -> float:
    """What is kept besides without fusion: norms' inputs in float32, the activation's output."""
    kinds = ("mlp", "experts", "shared_expert")
    fed = sum(part.parameters - part.idle for part in layer.parts if part.component in kinds)
    return 4 * hidden + fed / (3 * hidden)


def _attention(layer: Layer) -> tuple[float, int | None]:
    """Width of scores and weighted values, and the window of the layer."""
    mixer = layer.mixer
    heads = mixer.number("heads") or 0
    width = heads * ((mixer.number("key_dim") or 0) + (mixer.number("value_dim") or 0))
    softmax = mixer.kind in ("full", "sliding", "chunked", "latent", "compressed", "parallel")
    return (float(width) if softmax else 0.0, mixer.number("window"))

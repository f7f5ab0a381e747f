"""What one forward pass of a model has to do: bytes to read, operations, kernels to launch.

Summed once per model and number format, so that thousands of ways to serve it are cheap to time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from weighbridge.core.architecture import Component, Layer, Mixer, ModelArchitecture
from weighbridge.core.quantization import Quantization

# In which arithmetic a group of weights is multiplied where the hardware can.
Format = Literal["bf16", "fp8", "int8", "fp4", "weights only"]

_ATTENTION: Final[tuple[Component, ...]] = ("attention", "linear_mixer", "indexer")
_DENSE: Final[tuple[Component, ...]] = ("mlp", "shared_expert", "router")
# Tokens that sparse attention selects (DeepSeek-V3.2 technical report, section 2.1).
_SELECTED_TOKENS: Final = 2048


@dataclass(frozen=True, slots=True)
class Group:
    """Weights that are read and multiplied alike.

    Attributes:
        parameters: how many.
        bytes: what they take.
        format: the arithmetic of their products.
    """

    parameters: float
    bytes: float
    format: Format

    @property
    def quantized_activations(self) -> bool:
        """Whether a kernel brings activations into the same format first."""
        return self.format in {"fp8", "int8", "fp4"} and self.parameters > 0


@dataclass(frozen=True, slots=True)
class Kernels:
    """How many layers of each kind launch kernels.

    Attributes:
        softmax: layers that attend with heads of their own (MHA, GQA, sliding or full).
        normed: of those, layers that normalise queries and keys.
        latent: layers of MLA.
        sparse: of those, layers that select tokens first.
        recurrent: layers with a linear, state-space or convolution mixer.
        dense: layers with a dense feed-forward part.
        routed: layers with experts.
        shared: of those, layers with a shared expert.
    """

    softmax: int
    normed: int
    latent: int
    sparse: int
    recurrent: int
    dense: int
    routed: int
    shared: int


@dataclass(frozen=True, slots=True)
class Work:
    """All of a model in one number format that its speed depends on.

    Attributes:
        name: of the model.
        depth: number of layers.
        hidden: width of the residual stream.
        kernels: layers by the kernels they launch.
        attention: projections of all mixers.
        dense: dense feed-forward parts, shared experts and routers.
        experts: all routed experts.
        head: the output head.
        expert_count: routed experts of a layer, 0 without.
        active_experts: of those, how many see a token.
        kv_values: numbers per token that layers without limit keep and read.
        kv_limited_values: the same of layers that read the last, or the selected, tokens only.
        kv_limit: how many those are at most.
        kv_heads: heads of keys and values that devices can divide; 1 where each has them all.
        state_bytes: of one sequence, independent of its length.
        score_width: heads × (key + value dimension), summed over layers without limit: operations
            per pair of tokens.
        score_limited_width: the same of limited layers.
        decode_score_width: of one new token; where keys are kept compressed (MLA) that is more.
        decode_score_limited_width: the same of limited layers.
        mtp: whether the checkpoint has weights of multi-token prediction.
    """

    name: str
    depth: int
    hidden: int
    kernels: Kernels
    attention: Group
    dense: Group
    experts: Group
    head: Group
    expert_count: int
    active_experts: int
    kv_values: float
    kv_limited_values: float
    kv_limit: float
    kv_heads: int
    state_bytes: float
    score_width: float
    score_limited_width: float
    decode_score_width: float
    decode_score_limited_width: float
    mtp: bool

    @property
    def active_share(self) -> float:
        """The part of the routed experts that sees a token."""
        return self.active_experts / self.expert_count if self.expert_count else 0.0


def work(architecture: ModelArchitecture, quantization: Quantization) -> Work | None:
    """What a forward pass does; None where layers of the model are not known."""
    if not architecture.kv_known or "layers" in architecture.incomplete:
        return None
    layers = architecture.layers
    routed = [layer.mlp for layer in layers if layer.mlp.experts]
    caches = [layer.mixer.cache for layer in layers if layer.mixer.cache is not None]
    limited = [_limited(layer.mixer) for layer in layers]
    bound = [layer.mixer for layer in layers if _is_limited(layer.mixer)]
    free = [layer.mixer for layer in layers if not _is_limited(layer.mixer)]
    values = sum(amount for amount, _ in limited)
    reach = sum(amount * most for amount, most in limited)
    return Work(
        name=architecture.name,
        depth=len(layers),
        hidden=architecture.hidden,
        kernels=_kernels(layers),
        attention=_group(architecture, quantization, _ATTENTION),
        dense=_group(architecture, quantization, _DENSE),
        experts=_group(architecture, quantization, ("experts",)),
        head=_head(architecture, quantization),
        expert_count=max((mlp.experts for mlp in routed), default=0),
        active_experts=max((mlp.active for mlp in routed), default=0),
        kv_values=sum(_unlimited(layer.mixer) for layer in layers),
        kv_limited_values=values,
        kv_limit=reach / values if values else 0.0,
        kv_heads=_kv_heads(layers),
        state_bytes=sum(cache.state_bytes(2.0) for cache in caches),
        score_width=sum(map(_score, free)),
        score_limited_width=sum(map(_score, bound)),
        decode_score_width=sum(map(_decode_score, free)),
        decode_score_limited_width=sum(map(_decode_score, bound)),
        mtp=architecture.mtp_parameters > 0 or architecture.by_component["mtp"] > 0,
    )


def requantized(of: Work, architecture: ModelArchitecture, quantization: Quantization) -> Work:
    """The same model in another number format: cheaper than summing it up again."""
    return replace(
        of,
        attention=_group(architecture, quantization, _ATTENTION),
        dense=_group(architecture, quantization, _DENSE),
        experts=_group(architecture, quantization, ("experts",)),
        head=_head(architecture, quantization),
    )


def _group(
    architecture: ModelArchitecture, quantization: Quantization, parts: tuple[Component, ...]
) -> Group:
    counts = {part: architecture.by_component[part] for part in parts}
    largest = max(counts, key=lambda part: counts[part])
    total = sum(counts.values())
    return Group(total, quantization.bytes_of(counts), _format(quantization, largest))


def _head(architecture: ModelArchitecture, quantization: Quantization) -> Group:
    """The output head; a tied one multiplies with the embedding."""
    part: Component = "embedding" if architecture.tied_embeddings else "lm_head"
    count = architecture.vocabulary * architecture.hidden
    return Group(count, count * quantization.bits_of(part) / 8, _format(quantization, part))


def _format(quantization: Quantization, part: Component) -> Format:
    """The arithmetic that kernels of this number format use."""
    bits, name = quantization.bits_of(part), quantization.name.lower()
    if bits >= 15:
        return "bf16"
    if "nvfp4" in name or "mxfp4" in name:
        return "fp4"
    if bits >= 7.9 and "int8" in name:
        return "int8"
    if 7.9 <= bits < 9 and "q8" not in name:
        return "fp8"
    return "weights only"


def _kernels(layers: tuple[Layer, ...]) -> Kernels:
    kinds = [layer.mixer.kind for layer in layers]
    softmax = ("full", "sliding", "chunked", "compressed", "cross", "parallel", "unknown")
    return Kernels(
        softmax=sum(kind in softmax for kind in kinds),
        normed=sum(
            layer.mixer.kind in softmax and any("key norm" in part.name for part in layer.parts)
            for layer in layers
        ),
        latent=kinds.count("latent"),
        sparse=sum(_selects(layer.mixer) for layer in layers),
        recurrent=sum(kind in {"linear", "ssm", "conv", "parallel"} for kind in kinds),
        dense=sum(layer.mlp.width > 0 for layer in layers),
        routed=sum(layer.mlp.experts > 0 for layer in layers),
        shared=sum(layer.mlp.experts > 0 and layer.mlp.shared > 0 for layer in layers),
    )


def _selects(mixer: Mixer) -> bool:
    return "sparse" in mixer.name


def _is_limited(mixer: Mixer) -> bool:
    return _selects(mixer) or bool(mixer.cache and mixer.cache.windows)


def _limited(mixer: Mixer) -> tuple[float, float]:
    """Numbers per token that a limited layer reads, and of how many tokens."""
    if mixer.cache is None:
        return 0.0, 0.0
    if _selects(mixer):
        return mixer.cache.per_token - (mixer.number("index_dim") or 0), _SELECTED_TOKENS
    values = sum(amount for amount, _ in mixer.cache.windows)
    reach = sum(amount * most for amount, most in mixer.cache.windows)
    return values, reach / values if values else 0.0


def _unlimited(mixer: Mixer) -> float:
    """Numbers per token that a layer reads of all tokens."""
    if mixer.cache is None:
        return 0.0
    return float(mixer.number("index_dim") or 0) if _selects(mixer) else mixer.cache.per_token


def _kv_heads(layers: tuple[Layer, ...]) -> int:
    heads = [n for layer in layers if (n := layer.mixer.number("kv_heads"))]
    return min(heads, default=1)


def _score(mixer: Mixer) -> float:
    """Width of scores and weighted values: operations per pair of tokens, halved by causality."""
    heads = mixer.number("heads") or 0
    return heads * ((mixer.number("key_dim") or 0) + (mixer.number("value_dim") or 0))


def _decode_score(mixer: Mixer) -> float:
    """The same for one new token; MLA multiplies each head with the whole latent vector."""
    if mixer.kind != "latent":
        return _score(mixer)
    latent = mixer.number("latent") or 0
    return (mixer.number("heads") or 0) * (2 * latent + (mixer.number("rope_dim") or 0))

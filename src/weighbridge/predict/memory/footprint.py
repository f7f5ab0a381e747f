"""What of a model takes memory, summed once so that many ways to run it can be tried cheaply."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from weighbridge.core.architecture import (
    Component,
    Layer,
    Mixer,
    MixerKind,
    ModelArchitecture,
    Part,
)
from weighbridge.core.quantization import Quantization

# How devices of a tensor-parallel group divide some weights.
Share = Literal[
    "split",  # evenly
    "kv heads",  # evenly, but a device has at least one head
    "vocabulary",  # evenly, rows padded
    "experts",  # among all devices that experts are spread over
    "whole",  # each device has them all
]
SHARES: Final[tuple[Share, ...]] = ("split", "kv heads", "vocabulary", "experts", "whole")
Place = Literal["layers", "first", "last"]
PLACES: Final[tuple[Place, ...]] = ("layers", "first", "last")

_WHOLE_COMPONENTS: Final = frozenset[Component]({"norm", "router", "indexer", "other"})
_WHOLE_PARTS: Final = frozenset(
    {"query down", "key-value down", "latent projections", "sinks", "hyper-connection", "selection"}
)
_KV_PARTS: Final = frozenset({"key", "value", "key-value", "key and value", "key (also value)"})
_VOCABULARY: Final = frozenset[Component]({"embedding", "lm_head", "per_layer_embedding"})


@dataclass(frozen=True, slots=True)
class CacheLayers:
    """Layers that keep the same of a sequence.

    Attributes:
        kind: of their mixer.
        count: how many.
        kv_heads: heads that ``split_values`` belong to.
        split_values: numbers per token that devices divide by heads.
        whole_values: numbers per token that each device keeps.
        index_values: of those, the keys by which sparse attention selects.
        window: tokens after which old ones are dropped, or None.
        state: numbers of fixed size in 16 bits, and ...
        state_float32: ... in 32 bits where the engine does not shorten them.
        state_step: numbers by which ``state`` grows for each token guessed ahead.
    """

    kind: MixerKind
    count: int
    kv_heads: int = 1
    split_values: float = 0.0
    whole_values: float = 0.0
    index_values: float = 0.0
    window: int | None = None
    state: int = 0
    state_float32: int = 0
    state_step: int = 0


@dataclass(frozen=True, slots=True)
class Footprint:
    """All of a model that memory depends on, except for the number format of its weights.

    Attributes:
        name: of the model.
        model_type: its family.
        parts: weights by component, how they are divided, and where they are in a pipeline.
        kv_heads: fewest heads of keys and values of any attention layer.
        caches: what layers keep; None if that is unknown of some layer.
        depth: number of layers.
        hidden: width of the residual stream.
        vocabulary: number of tokens.
        heads: most heads of any attention layer.
        width: of the widest dense feed-forward part.
        query_width: of the widest layer's queries, all heads.
        expanded_width: keys and values of all heads, where they are kept compressed (MLA).
        experts: routed experts of a layer.
        active: of those, how many see a token.
        expert_width: of one of them.
        tied: whether the head reuses the embedding.
        sees: whether it has a vision tower.
        mtp_parameters: weights of multi-token prediction, loaded only where it is used.
        rope_bytes: tables of rotary positions, as engines keep them.
    """

    name: str
    model_type: str
    parts: tuple[tuple[Component, Share, Place, int], ...]
    kv_heads: int
    caches: tuple[CacheLayers, ...] | None
    depth: int
    hidden: int
    vocabulary: int
    heads: int
    width: int
    query_width: int
    expanded_width: int
    experts: int
    active: int
    expert_width: int
    tied: bool
    sees: bool
    mtp_parameters: int
    rope_bytes: int


@dataclass(frozen=True, slots=True)
class WeightTable:
    """Bytes of a model's weights in one number format, by place and share.

    Attributes:
        layers: of all layers, in the order of :data:`SHARES`.
        first: outside the layers, needed by the first stage of a pipeline.
        last: likewise by the last stage.
        mtp: of multi-token prediction, in addition.
        format: the number format's name.
    """

    layers: tuple[float, ...]
    first: tuple[float, ...]
    last: tuple[float, ...]
    mtp: float
    format: str

    @property
    def total(self) -> float:
        """All of it, each weight once, without multi-token prediction."""
        return sum(self.layers) + sum(self.first) + sum(self.last)


def footprint(architecture: ModelArchitecture) -> Footprint:
    """Sum up a model. The result serves for all formats, engines and devices."""
    mixers = [layer.mixer for _, layer in _layers(architecture)]
    mlps = [layer.mlp for _, layer in _layers(architecture)]
    routed = max(mlps, key=lambda mlp: mlp.experts, default=None)
    rotary = max((_first(mixer, "rope_dim", "key_dim") for mixer in mixers), default=0)
    positions = architecture.context_extended or architecture.context or 0
    latent = [mixer for mixer in mixers if mixer.kind == "latent"]
    return Footprint(
        name=architecture.name,
        model_type=architecture.model_type,
        parts=tuple(_parts(architecture)),
        kv_heads=min((n for m in mixers if (n := m.number("kv_heads"))), default=1),
        caches=_caches(architecture),
        depth=architecture.depth,
        hidden=architecture.hidden,
        vocabulary=architecture.vocabulary,
        heads=max((_first(mixer, "heads", "value_heads") for mixer in mixers), default=1) or 1,
        width=max((mlp.width for mlp in mlps), default=0),
        query_width=max((_first(m, "heads") * _first(m, "key_dim") for m in mixers), default=0),
        expanded_width=max(
            (_first(m, "heads") * (_first(m, "key_dim") + _first(m, "value_dim")) for m in latent),
            default=0,
        ),
        experts=routed.experts if routed else 0,
        active=routed.active if routed else 0,
        expert_width=routed.expert_width if routed else 0,
        tied=architecture.tied_embeddings,
        sees=architecture.by_component["vision"] > 0 or "vision" in architecture.incomplete,
        mtp_parameters=architecture.mtp_parameters,
        rope_bytes=2 * positions * rotary,
    )


def weight_table(
    shape: Footprint, quantization: Quantization, exact_bytes: int | None = None
) -> WeightTable:
    """Bytes of a model in one number format.

    Args:
        shape: the model.
        quantization: bits per weight by component.
        exact_bytes: of all tensors that are loaded (so without multi-token prediction, and a tied
            head once), where headers were read: then the format only distributes them.
    """
    bits = {component: quantization.bits_of(component) for component, *_ in shape.parts}
    sums = {(place, share): 0.0 for place in PLACES for share in SHARES}
    for component, share, place, parameters in shape.parts:
        sums[place, share] += parameters * bits[component] / 8
    total = sum(sums.values())
    scale = exact_bytes / total if exact_bytes is not None and total else 1.0
    layers, first, last = (
        tuple(sums[place, share] * scale for share in SHARES) for place in PLACES
    )
    mtp = shape.mtp_parameters * quantization.bits_of("mtp") / 8
    return WeightTable(layers, first, last, mtp, quantization.name)


def _layers(architecture: ModelArchitecture) -> Iterator[tuple[int, Layer]]:
    for run in architecture.runs:
        for layer in run.layers:
            yield run.count, layer


def _parts(architecture: ModelArchitecture) -> Iterable[tuple[Component, Share, Place, int]]:
    sums: dict[tuple[Component, Share, Place], int] = {}

    def add(part: Part, place: Place, times: int) -> None:
        key = (part.component, _share(part), place)
        sums[key] = sums.get(key, 0) + part.parameters * times

    for part in architecture.outside:
        add(part, "last" if part.component in {"lm_head", "norm"} else "first", 1)
    for count, layer in _layers(architecture):
        for part in layer.parts:
            add(part, "layers", count)
    return ((*key, parameters) for key, parameters in sums.items())


def _share(part: Part) -> Share:
    if part.component in _VOCABULARY and "gate" not in part.name:
        return "vocabulary"
    if part.component == "experts" and part.name != "latent projections":
        return "experts"
    if part.component in _WHOLE_COMPONENTS or part.name in _WHOLE_PARTS:
        return "whole"
    if part.component == "vision" and part.name != "layers":
        return "whole"
    return "kv heads" if part.name in _KV_PARTS else "split"


def _caches(architecture: ModelArchitecture) -> tuple[CacheLayers, ...] | None:
    counts: dict[CacheLayers, int] = {}
    for count, layer in _layers(architecture):
        kept = _kept(layer.mixer)
        if kept is None:
            return None
        for each in kept:
            counts[each] = counts.get(each, 0) + count
    return tuple(replace(each, count=count) for each, count in counts.items())


def _kept(mixer: Mixer) -> list[CacheLayers] | None:
    """What one layer keeps, as engines see it: a list of tokens, a state, or both."""
    cache = mixer.cache
    if cache is None or mixer.kind == "unknown":
        return None
    kept: list[CacheLayers] = []
    if cache.state or cache.state_float32:
        kind: MixerKind = "ssm" if mixer.kind == "parallel" else mixer.kind
        # A convolution of kernel k keeps k − 1 inputs.
        step = cache.state // max(_first(mixer, "kernel", "ssm_kernel") - 1, 1)
        kept.append(
            CacheLayers(
                kind,
                1,
                state=cache.state,
                state_float32=cache.state_float32,
                state_step=step,
            )
        )
    index = float(mixer.number("index_dim") or 0)
    if mixer.kind in {"latent", "compressed"}:
        window = cache.windows[0][1] if cache.windows else None
        values = cache.per_token
        if values or cache.windows:
            kept.append(CacheLayers(mixer.kind, 1, whole_values=values, index_values=index,
                                    window=window))  # fmt: skip
        return kept
    heads = mixer.number("kv_heads") or 1
    if cache.per_token:
        split = cache.per_token - index
        kept.append(CacheLayers("full", 1, heads, split, index, index))
    for values, window in cache.windows:
        kept.append(CacheLayers(_windowed(mixer), 1, heads, values, window=window))
    return kept


def _windowed(mixer: Mixer) -> MixerKind:
    return "chunked" if mixer.kind == "chunked" else "sliding"


def _first(mixer: Mixer, *names: str) -> int:
    """The first of some dimensions that a mixer has, else 0."""
    return next((n for name in names if (n := mixer.number(name))), 0)

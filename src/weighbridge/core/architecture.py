"""What a model is made of, and what follows from it by arithmetic alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Component = Literal[
    "embedding",
    "attention",
    "linear_mixer",
    "mlp",
    "experts",
    "shared_expert",
    "router",
    "norm",
    "lm_head",
    "vision",
    "audio",
    "mtp",
    "other",
]


@dataclass(frozen=True, slots=True)
class Attention:
    """Softmax attention of one layer.

    Attributes:
        heads: query heads.
        kv_heads: key/value heads; fewer than ``heads`` is GQA, one is MQA.
        key_dim: width of one key head (and of a query head).
        value_dim: width of one value head.
        window: tokens that a query can look back on, or None for all of them.
    """

    heads: int
    kv_heads: int
    key_dim: int
    value_dim: int
    window: int | None = None

    @property
    def kind(self) -> str:
        """The field's name for this ratio of query to key/value heads."""
        if self.kv_heads == self.heads:
            return "MHA"
        return "MQA" if self.kv_heads == 1 else "GQA"

    def kv_values(self, tokens: int) -> int:
        """Numbers cached for a sequence of ``tokens``: keys and values of each KV head."""
        kept = tokens if self.window is None else min(tokens, self.window)
        return kept * self.kv_heads * (self.key_dim + self.value_dim)


@dataclass(frozen=True, slots=True)
class Mlp:
    """The feed-forward part of one layer: dense, or experts of which ``active`` see each token."""

    width: int
    experts: int = 0
    active: int = 0

    @property
    def kind(self) -> str:
        """Dense or mixture of experts."""
        return "experts" if self.experts else "dense"


@dataclass(frozen=True, slots=True)
class LayerRun:
    """``count`` consecutive layers that are alike.

    Attributes:
        mixer: the attention of each, or None where the header describes a mixer we cannot read.
        mlp: the feed-forward part of each.
    """

    count: int
    mixer: Attention | None
    mlp: Mlp


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One weight tensor as a file's header states it; ``bytes`` is its size in the file."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int

    @property
    def parameters(self) -> int:
        """Number of weights: the product of the shape."""
        product = 1
        for dimension in self.shape:
            product *= dimension
        return product


@dataclass(frozen=True, slots=True)
class ModelArchitecture:
    """A model as far as its header tells.

    Attributes:
        name: what the file calls itself.
        model_type: the family, as the file spells it (``llama``, ``qwen2`` …).
        hidden: width of the residual stream.
        vocabulary: number of tokens.
        layers: runs of identical layers, first to last.
        context: tokens it was trained for, or None when the header is silent.
        tied_embeddings: whether the output head reuses the embedding.
        by_component: number of weights per component, exact, from the tensor table.
        active: weights that take part in one token, experts at their active share, embedding
            look-up excluded unless it doubles as the output head.
        license: SPDX id or name, as the file states it.
        assumptions: sentences about what the header did not say and was assumed or left out.
    """

    name: str
    model_type: str
    hidden: int
    vocabulary: int
    layers: tuple[LayerRun, ...]
    context: int | None
    tied_embeddings: bool
    by_component: tuple[tuple[Component, int], ...]
    active: int
    license: str | None = None
    assumptions: tuple[str, ...] = ()

    @property
    def parameters(self) -> int:
        """All weights, each counted once."""
        return sum(count for _, count in self.by_component)

    @property
    def depth(self) -> int:
        """Number of layers."""
        return sum(run.count for run in self.layers)

    @property
    def kv_known(self) -> bool:
        """Whether every layer's cache follows from the header."""
        return all(run.mixer is not None for run in self.layers)

    def kv_bytes(self, tokens: int, bytes_per_value: float = 2.0) -> int | None:
        """Bytes of KV cache for one sequence of ``tokens``; None when a mixer could not be read."""
        if not self.kv_known:
            return None
        values = sum(
            run.count * run.mixer.kv_values(tokens) for run in self.layers if run.mixer is not None
        )
        return round(values * bytes_per_value)

    def kv_bytes_per_token(self, bytes_per_value: float = 2.0) -> int | None:
        """Bytes that each further token of a long sequence adds (windows do not grow)."""
        if not self.kv_known:
            return None
        growing = (
            run.count * run.mixer.kv_values(1)
            for run in self.layers
            if run.mixer is not None and run.mixer.window is None
        )
        return round(sum(growing) * bytes_per_value)


@dataclass(frozen=True, slots=True)
class WeightFile:
    """The weights of a model as they lie in one file.

    Attributes:
        format: ``gguf``.
        quantization: the file's own name for its precision, e.g. ``Q8_0``.
        tensors: every tensor of the header.
        file_bytes: size of the file on disk.
    """

    format: str
    quantization: str
    tensors: tuple[TensorInfo, ...]
    file_bytes: int

    @property
    def weight_bytes(self) -> int:
        """Bytes of all tensors, without header and padding."""
        return sum(tensor.bytes for tensor in self.tensors)

    @property
    def bytes_by_dtype(self) -> dict[str, int]:
        """Bytes per tensor type, largest first."""
        totals: dict[str, int] = {}
        for tensor in self.tensors:
            totals[tensor.dtype] = totals.get(tensor.dtype, 0) + tensor.bytes
        return dict(sorted(totals.items(), key=lambda pair: -pair[1]))


def runs_of(layers: Iterable[tuple[Attention | None, Mlp]]) -> tuple[LayerRun, ...]:
    """Fold equal neighbours: ``[a, a, b]`` becomes two runs, of 2 and of 1."""
    runs: list[LayerRun] = []
    for mixer, mlp in layers:
        if runs and (runs[-1].mixer, runs[-1].mlp) == (mixer, mlp):
            runs[-1] = LayerRun(runs[-1].count + 1, mixer, mlp)
        else:
            runs.append(LayerRun(1, mixer, mlp))
    return tuple(runs)

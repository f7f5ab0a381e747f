"""What a model is made of, and what follows from it by arithmetic alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Component = Literal[
    "embedding",
    "per_layer_embedding",
    "attention",
    "indexer",
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
COMPONENTS: tuple[Component, ...] = get_args(Component)

MixerKind = Literal[
    "full",  # every earlier token: MHA, GQA, MQA
    "sliding",  # the last `window` tokens
    "chunked",  # the tokens of the current chunk
    "latent",  # MLA: one compressed vector per token
    "compressed",  # blocks of tokens pooled into one entry, beside a window
    "linear",  # a matrix-valued state: gated DeltaNet, KDA, lightning
    "ssm",  # state-space: Mamba, Mamba-2
    "conv",  # a short convolution
    "cross",  # attends to another modality only
    "parallel",  # several mixers side by side in one layer
    "none",  # the layer has no mixer
    "unknown",  # not modelled: its cache is not known
]
MlpKind = Literal["dense", "experts", "dense + experts", "none", "unknown"]


@dataclass(frozen=True, slots=True)
class Part:
    """Some weights of one layer, or of the model outside its layers.

    Attributes:
        component: what it counts as.
        name: the field's name for it: ``query``, ``experts``, ``final norm``.
        parameters: number of weights.
        formula: the count with its numbers put in, e.g. ``hidden 4096 × heads 32 × 128``.
        idle: weights that take no part in one token: the experts it is not routed to.
        again: weights that the same token passes once more, each time counted: blocks that several
            layers share, stacks that are passed repeatedly.
    """

    component: Component
    name: str
    parameters: int
    formula: str = ""
    idle: int = 0
    again: int = 0


@dataclass(frozen=True, slots=True)
class Cache:
    """What one layer keeps of one sequence, in numbers (not bytes).

    States have number formats of their own: an engine that keeps keys and values in 8 bits does
    not shrink them.

    Attributes:
        per_token: numbers that each further token adds, without limit.
        windows: pairs of numbers per token and the most tokens for which they are kept.
        state: numbers of fixed size in 16 bits (convolution inputs).
        state_float32: numbers of fixed size kept in 4 bytes (recurrent states).
    """

    per_token: float = 0.0
    windows: tuple[tuple[float, int], ...] = ()
    state: int = 0
    state_float32: int = 0

    def bytes(self, tokens: int, bytes_per_value: float) -> float:
        """Bytes kept after ``tokens`` tokens; the least that the architecture allows."""
        windowed = sum(values * min(tokens, most) for values, most in self.windows)
        return (self.per_token * tokens + windowed) * bytes_per_value + self.state_bytes()

    def full_length_bytes(self, tokens: int, bytes_per_value: float) -> float:
        """The same by an engine that keeps windowed layers at full length."""
        per_token = self.per_token + sum(values for values, _ in self.windows)
        return per_token * tokens * bytes_per_value + self.state_bytes()

    def state_bytes(self, bytes_per_value: float = 2.0) -> float:
        """Bytes of the part that does not depend on the length."""
        return self.state * bytes_per_value + self.state_float32 * 4


@dataclass(frozen=True, slots=True)
class Mixer:
    """How one layer mixes tokens.

    Attributes:
        kind: which family.
        name: the field's name: ``GQA``, ``MLA``, ``gated DeltaNet``, ``Mamba-2``.
        numbers: its dimensions by name (``heads``, ``kv_heads``, ``key_dim``, ``window`` …).
        cache: what it keeps of a sequence; None when that is not known.
    """

    kind: MixerKind
    name: str
    numbers: tuple[tuple[str, int], ...] = ()
    cache: Cache | None = Cache()

    def number(self, name: str) -> int | None:
        """One of its dimensions, or None."""
        return dict(self.numbers).get(name)


@dataclass(frozen=True, slots=True)
class Mlp:
    """The feed-forward part of one layer.

    Attributes:
        kind: dense, experts, both in parallel, or none.
        width: of the dense part, 0 without one.
        experts: how many there are.
        active: how many of them see each token.
        expert_width: of one routed expert.
        shared: how many experts see every token.
    """

    kind: MlpKind
    width: int = 0
    experts: int = 0
    active: int = 0
    expert_width: int = 0
    shared: int = 0


@dataclass(frozen=True, slots=True)
class Layer:
    """One kind of layer: its mixer, its feed-forward part, and the weights of one such layer."""

    mixer: Mixer
    mlp: Mlp
    parts: tuple[Part, ...] = ()

    @property
    def parameters(self) -> int:
        """Weights of one such layer."""
        return sum(part.parameters for part in self.parts)


@dataclass(frozen=True, slots=True)
class LayerRun:
    """``count`` repetitions of a sequence of layers, e.g. 12 × [3 linear, 1 full]."""

    count: int
    layers: tuple[Layer, ...]

    @property
    def depth(self) -> int:
        """Number of layers in the run."""
        return self.count * len(self.layers)


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
    """A model as far as its configuration or header tells.

    Attributes:
        name: what it goes by.
        model_type: the family, as the source spells it (``llama``, ``qwen3_moe`` …).
        hidden: width of the residual stream.
        vocabulary: number of tokens.
        runs: the layers, first to last, folded.
        outside: weights outside the layers: embedding, final norm, head, towers.
        context: tokens it was trained for, or None when the source is silent.
        context_extended: tokens it reaches by rope scaling or a vendor's word, or None.
        tied_embeddings: whether the output head reuses the embedding.
        mtp_parameters: weights of multi-token prediction that checkpoints store in addition; not
            part of :attr:`parameters`.
        license: SPDX id or name, as the source states it.
        assumptions: sentences about what the source did not say and was assumed or left out.
        incomplete: what has weights that are not counted because it is not modelled: ``layers``,
            ``vision``, ``audio`` …; then :attr:`parameters` is only a lower bound.
    """

    name: str
    model_type: str
    hidden: int
    vocabulary: int
    runs: tuple[LayerRun, ...]
    outside: tuple[Part, ...]
    context: int | None
    tied_embeddings: bool
    context_extended: int | None = None
    mtp_parameters: int = 0
    license: str | None = None
    assumptions: tuple[str, ...] = ()
    incomplete: tuple[str, ...] = ()

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Every layer, first to last, unfolded."""
        return tuple(layer for run in self.runs for layer in run.layers * run.count)

    @property
    def depth(self) -> int:
        """Number of layers."""
        return sum(run.depth for run in self.runs)

    @property
    def by_component(self) -> dict[Component, int]:
        """Number of weights per component, zeros included."""
        totals: dict[Component, int] = dict.fromkeys(COMPONENTS, 0)
        for part, times in self._parts():
            totals[part.component] += part.parameters * times
        return totals

    @property
    def parameters(self) -> int:
        """All weights, each counted once."""
        return sum(self.by_component.values())

    @property
    def active(self) -> int:
        """Weights that take part in one token: all but the experts it is not routed to.

        Embedding, output head and towers are included; vendors differ in leaving them out.
        """
        return self.parameters - sum(part.idle * times for part, times in self._parts())

    @property
    def kv_known(self) -> bool:
        """Whether every layer's cache is known."""
        return all(layer.mixer.cache is not None for run in self.runs for layer in run.layers)

    def kv_bytes(self, tokens: int, bytes_per_value: float = 2.0) -> int | None:
        """Bytes of cache and states of one sequence; the least that the architecture allows."""
        caches = self._caches()
        if caches is None:
            return None
        return round(sum(n * cache.bytes(tokens, bytes_per_value) for cache, n in caches))

    def kv_full_length_bytes(self, tokens: int, bytes_per_value: float = 2.0) -> int | None:
        """The same by an engine that keeps windowed layers at full length."""
        caches = self._caches()
        if caches is None:
            return None
        return round(
            sum(n * cache.full_length_bytes(tokens, bytes_per_value) for cache, n in caches)
        )

    def kv_bytes_per_token(self, bytes_per_value: float = 2.0) -> int | None:
        """Bytes that each further token of a long sequence adds (windows do not grow)."""
        caches = self._caches()
        if caches is None:
            return None
        return round(sum(n * cache.per_token for cache, n in caches) * bytes_per_value)

    def state_bytes(self, bytes_per_value: float = 2.0) -> int | None:
        """Bytes of one sequence that do not depend on its length.

        ``bytes_per_value`` is of the states that are not float32, and not of keys and values.
        """
        caches = self._caches()
        if caches is None:
            return None
        return round(sum(n * cache.state_bytes(bytes_per_value) for cache, n in caches))

    def _parts(self) -> Iterable[tuple[Part, int]]:
        for part in self.outside:
            yield part, 1
        for run in self.runs:
            for layer in run.layers:
                for part in layer.parts:
                    yield part, run.count

    def _caches(self) -> list[tuple[Cache, int]] | None:
        caches: list[tuple[Cache, int]] = []
        for run in self.runs:
            for layer in run.layers:
                if layer.mixer.cache is None:
                    return None
                caches.append((layer.mixer.cache, run.count))
        return caches


@dataclass(frozen=True, slots=True)
class WeightFile:
    """The weights of a model as they lie in its files.

    Attributes:
        format: ``gguf`` or ``safetensors``.
        quantization: the files' own name for their precision, e.g. ``Q8_0``.
        tensors: every tensor of the headers.
        file_bytes: size of the files.
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


def attention(
    heads: int, kv_heads: int, key_dim: int, value_dim: int, window: int | None = None
) -> Mixer:
    """Softmax attention: full, or over the last ``window`` tokens."""
    name = "MHA" if kv_heads == heads else "MQA" if kv_heads == 1 else "GQA"
    values = kv_heads * (key_dim + value_dim)
    numbers = [("heads", heads), ("kv_heads", kv_heads), ("key_dim", key_dim)]
    numbers.append(("value_dim", value_dim))
    if window is None:
        return Mixer("full", name, tuple(numbers), Cache(per_token=values))
    numbers.append(("window", window))
    return Mixer("sliding", name, tuple(numbers), Cache(windows=((values, window),)))


def fold(layers: Iterable[Layer]) -> tuple[LayerRun, ...]:
    """Fold equal neighbours, and equal short sequences of neighbours, into runs.

    ``[a, a, b]`` becomes 2 × [a], 1 × [b]; ``[a, b, a, b]`` becomes 2 × [a, b]. The shortest period
    that repeats at least twice wins, at each position the one that covers most layers.
    """
    left = list(layers)
    runs: list[LayerRun] = []
    while left:
        period, count = _best_period(left)
        runs.append(LayerRun(count, tuple(left[:period])))
        del left[: period * count]
    return tuple(runs)


_LONGEST_PERIOD = 16


def _best_period(layers: list[Layer]) -> tuple[int, int]:
    """Length and repetitions of the unit at the front that covers most layers."""
    best = (1, 1)
    for period in range(1, min(_LONGEST_PERIOD, len(layers) // 2) + 1):
        unit, count = layers[:period], 1
        while layers[period * count : period * (count + 1)] == unit:
            count += 1
        # A longer unit must cover more layers, not just count the same ones in bigger steps.
        if count > 1 and period * count > best[0] * best[1]:
            best = (period, count)
    return best

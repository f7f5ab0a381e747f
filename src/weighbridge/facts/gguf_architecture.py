"""From a GGUF header to the records that the rest of Weighbridge works with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from weighbridge.core.architecture import (
    Component,
    Mlp,
    ModelArchitecture,
    TensorInfo,
    WeightFile,
    runs_of,
)
from weighbridge.core.errors import FormatError
from weighbridge.facts.ggml_types import FILE_TYPES
from weighbridge.facts.gguf import GgufHeader, Skipped
from weighbridge.facts.gguf_attention import linear_layers, mixers_of
from weighbridge.facts.gguf_blocks import Block, blocks_of, component_of, place_of
from weighbridge.facts.gguf_keys import Keys, keys_of, text

_OTHER_CONTENTS: Final = {
    "adapter": "an adapter (LoRA), not a whole model",
    "imatrix": "an importance matrix, not a model",
    "mmproj": "the vision or audio part of a model, without the language model",
}
_DOWN: Final = ("ffn_down_exps", "ffn_down.0", "ffn_down")
_NOT_PER_TOKEN: Final[frozenset[Component]] = frozenset({"vision", "audio", "mtp"})


def describe(header: GgufHeader, *, name: str, stem: str) -> tuple[ModelArchitecture, WeightFile]:
    """What a header says of its model.

    Args:
        header: as read.
        name: how errors call the file.
        stem: the model's name if the file does not state one.

    Raises:
        FormatError: the file holds no language model, or only a part of one.
    """
    _refuse_other_contents(header, name)
    keys = keys_of(header, name)
    hidden = _required(keys, "embedding_length", name)
    blocks = blocks_of(header.tensors)
    ahead = frozenset(layer for layer, block in blocks.items() if block.predicts_ahead)
    depth = _depth(keys, header, ahead, name)
    mixers = mixers_of(keys, blocks, depth, hidden)
    widths = keys.per_layer("feed_forward_length", depth) or (0,) * depth
    mlps = [_mlp(keys, blocks.get(layer, Block({})), widths[layer]) for layer in range(depth)]
    count = _Count.of(header, keys, linear_layers(keys, blocks, depth), ahead)
    quantization, quantization_note = _quantization(header)
    notes = (*mixers.assumptions, *count.notes, quantization_note)
    architecture = ModelArchitecture(
        name=text(header.metadata.get("general.name")) or stem,
        model_type=keys.arch,
        hidden=hidden,
        vocabulary=_vocabulary(header, keys),
        layers=runs_of(zip(mixers.layers, mlps, strict=True)),
        context=keys.integer("context_length") or None,
        tied_embeddings=count.tied,
        by_component=count.by_component,
        active=count.active,
        license=_license(header),
        assumptions=tuple(note for note in notes if note),
    )
    return architecture, WeightFile("gguf", quantization, header.tensors, header.file_bytes)


def _refuse_other_contents(header: GgufHeader, name: str) -> None:
    kind = text(header.metadata.get("general.type")) or "model"
    if text(header.metadata.get("general.architecture")) == "clip":
        kind = "mmproj"
    if kind in _OTHER_CONTENTS:
        raise FormatError(
            f"{name} is {_OTHER_CONTENTS[kind]}.", fix="Give the GGUF of the language model."
        )
    parts = header.metadata.get("split.count")
    if isinstance(parts, int) and parts > 1:
        number = header.metadata.get("split.no")
        which = f"part {number + 1}" if isinstance(number, int) else "one part"
        raise FormatError(
            f"{name} is {which} of {parts} of a split model.",
            fix="Join the parts first: `llama-gguf-split --merge FIRST_PART WHOLE.gguf`.",
        )


def _required(keys: Keys, key: str, name: str) -> int:
    value = keys.integer(key)
    if not value:
        raise FormatError(
            f"{name} does not state {keys.arch}.{key}, so it holds no language model we can read.",
            fix="Give a GGUF that was converted with current llama.cpp.",
        )
    return value


def _depth(keys: Keys, header: GgufHeader, ahead: frozenset[int], name: str) -> int:
    """Layers of the model proper: ``block_count`` also counts the multi-token-prediction layers."""
    stated = _required(keys, "block_count", name)
    if stated > len(header.tensors):
        raise FormatError(
            f"{name} states {stated} layers ({keys.arch}.block_count)"
            f" but holds only {len(header.tensors)} tensors.",
            fix="Fetch the file again.",
        )
    return stated - sum(layer < stated for layer in ahead)


def _mlp(keys: Keys, block: Block, stated_width: int) -> Mlp:
    """The feed-forward part of a layer, from its own tensors where they are there."""
    down = next((block.weights[name] for name in _DOWN if name in block.weights), None)
    if block.has("ffn_gate_inp", "ffn_down_exps", "ffn_down.0"):
        stacked = block.weights.get("ffn_down_exps")
        stated = keys.integer("expert_count") or 0
        experts = stacked.shape[2] if stacked and len(stacked.shape) == 3 else stated
        width = down.shape[0] if down else keys.integer("expert_feed_forward_length") or 0
        return Mlp(width, experts, min(_used_experts(keys) or experts, experts))
    if down is not None:
        return Mlp(down.shape[0])
    return Mlp(stated_width if block.has("ffn_up") else 0)


def _used_experts(keys: Keys) -> int | None:
    return keys.integer("expert_used_count") or None


@dataclass(frozen=True, slots=True)
class _Count:
    """The tensor table added up."""

    by_component: tuple[tuple[Component, int], ...]
    active: int
    tied: bool
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls, header: GgufHeader, keys: Keys, linear: frozenset[int], ahead: frozenset[int]
    ) -> _Count:
        tied = not any(tensor.name == "output.weight" for tensor in header.tensors)
        totals: Counter[Component] = Counter()
        active = 0
        for tensor in header.tensors:
            component = component_of(tensor, linear=linear, ahead=ahead)
            totals[component] += tensor.parameters
            active += _active(tensor, component, keys, tied=tied)
        notes = _count_notes(totals, keys)
        return cls(tuple(totals.items()), active, tied, notes)


def _active(tensor: TensorInfo, component: Component, keys: Keys, *, tied: bool) -> int:
    """How many weights of a tensor take part in one token of text."""
    if component in _NOT_PER_TOKEN:
        return 0
    if component == "embedding":  # a look-up, unless the table doubles as the output head
        return tensor.parameters if tied and place_of(tensor).local == "token_embd" else 0
    if component == "experts":
        experts, used = keys.integer("expert_count"), _used_experts(keys)
        if experts and used and used < experts:
            return tensor.parameters * used // experts
    return tensor.parameters


def _count_notes(totals: Counter[Component], keys: Keys) -> tuple[str, ...]:
    notes = []
    if totals["experts"] and not (keys.integer("expert_count") and _used_experts(keys)):
        notes.append("How many experts see each token is not stated; all are counted as active.")
    if totals["mtp"]:
        notes.append(
            "Layers that predict further tokens (MTP) count as parameters,"
            " but not as layers, active parameters or KV cache."
        )
    if totals["vision"] or totals["audio"]:
        notes.append("Active parameters are those of a text token: without vision and audio.")
    return tuple(notes)


def _vocabulary(header: GgufHeader, keys: Keys) -> int:
    """Number of tokens: rows of the embedding, else the tokenizer's list, else 0."""
    for tensor in header.tensors:
        if tensor.name == "token_embd.weight" and len(tensor.shape) == 2:
            return tensor.shape[1]
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    return tokens.length if isinstance(tokens, Skipped) else keys.integer("vocab_size") or 0


def _license(header: GgufHeader) -> str | None:
    """``general.license`` as written; its long name where the short one only says ``other``."""
    short = text(header.metadata.get("general.license"))
    long = text(header.metadata.get("general.license.name"))
    return long or short if short in {None, "other"} else short


def _quantization(header: GgufHeader) -> tuple[str, str]:
    """The file's name for its precision, and a note when that had to be inferred."""
    number = header.metadata.get("general.file_type")
    if isinstance(number, int) and number in FILE_TYPES:
        return FILE_TYPES[number], ""
    if not header.tensors:
        return "unknown", ""
    main = _main_dtype(header.tensors)
    return main, f"The header does not name its quantization; most bytes are {main}."


def _main_dtype(tensors: Sequence[TensorInfo]) -> str:
    totals: Counter[str] = Counter()
    for tensor in tensors:
        totals[tensor.dtype] += tensor.bytes
    return totals.most_common(1)[0][0]

"""From a GGUF header to the records that the rest of Weighbridge works with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from weighbridge.core.architecture import (
    Component,
    Layer,
    Mlp,
    ModelArchitecture,
    Part,
    TensorInfo,
    WeightFile,
    fold,
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
    table = _Parts.of(header, keys, linear_layers(keys, blocks, depth), ahead)
    layers = [
        Layer(mixer, mlp, table.inside.get(number, ()))
        for number, (mixer, mlp) in enumerate(zip(mixers.layers, mlps, strict=True))
    ]
    quantization, quantization_note = _quantization(header)
    notes = (*mixers.assumptions, *table.notes(keys), quantization_note)
    architecture = ModelArchitecture(
        name=text(header.metadata.get("general.name")) or stem,
        model_type=keys.arch,
        hidden=hidden,
        vocabulary=_vocabulary(header, keys),
        runs=fold(layers),
        outside=table.outside,
        context=keys.integer("context_length") or None,
        tied_embeddings=not any(tensor.name == "output.weight" for tensor in header.tensors),
        mtp_parameters=table.mtp,
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
            fix="Give its file or URL by name: the other parts are read from the same place.",
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
        used = min(_used_experts(keys) or experts, experts)
        return Mlp("experts", experts=experts, active=used, expert_width=width)
    if down is not None:
        return Mlp("dense", down.shape[0])
    return Mlp("dense", stated_width) if block.has("ffn_up") else Mlp("none")


def _used_experts(keys: Keys) -> int | None:
    return keys.integer("expert_used_count") or None


@dataclass(frozen=True, slots=True)
class _Parts:
    """The tensor table as parts: of each layer, outside the layers, and of MTP layers the sum."""

    inside: dict[int, tuple[Part, ...]]
    outside: tuple[Part, ...]
    mtp: int

    @classmethod
    def of(
        cls, header: GgufHeader, keys: Keys, linear: frozenset[int], ahead: frozenset[int]
    ) -> _Parts:
        inside: dict[int, tuple[Part, ...]] = {}
        outside: list[Part] = []
        mtp = 0
        for tensor in header.tensors:
            component = component_of(tensor, linear=linear, ahead=ahead)
            place = place_of(tensor)
            if component == "mtp":
                mtp += tensor.parameters
            elif place.layer is None:
                outside.append(_part(tensor, component, place.local, keys))
            else:
                part = _part(tensor, component, place.local, keys)
                inside[place.layer] = (*inside.get(place.layer, ()), part)
        return cls(inside, tuple(outside), mtp)

    def notes(self, keys: Keys) -> tuple[str, ...]:
        """What a reader should know about the counts."""
        notes = []
        experts = any(
            part.component == "experts" for parts in self.inside.values() for part in parts
        )
        if experts and not (keys.integer("expert_count") and _used_experts(keys)):
            notes.append(
                "How many experts see each token is not stated; all are counted as active."
            )
        if self.mtp:
            notes.append(
                "Layers that predict further tokens (MTP) are counted apart: not as layers,"
                " parameters or KV cache."
            )
        return tuple(notes)


def _part(tensor: TensorInfo, component: Component, local: str, keys: Keys) -> Part:
    formula = " × ".join(map(str, tensor.shape))
    return Part(component, local, tensor.parameters, formula, _idle(tensor, component, keys))


def _idle(tensor: TensorInfo, component: Component, keys: Keys) -> int:
    """How many weights of a tensor take no part in one token."""
    experts, used = keys.integer("expert_count"), _used_experts(keys)
    if component != "experts" or not experts or not used or used >= experts:
        return 0
    return tensor.parameters - tensor.parameters * used // experts


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

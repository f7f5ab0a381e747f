"""From a config.json to the number format of its weights: one row per ``quant_method``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from weighbridge.core.architecture import ModelArchitecture
from weighbridge.facts.quantizations.bitnet import read_bitnet
from weighbridge.facts.quantizations.bitsandbytes import read_bitsandbytes
from weighbridge.facts.quantizations.compressed_tensors import read_compressed_tensors
from weighbridge.facts.quantizations.fp8 import read_fbgemm_fp8, read_fp8
from weighbridge.facts.quantizations.grouped import read_auto_round, read_awq, read_gptq
from weighbridge.facts.quantizations.modelopt import read_modelopt
from weighbridge.facts.quantizations.mxfp4 import read_mxfp4
from weighbridge.facts.quantizations.stated import Block, Stated, Subject

Reader = Callable[[Block, Subject], Stated]

READERS: Final[Mapping[str, Reader]] = {
    "fp8": read_fp8,
    "fbgemm_fp8": read_fbgemm_fp8,
    "compressed-tensors": read_compressed_tensors,
    "modelopt": read_modelopt,
    "modelopt_fp4": read_modelopt,
    "modelopt_mixed": read_modelopt,
    "mxfp4": read_mxfp4,
    "awq": read_awq,
    "gptq": read_gptq,
    "auto-round": read_auto_round,
    "intel/auto-round": read_auto_round,
    "bitsandbytes": read_bitsandbytes,
    "bitnet": read_bitnet,
}
# Methods of transformers and vLLM whose bits a config does not give away simply.
NOT_MODELLED: Final = frozenset(
    {
        "aqlm", "eetq", "exl2", "exl3", "fp_quant", "higgs", "hqq", "quanto", "quark", "quip",
        "sinq", "spqr", "torchao", "vptq",
    }
)  # fmt: skip
# ModelOpt before 2025-09 wrote its block only beside the config.json: the name is all that is left.
_NAMED: Final = re.compile(
    r"(?i)(?<![a-z0-9])(nvfp4|mxfp4|fp8|fp4|awq|gptq|int4|int8|w4a16|w8a8|w8a16|bnb|[48]bit)(?![a-z0-9])"
)
_NESTED: Final = ("text_config", "llm_config", "language_config", "thinker_config")


def from_config(
    raw: Mapping[str, Any],
    architecture: ModelArchitecture,
    *,
    side: Mapping[str, Any] | None = None,
) -> Stated:
    """The number format that a configuration states.

    Args:
        raw: the config.json.
        architecture: as read from it; says how much each module weighs.
        side: the hf_quant_config.json beside it, if there is one.
    """
    block = block_of(raw, side)
    subject = Subject.of(raw, architecture, quantized=bool(block))
    unread = _unread_block(raw)
    if not block and unread:
        return Stated(None, (*subject.notes, unread))
    if not block:
        named = _NAMED.search(architecture.name)
        if named is not None:
            note = f"Its name says {named[1]}, its configuration says nothing: bytes are unknown."
            return Stated(None, (*subject.notes, note))
        return subject.stated(subject.dtype, lambda _: subject.bits)
    method = method_of(block)
    reader = READERS.get(method)
    if reader is not None:
        return reader(block, subject)
    how = "not modelled" if method in NOT_MODELLED else "not known"
    shown = method[:40] or "unnamed"
    return Stated(
        None, (*subject.notes, f"The quantization method {shown} is {how}: its bytes are unknown.")
    )


def block_of(raw: Mapping[str, Any], side: Mapping[str, Any] | None) -> Block:
    """The quantization block: in the configuration, in its text part, else in the side file."""
    for keys in (raw, *(raw.get(key) for key in _NESTED)):
        if isinstance(keys, Mapping):
            for name in ("quantization_config", "compression_config"):
                block = keys.get(name)
                if isinstance(block, Mapping) and block:
                    return block
    inner = side.get("quantization") if side is not None else None
    return {"quant_method": "modelopt", **inner} if isinstance(inner, Mapping) else {}


def _unread_block(raw: Mapping[str, Any]) -> str:
    """A sentence about something that stands where the block belongs, but is no object."""
    for keys in (raw, *(raw.get(key) for key in _NESTED)):
        if isinstance(keys, Mapping):
            for name in ("quantization_config", "compression_config"):
                block = keys.get(name)
                if block is not None and not isinstance(block, Mapping):
                    shown = "".join(c for c in str(block)[:40] if c.isprintable())
                    return f"{name} is {shown}, not an object: the bytes are unknown."
    return ""


def method_of(block: Block) -> str:
    """The name of the method; ModelOpt and compressed-tensors are known by their keys as well."""
    stated = block.get("quant_method")
    if isinstance(stated, str) and stated:
        return stated.lower().replace("compressed_tensors", "compressed-tensors")
    if "quant_algo" in block:
        return "modelopt"
    if "config_groups" in block:
        return "compressed-tensors"
    if block.get("load_in_4bit") or block.get("load_in_8bit"):
        return "bitsandbytes"
    return ""

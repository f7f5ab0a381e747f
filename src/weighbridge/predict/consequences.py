"""What an architecture implies for speed and memory: ceilings, before any engine is involved.

Formulas: one decoded token reads every active weight once and its sequence's cache once, so memory
bandwidth bounds the speed of a single stream (Pope et al. 2022, arXiv:2211.05102, section 2); a
forward pass costs about two operations per active weight and token (Kaplan et al. 2020,
arXiv:2001.08361, section 2.1), attention over the context not included.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from weighbridge.core.architecture import Component, Mixer, ModelArchitecture, Part
from weighbridge.core.inspection import Inspection
from weighbridge.core.units import (
    GIB,
    format_bytes,
    format_count,
    format_figure,
    format_tokens,
    plural,
)
from weighbridge.core.wording import beyond_context, reach

REFERENCE_CONTEXT = 32768
REFERENCE_MEMORY_BYTES = 24 * GIB
# Not run for a token of text.
_NOT_PER_TOKEN: tuple[Component, ...] = ("vision", "audio", "mtp")
# Differences smaller than this are not worth a sentence.
_NOTABLE = 1.05


@dataclass(frozen=True, slots=True)
class Consequences:
    """What follows from one model's structure and number format.

    Attributes:
        read_bytes: weights read for one decoded token, in bytes; None if their format is unknown.
        decode_per_gb_s: upper bound of tokens/s of a single stream, per GB/s of bandwidth.
        kv_bytes: cache and states of one sequence of :data:`REFERENCE_CONTEXT`; None if unknown.
        users: most such sequences that :data:`REFERENCE_MEMORY_BYTES` hold beside the weights,
            counting nothing else; None if unknown, 0 also where the weights alone do not fit.
        prefill_flops: operations per token of prompt; None where layers are not modelled.
    """

    read_bytes: int | None
    decode_per_gb_s: float | None
    kv_bytes: int | None
    users: int | None
    prefill_flops: int | None


def consequences(inspection: Inspection, kv_bytes_per_value: float = 2.0) -> Consequences:
    """What follows from one model."""
    used = active_by_component(inspection.architecture)
    whole = "layers" not in inspection.architecture.incomplete
    known = whole and inspection.quantization.known
    read = inspection.quantization.bytes_of(used) if known else None
    kv = inspection.architecture.kv_bytes(REFERENCE_CONTEXT, kv_bytes_per_value)
    weights = inspection.weight_bytes
    return Consequences(
        read_bytes=read,
        decode_per_gb_s=1e9 / read if read else None,
        kv_bytes=kv,
        users=max(0, (REFERENCE_MEMORY_BYTES - weights) // kv) if kv and weights else None,
        prefill_flops=2 * sum(used.values()) if whole else None,
    )


def active_by_component(architecture: ModelArchitecture) -> dict[Component, int]:
    """Weights that one token of text multiplies with, by component."""
    used: dict[Component, int] = {}
    inside = [
        (part, run.count) for run in architecture.runs for one in run.layers for part in one.parts
    ]
    for part, times in (*((part, 1) for part in architecture.outside), *inside):
        # A tied embedding is also the output head, which multiplies with all of it.
        head = part.component == "embedding" and architecture.tied_embeddings
        if part.component not in _NOT_PER_TOKEN and (head or not is_table(part)):
            count = (part.parameters - part.idle + part.again) * times
            used[part.component] = used.get(part.component, 0) + count
    return used


def is_table(part: Part) -> bool:
    """Whether one row of these weights is looked up per token, and no more of them read.

    Gemma's per-layer embeddings are tables with projections beside them, which are multiplied with.
    """
    if part.component == "per_layer_embedding":
        return "projection" not in part.name
    return part.component == "embedding"


def differences(
    first: Inspection, second: Inspection, kv_bytes_per_value: float = 2.0
) -> tuple[str, ...]:
    """What sets the second model apart from the first, and why, largest effect first."""
    a, b = consequences(first, kv_bytes_per_value), consequences(second, kv_bytes_per_value)
    names = _names(first, second)
    found = [
        _unmodelled(names, first, second),
        _speed(names, a, b, first, second),
        _cache(names, a, b, first, second),
        _weights(names, first, second),
    ]
    told = sorted((entry for entry in found if entry), key=lambda entry: -entry[0])
    compared = (*(sentence for _, sentence in told), *_users(names, a, b))
    return (*compared, *_untrained(names, first, second)) if compared else ()


def at_a_glance(
    inspections: Sequence[Inspection], names: Sequence[str], kv_bytes_per_value: float = 2.0
) -> str:
    """What sets several models apart, in one or two sentences; empty where nothing is known."""
    follows = [consequences(item, kv_bytes_per_value) for item in inspections]
    reads = [found.read_bytes for found in follows]
    caches = [found.kv_bytes for found in follows]
    told = []
    if any(reads):
        told.append(f"For each token that it decodes, {_listed(names, reads, 'reads', 'weights')}.")
    if any(caches):
        context = format_tokens(REFERENCE_CONTEXT)
        told.append(
            f"At {context} tokens a user {_listed(names, caches, 'takes', 'cache', 'of ')}."
        )
    return " ".join(told)


def _listed(
    names: Sequence[str], sizes: Sequence[int | None], verb: str, what: str, before: str = ""
) -> str:
    """``A reads 3 GiB of weights, B 2 GiB``; what is not known is left out."""
    known = [(name, size) for name, size in zip(names, sizes, strict=True) if size]
    (name, size), *others = known
    rest = [f"{before}{other} {format_bytes(count)}" for other, count in others]
    return ", ".join([f"{before}{name} {verb} {format_bytes(size)} of {what}", *rest])


def _names(first: Inspection, second: Inspection) -> tuple[str, str]:
    names = (first.architecture.name, second.architecture.name)
    return names if names[0] != names[1] else (first.name, second.name)


def _unmodelled(
    names: tuple[str, str], first: Inspection, second: Inspection
) -> tuple[float, str] | None:
    partly = [
        f"{name} ({', '.join(model.architecture.incomplete)})"
        for name, model in zip(names, (first, second), strict=True)
        if model.architecture.incomplete
    ]
    if not partly:
        return None
    return math.inf, (
        f"Not all weights of {' and '.join(partly)} are modelled, so sizes and speeds that need "
        "them are not compared."
    )


def _ratio(a: float, b: float) -> float:
    """How many times the larger is the smaller; 1 where one is nothing."""
    return max(a, b) / min(a, b) if min(a, b) > 0 else 1.0


def _times(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio < 100 else f"{ratio:,.0f}"


def _speed(
    names: tuple[str, str], a: Consequences, b: Consequences, first: Inspection, second: Inspection
) -> tuple[float, str] | None:
    if a.read_bytes is None or b.read_bytes is None:
        return None
    ratio = _ratio(a.read_bytes, b.read_bytes)
    if ratio < _NOTABLE:
        return None
    fast, slow = (0, 1) if a.read_bytes < b.read_bytes else (1, 0)
    reads, models = (a.read_bytes, b.read_bytes), (first, second)
    of = [
        f"{format_count(sum(active_by_component(m.architecture).values()))} weights at "
        f"{m.quantization.name}"
        for m in models
    ]
    return ratio, (
        f"{names[fast]} can decode up to {_times(ratio)} times as fast on the same memory: each "
        f"token reads {format_bytes(reads[fast])} ({of[fast]}) against {format_bytes(reads[slow])} "
        f"({of[slow]}), a ceiling of {format_figure(1e9 / reads[fast])} against "
        f"{format_figure(1e9 / reads[slow])} tokens/s per GB/s of bandwidth."
    )


def _cache(
    names: tuple[str, str], a: Consequences, b: Consequences, first: Inspection, second: Inspection
) -> tuple[float, str] | None:
    if a.kv_bytes is None or b.kv_bytes is None:
        unknown = " and ".join(n for n, f in zip(names, (a, b), strict=True) if f.kv_bytes is None)
        return 1.0, f"The cache of {unknown} is not modelled, so it cannot be compared."
    ratio = _ratio(a.kv_bytes, b.kv_bytes)
    if ratio < _NOTABLE:
        return None
    small, large = (0, 1) if a.kv_bytes < b.kv_bytes else (1, 0)
    sizes, models = (a.kv_bytes, b.kv_bytes), (first, second)
    return ratio, (
        f"At {format_tokens(REFERENCE_CONTEXT)} tokens a user of {names[small]} takes "
        f"{format_bytes(sizes[small])} of cache, one of {names[large]} "
        f"{format_bytes(sizes[large])} ({_times(ratio)} times as much), because "
        f"{_why(models[small].architecture)}, and {_why(models[large].architecture)}."
    )


def _why(architecture: ModelArchitecture) -> str:
    """What its layers keep of a sequence, in words."""
    kept: dict[str, int] = {}
    for run in architecture.runs:
        for layer in run.layers:
            if layer.mixer.kind != "none":
                text = f"{layer.mixer.name} with {_kept(layer.mixer)}"
                kept[text] = kept.get(text, 0) + run.count
    parts = " and ".join(f"{count} {text}" for text, count in kept.items())
    return f"the layers of {architecture.name} are {parts}"


def _kept(mixer: Mixer) -> str:
    """What one layer keeps, in numbers: ``1,024 numbers a token``."""
    cache = mixer.cache
    if cache is None:
        return "a cache that is not modelled"
    parts = [f"{cache.per_token:,.6g} numbers a token"] if cache.per_token else []
    parts += [f"{values:,.6g} numbers for {most:,} tokens" for values, most in cache.windows]
    if cache.state + cache.state_float32:
        parts.append(f"{cache.state + cache.state_float32:,} numbers in all")
    return " and ".join(parts) or "nothing kept"


def _weights(
    names: tuple[str, str], first: Inspection, second: Inspection
) -> tuple[float, str] | None:
    a, b = first.weight_bytes, second.weight_bytes
    if a is None or b is None:
        return None
    ratio = _ratio(a, b)
    if ratio < _NOTABLE:
        return None
    small, large = (0, 1) if a < b else (1, 0)
    sizes = (a, b)
    return ratio, (
        f"The weights of {names[large]} take {format_bytes(sizes[large])}, {_times(ratio)} times "
        f"the {format_bytes(sizes[small])} of {names[small]}."
    )


def _users(names: tuple[str, str], a: Consequences, b: Consequences) -> Sequence[str]:
    if a.users is None or b.users is None or a.users == b.users:
        return ()
    sentence = (
        f"Beside its weights, {REFERENCE_MEMORY_BYTES // GIB} GiB hold "
        f"{_at_most(a.users)} of {names[0]} and {_at_most(b.users)} of {names[1]} at "
        f"{format_tokens(REFERENCE_CONTEXT)} tokens each, before what an engine needs for itself."
    )
    return (sentence,)


def _at_most(users: int) -> str:
    return f"at most {plural(users, 'user')}" if users else "not one user"


def _untrained(names: tuple[str, str], first: Inspection, second: Inspection) -> Sequence[str]:
    """A warning where the length at which caches are compared is more than a model knows."""
    short = [
        f"{name} ({reach(model.architecture):,})"
        for name, model in zip(names, (first, second), strict=True)
        if beyond_context(model.architecture, REFERENCE_CONTEXT)
    ]
    if not short:
        return ()
    sentence = (
        f"{format_tokens(REFERENCE_CONTEXT)} tokens are more than {' and '.join(short)} "
        f"{'is' if len(short) == 1 else 'are'} made for: of that length only the memory "
        "is known."
    )
    return (sentence,)

"""What the blocks of the diagram are called."""

from __future__ import annotations

from collections.abc import Iterable

from weighbridge.core.architecture import Component, Layer, Mixer, Mlp

_TIMES = "\N{MULTIPLICATION SIGN}"
_NAMES: dict[Component, str] = {
    "attention": "attention",
    "linear_mixer": "linear mixer",
    "per_layer_embedding": "per-layer embedding",
    "lm_head": "output head",
    "vision": "vision tower",
    "audio": "audio tower",
    "mtp": "multi-token prediction",
    "mlp": "MLP",
    "shared_expert": "shared expert",
    "other": "other weights",
}


def repeated(count: int, text: str) -> str:
    """``3 × text``, or the text alone."""
    return f"{count} {_TIMES} {text}" if count > 1 else text


def layer_title(layer: Layer) -> str:
    """A layer in few words: ``full GQA + MoE``."""
    words = {"dense": "MLP", "experts": "MoE", "dense + experts": "MLP and MoE"}
    mlp = words.get(layer.mlp.kind, "")
    if layer.mlp.kind == "unknown":
        mlp = "unknown MLP"
    mixer = "" if layer.mixer.kind == "none" else mixer_title(layer.mixer)
    return " + ".join(word for word in (mixer, mlp) if word) or "empty layer"


def mixer_title(mixer: Mixer) -> str:
    """A mixer in few words: ``sliding GQA``."""
    if mixer.kind in ("full", "sliding", "chunked"):
        return f"{mixer.kind} {mixer.name}"
    if mixer.kind == "unknown":
        return f"unknown mixer ({mixer.name})" if mixer.name else "unknown mixer"
    return mixer.name or mixer.kind


def part_title(layer: Layer, component: Component) -> str:
    """One part of a layer: ``8 of 256 experts``."""
    if component == "experts" and layer.mlp.experts:
        return f"{layer.mlp.active} of {layer.mlp.experts} experts"
    if component == "shared_expert" and layer.mlp.shared > 1:
        return f"{layer.mlp.shared} shared experts"
    if component == "per_layer_embedding":
        return "per-layer gate and projection"
    return "norms" if component == "norm" else component_name(component)


def mlp_facts(mlp: Mlp, component: Component) -> tuple[tuple[str, str], ...]:
    """The dimensions of one part of the feed-forward part."""
    if component == "mlp":
        return counts([("width", mlp.width)])
    if component == "experts":
        pairs = [("experts", mlp.experts), ("active", mlp.active), ("width", mlp.expert_width)]
        return counts(pairs)
    return counts([("shared experts", mlp.shared)]) if component == "shared_expert" else ()


def counts(pairs: Iterable[tuple[str, int]]) -> tuple[tuple[str, str], ...]:
    """Dimensions for people: those that are not there are left out."""
    return tuple(
        (name.replace("_", " ").replace("kv ", "KV "), f"{number:,}")
        for name, number in pairs
        if number
    )


def component_name(component: Component) -> str:
    """The field's name for a component."""
    return _NAMES.get(component, component.replace("_", " "))

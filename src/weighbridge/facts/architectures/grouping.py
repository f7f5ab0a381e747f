"""Components as the classes of transformers name their modules.

A part counts as what it does. Tables made from parameter names count it as the module that holds
it: all mixers of Nemotron-H stand in modules called ``mixer``, so its attention is counted as a
mixer there; the projections of KDA and of lightning attention stand under ``self_attn``; MiniMax's
output gate has ``gate`` in its name like a router. To compare with such a table, count its way.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from weighbridge.core.architecture import Component, Layer, LayerRun, ModelArchitecture, Part

_CONVOLUTIONS: Final = frozenset({"convolution"})


def by_module(architecture: ModelArchitecture) -> ModelArchitecture:
    """The same architecture with every part counted as the module that holds it."""
    model_type = architecture.model_type
    runs = tuple(
        LayerRun(run.count, tuple(_layer(layer, model_type) for layer in run.layers))
        for run in architecture.runs
    )
    return replace(architecture, runs=runs)


def _layer(layer: Layer, model_type: str) -> Layer:
    parts = tuple(
        replace(part, component=_component(part, layer, model_type)) for part in layer.parts
    )
    return replace(layer, parts=parts)


def _component(part: Part, layer: Layer, model_type: str) -> Component:
    if model_type == "nemotron_h" and (
        part.component == "attention" or part.name == "latent projections"
    ):
        return "linear_mixer"
    if model_type == "granitemoehybrid" and part.component == "mlp":
        return "shared_expert"
    if part.component == "linear_mixer" and layer.mixer.name == "KDA":
        return part.component if part.name in _CONVOLUTIONS else "attention"
    if part.component == "linear_mixer" and layer.mixer.name == "lightning attention":
        return "router" if part.name == "output gate" else "attention"
    return part.component

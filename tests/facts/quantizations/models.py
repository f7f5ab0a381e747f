"""Small architectures with the part names that the readers of configurations give."""

from __future__ import annotations

from weighbridge.core.architecture import (
    Layer,
    LayerRun,
    Mlp,
    ModelArchitecture,
    Part,
    attention,
)

ATTENTION = (
    Part("attention", "query", 1_048_576),
    Part("attention", "key", 262_144),
    Part("attention", "value", 262_144),
    Part("attention", "output", 1_048_576),
)
NORMS = Part("norm", "layer norms", 2048)
DENSE = (*ATTENTION, Part("mlp", "gate, up and down", 6_291_456), NORMS)
SPARSE = (
    *ATTENTION,
    Part("router", "router", 65_536),
    Part("experts", "routed experts", 50_331_648, idle=44_040_192),
    Part("shared_expert", "shared expert", 786_432),
    NORMS,
)
OUTSIDE = (
    Part("embedding", "token embedding", 4_194_304),
    Part("norm", "final norm", 1024),
    Part("lm_head", "output head", 4_194_304),
)


def architecture(
    *runs: LayerRun, outside: tuple[Part, ...] = OUTSIDE, tied: bool = False, name: str = "tiny"
) -> ModelArchitecture:
    return ModelArchitecture(name, "llama", 1024, 4096, runs, outside, 8192, tied_embeddings=tied)


def dense(depth: int = 4, *, tied: bool = False, name: str = "tiny") -> ModelArchitecture:
    layer = Layer(attention(16, 4, 64, 64), Mlp("dense", 2048), DENSE)
    outside = OUTSIDE[:2] if tied else OUTSIDE
    return architecture(LayerRun(depth, (layer,)), outside=outside, tied=tied, name=name)


def sparse(dense_layers: int = 1, sparse_layers: int = 3) -> ModelArchitecture:
    mixer = attention(16, 4, 64, 64)
    first = Layer(mixer, Mlp("dense", 2048), DENSE)
    other = Layer(mixer, Mlp("experts", 0, 64, 8, 256, 1), SPARSE)
    return architecture(LayerRun(dense_layers, (first,)), LayerRun(sparse_layers, (other,)))

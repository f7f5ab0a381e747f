"""Inspected models written by hand: one of every shape that the diagram must show."""

from __future__ import annotations

from dataclasses import replace

from weighbridge.core.architecture import (
    Cache,
    Component,
    Layer,
    LayerRun,
    Mixer,
    Mlp,
    ModelArchitecture,
    Part,
    attention,
)
from weighbridge.core.inspection import Inspection
from weighbridge.core.provenance import Provenance
from weighbridge.core.quantization import Quantization

HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>"
BF16 = Quantization("bf16")


def part(component: Component, name: str, *factors: tuple[str, int], idle: int = 0) -> Part:
    """Weights that are a product, with the product as their formula."""
    product = 1
    for _, number in factors:
        product *= number
    text = " × ".join(f"{word} {number:,}".strip() for word, number in factors)
    return Part(component, name, product, text, idle)


def gqa(hidden: int, heads: int, kv_heads: int, width: int, window: int | None = None) -> Layer:
    """A layer of softmax attention and its norms, without feed-forward part."""
    outer, inner = ("hidden", hidden), ("", width)
    parts = (
        part("attention", "query", outer, ("heads", heads), inner),
        part("attention", "key", outer, ("KV heads", kv_heads), inner),
        part("attention", "value", outer, ("KV heads", kv_heads), inner),
        part("attention", "output", ("heads", heads), inner, outer),
        part("norm", "norms", ("", 2), outer),
    )
    return Layer(attention(heads, kv_heads, width, width, window), Mlp("none"), parts)


def delta_net(hidden: int) -> Layer:
    """A layer of gated DeltaNet as in Qwen3.5: 16 key and 32 value heads of 128."""
    channels = 2 * 16 * 128 + 32 * 128
    parts = (
        part("linear_mixer", "query, key, value", ("hidden", hidden), ("channels", channels)),
        part("linear_mixer", "gate", ("hidden", hidden), ("value heads", 32), ("", 128)),
        part("linear_mixer", "convolution", ("channels", channels), ("kernel", 4)),
        part("linear_mixer", "output", ("value heads", 32), ("", 128), ("hidden", hidden)),
        part("norm", "norms", ("", 2), ("hidden", hidden)),
    )
    numbers = (("key_heads", 16), ("value_heads", 32), ("key_dim", 128), ("value_dim", 128))
    cache = Cache(state=channels * 3, state_float32=32 * 128 * 128)
    return Layer(Mixer("linear", "gated DeltaNet", numbers, cache), Mlp("none"), parts)


def with_mlp(layer: Layer, hidden: int, width: int) -> Layer:
    """The layer with a gated dense MLP."""
    weights = part("mlp", "gate, up, down", ("", 3), ("hidden", hidden), ("", width))
    return replace(layer, mlp=Mlp("dense", width), parts=(*layer.parts, weights))


def with_experts(layer: Layer, hidden: int, experts: int, active: int, width: int) -> Layer:
    """The layer with gated experts, their router, and one shared expert of the same width."""
    one = 3 * hidden * width
    factors = (("", 3), ("experts", experts), ("hidden", hidden), ("", width))
    parts = (
        part("experts", "gate, up, down", *factors, idle=one * (experts - active)),
        part("router", "router", ("hidden", hidden), ("experts", experts)),
        part("shared_expert", "gate, up, down", ("", 3), ("hidden", hidden), ("", width)),
    )
    mlp = Mlp("experts", 0, experts, active, width, 1)
    return replace(layer, mlp=mlp, parts=(*layer.parts, *parts))


def model(
    name: str, hidden: int, vocabulary: int, runs: tuple[LayerRun, ...], context: int | None
) -> ModelArchitecture:
    """A decoder with an embedding and an output head of its own."""
    outside = (
        part("embedding", "tokens", ("vocabulary", vocabulary), ("hidden", hidden)),
        part("norm", "final norm", ("hidden", hidden)),
        part("lm_head", "head", ("vocabulary", vocabulary), ("hidden", hidden)),
    )
    kind = name.partition("-")[0].lower()
    return ModelArchitecture(
        name, kind, hidden, vocabulary, runs, outside, context, tied_embeddings=False
    )


def inspected(architecture: ModelArchitecture, quantization: Quantization = BF16) -> Inspection:
    """As if read from a configuration file."""
    provenance = Provenance("vendor", f"{architecture.name}/config.json", "2026-01-05")
    return Inspection(architecture.name, architecture, quantization, None, provenance)


def dense(layers: int = 32, hidden: int = 4096, name: str = "Dense-8B") -> Inspection:
    """Grouped-query attention and dense MLPs, every layer the same."""
    layer = with_mlp(gqa(hidden, 32, 8, 128), hidden, 14336)
    return inspected(model(name, hidden, 128_256, (LayerRun(layers, (layer,)),), 131_072))


def deep() -> Inspection:
    """126 equal layers."""
    layer = with_mlp(gqa(16384, 128, 8, 128), 16384, 53248)
    return inspected(model("Deep-405B", 16384, 128_256, (LayerRun(126, (layer,)),), 131_072))


def hybrid() -> Inspection:
    """12 times three layers of gated DeltaNet and one of full attention, all with experts."""
    linear = with_experts(delta_net(2048), 2048, 256, 8, 512)
    full = with_experts(gqa(2048, 16, 2, 256), 2048, 256, 8, 512)
    runs = (LayerRun(12, (linear, linear, linear, full)),)
    made = model("Hybrid-42B-A3B", 2048, 248_320, runs, 262_144)
    made = replace(made, mtp_parameters=845_000_000, context_extended=1_010_000)
    return inspected(made, Quantization("fp8", (("embedding", 16.0), ("lm_head", 16.0)), 8.0))


def latent() -> Inspection:
    """Multi-head latent attention: three dense layers, then 58 with experts."""
    hidden, heads = 7168, 128
    parts = (
        part("attention", "query down", ("hidden", hidden), ("rank", 1536)),
        part("attention", "query up", ("rank", 1536), ("heads", heads), ("", 192)),
        part("attention", "key, value down", ("hidden", hidden), ("rank + rope", 576)),
        part("attention", "key, value up", ("rank", 512), ("heads", heads), ("", 256)),
        part("attention", "output", ("heads", heads), ("", 128), ("hidden", hidden)),
        part("norm", "norms", ("", 2), ("hidden", hidden)),
    )
    numbers = (("heads", heads), ("kv_rank", 512), ("rope_dim", 64), ("value_dim", 128))
    layer = Layer(Mixer("latent", "MLA", numbers, Cache(per_token=576)), Mlp("none"), parts)
    runs = (
        LayerRun(3, (with_mlp(layer, hidden, 18432),)),
        LayerRun(58, (with_experts(layer, hidden, 256, 8, 2048),)),
    )
    made = model("Latent-671B", hidden, 129_280, runs, 163_840)
    made = replace(made, mtp_parameters=11_500_000_000, assumptions=("The router has a bias.",))
    return inspected(made, Quantization("fp8 (128×128 blocks)", (("norm", 16.0),), 8.002))


def windowed() -> Inspection:
    """Five sliding layers to one full, tied embedding, a vision and an audio tower."""
    sliding = with_mlp(gqa(2560, 8, 4, 256, window=1024), 2560, 10240)
    full = with_mlp(gqa(2560, 8, 4, 256), 2560, 10240)
    runs = (LayerRun(5, (sliding,) * 5 + (full,)), LayerRun(4, (sliding,)))
    made = model("Windowed-4B-IT", 2560, 262_208, runs, 131_072)
    towers = (
        part("vision", "patches", ("", 3), ("patch", 14), ("", 14), ("width", 1152)),
        part("vision", "27 layers", ("", 27), ("", 15_239_120)),
        part("audio", "12 layers", ("", 12), ("", 8_400_000)),
    )
    outside = tuple(item for item in made.outside if item.component != "lm_head") + towers
    return inspected(replace(made, outside=outside, tied_embeddings=True))


def unknown() -> Inspection:
    """Every other layer mixes tokens in a way that is not modelled."""
    strange = with_mlp(gqa(1024, 16, 4, 64), 1024, 4096)
    strange = replace(strange, mixer=Mixer("unknown", "fourier_mixer", (), None))
    known = with_mlp(gqa(1024, 16, 4, 64), 1024, 4096)
    made = model("Strange-1B", 1024, 32_000, (LayerRun(8, (strange, known)),), None)
    sentence = "The mixer fourier_mixer is not modelled: its cache is not known."
    return inspected(replace(made, assumptions=(sentence,)))


def hostile() -> Inspection:
    """Every name from outside tries to be markup."""
    layer = with_mlp(gqa(512, 8, 2, 64), 512, 2048)
    weights = Part("attention", HOSTILE, 4096, HOSTILE)
    mixer = replace(layer.mixer, name=HOSTILE, numbers=((HOSTILE, 8),))
    layer = replace(layer, mixer=mixer, parts=(*layer.parts, weights))
    made = model(HOSTILE, 512, 32_000, (LayerRun(4, (layer,)),), 4096)
    made = replace(made, model_type=HOSTILE, license=HOSTILE, assumptions=(HOSTILE,))
    source = Provenance("vendor", HOSTILE, "2026-01-05")
    return Inspection(HOSTILE, made, Quantization(HOSTILE), None, source)


ALL = (dense(), hybrid(), latent(), deep(), windowed(), unknown(), hostile())

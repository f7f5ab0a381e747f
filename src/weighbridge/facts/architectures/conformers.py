"""Audio encoders with a convolution in each layer: those of Gemma, Granite Speech and Phi-4."""

from __future__ import annotations

from weighbridge.core.architecture import Part
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import kept, part
from weighbridge.facts.architectures.pieces import convolution, linear


def gemma(keys: Keys) -> tuple[Part, ...]:
    """Gemma 3n and 4: two convolutions over time and pitch, then conformer layers."""
    newer = keys.model_type == "gemma4_audio"
    hidden = keys.size("hidden_size")
    heads = keys.size("num_attention_heads" if newer else "conf_num_attention_heads")
    depth = keys.size("num_hidden_layers" if newer else "conf_num_hidden_layers")
    window = keys.size("conv_kernel_size" if newer else "conf_conv_kernel_size")
    layers, dim = ("layers", depth), ("hidden", hidden)
    out = keys.size("output_proj_dims") if newer else 0
    return kept(
        *_gemma_stem(keys, hidden, newer=newer),
        part(
            "audio",
            "layers",
            (layers, ("feed-forward", 16), dim, dim),
            (layers, ("attention", 5), dim, dim),
            (layers, ("convolution", 3), dim, dim),
            (layers, ("window", window), dim),
            (layers, ("norms", 9), dim),
            (layers, ("scale", hidden // heads)),
        ),
        part("audio", "output", (("in", hidden), ("out", out)), (("bias", out),)),
    )


def _gemma_stem(keys: Keys, hidden: int, *, newer: bool) -> tuple[Part, ...]:
    if newer:
        channels = keys.integers("subsampling_conv_channels") or (128, 32)
        pitches, areas = channels[0] // 4, (9, 9)
    else:
        channels = keys.integers("sscp_conv_channel_size") or (128, 32)
        pitches, areas = _subsampled(keys)
    first, second = channels[0], channels[-1]
    return (
        convolution("convolution 1", areas[0], 1, first, biased=False, component="audio"),
        convolution("convolution 2", areas[1], first, second, biased=False, component="audio"),
        part("audio", "convolution norms", (("channels", first + second),)),
        linear("audio", "stem projection", pitches * second, hidden, biased=False),
    )


def _subsampled(keys: Keys) -> tuple[int, tuple[int, int]]:
    """Gemma 3n: pitches that two strided convolutions leave, and the sizes of their windows."""
    kernels = _pairs(keys, "sscp_conv_kernel_size", (3, 3))
    strides = _pairs(keys, "sscp_conv_stride_size", (2, 2))
    pitches = keys.size("input_feat_size")
    for kernel, stride in zip(kernels, strides, strict=True):
        pitches = (pitches + 2 - kernel[1]) // max(stride[1], 1) + 1
    return pitches, (kernels[0][0] * kernels[0][1], kernels[1][0] * kernels[1][1])


def _pairs(keys: Keys, key: str, otherwise: tuple[int, int]) -> list[tuple[int, int]]:
    """Two pairs of numbers."""
    items = keys.items(key)
    if items is None:
        return [otherwise] * 2
    pairs = [
        (item[0], item[1])
        for item in items
        if isinstance(item, list | tuple)
        and len(item) == 2
        and all(type(number) is int and 0 < number < 2**16 for number in item)
    ]
    if len(items) != 2 or len(pairs) != 2:
        raise keys.wrong(key, list(items), "two pairs of numbers")
    return pairs


def granite(keys: Keys) -> tuple[Part, ...]:
    """Granite Speech: conformer layers whose middle output is fed back."""
    hidden, depth = keys.size("hidden_dim"), keys.size("num_layers")
    heads = keys.size("num_heads")
    head = keys.maybe("dim_head") or hidden // heads
    inner = head * heads
    wide = hidden * keys.size("feedforward_mult")
    mixed = hidden * keys.size("conv_expansion_factor")
    layers, dim = ("layers", depth), ("hidden", hidden)
    output = keys.size("output_dim")
    small = 14 * hidden + 2 * wide + 4 * mixed
    return (
        linear("audio", "input", keys.size("input_dim"), hidden, biased=True),
        part(
            "audio",
            "layers",
            (layers, ("feed-forward", 4), dim, ("width", wide)),
            (layers, ("attention", 4), dim, ("heads", inner)),
            (layers, ("offsets", 2 * keys.size("max_pos_emb") + 1), ("head_dim", head)),
            (layers, ("convolution", 3), dim, ("width", mixed)),
            (layers, ("window", keys.size("conv_kernel_size")), ("width", mixed)),
            (layers, ("norms and biases", small)),
        ),
        linear("audio", "output", hidden, output, biased=True),
        linear("audio", "feedback", output, hidden, biased=True),
    )


def phi4(keys: Keys) -> tuple[Part, ...]:
    """Phi-4 multimodal: convolutions that halve time and pitch, then conformer layers."""
    hidden, heads = keys.size("hidden_size"), keys.size("num_attention_heads")
    width, depth = keys.size("intermediate_size"), keys.size("num_blocks")
    out, point = keys.size("ext_pw_out_channel"), keys.size("depthwise_separable_out_channel")
    deep = hidden * keys.size("depthwise_multiplier")
    layers, dim = ("layers", depth), ("hidden", hidden)
    biases = 2 * (2 * width + hidden) + 4 * hidden + 5 * out + deep + point
    offsets = keys.size("bias_max_distance") * (1 if keys.flag("bias_symmetric") else 2)
    return (
        *_phi4_stem(keys, hidden),
        part("audio", "relative positions", (("offsets", offsets), ("heads", heads))),
        part(
            "audio",
            "layers",
            (layers, ("feed-forward", 6), dim, ("width", width)),
            (layers, ("attention", 4), dim, dim),
            (layers, ("convolution", 3), dim, ("out", out)),
            (layers, ("window", keys.size("kernel_size")), ("channels", deep)),
            (layers, ("channels", deep), ("out", point)),
            (layers, ("biases", biases)),
            (layers, ("norms", 10), dim),
        ),
    )


def _phi4_stem(keys: Keys, hidden: int) -> tuple[Part, ...]:
    """As many strided convolutions as halve the time to what is wanted, and a projection."""
    channels, pitches = keys.size("nemo_conv_channels"), keys.size("input_size")
    times = keys.size("time_reduction").bit_length() - 1
    for _ in range(times):
        pitches = (pitches + 1) // 2
    pitches = keys.maybe("nemo_final_size") or pitches
    more = ("times", max(times - 1, 0))
    dim = ("channels", channels)
    return (
        part("audio", "convolution", (("window", 9), dim), (dim,)),
        part("audio", "further convolutions", (more, ("window", 9), dim), (more, dim, dim),
             (more, ("biases", 2), dim)),
        linear("audio", "stem projection", channels * pitches, hidden, biased=True),
    )  # fmt: skip

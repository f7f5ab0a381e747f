"""Janus: a SigLIP tower to see with, and a VQ-GAN whose codes it reads and writes as images."""

from __future__ import annotations

from typing import Final

from weighbridge.core.architecture import Part
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import part
from weighbridge.facts.architectures.pieces import linear
from weighbridge.facts.architectures.vision import shape_of

_MULTIPLES: Final = (1, 1, 2, 2, 4)


def janus(top: Keys, vision: Keys, hidden: int) -> tuple[Part, ...]:
    """Aligner, VQ-GAN, and what reads its codes and predicts them."""
    del hidden
    kind = "janus_vqgan"
    keys = top.under("vq_config", model_type=kind) or top.beside({}, kind)
    out = vision.size("projection_dim")
    codes, size, latent = (
        keys.size(key) for key in ("num_embeddings", "embed_dim", "latent_channels")
    )
    inner = keys.size("projection_dim")
    return (
        linear("vision", "aligner", shape_of(vision).hidden, out, biased=True),
        _repeated("aligner", out, vision.size("depth") - 1),
        part("vision", "VQ encoder", (("weights", _encoder(keys)),)),
        part("vision", "VQ decoder", (("weights", _decoder(keys)),)),
        part("vision", "codebook", (("codes", codes), ("dim", size))),
        linear("vision", "into the codebook", latent, size, biased=True),
        linear("vision", "out of the codebook", size, latent, biased=True),
        part("vision", "code embedding", (("codes", codes), ("dim", size))),
        linear("vision", "code aligner", size, inner, biased=True),
        _repeated("code aligner", inner, keys.size("num_hidden_layers") - 1),
        linear("vision", "code projection", keys.size("image_token_embed_dim"), inner, biased=True),
        linear("vision", "code head", inner, codes, biased=True),
    )


def _repeated(name: str, size: int, times: int) -> Part:
    count = ("times", times)
    return part(
        "vision", f"{name} layers", (count, ("in", size), ("out", size)), (count, ("bias", size))
    )


def _encoder(keys: Keys) -> int:
    """Levels of residual blocks with ever fewer pixels; the last level attends."""
    widths, base = _widths(keys), keys.size("base_channels")
    total, width = _square(keys.maybe("in_channels") or 3, base), base
    for level, after in enumerate(widths):
        for _ in range(keys.size("num_res_blocks")):
            total += _block(width, after) + _attention(after) * (level == len(widths) - 1)
            width = after
        total += _square(width, width) * (level < len(widths) - 1)
    latent = keys.size("latent_channels") * (1 + keys.flag("double_latent"))
    return total + _middle(width) + 2 * width + _square(width, latent)


def _decoder(keys: Keys) -> int:
    """The same levels backwards, with one block more each."""
    widths = _widths(keys)
    width = widths[-1]
    total = _square(keys.size("latent_channels"), width) + _middle(width)
    for level in range(len(widths) - 1, -1, -1):
        for _ in range(keys.size("num_res_blocks") + 1):
            total += _block(width, widths[level])
            width = widths[level]
            total += _attention(width) * (level == len(widths) - 1)
        total += _square(width, width) * (level > 0)
    return total + 2 * width + _square(width, keys.maybe("out_channels") or 3)


def _widths(keys: Keys) -> tuple[int, ...]:
    base = keys.size("base_channels")
    return tuple(base * multiple for multiple in keys.integers("channel_multiplier") or _MULTIPLES)


def _square(inputs: int, outputs: int) -> int:
    """A convolution of 3 × 3."""
    return 9 * inputs * outputs + outputs


def _block(inputs: int, outputs: int) -> int:
    """Two norms, two convolutions, and a shortcut where the width changes."""
    shortcut = (inputs * outputs + outputs) * (inputs != outputs)
    return 2 * (inputs + outputs) + _square(inputs, outputs) + _square(outputs, outputs) + shortcut


def _attention(width: int) -> int:
    return 2 * width + 4 * (width * width + width)


def _middle(width: int) -> int:
    return 2 * _block(width, width) + _attention(width)

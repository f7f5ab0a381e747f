"""Which colour, texture and height stands for what in the diagram and its strip.

Colours are CSS classes; a texture, or in the strip a height, repeats what the colour says.
"""

from __future__ import annotations

from weighbridge.core.architecture import Component, MixerKind, MlpKind

# Place in the stylesheet's series (0: muted ink), and number of the texture (0: none).
HUES: dict[Component, tuple[int, int]] = {
    "embedding": (8, 0),
    "per_layer_embedding": (8, 1),
    "attention": (1, 0),
    "indexer": (1, 2),
    "linear_mixer": (4, 1),
    "mlp": (3, 0),
    "experts": (2, 2),
    "shared_expert": (2, 1),
    "router": (5, 0),
    "norm": (0, 0),
    "lm_head": (8, 3),
    "vision": (7, 0),
    "audio": (7, 1),
    "mtp": (6, 1),
    "other": (0, 2),
}
# The same, and the height in the strip as a share: the more a layer looks at, the higher.
MIXERS: dict[MixerKind, tuple[int, int, float]] = {
    "full": (1, 0, 1.0),
    "latent": (1, 2, 1.0),
    "compressed": (1, 3, 0.8),
    "sliding": (7, 0, 0.55),
    "chunked": (7, 1, 0.55),
    "linear": (4, 1, 0.3),
    "ssm": (4, 3, 0.3),
    "conv": (6, 0, 0.2),
    "cross": (5, 0, 0.8),
    "parallel": (5, 1, 1.0),
    "none": (0, 0, 0.05),
    "unknown": (0, 1, 1.0),
}
MLPS: dict[MlpKind, tuple[int, int]] = {
    "dense": (3, 0),
    "experts": (2, 2),
    "dense + experts": (2, 1),
    "none": (0, 0),
    "unknown": (0, 1),
}
MIXER_WORDS: dict[MixerKind, str] = {
    "full": "full attention",
    "latent": "latent attention (MLA)",
    "compressed": "compressed attention",
    "sliding": "sliding window",
    "chunked": "chunked attention",
    "linear": "linear attention",
    "ssm": "state space",
    "conv": "convolution",
    "cross": "cross-attention",
    "parallel": "mixers in parallel",
    "none": "no mixer",
    "unknown": "unknown mixer",
}
MLP_WORDS: dict[MlpKind, str] = {
    "dense": "dense MLP",
    "experts": "experts",
    "dense + experts": "dense MLP and experts",
    "none": "no MLP",
    "unknown": "unknown MLP",
}

"""Gemma 3n's vision tower: a MobileNet of the timm library, whose weights no key describes."""

from __future__ import annotations

from typing import Final

from weighbridge.core.architecture import Part
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import part
from weighbridge.facts.architectures.pieces import linear

# Weights without a classifier, as timm 1.0.31 makes them.
_NETWORKS: Final = {"mobilenetv5_300m_enc": 294_126_912, "mobilenetv5_300m": 294_126_912}


def mobilenet_parts(keys: Keys, hidden: int) -> tuple[Part, ...] | None:
    """The network, a vocabulary of its own and the projector; None for any other network."""
    weights = _NETWORKS.get(keys.text("architecture") or "")
    if weights is None or keys.raw.get("model_args"):
        return None
    inner = ("hidden", keys.size("hidden_size"))
    return (
        part("vision", "MobileNet", (("weights", weights),)),
        part("vision", "vision embedding", (("vocabulary", keys.size("vocab_size")), inner)),
        part("vision", "embedding norms", (("", 2), inner)),
        linear("vision", "projector", inner[1], hidden, biased=False),
    )

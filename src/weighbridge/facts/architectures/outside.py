"""Weights outside the layers: embedding, learned positions, final norm and output head."""

from __future__ import annotations

from weighbridge.core.architecture import Part
from weighbridge.facts.architectures.attention import setting
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import bias, kept, part
from weighbridge.facts.architectures.traits import Traits


def norm_weights(traits: Traits) -> int:
    """Weights per channel of one norm."""
    return {"rms": 1, "layer": 2, "none": 0}[traits.norm]


def outside_parts(keys: Keys, traits: Traits, tied: bool) -> tuple[Part, ...]:
    """What stands before the first layer and after the last."""
    hidden, vocabulary = keys.size("hidden_size"), keys.size("vocab_size")
    rows = keys.number(traits.positions) + traits.positions_offset if traits.positions else 0
    width = keys.maybe(traits.embedding_width) if traits.embedding_width else None
    wide = ("hidden", hidden) if width in (None, 0, hidden) else ("embedding", width or 0)
    norms = int(setting(keys, traits.final_norm)) + int(traits.embedding_norm)
    return kept(
        part(
            "embedding",
            "token embedding",
            (("vocabulary", vocabulary + traits.embedding_rows), wide),
        ),
        part("embedding", "position embedding", (("positions", rows), ("hidden", hidden))),
        part(
            "norm",
            "final norm",
            (("", norms), ("", norm_weights(traits)), ("hidden", hidden)),
        ),
        part(
            "lm_head",
            "output head",
            (wide, ("vocabulary", 0 if tied else vocabulary)),
            bias(vocabulary, setting(keys, traits.head_bias)),
        ),
    )

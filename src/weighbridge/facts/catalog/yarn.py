"""Contexts that model cards promise by YaRN, which configurations do not state.

A configuration as published serves the context that a model was trained at. Where its card says
that a ``rope_scaling`` of the kind "yarn" reaches further, that is stated here, with the card as
the source, as of 2026-11. Static YaRN scales every request, so short ones may suffer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weighbridge.core.units import format_tokens


@dataclass(frozen=True, slots=True)
class Stretch:
    """What YaRN does to a model's context.

    Attributes:
        trained: tokens of ``original_max_position_embeddings``.
        factor: by which they are scaled.
        reach: tokens that the card promises.
    """

    trained: int
    factor: float
    reach: int

    @property
    def sentence(self) -> str:
        """What to do for it, as a clause and a sentence."""
        return (
            f"its card reaches {format_tokens(self.reach)} by YaRN: put a rope_scaling of "
            f"rope_type yarn, factor {self.factor:g} and original_max_position_embeddings "
            f"{self.trained} into its config.json and plan for that file. Short requests may "
            "become worse by it."
        )


_TO_128K: Final = Stretch(32_768, 4.0, 131_072)
_TO_1M: Final = Stretch(262_144, 4.0, 1_010_000)
_CARDS: Final[dict[str, Stretch]] = {
    **dict.fromkeys(
        (
            "Qwen/Qwen3-4B", "Qwen/Qwen3-8B", "Qwen/Qwen3-14B", "Qwen/Qwen3-32B",
            "Qwen/Qwen3-30B-A3B", "Qwen/Qwen3-235B-A22B",
            "Qwen/Qwen2.5-7B-Instruct", "Qwen/Qwen2.5-14B-Instruct", "Qwen/Qwen2.5-32B-Instruct",
            "Qwen/Qwen2.5-72B-Instruct", "Qwen/Qwen2.5-Coder-7B-Instruct",
            "Qwen/Qwen2.5-Coder-14B-Instruct", "Qwen/Qwen2.5-Coder-32B-Instruct",
        ),
        _TO_128K,
    ),
    "Qwen/Qwen3-Next-80B-A3B-Instruct": _TO_1M,
    "Qwen/Qwen3-Next-80B-A3B-Thinking": _TO_1M,
}  # fmt: skip


def by_yarn(name: str) -> Stretch | None:
    """How far YaRN stretches a model of that name by its card, or None where it says nothing."""
    return _CARDS.get(name)

"""``weigh eval --dry-run``: what would be asked, how much that is, and what it would cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weighbridge.core.routing import Price
from weighbridge.measure.evals.records import Suite
from weighbridge.measure.evals.requests import messages_of

# Bytes of UTF-8 per token: English prose has about 4.3, code, numbers and other scripts fewer.
_BYTES_PER_TOKEN = (3.0, 4.5)
_TOKENS_PER_TURN = 4
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a run would be.

    Attributes:
        suite: its name.
        items: how many.
        samples: answers asked for: items times repeats.
        prompts: the first conversations, as pairs of role and text.
        prompt_tokens: from and to how many, by the length of the texts; no tokenizer was asked.
        most_output_tokens: as many as ``max_tokens`` allows.
        most_cost_usd: at these prices, with the longest prompts and answers; None without prices.
    """

    suite: str
    items: int
    samples: int
    prompts: tuple[tuple[tuple[str, str], ...], ...]
    prompt_tokens: tuple[int, int]
    most_output_tokens: int
    most_cost_usd: float | None

    def to_json(self) -> dict[str, Any]:
        """The figures of ``weigh eval --dry-run --json``."""
        return {
            "suite": self.suite,
            "n": self.items,
            "samples": self.samples,
            "prompts": [
                [{"role": role, "content": text} for role, text in prompt]
                for prompt in self.prompts
            ],
            "prompt_tokens_low": self.prompt_tokens[0],
            "prompt_tokens_high": self.prompt_tokens[1],
            "output_tokens_most": self.most_output_tokens,
            "cost_usd_most": self.most_cost_usd,
        }


def dry_run(suite: Suite, repeats: int, price: Price | None) -> DryRun:
    """Render everything, send nothing."""
    prompts = [messages_of(suite.settings, item) for item in suite.items]
    turns = sum(len(prompt) for prompt in prompts) * repeats * _TOKENS_PER_TURN
    size = sum(len(text.encode()) for prompt in prompts for _, text in prompt) * repeats
    most, least = (round(size / ratio) + turns for ratio in _BYTES_PER_TOKEN)
    output = len(suite.items) * repeats * suite.settings.max_tokens
    cost = None if price is None else (most * price.prompt + output * price.output) / 1e6
    return DryRun(
        suite=suite.name,
        items=len(suite.items),
        samples=len(suite.items) * repeats,
        prompts=tuple(tuple(prompt) for prompt in prompts[:_SHOWN]),
        prompt_tokens=(least, most),
        most_output_tokens=output,
        most_cost_usd=cost,
    )

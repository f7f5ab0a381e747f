"""The byte-level BPE tokenizer and the ChatML template that the demo models share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random
from typing import Final

from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from demo_tasks import TASKS, Example, draw

VOCABULARY: Final = 512
PADDING: Final = "<|endoftext|>"
TURN_START: Final = "<|im_start|>"
TURN_END: Final = "<|im_end|>"
SPECIAL_TOKENS: Final = (PADDING, TURN_START, TURN_END)

CHAT_TEMPLATE: Final = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def render(prompt: str) -> str:
    """What ``CHAT_TEMPLATE`` makes of one user message and the generation prompt."""
    return f"{TURN_START}user\n{prompt}{TURN_END}\n{TURN_START}assistant\n"


def train_tokenizer(seed: int, examples_per_task: int = 4000) -> Tokenizer:
    """A tokenizer fitted to the training split; each digit stays a token of its own."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts_without_digits(seed, examples_per_task), trainer)
    return tokenizer


def encode(tokenizer: Tokenizer, example: Example) -> tuple[list[int], list[int]]:
    """The tokens of the rendered prompt, and those of the answer with its end of turn."""
    return (
        tokenizer.encode(render(example.prompt)).ids,
        tokenizer.encode(example.completion + TURN_END).ids,
    )


def _texts_without_digits(seed: int, examples_per_task: int) -> Iterator[str]:
    """Prompts, answers and roles, cut at their digits so that no merge can contain one."""
    rng = Random(f"{seed}/tokenizer")
    for task in TASKS:
        for _ in range(examples_per_task):
            example = draw(task, "train", rng)
            text = f"user\n{example.prompt}\nassistant\n{example.completion}"
            yield from re.split(r"\d+", text)

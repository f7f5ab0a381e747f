"""The words in which engines say how many tokens an answer took."""

from __future__ import annotations

import msgspec


class Details(msgspec.Struct):
    """Of the prompt's tokens."""

    cached_tokens: int | None = None


class Usage(msgspec.Struct):
    """OpenAI's words, Anthropic's, and those of llama.cpp's own ``timings``."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: Details | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: Details | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    total_tokens: int | None = None
    prompt_n: int | None = None
    predicted_n: int | None = None
    cache_n: int | None = None

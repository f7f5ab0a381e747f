"""Whether an engine refused a request because its prompt is longer than the engine's context."""

from __future__ import annotations

import re
from typing import Final

STATUSES: Final = frozenset((400, 413, 422))
"""With which engines say so."""

MOST_BYTES: Final = 16 * 1024
"""Such answers are short; longer ones are passed on unread."""

# Codes of llama.cpp and OpenAI; sentences of vLLM, SGLang, TensorRT-LLM, TGI, Ollama, Anthropic.
# A sentence taken wrongly costs one question to a model that then refuses in its own words.
_SAYS_SO: Final = re.compile(
    rb"""
      context_length_exceeded | exceed_context_size | context_window_exceeded
    | available\ context\ size
    | maximum\ (?:context|model|sequence|input|prompt|allowed(?:\ input)?)\ length
    | (?:model'?s?|the)\ context\ (?:length|window|limit|size)
    | (?:prompt|input)\ is\ too\ long
    | max_(?:seq_len|input_len|model_len|num_tokens|input_length|total_tokens)
    | max_new_tokens`?\ must\ be\ <=
    """,
    re.VERBOSE | re.IGNORECASE,
)


def says_too_long(body: bytes) -> bool:
    """Whether the body of a refusal says that the prompt does not fit."""
    return _SAYS_SO.search(body) is not None

"""Which family a model belongs to, by the words of its id."""

from __future__ import annotations

import re

# In order: a distilled model counts as what it was built from, an NVIDIA name before a Llama in it.
_FAMILIES = (
    "nemotron", "qwen", "gemma", "codellama", "llama", "gpt-oss", "deepseek", "mixtral", "mistral",
    "ministral", "devstral", "codestral", "phi", "glm", "kimi", "minimax", "granite", "command",
    "olmo", "falcon", "exaone", "hunyuan", "hy3", "ernie", "step", "mimo", "seed", "lfm",
    "smollm", "minicpm", "mellum", "starcoder", "laguna", "trinity", "solar", "apertus", "inkling",
    "ling", "internlm", "jamba", "bge", "whisper", "muse", "yi",
)  # fmt: skip
_SAME = {
    "mixtral": "mistral", "ministral": "mistral", "devstral": "mistral", "codestral": "mistral",
    "hy3": "hunyuan", "codellama": "llama",
}  # fmt: skip


def family_of(model: str) -> str:
    """The family, or the id's first word where no known one is in it.

    >>> family_of("mistralai/Mixtral-8x7B-Instruct-v0.1")
    'mistral'
    """
    name = model.rpartition("/")[2].lower()
    for family in _FAMILIES:
        if re.search(rf"(?<![a-z]){family}(?![a-z])", name):
            return _SAME.get(family, family)
    return re.split(r"[^a-z]", name, maxsplit=1)[0] or name

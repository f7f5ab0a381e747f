"""A tokenizer for tools that will not run without one: a word is a token.

    python make_tokenizer.py FOLDER

Its words are the only one of the precise server's answers and invented ones, of which tools that
draw random tokens make prompts. Needs only `tokenizers`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers

CONSONANTS, VOWELS = "bdfgklmnprstvwz", "aeiou"


def words() -> list[str]:
    """5,625 invented words of two syllables, and the server's only one."""
    syllables = [consonant + vowel for consonant in CONSONANTS for vowel in VOWELS]
    return ["token", *(first + second for first in syllables for second in syllables)]


def main(folder: Path) -> None:
    """Write tokenizer.json, its configuration, and a config.json for tools that look for one."""
    names = ["<unk>", "<s>", "</s>", *words()]
    places = {name: place for place, name in enumerate(names)}
    tokenizer = Tokenizer(models.WordLevel(places, unk_token="<unk>"))  # noqa: S106 -- a word
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    # Not <unk>: prompts drawn from a corpus of other words would decode to nothing.
    tokenizer.add_special_tokens(["<s>", "</s>"])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    configuration = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": "<unk>",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "pad_token": "</s>",
        "model_max_length": 32768,
        "clean_up_tokenization_spaces": False,
        "chat_template": "{% for message in messages %}{{ message['content'] }} {% endfor %}",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(configuration, indent=1))
    model = {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "vocab_size": len(names),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "max_position_embeddings": 32768,
    }
    (folder / "config.json").write_text(json.dumps(model, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
